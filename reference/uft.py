"""The unified flow table: per direction, what all layers together do to the packets of a flow.

A hit in this table spares a packet the layers. An entry is good for the port epoch in which it was made; entries know the id of their
partner in the other direction, as far as it has been seen. Upstream behaviour: `UftEntry` and the functions around `uft_in`, `uft_out` in
`lib/opte/src/engine/port/mod.rs`.
"""

import enum
from typing import NamedTuple

from reference.direction import Direction
from reference.errors import TableFull
from reference.flow_table import FlowEntry, FlowTable, Lifetime
from reference.packet.flow import FlowId
from reference.statistics import UINT64_MASK, PortStatistics
from reference.tcp_flows import TcpFlow
from reference.transform import FlowTransform


class UftEntry(FlowEntry):
    """One direction of a flow.

    Attributes:
        flow: id of the flow's packets as they reach the port in this direction.
        pair: id of the other direction's entry, if known.
        epoch: the port's epoch when the entry was made.
        l4_hash: hash of `flow`.
        transform: what is done to the packets; `transform.compiled` is the same as a single pass, if possible.
        tcp_flow: the connection, for TCP; it may have ceased to exist (`tcp_flow.holders == 0`).
    """

    __slots__ = ("_parents", "epoch", "l4_hash", "pair", "tcp_flow", "transform")

    def __init__(
        self,
        flow: FlowId,
        pair: FlowId | None,
        epoch: int,
        l4_hash: int,
        transform: FlowTransform,
        parents: tuple[FlowEntry, ...],
        now_ms: int,
    ) -> None:
        super().__init__(flow, Lifetime(now_ms))
        self.pair = pair
        self.epoch = epoch
        self.l4_hash = l4_hash
        self.transform = transform
        self.tcp_flow: TcpFlow | None = None
        self._parents = parents

    @property
    def compiled(self) -> bool:
        """Whether the transformation is a single pass."""
        return self.transform.compiled is not None

    def parents(self) -> tuple[FlowEntry, ...]:
        return self._parents

    def on_hold(self) -> None:
        for parent in self._parents:
            parent.hold()

    def on_drop(self) -> None:
        for parent in self._parents:
            parent.drop()


class ChangeKind(enum.Enum):
    """What happened to an entry."""

    ADDED = "added"
    REMOVED = "removed"


class Change(NamedTuple):
    """One line of the journal: an entry came or went."""

    kind: ChangeKind
    direction: Direction
    entry: UftEntry


class _JournaledTable(FlowTable[UftEntry]):
    """A flow table that reports its changes."""

    __slots__ = ("direction", "journal")

    def __init__(self, limit: int, direction: Direction) -> None:
        super().__init__(limit)
        self.direction = direction
        self.journal: list[Change] | None = None

    def put(self, entry: UftEntry) -> None:
        replaced = self.entries.get(entry.flow)
        super().put(entry)
        if self.journal is not None:
            if replaced is not None:
                self.journal.append(Change(ChangeKind.REMOVED, self.direction, replaced))
            self.journal.append(Change(ChangeKind.ADDED, self.direction, entry))

    def discard(self, entry: UftEntry) -> None:
        super().discard(entry)
        if self.journal is not None:
            self.journal.append(Change(ChangeKind.REMOVED, self.direction, entry))


class UnifiedFlowTable:
    """Both directions of the unified flow table.

    Attributes:
        inbound, outbound: the tables; `inbound.entries` maps flow ids to entries.
        changes: journal of added and removed entries, oldest first, if it was asked for with `record_changes`; a consumer drains it
            by clearing the list. An entry that a full table replaces, or that is killed with a parent, stays present until it is
            removed; whether it is dead tells `entry.killed`.
    """

    def __init__(self, limit: int, statistics: PortStatistics) -> None:
        self.inbound = _JournaledTable(limit, Direction.IN)
        self.outbound = _JournaledTable(limit, Direction.OUT)
        self.changes: list[Change] = []
        self._statistics = statistics

    def record_changes(self) -> None:
        """Begin to write the journal `changes`."""
        self.inbound.journal = self.changes
        self.outbound.journal = self.changes

    def table(self, direction: Direction) -> FlowTable[UftEntry]:
        return self.inbound if direction is Direction.IN else self.outbound

    def install(self, direction: Direction, entry: UftEntry, now_ms: int) -> None:
        """Add an entry and make it, and its connection, depend on the layer entries it came from.

        Raises:
            TableFull: no room and nothing to evict; the table is unchanged.
        """
        entry.hold()
        try:
            self.table(direction).add(entry, now_ms)
        finally:
            entry.drop()
        self._count_installed(direction)
        for parent in entry.parents():
            parent.add_child(entry)
        if entry.tcp_flow is not None:
            entry.tcp_flow.adopt_parents(direction, entry.parents())

    def _count_installed(self, direction: Direction) -> None:
        """Set the gauge. An unchanged gauge is taken for an eviction, as upstream does, also when an entry was replaced."""
        statistics = self._statistics.of(direction)
        present = len(self.table(direction))
        if statistics.uft_flows == present:
            statistics.uft_evictions += 1
        statistics.uft_flows = present

    def remove_pair(self, outbound: FlowId | None, inbound: FlowId | None) -> None:
        """Remove the halves of a flow by their ids, as far as these are known.

        The gauges fall by one for each id, whether or not an entry was there: below zero if need be, as upstream's do.
        """
        for direction, flow in ((Direction.IN, inbound), (Direction.OUT, outbound)):
            if flow is not None:
                self.table(direction).remove(flow)
                statistics = self._statistics.of(direction)
                statistics.uft_flows = (statistics.uft_flows - 1) & UINT64_MASK

    def expire(self, now_ms: int) -> None:
        """Remove entries past their time to live; inbound first."""
        for direction in (Direction.IN, Direction.OUT):
            self.table(direction).expire_due(now_ms)
            self._statistics.of(direction).uft_flows = len(self.table(direction))

    def clear(self) -> None:
        """Remove all entries."""
        for direction in (Direction.IN, Direction.OUT):
            self.table(direction).clear()
            self._statistics.of(direction).uft_flows = 0


__all__ = ["Change", "ChangeKind", "TableFull", "UftEntry", "UnifiedFlowTable"]
