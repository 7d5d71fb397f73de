"""Flows of the layers: halves that live and die together, denials without a trace, rules and routes of now."""

import pytest

from proofs.units.reference.scene import (
    ALLOW_VPC,
    NEIGHBOUR_IP,
    SNAT_IP,
    Scene,
    from_internet,
    from_neighbour,
    inner,
    packed,
    tcp,
    udp,
)
from proofs.units.reference_packet.frames import GUEST_IP, REMOTE_IP, UDP
from proofs.units.reference_semantics.stories import Story, departs_at
from reference import Modified, Semantics, TableLimits
from reference.address import Cidr
from reference.vpc.router import RouterClass, RouterTarget

UPSTREAM, CORRECT = Semantics.UPSTREAM, Semantics.CORRECT
WITHOUT_ROUTES = CORRECT.without("routes_reach_live_flows")
BOTH = (UPSTREAM, CORRECT)


@pytest.mark.parametrize(
    ("story", "flag", "step"),
    [
        ("count-drift_v4", "halves_live_as_pairs", 9),
        ("count-drift_v6", "halves_live_as_pairs", 9),
        ("in-half-leak_v4", "halves_live_as_pairs", 4),
        ("in-half-leak_v6", "halves_live_as_pairs", 4),
        ("remote-leak_v4", "halves_live_as_pairs", 3),
        ("remote-leak_v6", "halves_live_as_pairs", 3),
        ("denied-fills-nat_v4", "denied_packets_begin_nothing", 2),
        ("denied-fills-nat_v6", "denied_packets_begin_nothing", 2),
        ("denied-keeps-tcp_v4", "denied_segments_are_not_tracked", 2),
        ("rule-outlived_v4", "rules_reach_live_flows", 4),
        ("rule-outlived-deny-added_v4", "rules_reach_live_flows", 4),
    ],
)
def test_the_story_goes_as_recorded_until_the_flag_makes_the_difference(story: str, flag: str, step: int) -> None:
    assert departs_at(story, UPSTREAM) is None
    assert departs_at(story, Semantics.only(flag)) == step


def nat_sizes(story: Story, step: int) -> tuple[int, int, int]:
    sizes = story.flows(step)["nat"]
    return sizes["in"], sizes["out"], sizes["count"]


def test_flows_are_counted_as_often_as_there_are_flows() -> None:
    before, after = Story("count-drift_v4", UPSTREAM), Story("count-drift_v4", Semantics.only("halves_live_as_pairs"))
    assert (nat_sizes(before, 11), nat_sizes(after, 11)) == ((5, 5, 8), (5, 5, 5))
    assert (before.kind(13), after.kind(13)) == ("error", "modified")


@pytest.mark.parametrize("story", ["in-half-leak_v4", "in-half-leak_v6"])
def test_a_change_of_address_leaves_no_half_behind(story: str) -> None:
    before, after = Story(story, UPSTREAM), Story(story, Semantics.only("halves_live_as_pairs"))
    assert (nat_sizes(before, 17), nat_sizes(after, 17)) == ((7, 1, 1), (1, 1, 1))
    assert (nat_sizes(before, 21), nat_sizes(after, 21)) == ((6, 0, 0), (0, 0, 0))


@pytest.mark.parametrize("story", ["remote-leak_v4", "remote-leak_v6"])
def test_a_remote_that_sends_to_two_addresses_leaves_no_half_behind(story: str) -> None:
    before, after = Story(story, UPSTREAM), Story(story, Semantics.only("halves_live_as_pairs"))
    assert (nat_sizes(before, 3), nat_sizes(after, 3)) == ((2, 1, 2), (1, 1, 1))
    assert (nat_sizes(before, 20), nat_sizes(after, 20)) == ((6, 0, 0), (0, 0, 0))


@pytest.mark.parametrize("story", ["denied-fills-nat_v4", "denied-fills-nat_v6"])
def test_denied_packets_take_no_room_from_the_guests_own(story: str) -> None:
    before, after = Story(story, UPSTREAM), Story(story, Semantics.only("denied_packets_begin_nothing"))
    assert (nat_sizes(before, 5), nat_sizes(after, 5)) == ((4, 4, 4), (0, 0, 0))
    assert (before.kind(7), after.kind(7)) == ("error", "modified")


def test_denied_segments_take_no_room_from_allowed_ones() -> None:
    before = Story("denied-keeps-tcp_v4", UPSTREAM)
    after = Story("denied-keeps-tcp_v4", Semantics.only("denied_segments_are_not_tracked"))
    assert (len(before.tcp_states(5)), len(after.tcp_states(5))) == (4, 0)
    assert (before.result(7)["kind"], after.result(7)["kind"]) == ("drop", "modified")


@pytest.mark.parametrize("semantics", BOTH)
def test_a_packet_refused_by_the_pool_of_ports_leaves_nothing_behind(semantics: Semantics) -> None:
    scene = Scene(semantics=semantics)
    for number in range(5):
        scene.send(tcp("S", source_port=5000 + number))
    behind = 0 if semantics is CORRECT else 1
    assert scene.counter("out_process_err") == 1
    assert len(scene.port.tcp_flows) == 4 + behind
    assert scene.sizes("firewall") == {"in": 4 + behind, "out": 4 + behind, "count": 4 + behind}


def test_a_denied_packet_evicts_nobody() -> None:
    for semantics, evicted in ((UPSTREAM, 1), (CORRECT, 0)):
        scene = Scene(semantics=semantics, limits=TableLimits(firewall=1), rules=("dir=out action=allow priority=1",))
        scene.send(tcp("S"))
        scene.port.tcp_flows.clear()
        scene.port.router.replace([])
        scene.send(tcp("S", source_port=6000))
        assert scene.counter("evictions", "firewall") == evicted
        assert scene.counter("out_drop_layer") == 1


def test_a_segment_that_closes_nothing_begins_nothing() -> None:
    for semantics, flows in ((UPSTREAM, 1), (CORRECT, 0)):
        scene = Scene(semantics=semantics)
        assert isinstance(scene.send(tcp("R")), Modified)
        assert scene.sizes("nat")["count"] == scene.sizes("firewall")["count"] == flows


@pytest.mark.parametrize("story", ["rule-outlived_v4", "rule-outlived-deny-added_v4"])
def test_a_flow_that_the_rules_would_not_let_begin_ends_with_them(story: str) -> None:
    before, after = Story(story, UPSTREAM), Story(story, CORRECT)
    assert [before.kind(step) for step in (4, 9, 11, 13)] == ["modified"] * 4
    assert [after.kind(step) for step in (4, 9, 11, 13)] == ["drop"] * 4
    assert (before.flows(4)["firewall"]["count"], after.flows(4)["firewall"]["count"]) == (1, 0)


@pytest.mark.parametrize(("semantics", "passes"), [(UPSTREAM, False), (CORRECT, True)])
def test_a_reply_passes_after_rules_that_would_let_its_flow_begin_were_set_again(
    semantics: Semantics, passes: bool
) -> None:
    scene = Scene(semantics=semantics)
    request = inner(scene.send(udp()))
    scene.set_rules(ALLOW_VPC)
    reply = from_internet(UDP(sport=53, dport=request.flow.source_port) / b"answer")
    assert isinstance(scene.receive(reply), Modified) is passes


def test_a_guests_answer_is_judged_by_the_rule_that_let_the_question_in() -> None:
    scene = Scene(semantics=CORRECT, rules=(ALLOW_VPC, "dir=out action=deny priority=9 protocol=UDP"))
    question = from_neighbour(UDP(sport=7, dport=9) / b"question")
    answer = udp(9, NEIGHBOUR_IP, 7)
    scene.receive(question)
    scene.set_rules(ALLOW_VPC, "dir=out action=deny priority=8 protocol=UDP")
    assert isinstance(scene.send(answer), Modified)
    scene.set_rules("dir=out action=deny priority=8 protocol=UDP")
    assert not isinstance(scene.send(answer), Modified)
    assert scene.sizes("firewall")["count"] == 0


@pytest.mark.parametrize(("semantics", "passes"), [(WITHOUT_ROUTES, False), (CORRECT, True)])
def test_a_flow_whose_route_changes_from_a_gateway_to_a_guest_goes_there_untranslated(
    semantics: Semantics, passes: bool
) -> None:
    scene = Scene(semantics=semantics)
    assert inner(scene.send(udp())).flow.source == packed(SNAT_IP)
    to_guest = RouterTarget.parse(f"ip4={NEIGHBOUR_IP}")
    scene.port.router.add(Cidr.parse(f"{REMOTE_IP}/32"), to_guest, RouterClass.CUSTOM)
    verdict = scene.send(udp())
    assert isinstance(verdict, Modified) is passes
    if passes:
        assert inner(verdict).flow.source == packed(GUEST_IP)
        assert scene.sizes("nat")["count"] == 0


@pytest.mark.parametrize("semantics", [WITHOUT_ROUTES, CORRECT])
def test_a_flow_keeps_its_port_when_its_route_changes_from_one_gateway_route_to_another(semantics: Semantics) -> None:
    scene = Scene(semantics=semantics)
    before = inner(scene.send(udp())).flow
    scene.port.router.add(Cidr.parse(f"{REMOTE_IP}/32"), RouterTarget.parse("ig"), RouterClass.CUSTOM)
    assert inner(scene.send(udp())).flow == before
