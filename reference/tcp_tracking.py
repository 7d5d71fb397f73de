"""Tracking of connections on the slow path: finding, beginning and ending TCP flows.

Upstream behaviour: `update_tcp_entry` and `create_new_tcp_entry` in `lib/opte/src/engine/port/mod.rs`.
"""

from typing import NamedTuple

from reference.direction import Direction
from reference.errors import TableFull
from reference.packet.flow import FlowId
from reference.packet.headers import Tcp
from reference.port_data import PortData
from reference.tcp import CLOSED, NEW_FLOW, UNEXPECTED_SEGMENT
from reference.tcp_flows import TcpFlow


class TcpRefused(Exception):
    """No connection can begin with this segment, or there is no room for one."""


class Segment(NamedTuple):
    """A segment as the tracker sees it.

    Attributes:
        header: the TCP header.
        direction: the way it travels.
        outbound_flow: key of the connection.
        inbound_flow: id of an inbound packet as it arrived; None outbound.
        length: bytes of the whole frame.
        now_ms: the time, in milliseconds.
        payload: bytes of data.
    """

    header: Tcp
    direction: Direction
    outbound_flow: FlowId
    inbound_flow: FlowId | None
    length: int
    now_ms: int
    payload: int = 0


def track(data: PortData, segment: Segment) -> TcpFlow | None:
    """Take a segment into account that met no usable entry of the unified flow table.

    A segment that is unexpected in a known connection passes; a SYN in the middle of one begins a new one.

    Returns:
        The connection, or None if the segment closes it, or resets one that is not known. The entries of a closed
        connection have been removed from the unified flow table.

    Raises:
        TcpRefused: the segment belongs to no connection and cannot begin one, or the table is full.
    """
    flow = data.tcp_flows.get(segment.outbound_flow)
    if flow is None:
        return _begin(data, segment)
    flow.hit(segment.now_ms)
    following = _update(flow, segment)
    if following not in (CLOSED, NEW_FLOW):
        return flow
    forget(data, flow)
    if following == NEW_FLOW:
        return _begin(data, segment)
    if segment.direction is Direction.OUT:
        # The halves are gone already; upstream removes, and counts, them once more.
        data.uft.remove_pair(segment.outbound_flow, flow.inbound_flow)
    return None


def forget(data: PortData, flow: TcpFlow) -> None:
    """Remove a connection and its entries in the unified flow table."""
    data.uft.remove_pair(flow.flow, flow.inbound_flow)
    data.tcp_flows.remove(flow.flow)
    data.statistics.tcp_flows = len(data.tcp_flows)


def _update(flow: TcpFlow, segment: Segment) -> int:
    return flow.update(segment.header, segment.direction, segment.length, segment.inbound_flow, segment.payload)


def _begin(data: PortData, segment: Segment) -> TcpFlow | None:
    flow = TcpFlow(segment.outbound_flow, segment.now_ms, data.semantics)
    following = _update(flow, segment)
    if following in (UNEXPECTED_SEGMENT, NEW_FLOW):
        raise TcpRefused("unexpected segment")
    if following == CLOSED:
        if segment.direction is Direction.OUT:
            data.uft.remove_pair(segment.outbound_flow, None)
        return None
    try:
        data.tcp_flows.add(flow, segment.now_ms)
    except TableFull as full:
        raise TcpRefused(f"TCP {full}") from full
    present = len(data.tcp_flows)
    if data.statistics.tcp_flows == present:
        data.statistics.tcp_evictions += 1
    data.statistics.tcp_flows = present
    return flow
