"""External addresses: which one, by which gateway, and for how long."""

import pytest

from proofs.units.reference.scene import (
    SNAT_IP,
    Scene,
    from_internet,
    inner,
    packed,
    snat_config,
    udp,
    udp_flow,
)
from proofs.units.reference_packet.frames import GUEST_IP, ICMP, IP, REMOTE_IP, UDP, ipv4
from reference import DenyReason, Drop, ExternalIps, LayerDrop, Modified
from reference.address import Cidr, format_ip
from reference.packet.flow import l4_hash
from reference.vpc.router import RouterClass, RouterTarget

EPHEMERAL, FLOATING = packed("10.60.1.20"), tuple(packed(f"10.60.1.2{n}") for n in (1, 2, 3))
GATEWAY = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
NO_ADDRESS = Drop(LayerDrop("nat", DenyReason.RULE))
ALLOW_ALL = ("dir=in action=allow priority=1",)


def all_addresses() -> ExternalIps:
    return ExternalIps(snat_config().snat, EPHEMERAL, FLOATING)


def source_of(scene: Scene, source_port: int = 5000) -> bytes:
    return inner(scene.send(udp(source_port))).flow.source


def test_floating_addresses_come_first_and_the_flows_hash_chooses_among_them() -> None:
    scene = Scene(all_addresses())
    for source_port in range(5000, 5010):
        assert source_of(scene, source_port) == FLOATING[l4_hash(udp_flow(source_port)) % 3]


def test_the_ephemeral_address_comes_before_source_nat() -> None:
    assert source_of(Scene(ExternalIps(snat_config().snat, EPHEMERAL))) == EPHEMERAL


def test_source_nat_comes_last() -> None:
    assert source_of(Scene()) == packed(SNAT_IP)


def test_without_an_address_nothing_leaves_for_the_internet() -> None:
    assert Scene(ExternalIps()).send(udp()) == NO_ADDRESS


def test_a_flow_from_outside_keeps_the_address_it_came_in_on() -> None:
    scene = Scene(all_addresses(), rules=ALLOW_ALL)
    for number, address in enumerate((*FLOATING, EPHEMERAL)):
        arrived = scene.receive(from_internet(UDP(sport=number, dport=7), destination=format_ip(address)))
        assert inner(arrived).flow.destination == packed(GUEST_IP)
        assert inner(scene.send(udp(7, port=number))).flow.source == address


def test_each_gateway_offers_its_own_addresses() -> None:
    scene = Scene(all_addresses())
    scene.port.router.add(Cidr.parse("0.0.0.0/0"), RouterTarget.parse(f"ig={GATEWAY}"), RouterClass.CUSTOM)
    assert scene.send(udp(5000)) == NO_ADDRESS
    scene.port.set_external_ips(all_addresses(), None, {FLOATING[1]: frozenset({GATEWAY})})
    assert source_of(scene, 5001) == FLOATING[1]
    scene.port.set_external_ips(all_addresses(), None, {EPHEMERAL: frozenset({GATEWAY})})
    assert source_of(scene, 5002) == EPHEMERAL
    scene.port.set_external_ips(all_addresses(), None, {packed(SNAT_IP): frozenset({GATEWAY})})
    assert source_of(scene, 5003) == packed(SNAT_IP)


def test_an_external_subnet_of_the_guest_needs_no_translation() -> None:
    scene = Scene()
    scene.port.attach_subnet(Cidr.parse("10.66.0.0/16"), is_external=True)
    datagram = ipv4(src="10.66.0.9") / UDP(sport=5000, dport=53)
    assert inner(scene.send(datagram)).flow.source == packed("10.66.0.9")
    scene.port.detach_subnet(Cidr.parse("10.66.0.0/16"))
    scene.port.attach_subnet(Cidr.parse("10.66.0.0/16"), is_external=False)
    assert inner(scene.send(datagram)).flow.source == packed(SNAT_IP)


def test_a_quoted_packet_is_translated_with_its_error() -> None:
    scene = Scene(ExternalIps(ephemeral_ip=EPHEMERAL), rules=ALLOW_ALL)
    quoted = bytes(IP(src=format_ip(EPHEMERAL), dst=REMOTE_IP) / UDP(sport=7, dport=9))
    verdict = scene.receive(from_internet(ICMP(type=3, code=3) / quoted, destination=format_ip(EPHEMERAL)))
    assert isinstance(verdict, Modified)
    assert IP(bytes(inner(verdict).body)).src == GUEST_IP


@pytest.mark.parametrize(
    ("external", "text"),
    [
        (ExternalIps(ephemeral_ip=EPHEMERAL), "Stateful: 172.30.0.5 <=> 10.60.1.20"),
        (ExternalIps(floating_ips=FLOATING), "Stateful: 172.30.0.5 <=> {10.60.1.21,10.60.1.22,10.60.1.23}"),
        (snat_config(), "Stateful: 10.77.77.13:1025-1028"),
    ],
)
def test_rules_show_their_addresses(external: ExternalIps, text: str) -> None:
    nat = Scene(external).port.snapshot()["layers"][3]
    assert nat["rules_out"][0]["action"] == text
    assert all(rule["action"] == "Stateful: 172.30.0.5 <=> (external)" for rule in nat["rules_in"])
