"""The unified flow table: per direction, what all layers together do to the packets of a flow.

A hit in this table spares a packet the layers. An entry is good for the port epoch in which it was made; entries know
the id of their partner in the other direction, as far as it has been seen. Upstream behaviour: `UftEntry` and the
functions around `uft_in`, `uft_out` in `lib/opte/src/engine/port/mod.rs`.
"""

from reference.direction import Direction
from reference.flow_table import FIRST_TO_GO, FlowEntry, FlowTable, Lifetime
from reference.packet.flow import FlowId
from reference.semantics import Semantics
from reference.statistics import UINT64_MASK, PortStatistics
from reference.tcp_flows import TcpFlow
from reference.transform import FlowTransform

_LAST_TO_GO = 1
"""Eviction priority of a unified entry in good health."""


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


class UnifiedTable(FlowTable[UftEntry]):
    """One direction's unified entries. They are what the layers and the connections say, kept for speed."""

    def priority(self, entry: UftEntry, now_ms: int) -> int:
        """Nothing is lost with an entry, so that none must stay: first go those of ill connections, then the idlest.

        Upstream looks at no connection: every entry of one goes first, and any other one is protected.
        """
        if not self._semantics.idlest_entry_goes:
            return super().priority(entry, now_ms)
        flow = entry.tcp_flow
        if flow is None:
            return _LAST_TO_GO
        return max(_LAST_TO_GO, flow.own_priority(now_ms)) if flow.holders else FIRST_TO_GO


class UnifiedFlowTable:
    """Both directions of the unified flow table.

    Attributes:
        inbound, outbound: the tables; `inbound.entries` maps flow ids to entries.
    """

    def __init__(self, limit: int, statistics: PortStatistics, semantics: Semantics = Semantics.CORRECT) -> None:
        self.inbound = UnifiedTable(limit, semantics)
        self.outbound = UnifiedTable(limit, semantics)
        self._statistics = statistics

    def table(self, direction: Direction) -> FlowTable[UftEntry]:
        """The table of one direction."""
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
        """Set the gauge. As upstream, an unchanged gauge counts as an eviction, even if an entry was replaced."""
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
