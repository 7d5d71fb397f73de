"""The unified flow table: installing, removing, gauges."""

import pytest

from proofs.units.reference.scene import udp_flow
from reference.direction import Direction
from reference.errors import TableFull
from reference.flow_table import FlowEntry, Lifetime
from reference.semantics import Semantics
from reference.statistics import PortStatistics
from reference.tcp_flows import TcpFlow
from reference.transform import compile_transform
from reference.uft import UftEntry, UnifiedFlowTable

WRAPPED = 2**64 - 1


def entry(number: int, parents: tuple[FlowEntry, ...] = (), tcp_flow: TcpFlow | None = None) -> UftEntry:
    transform = compile_transform([], [], internal_destination=False)
    made = UftEntry(udp_flow(number), None, 1, 0, transform, parents, 0)
    made.tcp_flow = tcp_flow
    return made


def uft_of(limit: int = 2) -> tuple[UnifiedFlowTable, PortStatistics]:
    statistics = PortStatistics(limit, limit)
    return UnifiedFlowTable(limit, statistics, Semantics.UPSTREAM), statistics


def test_an_installed_entry_is_a_child_of_what_it_came_from() -> None:
    uft, _ = uft_of()
    parent = FlowEntry(udp_flow(9), Lifetime(0))
    made = entry(1, (parent,))
    uft.install(Direction.OUT, made, 0)
    assert parent.living_children() == [made]
    assert parent.holders == 1
    uft.clear()
    assert parent.holders == 0


def test_the_connection_depends_on_the_same_layer_entries() -> None:
    uft, _ = uft_of()
    parent, flow = FlowEntry(udp_flow(9), Lifetime(0)), TcpFlow(udp_flow(1, 6), 0)
    flow.hold()
    uft.install(Direction.IN, entry(1, (parent,), flow), 0)
    assert flow.parents() == (parent,)
    assert flow in parent.living_children()


def test_a_full_table_leaves_nothing_of_a_refused_entry_behind() -> None:
    uft, statistics = uft_of(limit=1)
    parent = FlowEntry(udp_flow(9), Lifetime(0))
    uft.install(Direction.OUT, entry(1), 0)
    with pytest.raises(TableFull):
        uft.install(Direction.OUT, entry(2, (parent,)), 0)
    assert parent.holders == 0
    assert statistics.outbound.uft_flows == 1


def test_directions_are_separate() -> None:
    uft, statistics = uft_of(limit=1)
    uft.install(Direction.OUT, entry(1), 0)
    uft.install(Direction.IN, entry(2), 0)
    assert (statistics.inbound.uft_flows, statistics.outbound.uft_flows) == (1, 1)


def test_replacing_an_entry_counts_as_an_eviction() -> None:
    uft, statistics = uft_of()
    uft.install(Direction.OUT, entry(1), 0)
    uft.install(Direction.OUT, entry(1), 0)
    assert statistics.outbound.uft_evictions == 1


def test_removing_halves_lowers_the_gauges_even_below_zero() -> None:
    uft, statistics = uft_of()
    uft.install(Direction.OUT, entry(1), 0)
    uft.remove_pair(udp_flow(1), udp_flow(2))
    assert statistics.outbound.uft_flows == 0
    assert statistics.inbound.uft_flows == WRAPPED
    uft.remove_pair(None, None)
    assert statistics.outbound.uft_flows == 0


def test_expiry_puts_the_gauges_right() -> None:
    uft, statistics = uft_of()
    uft.remove_pair(udp_flow(1), None)
    uft.expire(0)
    assert statistics.outbound.uft_flows == 0
