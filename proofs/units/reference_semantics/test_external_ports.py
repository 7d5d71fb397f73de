"""Ports of source NAT: reserved as long as a flow has them, free as soon as none does."""

import pytest

from proofs.units.reference.scene import FIRST_PORT, LAST_PORT, SNAT_IP, Scene, inner, packed, udp
from proofs.units.reference_semantics.stories import Story, departs_at
from reference import ExternalIps, Modified, Semantics, SourceNat
from reference.errors import BadState

UPSTREAM, CORRECT = Semantics.UPSTREAM, Semantics.CORRECT
RESERVED = Semantics.only("external_ports_are_reserved")
FAMILIES = ("v4", "v6")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("story", "flag", "step"),
    [
        ("wrong-guest", "external_ports_are_reserved", 6),
        ("evict-kills-other", "external_ports_are_reserved", 3),
        ("refresh-breaks-snat", "external_ports_are_reserved", 10),
        ("port-pinned", "clearing_lets_go", 8),
    ],
)
def test_the_story_goes_as_recorded_until_the_flag_makes_the_difference(
    story: str, family: str, flag: str, step: int
) -> None:
    assert departs_at(f"{story}_{family}", UPSTREAM) is None
    assert departs_at(f"{story}_{family}", Semantics.only(flag)) == step


def guest_port(story: Story, step: int) -> object:
    """The guest's port that an inbound packet was delivered to."""
    packet = bytes.fromhex(story.result(step)["pkt"])
    header = 14 + (20 if packet[12:14] == b"\x08\x00" else 40)
    return int.from_bytes(packet[header + 2 : header + 4])


@pytest.mark.parametrize("family", FAMILIES)
def test_replies_reach_the_flow_that_they_answer(family: str) -> None:
    before, after = (Story(f"wrong-guest_{family}", semantics) for semantics in (UPSTREAM, RESERVED))
    assert [guest_port(before, step) for step in (3, 9)] == [1000, 1001]
    assert [guest_port(after, step) for step in (3, 9)] == [1000, 1000]
    assert before.kind(13) == "drop"


@pytest.mark.parametrize("family", FAMILIES)
def test_an_eviction_ends_one_flow_only(family: str) -> None:
    before, after = (Story(f"evict-kills-other_{family}", semantics) for semantics in (UPSTREAM, RESERVED))
    assert (before.kind(12), after.kind(12)) == ("drop", "modified")


@pytest.mark.parametrize("family", FAMILIES)
def test_an_identical_refresh_changes_nothing_for_live_connections(family: str) -> None:
    before, after = (Story(f"refresh-breaks-snat_{family}", semantics) for semantics in (UPSTREAM, RESERVED))
    assert (before.kind(10), after.kind(10)) == ("drop", "modified")
    assert [guest_port(before, 15), guest_port(after, 15)] == [1002, 1000]


@pytest.mark.parametrize("family", FAMILIES)
def test_clearing_the_table_frees_its_ports_at_once(family: str) -> None:
    before, after = (Story(f"port-pinned_{family}", each) for each in (UPSTREAM, Semantics.only("clearing_lets_go")))
    assert [before.kind(step) for step in (11, 15, 18)] == ["error", "error", "modified"]
    assert [after.kind(step) for step in (11, 15, 18)] == ["modified"] * 3
    assert after.tcp_states(10) == ["ESTABLISHED", "ESTABLISHED"]


def test_clearing_one_layer_leaves_entries_of_others_alone() -> None:
    scene = Scene(semantics=CORRECT)
    scene.send(udp())
    scene.send(udp(remote="172.30.0.6"))
    scene.port.clear_lft("nat")
    assert scene.sizes("uft") == {"in": 1, "out": 1}
    scene.port.clear_lft("firewall")
    assert scene.sizes("uft") == {"in": 0, "out": 0}


def snat(first: int = FIRST_PORT, last: int = LAST_PORT, address: str = SNAT_IP) -> ExternalIps:
    return ExternalIps(snat=SourceNat(packed(address), first, last))


def external_port(scene: Scene, number: int) -> int:
    verdict = scene.send(udp(number))
    assert isinstance(verdict, Modified)
    return inner(verdict).flow.source_port


def test_a_port_that_leaves_the_range_is_given_up_and_one_that_stays_is_kept() -> None:
    scene = Scene(semantics=CORRECT)
    assert [external_port(scene, number) for number in (1, 2)] == [LAST_PORT, LAST_PORT - 1]
    scene.port.set_external_ips(snat(last=LAST_PORT - 1), None)
    assert external_port(scene, 2) == LAST_PORT - 1
    assert external_port(scene, 1) == LAST_PORT - 2


def test_another_address_means_other_ports() -> None:
    scene = Scene(semantics=CORRECT)
    assert external_port(scene, 1) == LAST_PORT
    scene.port.set_external_ips(snat(address="10.77.77.14"), None)
    assert external_port(scene, 2) == LAST_PORT
    assert inner(scene.send(udp(1))).flow.source == packed("10.77.77.14")


def test_without_source_nat_its_flows_end() -> None:
    scene = Scene(semantics=CORRECT)
    external_port(scene, 1)
    scene.port.set_external_ips(None, None)
    assert not isinstance(scene.send(udp(1)), Modified)
    assert scene.sizes("nat")["count"] == 0


def test_a_refused_change_keeps_the_pools_as_they_are() -> None:
    scene = Scene(semantics=CORRECT)
    scene.port.pause()
    with pytest.raises(BadState):
        scene.port.set_external_ips(snat(last=FIRST_PORT), None)
    scene.port.start()
    assert external_port(scene, 1) == LAST_PORT
