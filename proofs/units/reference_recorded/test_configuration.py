"""Configuration types made from a recording's header."""

from typing import Any

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.inputs import header_inputs
from proofs.conformance.recording import read_header
from reference.address import Cidr, format_ip, parse_ip
from reference.recorded import configuration
from reference.vpc.config import ExternalIps, SourceNat, TransitIp

HEADER = header_inputs(read_header(RECORDINGS / "public" / "5_gateway_v4.jsonl.gz"))
CONFIG: dict[str, Any] = HEADER["ports"][0]["cfg"]


def test_a_port_gets_the_recorded_addresses() -> None:
    config = configuration.vpc_config(CONFIG)
    assert config.guest_mac == bytes.fromhex("a84025fafa37")
    assert config.vni == 1287581
    assert config.ipv4 is not None
    assert config.ipv4.private_ip == bytes((172, 30, 0, 5))
    assert config.ipv4.external_ips.snat == SourceNat(bytes((10, 77, 77, 13)), 1025, 4096)
    assert config.dhcp.hostname == "testbox"
    assert config.dhcp.dns4_servers == (bytes((8, 8, 8, 8)), bytes((1, 1, 1, 1)))


def test_a_missing_family_stays_missing() -> None:
    assert configuration.vpc_config(CONFIG | {"ipv6": None}).ipv6 is None


def test_attached_and_transit_prefixes_of_the_header_are_taken_over() -> None:
    family = CONFIG["ipv4"] | {
        "attached_subnets": [{"cidr": "10.50.0.0/16", "is_external": True}],
        "transit_ips": [{"cidr": "10.60.0.0/24", "allow_in": False, "allow_out": True}],
    }
    config = configuration.vpc_config(CONFIG | {"ipv4": family})
    assert config.ipv4 is not None
    assert config.ipv4.attached_subnets == {Cidr.parse("10.50.0.0/16"): True}
    assert config.ipv4.transit_ips == {Cidr.parse("10.60.0.0/24"): TransitIp(allow_in=False, allow_out=True)}


def test_table_sizes_are_taken_over() -> None:
    sizes = {name: number for number, name in enumerate(configuration.LIMITS, start=1)}
    assert vars(configuration.table_limits(sizes)) == sizes


def test_absent_external_addresses_are_none() -> None:
    assert configuration.external_ips({}) == ExternalIps()
    assert configuration.external_ips(None) is None


def test_mappings_are_filled_from_all_three_tables() -> None:
    tables = configuration.mappings(HEADER | {"m2p": [{"group": "224.1.2.3", "underlay": "ff04::1:2:3"}]})
    guest = HEADER["v2p"][0]
    found = tables.v2p.get(parse_ip(guest["ip"]), guest["phys"]["vni"])
    expected = guest["phys"] | {"ip": format_ip(parse_ip(guest["phys"]["ip"]))}
    assert configuration.plain_physical_address(found) == expected
    endpoints = tables.v2b.get(bytes((93, 184, 216, 34)))
    assert configuration.plain_tunnel_endpoints(endpoints) == [{"ip": "fd00:99::1", "vni": 99}]
    assert tables.m2p.get(bytes((224, 1, 2, 3))) == parse_ip("ff04::1:2:3")


def test_no_mapping_is_null() -> None:
    assert configuration.plain_physical_address(None) is None
    assert configuration.plain_tunnel_endpoints(None) is None
