"""A reference port on which a history is repeated, step by step, and taken back.

Steps of hits are taken back by what they changed; anything else by a copy of the whole port.
"""

import copy
import pickle
from collections.abc import Hashable
from typing import Any, NamedTuple

import reference
from proofs.conformance.compare import differences
from proofs.threads.dump import essence
from proofs.threads.history import HIT, MISS, Control, Following, MappingStep, Operation, Packet, attempt
from proofs.threads.one_flow import expire_flow, outbound_id
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.tcp import CLOSED, NEW_FLOW
from reference.tcp_flows import TcpFlow
from reference.uft import UftEntry
from reference.vpc.mappings import Mappings, MulticastToPhysical, VirtualToBoundary, VirtualToPhysical

_SHOWN = 5


class Mismatch(Exception):
    """The reference does otherwise than the port did; it is as it was before."""


class Before(NamedTuple):
    """What a hit, or its time stamp alone, has changed in a replica, as it was before."""

    direction: Direction
    flow: FlowId
    hits: int
    last_hit_ms: int
    counters: tuple[int, int]
    connection: dict[str, Any] | None
    connection_last_hit_ms: int


_CONNECTION = (
    *("hits", "state", "guest_sequence", "guest_acknowledgement", "remote_sequence", "remote_acknowledgement"),
    *("segments_in", "segments_out", "bytes_in", "bytes_out", "inbound_flow"),
)


class Replica:
    """A reference port and its mappings.

    Attributes:
        port: the port.
    """

    def __init__(self, port: reference.Port, mappings: Mappings, *, expires_one_by_one: bool) -> None:
        """`expires_one_by_one`: whether flows that misses have begun expire each in a moment of its own."""
        self.port = port
        self._mappings = mappings
        self._expires_one_by_one = expires_one_by_one
        self._native: tuple[FlowId, ...] = ()

    def saved(self) -> bytes:
        """Everything there is to the replica."""
        return pickle.dumps((self.port, self._mappings, self._native))

    def restore(self, saved: bytes) -> None:
        """Become what was saved."""
        self.port, self._mappings, self._native = pickle.loads(saved)

    def connections(self) -> Hashable:
        """What the order of hits may have decided."""
        return tuple((flow.state, flow.guest_sequence) for flow in self.port.tcp_flows.entries.values())

    def would_hit(self, packet: Packet) -> bool:
        """Whether the reference has an entry for a packet, so that it is no miss, and it does not end a connection."""
        entry = self._entry(packet)
        if entry is None:
            return False
        flow = entry.tcp_flow
        return flow is None or not flow.holders or _outcome(flow, packet) != CLOSED

    def could_take(self, path: int, packet: Packet) -> bool:
        """Whether a packet takes the same path through the reference: `HIT`, by an entry, or `MISS`, without one."""
        if path == HIT:
            return self._entry(packet) is not None
        return path != MISS or not self.would_hit(packet)

    def hit(self, packet: Packet) -> Before:
        """Repeat a hit; raises `Mismatch`, also where the reference would do more than to hit."""
        entry = self._entry(packet)
        if entry is None:
            raise Mismatch("the reference has no entry for it")
        if entry.tcp_flow is not None and not entry.tcp_flow.holders:
            raise Mismatch("the reference has forgotten its connection")
        if entry.tcp_flow is not None and _outcome(entry.tcp_flow, packet) in (CLOSED, NEW_FLOW):
            raise Mismatch("the reference ends the connection with it, or begins another")
        before = self._before(packet, entry)
        verdict = self.port.process(packet.direction, packet.frame, packet.now_ms)
        if verdict != packet.verdict:
            self.take_back(before)
            raise Mismatch(f"the reference decides {verdict}, the port {packet.verdict}")
        return before

    def touch(self, packet: Packet) -> Before | None:
        """Leave a packet's time in its entry, and nothing else; None where that changes nothing.

        So does a packet whose entry passes for good at first, and that is then sent to the slow path: because of its
        connection, or because the port's state or rules have changed meanwhile.
        """
        entry = self._entry(packet)
        if entry is None or entry.last_hit_ms >= packet.now_ms:
            return None
        before = self._before(packet, entry)
        entry.last_hit_ms = packet.now_ms
        if entry.tcp_flow is not None:
            entry.tcp_flow.last_hit_ms = max(entry.tcp_flow.last_hit_ms, packet.now_ms)
        return before

    def take_back(self, before: Before) -> None:
        """Undo the latest hit or touch that has not been undone."""
        entry = self.port.uft.table(before.direction).entries[before.flow]
        entry.hits, entry.last_hit_ms = before.hits, before.last_hit_ms
        statistics = self.port.data.statistics.of(before.direction)
        statistics.uft_hit, statistics.modified = before.counters
        if before.connection is not None and entry.tcp_flow is not None:
            for name, value in before.connection.items():
                setattr(entry.tcp_flow, name, value)
            entry.tcp_flow.last_hit_ms = before.connection_last_hit_ms

    @property
    def native(self) -> tuple[FlowId, ...]:
        """Outbound ids, sorted, of the flows that may expire before the expiry takes its ticket.

        Misses have begun them, and no operation on all flows has made them the reference's. Some may be the
        reference's all the same, for it has met a packet of theirs, or be gone.
        """
        return self._native if self._expires_one_by_one and self.port.state is reference.PortState.RUNNING else ()

    def expire_flow(self, flow: FlowId, now_ms: int) -> bool:
        """Expire what is due of one flow; whether anything was."""
        return expire_flow(self.port.data, flow, now_ms)

    def flow_of(self, packet: Packet) -> FlowId | None:
        """The outbound id of a packet's flow, as far as the reference knows it."""
        return outbound_id(self.port.data, packet.direction, packet.key)

    def repeat(self, operation: Operation) -> None:
        """Repeat anything but a hit; raises `Mismatch` and is then in no particular state."""
        action = operation.action
        match action:
            case Packet():
                verdict = self.port.process(action.direction, action.frame, action.now_ms)
                if verdict != action.verdict:
                    raise Mismatch(f"the reference decides {verdict}, the port {action.verdict}")
                if operation.ticket == MISS:
                    self._note_begun(action)
            case Control():
                answer = attempt(action.call, self.port, self._mappings)
                found = differences(essence(answer), essence(action.answer))
                if found:
                    listed = "; ".join(
                        f"{place.path}: {place.expected!r}, the port {place.got!r}" for place in found[:5]
                    )
                    raise Mismatch(f"the reference answers {listed}")
                if action.recalls:
                    self._native = ()
            case Following():
                if self.port.is_behind_mappings:
                    self.port.follow_mappings()
            case MappingStep():
                self._step(action)

    def _note_begun(self, packet: Packet) -> None:
        flow = self.flow_of(packet)
        if flow is not None and flow not in self._native:
            self._native = tuple(sorted((*self._native, flow)))

    def _step(self, step: MappingStep) -> None:
        """Mappings are published first and announced second: each table's version rises after its value."""
        tables: list[VirtualToPhysical | VirtualToBoundary | MulticastToPhysical]
        tables = [self._mappings.v2p, self._mappings.v2b, self._mappings.m2p]
        if step.announces:
            self._mappings.v2p.version += 1
            return
        versions = [table.version for table in tables]
        attempt(step.call, self.port, self._mappings)
        for table, version in zip(tables, versions, strict=True):
            table.version = version

    def _entry(self, packet: Packet) -> UftEntry | None:
        """The entry by which the reference would hit, if its connection allows."""
        port = self.port
        if port.is_behind_mappings or port.state is not reference.PortState.RUNNING:
            return None
        entry = port.uft.table(packet.direction).get(packet.key)
        return None if entry is None or entry.epoch != port.epoch else entry

    def _before(self, packet: Packet, entry: UftEntry) -> Before:
        statistics = self.port.data.statistics.of(packet.direction)
        flow = entry.tcp_flow
        return Before(
            packet.direction,
            packet.key,
            entry.hits,
            entry.last_hit_ms,
            (statistics.uft_hit, statistics.modified),
            None if flow is None else {name: getattr(flow, name) for name in _CONNECTION},
            0 if flow is None else flow.last_hit_ms,
        )


def _outcome(flow: TcpFlow, packet: Packet) -> int:
    """What the reference would make of the connection with a segment."""
    segment, length, payload = packet.segment
    assert segment is not None
    return copy.copy(flow).update(segment, packet.direction, length, None, payload)
