"""Simulation of replies, and the pairing of both halves with a flow's first packet."""

from typing import Any

import pytest

from proofs.units.reference.scene import (
    ALLOW_SSH,
    ALLOW_VPC,
    LAST_PORT,
    NEIGHBOUR_IP,
    SNAT_IP,
    Scene,
    from_internet,
    from_neighbour,
    inner,
    packed,
    tcp,
    udp,
    udp_flow,
)
from proofs.units.reference_packet.frames import GUEST_IP, ICMP, REMOTE_IP, TCP, UDP, ipv4
from reference import ExternalIps, Modified, Semantics, TableLimits
from reference.address import Cidr
from reference.vpc.router import RouterClass, RouterTarget

FLOATING = packed("10.60.1.21")


def correct(**options: Any) -> Scene:
    return Scene(semantics=Semantics.CORRECT, **options)


def halves(scene: Scene) -> tuple[Any, Any]:
    """The only outbound and the only inbound entry."""
    (outward,) = scene.port.uft.outbound.entries.values()
    (inward,) = scene.port.uft.inbound.entries.values()
    return outward, inward


def test_both_halves_are_there_after_the_first_packet_and_name_each_other() -> None:
    scene = correct()
    scene.send(udp())
    outward, inward = halves(scene)
    assert outward.pair == inward.flow
    assert inward.pair == outward.flow
    assert inward.flow == udp_flow(LAST_PORT)._replace(source=packed(SNAT_IP)).mirror()


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (udp(), from_internet(UDP(sport=53, dport=LAST_PORT) / b"x")),
        (tcp("S"), from_internet(TCP(sport=80, dport=LAST_PORT, flags="SA"))),
        (ipv4() / ICMP(type=8, id=7) / b"x", from_internet(ICMP(type=0, id=LAST_PORT) / b"x")),
        (udp(remote=NEIGHBOUR_IP), from_neighbour(UDP(sport=53, dport=5000) / b"x")),
    ],
)
def test_the_reply_hits_and_comes_out_as_if_the_layers_had_seen_it(sent: Any, reply: Any) -> None:
    paired, lazy = correct(), Scene()
    for scene in (paired, lazy):
        assert isinstance(scene.send(sent), Modified)
    expected = lazy.receive(reply)
    assert isinstance(expected, Modified)
    verdict = paired.receive(reply)
    assert isinstance(verdict, Modified)
    assert verdict.packet == expected.packet
    assert (paired.counter("in_uft_hit"), lazy.counter("in_uft_hit")) == (1, 0)


def test_a_flow_from_outside_is_paired_with_the_guests_reply() -> None:
    rules = ("dir=in action=allow priority=1",)
    paired, lazy = (
        Scene(ExternalIps(floating_ips=(FLOATING,)), semantics=semantics, rules=rules)
        for semantics in (Semantics.CORRECT, Semantics.UPSTREAM)
    )
    answer = udp(7, port=9)
    for scene in (paired, lazy):
        assert isinstance(scene.receive(from_internet(UDP(sport=9, dport=7), destination="10.60.1.21")), Modified)
    assert inner(paired.send(answer)).buffer == inner(lazy.send(answer)).buffer
    assert (paired.counter("out_uft_hit"), lazy.counter("out_uft_hit")) == (1, 0)


def test_simulation_counts_nothing() -> None:
    paired, lazy = correct(), Scene()
    for scene in (paired, lazy):
        scene.send(udp())
    for name in ("gateway", "firewall", "router", "nat", "overlay"):
        assert paired.port.statistics()[name] == lazy.port.statistics()[name]
    assert [layer["rules_in"] for layer in layers(paired)] == [layer["rules_in"] for layer in layers(lazy)]
    assert [layer["ft_in"] for layer in layers(paired)] == [layer["ft_in"] for layer in layers(lazy)]


def layers(scene: Scene) -> Any:
    return scene.port.snapshot()["layers"]


def test_a_reply_that_would_be_dropped_leaves_the_one_half_alone() -> None:
    scene = correct(rules=(ALLOW_SSH, ALLOW_VPC))
    scene.port.router.add(Cidr.parse("172.30.0.6/32"), RouterTarget.parse("drop"), RouterClass.CUSTOM)
    assert isinstance(scene.receive(from_neighbour(UDP(sport=9, dport=9))), Modified)
    (inward,) = scene.port.uft.inbound.entries.values()
    assert scene.sizes("uft") == {"in": 1, "out": 0}
    assert inward.pair is not None


def test_a_reply_that_would_begin_a_flow_of_its_own_leaves_the_one_half_alone() -> None:
    scene = correct(rules=("dir=in action=allow priority=1",))
    untranslated = from_internet(UDP(sport=9, dport=9), destination=GUEST_IP, source=REMOTE_IP)
    assert isinstance(scene.receive(untranslated), Modified)
    assert scene.sizes("uft") == {"in": 1, "out": 0}
    assert scene.sizes("nat")["count"] == 0


def test_nobody_replies_in_the_name_of_a_group() -> None:
    scene = correct()
    scene.mappings.m2p.set(packed("224.1.2.3"), packed("ff04::1"))
    assert isinstance(scene.send(udp(remote="224.1.2.3")), Modified)
    assert scene.sizes("uft") == {"in": 0, "out": 1}


def test_without_room_for_the_partner_the_packet_still_passes() -> None:
    scene = correct(limits=TableLimits(uft=1))
    scene.receive(from_neighbour(UDP(sport=9, dport=9)))
    scene.port.uft.outbound.clear()
    assert isinstance(scene.send(udp()), Modified)
    assert scene.sizes("uft") == {"in": 1, "out": 1}


def test_a_partner_that_is_there_already_is_kept() -> None:
    scene = correct()
    scene.send(udp())
    scene.receive(from_internet(UDP(sport=53, dport=LAST_PORT)))
    scene.port.uft.outbound.clear()
    scene.send(udp())
    outward, inward = halves(scene)
    assert inward.hits == 1
    assert (outward.pair, inward.pair) == (inward.flow, outward.flow)


def test_a_reset_right_after_the_first_segment_removes_both_halves() -> None:
    scene = correct()
    scene.send(tcp("S"))
    assert scene.sizes("uft") == {"in": 1, "out": 1}
    scene.send(tcp("R"))
    assert scene.sizes("uft") == {"in": 0, "out": 0}


def test_a_new_connection_on_the_same_ports_replaces_both_halves() -> None:
    scene = correct()
    scene.send(tcp("A"))
    scene.send(tcp("S"))
    outward, inward = halves(scene)
    (connection,) = scene.port.tcp_flows.entries.values()
    assert outward.tcp_flow is connection
    assert inward.tcp_flow is connection
