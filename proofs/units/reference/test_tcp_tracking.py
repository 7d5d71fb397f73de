"""Tracking connections on the slow path."""

import pytest

from proofs.units.reference.scene import tcp, udp_flow
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.parse import parse
from reference.port_data import PortData
from reference.tcp import TcpState
from reference.tcp_tracking import Segment, TcpRefused, forget, track

FLOW = udp_flow(5000, protocol=6)
WRAPPED = 2**64 - 1


def segment(flags: str, flow: FlowId = FLOW, direction: Direction = Direction.OUT, now_ms: int = 0) -> Segment:
    header = parse(Direction.OUT, bytes(tcp(flags))).tcp
    assert header is not None
    inbound_flow = flow.mirror() if direction is Direction.IN else None
    return Segment(header, direction, flow, inbound_flow, 54, now_ms)


def data_with(*segments: Segment, limit: int = 4) -> PortData:
    data = PortData([], uft_limit=4, tcp_limit=limit)
    for one in segments:
        track(data, one)
    return data


def test_a_syn_begins_a_connection() -> None:
    data = data_with(segment("S"))
    assert data.tcp_flows.entries[FLOW].state == TcpState.SYN_SENT
    assert data.statistics.tcp_flows == 1


def test_a_connection_that_was_forgotten_is_taken_for_established() -> None:
    assert data_with(segment("A")).tcp_flows.entries[FLOW].state == TcpState.ESTABLISHED


@pytest.mark.parametrize("flags", ["F", ""])
def test_no_connection_begins_with_anything_else(flags: str) -> None:
    data = data_with()
    with pytest.raises(TcpRefused):
        track(data, segment(flags))
    assert len(data.tcp_flows) == 0


def test_an_unexpected_segment_of_a_known_connection_passes() -> None:
    data = data_with(segment("S"))
    flow = track(data, segment("A"))
    assert flow is data.tcp_flows.entries[FLOW]
    assert flow.state == TcpState.SYN_SENT


def test_a_syn_in_the_middle_of_a_connection_begins_a_new_one() -> None:
    data = data_with(segment("A"))
    old = data.tcp_flows.entries[FLOW]
    flow = track(data, segment("S", now_ms=9))
    assert flow is not None
    assert flow is not old
    assert old.holders == 0
    assert (flow.state, flow.segments_out, flow.last_hit_ms) == (TcpState.SYN_SENT, 1, 9)


def test_a_reset_removes_the_connection() -> None:
    data = data_with(segment("A"))
    assert track(data, segment("R")) is None
    assert len(data.tcp_flows) == 0
    assert data.statistics.tcp_flows == 0


def test_a_reset_without_a_connection_leaves_no_trace_but_a_wrapped_gauge() -> None:
    data = data_with()
    assert track(data, segment("R")) is None
    assert len(data.tcp_flows) == 0
    assert data.statistics.outbound.uft_flows == WRAPPED
    assert data.statistics.inbound.uft_flows == 0


def test_a_full_table_of_healthy_connections_refuses_a_new_one() -> None:
    data = data_with(*(segment("A", udp_flow(port, 6)) for port in (1, 2)), limit=2)
    with pytest.raises(TcpRefused):
        track(data, segment("S"))
    assert data.statistics.tcp_evictions == 0


def test_a_full_table_evicts_what_lingers() -> None:
    data = data_with(segment("S", udp_flow(1, 6)), segment("A", udp_flow(2, 6)), limit=2)
    track(data, segment("S", now_ms=4_000))
    assert sorted(data.tcp_flows.entries) == [udp_flow(2, 6), FLOW]
    assert data.statistics.tcp_evictions == 1


def test_an_inbound_segment_tells_under_which_id_the_connection_arrives() -> None:
    data = data_with(segment("S"), segment("SA", direction=Direction.IN))
    assert data.tcp_flows.entries[FLOW].inbound_flow == FLOW.mirror()
    assert data.tcp_flows.entries[FLOW].hits == 1


def test_forgetting_a_connection_lowers_both_gauges_whether_or_not_entries_were_there() -> None:
    data = data_with(segment("A"), segment("A", direction=Direction.IN))
    forget(data, data.tcp_flows.entries[FLOW])
    assert (data.statistics.inbound.uft_flows, data.statistics.outbound.uft_flows) == (WRAPPED, WRAPPED)
