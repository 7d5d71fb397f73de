"""The flows of a layer: what its stateful actions have decided, two halves to a flow, and room for so many.

A flow has a half in each direction, keyed as packets of that direction look when they enter the layer. Upstream
behaviour: `LayerFlowTable` in `lib/opte/src/engine/layer.rs`.
"""

from typing import NamedTuple

from reference.action import ActionDescriptor, ActionMeta
from reference.direction import Direction
from reference.flow_table import FlowEntry, FlowTable, Lifetime
from reference.packet.flow import FlowId
from reference.packet.packet import Packet
from reference.packet.parse import parse
from reference.passage import Passage
from reference.semantics import Semantics
from reference.statistics import LayerStatistics


class Opening(NamedTuple):
    """The packet that began a flow, as the layer saw it.

    Attributes:
        direction: the way it travelled.
        frame: its inner frame.
        tags: what earlier layers had noted.
    """

    direction: Direction
    frame: bytes
    tags: dict[str, str]

    @classmethod
    def of(cls, passage: Passage) -> "Opening":
        """What is to be remembered of a packet that enters a layer."""
        packet = passage.packet
        return cls(passage.direction, bytes(packet.buffer[packet.encapsulation_length :]), dict(passage.meta.tags))

    def again(self) -> tuple[Packet, ActionMeta]:
        """The packet and its metadata, for rules to look at."""
        meta = ActionMeta()
        meta.tags.update(self.tags)
        return parse(Direction.OUT, self.frame), meta


class LayerEntry(FlowEntry):
    """One half of a layer's flow.

    Attributes:
        descriptor: what the action decided; None for a flow that is merely allowed.
        partner: key of the other half.
        opening: the packet that began the flow, where it is merely allowed.
        route: the router target for which the descriptor was last found good; None before a packet had one.
    """

    __slots__ = ("descriptor", "opening", "partner", "route")

    def __init__(
        self,
        flow: FlowId,
        partner: FlowId,
        descriptor: ActionDescriptor | None,
        lifetime: Lifetime,
        opening: Opening | None = None,
    ) -> None:
        super().__init__(flow, lifetime)
        self.partner = partner
        self.descriptor = descriptor
        self.opening = opening
        self.route: object = None

    @property
    def summary(self) -> str:
        """What the flow does, as dumps show it."""
        return "no-op" if self.descriptor is None else str(self.descriptor)

    def on_hold(self) -> None:
        if self.descriptor is not None:
            self.descriptor.hold()

    def on_drop(self) -> None:
        if self.descriptor is not None:
            self.descriptor.drop()


class NewFlow:
    """A flow that a packet begins, and whose packet has not been allowed yet. It takes place once it is settled."""

    __slots__ = ("_flows", "_inward", "_outward", "_victim")

    def __init__(self, flows: "LayerFlows", inward: LayerEntry, outward: LayerEntry, victim: LayerEntry | None) -> None:
        self._flows = flows
        self._inward = inward
        self._outward = outward
        self._victim = victim
        inward.hold()
        outward.hold()

    def settle(self) -> None:
        """Put the flow into its layer, and the victim, if there is no room for both, out."""
        self._flows.evict(self._victim)
        self._flows.add(self._inward, self._outward)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the flow: what is not in the layer leaves nothing behind."""
        self._inward.drop()
        self._outward.drop()


class LayerFlows:
    """The flows of one layer.

    Attributes:
        inbound, outbound: the halves by direction.
        limit: how many flows there may be.
        count: how many flows the layer believes to have; its capacity is checked against this number, not against the
            tables.
    """

    def __init__(self, limit: int, statistics: LayerStatistics, semantics: Semantics) -> None:
        self.inbound: FlowTable[LayerEntry] = FlowTable(limit)
        self.outbound: FlowTable[LayerEntry] = FlowTable(limit)
        self.limit = limit
        self.count = 0
        self._statistics = statistics
        self._semantics = semantics

    def table(self, direction: Direction) -> FlowTable[LayerEntry]:
        """The halves that packets of a direction meet."""
        return self.inbound if direction is Direction.IN else self.outbound

    @property
    def is_full(self) -> bool:
        """Whether a flow must go for another to come."""
        return self.count >= self.limit

    def evict(self, victim: LayerEntry | None) -> None:
        """Evict a flow by its outbound half; None evicts nothing."""
        if victim is not None:
            self._statistics.evictions += 1
            self.outbound.expire(victim.flow)
            self.inbound.expire(victim.partner)
            self.count = len(self.outbound)

    def add(self, inward: LayerEntry, outward: LayerEntry) -> None:
        """Add both halves of a flow. Halves of other flows under the same keys leave."""
        for direction, entry in ((Direction.IN, inward), (Direction.OUT, outward)):
            former = self.table(direction).entries.get(entry.flow)
            if former is not None:
                self.remove(direction, former)
            self.table(direction).put(entry)
        self.count += 1
        self._statistics.flows += 1

    def remove(self, direction: Direction, half: LayerEntry) -> None:
        """Remove a half of a flow whose time is not over; its partner goes with it, unless upstream is followed."""
        self.table(direction).discard(half)
        if not self._semantics.halves_live_as_pairs:
            return
        opposite = self.table(direction.opposite)
        partner = opposite.entries.get(half.partner)
        if partner is not None and partner.lifetime is half.lifetime:
            opposite.discard(partner)
        self.count -= 1

    def clear(self) -> None:
        """Forget all flows."""
        self.inbound.clear()
        self.outbound.clear()
        self.count = 0

    def mark_dirty(self) -> None:
        """Ask for validation of all present flows, in each direction before its next packet."""
        self.inbound.mark_dirty()
        self.outbound.mark_dirty()

    def expire(self, now_ms: int) -> None:
        """Remove flows past their time to live. Only outbound halves are looked at; each takes its partner along."""
        for entry in self.outbound.expire_due(now_ms):
            self.inbound.expire(entry.partner)
        self.count = len(self.outbound)
        self._statistics.flows = self.count
