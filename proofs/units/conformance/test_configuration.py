"""Configuration types made from a recording's header."""

import msgspec

from proofs.conformance import configuration, header
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import read_header
from reference.address import Cidr, format_ip, parse_ip
from reference.vpc.config import ExternalIps, SourceNat, TransitIp

HEADER = read_header(RECORDINGS / "public" / "5_gateway_v4.jsonl.gz")
PORT = HEADER.ports[0]


def test_a_port_gets_the_recorded_addresses() -> None:
    config = configuration.vpc_config(PORT.cfg)
    assert config.guest_mac == bytes.fromhex("a84025fafa37")
    assert config.vni == 1287581
    assert config.ipv4 is not None
    assert config.ipv4.private_ip == bytes((172, 30, 0, 5))
    assert config.ipv4.external_ips.snat == SourceNat(bytes((10, 77, 77, 13)), 1025, 4096)
    assert config.dhcp.hostname == "testbox"
    assert config.dhcp.dns4_servers == (bytes((8, 8, 8, 8)), bytes((1, 1, 1, 1)))


def test_a_missing_family_stays_missing() -> None:
    single = msgspec.structs.replace(PORT.cfg, ipv6=None)
    assert configuration.vpc_config(single).ipv6 is None


def test_attached_and_transit_prefixes_of_the_header_are_taken_over() -> None:
    assert PORT.cfg.ipv4 is not None
    family = msgspec.structs.replace(
        PORT.cfg.ipv4,
        attached_subnets=(header.AttachedSubnet("10.50.0.0/16", True),),
        transit_ips=(header.TransitIp("10.60.0.0/24", False, True),),
    )
    config = configuration.vpc_config(msgspec.structs.replace(PORT.cfg, ipv4=family))
    assert config.ipv4 is not None
    assert config.ipv4.attached_subnets == {Cidr.parse("10.50.0.0/16"): True}
    assert config.ipv4.transit_ips == {Cidr.parse("10.60.0.0/24"): TransitIp(allow_in=False, allow_out=True)}


def test_table_sizes_are_taken_over() -> None:
    limits = configuration.table_limits(header.Limits(1, 2, 3, 4, 5, 6, 7))
    assert vars(limits) == msgspec.structs.asdict(header.Limits(1, 2, 3, 4, 5, 6, 7))


def test_absent_external_addresses_are_none() -> None:
    assert configuration.external_ips(header.ExternalIps()) == ExternalIps()


def test_mappings_are_filled_from_all_three_tables() -> None:
    groups = (header.M2p("224.1.2.3", "ff04::1:2:3"),)
    tables = configuration.mappings(msgspec.structs.replace(HEADER, m2p=groups))
    guest = HEADER.v2p[0]
    found = tables.v2p.get(parse_ip(guest.ip), guest.phys.vni)
    assert configuration.plain_physical_address(found) == msgspec.to_builtins(guest.phys) | {
        "ip": format_ip(parse_ip(guest.phys.ip))
    }
    endpoints = tables.v2b.get(bytes((93, 184, 216, 34)))
    assert configuration.plain_tunnel_endpoints(endpoints) == [{"ip": "fd00:99::1", "vni": 99}]
    assert tables.m2p.get(bytes((224, 1, 2, 3))) == parse_ip("ff04::1:2:3")


def test_no_mapping_is_null() -> None:
    assert configuration.plain_physical_address(None) is None
    assert configuration.plain_tunnel_endpoints(None) is None
