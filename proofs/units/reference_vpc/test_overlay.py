"""The overlay: where packets go, in which encapsulation, and which are refused."""

import pytest

from proofs.units.reference.scene import (
    NEIGHBOUR_IP,
    NEIGHBOUR_MAC,
    VNI,
    Scene,
    from_neighbour,
    packed,
    tcp,
    udp,
)
from proofs.units.reference_packet.frames import (
    GENEVE,
    GUEST_IP,
    GUEST_MAC,
    TCP,
    UDP,
    Ether,
    Layers,
    encapsulated,
    ipv4,
)
from reference import DenyReason, Drop, LayerDrop, Modified, PhysicalAddress, TunnelEndpoint, Verdict
from reference.action import ActionMeta
from reference.address import Cidr, format_ip, parse_mac
from reference.direction import Direction
from reference.packet.flow import l4_hash
from reference.packet.parse import parse
from reference.vpc.firewall import VNI_TAG
from reference.vpc.overlay import MULTICAST_VNI, MulticastVniValidator

REFUSED = Drop(LayerDrop("overlay", DenyReason.ACTION))
GROUP = "224.1.2.3"


def dissected(verdict: Verdict) -> Layers:
    """The outer headers as scapy sees them."""
    assert isinstance(verdict, Modified), verdict
    return Ether(verdict.packet)


def test_a_packet_to_a_guest_goes_to_its_host_under_the_vpcs_vni() -> None:
    outer = dissected(Scene().send(udp(remote=NEIGHBOUR_IP)))
    assert (outer.src, outer.dst) == ("00:00:00:00:00:00", "00:00:00:00:00:00")
    assert packed(outer["IPv6"].dst) == packed("fd00:0:f7:116::1")
    assert (outer["UDP"].dport, outer["UDP"].chksum) == (6081, 0)
    assert outer[GENEVE].vni == VNI
    assert outer[GENEVE].payload.dst == NEIGHBOUR_MAC


def test_the_length_fields_cover_what_follows() -> None:
    verdict = Scene().send(udp(remote=NEIGHBOUR_IP, payload=bytes(333)))
    outer = dissected(verdict)
    assert isinstance(verdict, Modified)
    assert outer["IPv6"].plen == outer["UDP"].len == len(verdict.packet) - 54


def test_tcp_inside_the_vpc_carries_room_for_its_segment_size() -> None:
    scene = Scene()
    inside, outside = dissected(scene.send(tcp("S", remote=NEIGHBOUR_IP))), dissected(scene.send(tcp("S")))
    (option,) = inside[GENEVE].options
    assert (option.classid, option.type, bytes(option.data)) == (0x0129, 2, bytes(4))
    assert outside[GENEVE].options == []


def test_the_source_port_is_the_hash_of_the_translated_flow() -> None:
    scene = Scene()
    verdict = scene.send(udp())
    assert isinstance(verdict, Modified)
    assert dissected(verdict)["UDP"].sport == verdict.l4_hash & 0xFFFF


def test_the_hash_spreads_flows_over_the_ways_out() -> None:
    scene = Scene()
    hosts = [packed(f"fd00:99::{n}") for n in (1, 2, 3)]
    scene.mappings.v2b.set(Cidr.parse("0.0.0.0/0"), [TunnelEndpoint(host, 99) for host in hosts])
    for source_port in range(5000, 5004):
        verdict = scene.send(udp(source_port))
        assert isinstance(verdict, Modified)
        assert packed(dissected(verdict)["IPv6"].dst) == hosts[verdict.l4_hash % 3]


def test_a_guest_that_is_not_mapped_cannot_be_reached() -> None:
    assert Scene().send(udp(remote="172.30.0.99")) == REFUSED


def test_a_mapping_of_another_vpc_does_not_count() -> None:
    scene = Scene()
    scene.mappings.v2p.set(packed("172.30.0.99"), PhysicalAddress(parse_mac(NEIGHBOUR_MAC), packed("fd00::9"), 5))
    assert scene.send(udp(remote="172.30.0.99")) == REFUSED


def test_an_external_address_does_not_reach_guests_of_the_vpc() -> None:
    scene = Scene()
    scene.port.attach_subnet(Cidr.parse("10.66.0.0/16"), is_external=True)
    assert scene.send(ipv4(src="10.66.0.9", dst=NEIGHBOUR_IP) / UDP()) == REFUSED


def test_without_a_way_out_nothing_leaves() -> None:
    scene = Scene()
    scene.mappings.v2b.clear(Cidr.parse("0.0.0.0/0"), scene.mappings.v2b.get(packed("1.1.1.1")) or ())
    assert scene.send(udp()) == REFUSED


def test_a_prefix_without_endpoints_is_no_way_out_though_a_shorter_one_has_some() -> None:
    """Upstream panics."""
    scene = Scene()
    scene.mappings.v2b.set(Cidr.parse("1.1.0.0/16"), [])
    assert scene.send(udp(remote="1.1.1.1")) == REFUSED
    assert isinstance(scene.send(udp(remote="1.2.1.1")), Modified)


def test_a_live_flow_keeps_its_target_when_the_mapping_changes() -> None:
    scene = Scene()
    before = dissected(scene.send(udp(remote=NEIGHBOUR_IP)))["IPv6"].dst
    scene.mappings.v2p.set(packed(NEIGHBOUR_IP), PhysicalAddress(parse_mac(NEIGHBOUR_MAC), packed("fd00::77"), VNI))
    assert dissected(scene.send(udp(remote=NEIGHBOUR_IP)))["IPv6"].dst == before
    assert dissected(scene.send(udp(5001, remote=NEIGHBOUR_IP)))["IPv6"].dst == "fd00::77"


def test_multicast_goes_to_its_underlay_group_under_the_fleets_vni() -> None:
    scene = Scene()
    assert scene.send(udp(remote=GROUP)) == REFUSED
    scene.mappings.m2p.set(packed(GROUP), packed("ff04::1:2:3"))
    outer = dissected(scene.send(udp(remote=GROUP)))
    assert outer.dst == "33:33:00:02:00:03"
    assert outer["IPv6"].dst == "ff04::1:2:3"
    assert outer[GENEVE].vni == MULTICAST_VNI
    assert outer[GENEVE].options[0].type == 1
    assert outer[GENEVE].payload.dst == "01:00:5e:01:02:03"


def test_tcp_has_no_business_with_groups() -> None:
    scene = Scene()
    scene.mappings.m2p.set(packed(GROUP), packed("ff04::1"))
    assert scene.send(tcp("S", remote=GROUP)) == REFUSED


def test_decapsulation_leaves_the_inner_frame() -> None:
    verdict = Scene().receive(from_neighbour(TCP(dport=22, flags="S")))
    assert isinstance(verdict, Modified)
    assert Ether(verdict.packet).type == 0x0800


def test_an_inbound_packet_of_any_vni_is_taken_in() -> None:
    scene = Scene(rules=("dir=in action=allow priority=1",))
    assert isinstance(scene.receive(from_neighbour(UDP(dport=9), vni=5)), Modified)


@pytest.mark.parametrize(
    ("vni", "destination", "allowed"),
    [
        (str(VNI), GROUP, True),
        (str(MULTICAST_VNI), GROUP, True),
        (str(VNI + 1), GROUP, False),
        (str(VNI + 1), GUEST_IP, True),
        (None, GROUP, True),
    ],
)
def test_the_multicast_validator_refuses_groups_of_other_vpcs_only(
    vni: str | None, destination: str, allowed: bool
) -> None:
    meta = ActionMeta()
    if vni is not None:
        meta.tags[VNI_TAG] = vni
    packet = parse(Direction.OUT, bytes(ipv4(dst=destination) / UDP()))
    assert MulticastVniValidator(VNI).apply(packet, meta) is allowed


def test_bytes_behind_the_packet_stay_attached() -> None:
    scene = Scene(rules=("dir=in action=allow priority=1",))
    frame = Ether(src=NEIGHBOUR_MAC, dst=GUEST_MAC) / ipv4(src=NEIGHBOUR_IP, dst=GUEST_IP).payload / UDP(dport=9)
    verdict = scene.receive(encapsulated(bytes(frame) + b"padding", vni=VNI))
    assert isinstance(verdict, Modified)
    assert verdict.packet.endswith(b"padding")


def test_hash_and_endpoint_are_of_the_flow_after_translation() -> None:
    scene = Scene()
    verdict = scene.send(udp())
    assert isinstance(verdict, Modified)
    translated = Ether(verdict.packet)[GENEVE].payload
    assert format_ip(packed(translated["IP"].src)) == "10.77.77.13"
    assert verdict.l4_hash != l4_hash(scene.port.uft.outbound.in_order()[0].flow)
