"""TCP flows: tracked connections, keyed by the outbound flow id.

Upstream behaviour: `TcpFlowEntryState` and `TcpExpiry` in `lib/opte/src/engine/port/mod.rs`; lifetimes in `tcp.rs`.
"""

import functools
from collections.abc import Set

from reference.direction import Direction
from reference.flow_table import FIRST_TO_GO, FLOW_TIME_TO_LIVE_MS, PROTECTED, FlowEntry, Lifetime
from reference.packet.flow import FlowId
from reference.packet.headers import Tcp
from reference.semantics import Semantics
from reference.tcp import (
    ACK,
    CLOSED,
    ESTABLISHED,
    FIN,
    FIN_BEGINS_CLOSING,
    GUEST_SYN_REOPENS,
    NEW_FLOW,
    REMOTE_SYN_KEEPS_ESTABLISHED,
    UNEXPECTED_SEGMENT,
    TcpState,
    transition,
)

INCIPIENT_TIME_TO_LIVE_MS = 5_000
"""For connections that are being set up, or wait for the last acknowledgement."""

QUIESCENT_TIME_TO_LIVE_MS = 120_000
"""For connections that are being closed."""

ESTABLISHED_TIME_TO_LIVE_MS = 8_000_000
"""Above the two hours after which hosts send keepalives."""

_TIME_TO_LIVE_MS = {
    TcpState.CLOSED: 0,
    TcpState.LISTEN: INCIPIENT_TIME_TO_LIVE_MS,
    TcpState.SYN_SENT: INCIPIENT_TIME_TO_LIVE_MS,
    TcpState.SYN_RECEIVED: INCIPIENT_TIME_TO_LIVE_MS,
    TcpState.ESTABLISHED: ESTABLISHED_TIME_TO_LIVE_MS,
    TcpState.CLOSE_WAIT: QUIESCENT_TIME_TO_LIVE_MS,
    TcpState.LAST_ACK: INCIPIENT_TIME_TO_LIVE_MS,
    TcpState.FIN_WAIT_1: QUIESCENT_TIME_TO_LIVE_MS,
    TcpState.FIN_WAIT_2: QUIESCENT_TIME_TO_LIVE_MS,
    TcpState.TIME_WAIT: QUIESCENT_TIME_TO_LIVE_MS,
}

_SEQUENCE_MASK = 0xFFFF_FFFF

_LEAST_MISBEHAVED = 2
_MOST_MISBEHAVED = FIRST_TO_GO - 1
_IDLE_ESTABLISHED = 1


class TcpFlow(FlowEntry):
    """A tracked connection.

    Attributes:
        flow: the outbound flow id.
        inbound_flow: id of inbound packets as they arrive from the network; None before there was one.
        state: a `TcpState`, as its number.
        fin_sequence: sequence number of the guest's FIN; None before there was one.
        guest_sequence, guest_acknowledgement, remote_sequence, remote_acknowledgement: numbers of the last segment from
            each side (acknowledgement: of the last one with ACK); None before there was one.
        segments_in, segments_out: segments seen.
        bytes_in, bytes_out: bytes of whole frames as they reached the port: inbound with their encapsulation.
    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "fin_sequence",
        "guest_acknowledgement",
        "guest_sequence",
        "inbound_flow",
        "inbound_parents",
        "outbound_parents",
        "remote_acknowledgement",
        "remote_sequence",
        "segments_in",
        "segments_out",
        "semantics",
        "state",
    )

    def __init__(self, flow: FlowId, now_ms: int, semantics: Semantics = Semantics.CORRECT) -> None:
        super().__init__(flow, Lifetime(now_ms))
        self.semantics = semantics
        self.inbound_flow: FlowId | None = None
        self.state: int = CLOSED
        self.fin_sequence: int | None = None
        self.guest_sequence: int | None = None
        self.guest_acknowledgement: int | None = None
        self.remote_sequence: int | None = None
        self.remote_acknowledgement: int | None = None
        self.segments_in = 0
        self.segments_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.inbound_parents: tuple[FlowEntry, ...] = ()
        self.outbound_parents: tuple[FlowEntry, ...] = ()

    def update(
        self, segment: Tcp, direction: Direction, length: int, inbound_flow: FlowId | None, payload: int = 0
    ) -> int:
        """Take a segment into account.

        Args:
            segment: the segment's header.
            direction: the way it travels.
            length: bytes of the whole frame.
            inbound_flow: id of an inbound packet as it arrived; None outbound.
            payload: bytes of data in the segment.

        Returns:
            The new state, `tcp.UNEXPECTED_SEGMENT` or `tcp.NEW_FLOW`; with the last two the state stays as it was.
        """
        flags = segment.flags
        outbound = direction is Direction.OUT
        corrections = tcp_corrections(self.semantics)
        acknowledgement = segment.acknowledgement
        following = transition(self.state, self._compared_sequence(), flags, acknowledgement, outbound, corrections)
        if outbound:
            if flags & FIN:
                self.fin_sequence = (segment.sequence + payload) & _SEQUENCE_MASK
            self.segments_out += 1
            self.bytes_out += length
            self.guest_sequence = segment.sequence
            if flags & ACK:
                self.guest_acknowledgement = segment.acknowledgement
        else:
            self.segments_in += 1
            self.bytes_in += length
            self.remote_sequence = segment.sequence
            if flags & ACK:
                self.remote_acknowledgement = segment.acknowledgement
        if inbound_flow is not None:
            self.inbound_flow = inbound_flow
        if following not in (UNEXPECTED_SEGMENT, NEW_FLOW):
            self.state = following
        return following

    def _compared_sequence(self) -> int:
        """The sequence number that an acknowledgement of the guest's FIN is compared with."""
        return (self.fin_sequence if self.semantics.fin_ends_after_payload else self.guest_sequence) or 0

    def parents(self) -> tuple[FlowEntry, ...]:
        return self.inbound_parents + self.outbound_parents

    def adopt_parents(self, direction: Direction, parents: tuple[FlowEntry, ...]) -> None:
        """Depend, for packets of one direction, on these layer entries instead of those before."""
        for parent in parents:
            parent.hold()
        if direction is Direction.IN:
            former, self.inbound_parents = self.inbound_parents, parents
        else:
            former, self.outbound_parents = self.outbound_parents, parents
        for parent in former:
            parent.remove_child(self)
            parent.drop()
        for parent in parents:
            parent.add_child(self)

    def let_go_of(self, parents: Set[FlowEntry]) -> None:
        """Depend no more on entries that are forgotten."""
        for direction, mine in ((Direction.IN, self.inbound_parents), (Direction.OUT, self.outbound_parents)):
            if not parents.isdisjoint(mine):
                self.adopt_parents(direction, tuple(parent for parent in mine if parent not in parents))

    def on_drop(self) -> None:
        for parent in self.parents():
            parent.drop()

    def is_expired(self, now_ms: int) -> bool:
        return max(0, now_ms - self.lifetime.last_hit_ms) >= _TIME_TO_LIVE_MS[TcpState(self.state)]

    def own_priority(self, now_ms: int) -> int:
        """Eviction priority by state and age.

        A connection in good health is protected; an established one that was idle as long as other flows may be goes
        last; one that is being set up or closed goes the sooner the nearer it is to its end.
        """
        idle_ms = max(0, now_ms - self.lifetime.last_hit_ms)
        if self.state == CLOSED:
            return FIRST_TO_GO
        if self.state == ESTABLISHED:
            return _IDLE_ESTABLISHED if idle_ms >= FLOW_TIME_TO_LIVE_MS else PROTECTED
        end = _TIME_TO_LIVE_MS[TcpState(self.state)]
        start = INCIPIENT_TIME_TO_LIVE_MS if end == QUIESCENT_TIME_TO_LIVE_MS else INCIPIENT_TIME_TO_LIVE_MS // 2
        return priority_between(start, end, idle_ms) if idle_ms > start else PROTECTED


@functools.cache
def tcp_corrections(semantics: Semantics) -> int:
    """The corrections of the state machine that the semantics ask for, as `tcp.transition` takes them."""
    corrections = GUEST_SYN_REOPENS if semantics.guest_syn_reopens else 0
    corrections |= FIN_BEGINS_CLOSING if semantics.fin_begins_closing else 0
    return corrections | (REMOTE_SYN_KEEPS_ESTABLISHED if semantics.remote_syn_keeps_established else 0)


def priority_between(start_ms: int, end_ms: int, idle_ms: int) -> int:
    """Eviction priority that rises linearly between two idle times, from the least to the most misbehaved.

    Upstream computes it in fixed point with 16 fractional bits, rounding to nearest (`flow_table.rs`, `priority_lerp`).
    """
    if idle_ms >= end_ms:
        return _MOST_MISBEHAVED
    if idle_ms <= start_ms:
        return _LEAST_MISBEHAVED
    fraction = ((idle_ms - start_ms) << 16) // (end_ms - start_ms)
    scaled = (_MOST_MISBEHAVED - _LEAST_MISBEHAVED) * fraction
    return _LEAST_MISBEHAVED + (scaled + 0x8000 >> 16)
