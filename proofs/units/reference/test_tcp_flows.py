"""TCP flows: what is kept of a connection, how long it lives, and how readily it is evicted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference.scene import tcp, udp_flow
from reference.direction import Direction
from reference.flow_table import FIRST_TO_GO, PROTECTED, FlowEntry, Lifetime
from reference.packet.headers import Tcp
from reference.packet.parse import parse
from reference.tcp import NEW_FLOW, UNEXPECTED_SEGMENT, TcpState
from reference.tcp_flows import TcpFlow, priority_between

FLOW = udp_flow(5000, protocol=6)
LEAST, MOST = 2, FIRST_TO_GO - 1


def flow_in(state: TcpState, last_hit_ms: int = 0) -> TcpFlow:
    flow = TcpFlow(FLOW, last_hit_ms)
    flow.state = state
    return flow


def header(flags: str, seq: int = 0, ack: int = 0) -> Tcp:
    segment = parse(Direction.OUT, bytes(tcp(flags, seq=seq, ack=ack))).tcp
    assert segment is not None
    return segment


INCIPIENT = [TcpState.LISTEN, TcpState.SYN_SENT, TcpState.SYN_RECEIVED, TcpState.LAST_ACK]
QUIESCENT = [TcpState.CLOSE_WAIT, TcpState.FIN_WAIT_1, TcpState.FIN_WAIT_2, TcpState.TIME_WAIT]
LIFETIMES = [
    *((state, 5_000) for state in INCIPIENT),
    *((state, 120_000) for state in QUIESCENT),
    (TcpState.ESTABLISHED, 8_000_000),
]


@pytest.mark.parametrize(("state", "time_to_live_ms"), LIFETIMES)
def test_each_state_has_its_time_to_live_to_the_millisecond(state: TcpState, time_to_live_ms: int) -> None:
    flow = flow_in(state, last_hit_ms=100)
    assert not flow.is_expired(100 + time_to_live_ms - 1)
    assert flow.is_expired(100 + time_to_live_ms)


def test_a_closed_connection_is_expired_at_once_and_the_first_to_go() -> None:
    flow = flow_in(TcpState.CLOSED, last_hit_ms=100)
    assert flow.is_expired(50)
    assert flow.own_priority(100) == FIRST_TO_GO


@pytest.mark.parametrize("state", INCIPIENT)
def test_a_connection_being_set_up_may_go_after_half_its_time(state: TcpState) -> None:
    flow = flow_in(state)
    assert flow.own_priority(2_500) == PROTECTED
    assert LEAST < (flow.own_priority(2_501) or 0) < MOST
    assert flow.own_priority(5_000) == MOST


@pytest.mark.parametrize("state", QUIESCENT)
def test_a_connection_being_closed_may_go_after_five_seconds(state: TcpState) -> None:
    flow = flow_in(state)
    assert flow.own_priority(5_000) == PROTECTED
    assert LEAST <= (flow.own_priority(5_001) or 0) < MOST
    assert flow.own_priority(120_000) == MOST


def test_an_established_connection_may_go_last_after_a_minute() -> None:
    flow = flow_in(TcpState.ESTABLISHED)
    assert flow.own_priority(59_999) == PROTECTED
    assert flow.own_priority(60_000) == 1


@given(st.integers(0, 10_000), st.integers(1, 200_000), st.data())
def test_priority_rises_with_time_between_its_bounds(start_ms: int, span_ms: int, data: st.DataObject) -> None:
    early = data.draw(st.integers(0, start_ms + 2 * span_ms))
    late = data.draw(st.integers(early, start_ms + 2 * span_ms))
    first = priority_between(start_ms, start_ms + span_ms, early)
    second = priority_between(start_ms, start_ms + span_ms, late)
    assert LEAST <= first <= second <= MOST


def test_priority_half_way_is_half_way() -> None:
    assert priority_between(0, 1000, 500) == LEAST + (MOST - LEAST) // 2


def test_segments_and_bytes_are_counted_by_direction() -> None:
    flow = TcpFlow(FLOW, 0)
    flow.update(header("S", seq=10), Direction.OUT, 54, None)
    flow.update(header("SA", seq=70, ack=11), Direction.IN, 124, FLOW.mirror())
    flow.update(header("A", seq=11, ack=71), Direction.OUT, 60, None)
    assert (flow.segments_out, flow.bytes_out) == (2, 114)
    assert (flow.segments_in, flow.bytes_in) == (1, 124)
    assert flow.inbound_flow == FLOW.mirror()
    assert flow.state == TcpState.ESTABLISHED


def test_numbers_of_each_side_are_those_of_its_last_segment() -> None:
    flow = TcpFlow(FLOW, 0)
    flow.update(header("S", seq=10, ack=99), Direction.OUT, 54, None)
    assert (flow.guest_sequence, flow.guest_acknowledgement) == (10, None)
    flow.update(header("SA", seq=70, ack=11), Direction.IN, 124, FLOW.mirror())
    assert (flow.remote_sequence, flow.remote_acknowledgement) == (70, 11)
    assert flow.guest_sequence == 10


@pytest.mark.parametrize(("flags", "outcome"), [("A", UNEXPECTED_SEGMENT), ("S", NEW_FLOW)])
def test_a_segment_out_of_place_leaves_the_state_but_not_the_numbers(flags: str, outcome: int) -> None:
    flow = flow_in(TcpState.SYN_SENT)
    assert flow.update(header(flags, seq=7), Direction.IN, 54, FLOW.mirror()) == outcome
    assert flow.state == TcpState.SYN_SENT
    assert flow.remote_sequence == 7


def test_the_fin_of_the_highest_sequence_number_is_covered_by_zero() -> None:
    flow = flow_in(TcpState.CLOSE_WAIT)
    flow.update(header("FA", seq=2**32 - 1), Direction.OUT, 54, None)
    assert flow.update(header("A", ack=0), Direction.IN, 54, FLOW.mirror()) == TcpState.CLOSED


def test_new_parents_of_a_direction_replace_the_old_ones() -> None:
    flow = TcpFlow(FLOW, 0)
    flow.hold()
    first, second, inbound = (FlowEntry(udp_flow(n), Lifetime(0)) for n in range(3))
    flow.adopt_parents(Direction.OUT, (first,))
    flow.adopt_parents(Direction.IN, (inbound,))
    flow.adopt_parents(Direction.OUT, (second,))
    assert flow.parents() == (inbound, second)
    assert first.living_children() == []
    assert second.living_children() == [flow]
    assert first.holders == 0
    assert second.holders == 1


def test_a_connection_that_ends_lets_go_of_its_parents() -> None:
    flow = TcpFlow(FLOW, 0)
    parent = FlowEntry(udp_flow(1), Lifetime(0))
    flow.hold()
    flow.adopt_parents(Direction.OUT, (parent,))
    flow.drop()
    assert parent.holders == 0
    assert parent.living_children() == []
