"""The unified flow table, gauges, mappings and time."""

import pytest

from proofs.units.reference.scene import NEIGHBOUR_IP, NEIGHBOUR_MAC, VNI, Scene, packed, tcp, udp
from proofs.units.reference_semantics.stories import Story, departs_at
from reference import Modified, PhysicalAddress, Port, Semantics, TableLimits, Verdict
from reference.address import parse_mac
from reference.flow_table import FLOW_TIME_TO_LIVE_MS

UPSTREAM, CORRECT = Semantics.UPSTREAM, Semantics.CORRECT
WRAPPED = 2**64 - 1
MOVED = packed("fd00:0:f7:199::1")


@pytest.mark.parametrize(
    ("story", "flag", "step"),
    [
        ("v2p-outlived_v4", "mappings_reach_live_flows", 4),
        ("v2p-outlived_v6", "mappings_reach_live_flows", 4),
        ("evict-the-active_v4", "idlest_entry_goes", 10),
        ("full-overwrite_v4", "replacing_evicts_nobody", 8),
        ("negative-counters_v4", "gauges_are_exact", 2),
        ("negative-counters-pair_v4", "gauges_are_exact", 7),
        ("negative-counters-slow-path_v4", "gauges_are_exact", 6),
        ("flow-gauge_v4", "gauges_are_exact", 5),
    ],
)
def test_the_story_goes_as_recorded_until_the_flag_makes_the_difference(story: str, flag: str, step: int) -> None:
    assert departs_at(story, UPSTREAM) is None
    assert departs_at(story, Semantics.only(flag)) == step


def test_an_active_connection_outlives_idle_datagrams_in_a_full_table() -> None:
    before = Story("evict-the-active_v4", UPSTREAM)
    after = Story("evict-the-active_v4", Semantics.only("idlest_entry_goes"))
    assert (before.kind(9), after.kind(9)) == ("modified", "modified")
    assert (before.kind(11), after.kind(11)) == ("error", "modified")


def test_the_entry_of_a_forgotten_connection_goes_before_an_idle_one() -> None:
    scene = Scene(semantics=CORRECT, limits=TableLimits(uft=2))
    scene.send(udp(1), now_ms=0)
    scene.send(tcp("S", source_port=2), now_ms=1)
    scene.port.expire(6_000)
    scene.send(udp(3), now_ms=6_000)
    assert [flow.source_port for flow in sorted(scene.port.uft.outbound.entries)] == [1, 3]


def test_among_entries_in_good_health_the_idlest_goes() -> None:
    scene = Scene(semantics=CORRECT, limits=TableLimits(uft=2))
    for number, now_ms in ((1, 0), (2, 1), (1, 2), (3, 3)):
        assert isinstance(scene.send(udp(number), now_ms), Modified)
    assert [flow.source_port for flow in sorted(scene.port.uft.outbound.entries)] == [1, 3]


def test_an_entry_that_is_replaced_makes_room_for_its_successor() -> None:
    before = Story("full-overwrite_v4", UPSTREAM)
    after = Story("full-overwrite_v4", Semantics.only("replacing_evicts_nobody"))
    assert (before.flows(8)["uft"]["out"], after.flows(8)["uft"]["out"]) == (1, 2)


@pytest.mark.parametrize(
    ("story", "step", "gauge"),
    [
        ("negative-counters_v4", 2, "out_uft_flows"),
        ("negative-counters-pair_v4", 7, "in_uft_flows"),
        ("negative-counters-slow-path_v4", 6, "in_uft_flows"),
    ],
)
def test_gauges_are_never_below_zero(story: str, step: int, gauge: str) -> None:
    before, after = (Story(story, semantics) for semantics in (UPSTREAM, Semantics.only("gauges_are_exact")))
    assert before.statistics(step)[gauge] >= WRAPPED - 1
    assert after.statistics(step)[gauge] == 0


def test_a_layers_gauge_is_the_size_of_its_table() -> None:
    before, after = (Story("flow-gauge_v4", each) for each in (UPSTREAM, Semantics.only("gauges_are_exact")))
    assert [before.statistics(step)["firewall"]["flows"] for step in (5, 7)] == [3, 4]
    assert [after.statistics(step)["firewall"]["flows"] for step in (5, 7)] == [0, 1]


@pytest.mark.parametrize(("semantics", "evictions"), [(UPSTREAM, 1), (CORRECT, 0)])
def test_a_replacement_is_no_eviction(semantics: Semantics, evictions: int) -> None:
    scene = Scene(semantics=semantics)
    scene.send(tcp("A"))
    scene.port.tcp_flows.clear()
    scene.send(tcp("A"))
    assert scene.counter("out_uft_evictions") == evictions


def test_what_goes_to_make_room_is_an_eviction() -> None:
    scene = Scene(semantics=CORRECT, limits=TableLimits(uft=1))
    scene.send(udp(1))
    scene.send(udp(2))
    assert scene.counter("out_uft_evictions") == scene.counter("in_uft_evictions") == 1


def underlay_destination(verdict: Verdict) -> bytes:
    assert isinstance(verdict, Modified)
    return verdict.packet[38:54]


@pytest.mark.parametrize("semantics", [UPSTREAM, CORRECT])
def test_a_live_flow_follows_its_peer(semantics: Semantics) -> None:
    scene = Scene(semantics=semantics)
    to_neighbour = udp(remote=NEIGHBOUR_IP)
    before = underlay_destination(scene.send(to_neighbour))
    scene.mappings.v2p.set(packed(NEIGHBOUR_IP), PhysicalAddress(parse_mac(NEIGHBOUR_MAC), MOVED, VNI))
    after = underlay_destination(scene.send(to_neighbour))
    assert after == (before if semantics is UPSTREAM else MOVED)


def test_every_change_of_a_mapping_is_told_to_every_port_once() -> None:
    scene = Scene(semantics=CORRECT)
    other = Port(scene.port.network.config, mappings=scene.mappings)
    scene.send(udp())
    mappings = scene.mappings
    epoch = scene.port.epoch
    mappings.m2p.set(packed("ff04::1"), packed("ff04::1"))
    mappings.m2p.clear(packed("ff04::1"))
    mappings.v2p.clear(packed(NEIGHBOUR_IP), VNI)
    assert scene.port.is_behind_mappings
    assert other.is_behind_mappings
    scene.send(udp())
    scene.send(udp())
    assert scene.port.epoch == epoch + 1
    assert not scene.port.is_behind_mappings


@pytest.mark.parametrize(("semantics", "left"), [(UPSTREAM, 0), (Semantics.only("hits_never_take_time_back"), 1)])
def test_a_clock_that_lags_takes_no_time_from_a_flow(semantics: Semantics, left: int) -> None:
    scene = Scene(semantics=semantics)
    scene.send(udp(), now_ms=1_000)
    scene.send(udp(), now_ms=400)
    scene.port.expire(400 + FLOW_TIME_TO_LIVE_MS)
    assert scene.sizes("uft")["out"] == left
