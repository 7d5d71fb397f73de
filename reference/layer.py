"""A layer: rules for each direction, and a table of the flows that its stateful actions have decided about.

A flow has a half in each direction, keyed as packets of that direction look when they enter the layer, and both halves
live and die together. Upstream behaviour: `lib/opte/src/engine/layer.rs`.
"""

import enum
from typing import TypeAlias

from reference.action import (
    Action,
    ActionDescriptor,
    HairpinAction,
    MetaAction,
    SimpleAction,
    StatefulAction,
    StaticAction,
)
from reference.direction import Direction
from reference.errors import LayerError
from reference.flow_table import FlowEntry, FlowTable, Lifetime
from reference.packet.flow import NO_FLOW, FlowId
from reference.passage import Passage
from reference.rule import Rule, RuleTable
from reference.statistics import LayerDirectionStatistics, LayerStatistics
from reference.verdict import DenyReason, Drop, Hairpin, LayerDrop


class DefaultAction(enum.Enum):
    """What happens to packets that no rule matches. The values are OPTE's texts."""

    ALLOW = "allow"
    STATEFUL_ALLOW = "stateful allow"
    DENY = "deny"

    @property
    def action(self) -> SimpleAction:
        """The same as an action."""
        return SimpleAction[self.name]


class HandlePacket(enum.Enum):
    """Marker: the packet is to be handled outside the layers."""

    HANDLE_PACKET = "handle"


LayerOutcome: TypeAlias = Drop | Hairpin | HandlePacket | None
"""Result of a layer: None lets the packet go on, anything else ends its passage."""


class LayerEntry(FlowEntry):
    """One half of a layer's flow.

    Attributes:
        descriptor: what the action decided; None for a flow that is merely allowed.
        partner: key of the other half.
    """

    __slots__ = ("descriptor", "partner")

    def __init__(self, flow: FlowId, partner: FlowId, descriptor: ActionDescriptor | None, lifetime: Lifetime) -> None:
        super().__init__(flow, lifetime)
        self.partner = partner
        self.descriptor = descriptor

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


class LayerSide:
    """One direction of a layer: rules, default, flows, counters."""

    __slots__ = ("default", "default_hits", "direction", "rules", "statistics", "table")

    def __init__(self, direction: Direction, default: DefaultAction, limit: int) -> None:
        self.direction = direction
        self.default = default
        self.default_hits = 0
        self.rules = RuleTable()
        self.table: FlowTable[LayerEntry] = FlowTable(limit)
        self.statistics = LayerDirectionStatistics()

    def set_rules(self, rules: list[Rule]) -> None:
        """Replace the rules of this direction."""
        self.rules.replace(rules)
        self.statistics.rules = len(self.rules)


class Layer:
    """A layer of a port.

    Attributes:
        name: gateway, firewall, router, nat or overlay.
        inbound, outbound: the two sides.
        count: how many flows the layer believes to have; its capacity is checked against this number, not against the
            tables.
        statistics: counters that belong to neither side.
    """

    def __init__(self, name: str, default_in: DefaultAction, default_out: DefaultAction, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.inbound = LayerSide(Direction.IN, default_in, limit)
        self.outbound = LayerSide(Direction.OUT, default_out, limit)
        self.count = 0
        self.statistics = LayerStatistics(limit)

    def side(self, direction: Direction) -> LayerSide:
        """The side that packets of a direction meet."""
        return self.inbound if direction is Direction.IN else self.outbound

    def process(self, passage: Passage) -> LayerOutcome:
        """Let a packet pass through the layer: by the entry of its flow if there is a valid one, else by the rules.

        Raises:
            LayerError: the layer failed to process the packet.
        """
        side = self.side(passage.direction)
        entry = self._find_entry(side, passage)
        if entry is None:
            return self._process_by_rules(side, passage)
        side.statistics.lft_hit += 1
        passage.parents.append(entry)
        if entry.descriptor is not None:
            _transform(entry.descriptor, passage)
        return None

    def _find_entry(self, side: LayerSide, passage: Passage) -> LayerEntry | None:
        """The entry of the packet's flow. One that a change of rules invalidated is removed, in this direction only."""
        flow = passage.packet.flow
        if flow == NO_FLOW:
            return None
        entry = side.table.get(flow)
        if entry is None:
            return None
        entry.hit(passage.now_ms)
        if entry.dirty:
            if entry.descriptor is None or not entry.descriptor.is_valid():
                side.table.remove(flow)
                return None
            entry.dirty = False
        return entry

    def _process_by_rules(self, side: LayerSide, passage: Passage) -> LayerOutcome:
        statistics = side.statistics
        statistics.lft_miss += 1
        found = side.rules.match(passage.packet, passage.meta)
        action: Action
        if found is not None:
            statistics.rule_match += 1
            found.hits += 1
            action = found.rule.action
        else:
            statistics.rule_nomatch += 1
            side.default_hits += 1
            action = side.default.action
        if action is SimpleAction.DENY:
            statistics.deny += 1
            return self._drop(DenyReason.DEFAULT if found is None else DenyReason.RULE)
        return self._act(action, side, passage)

    def _act(self, action: Action, side: LayerSide, passage: Passage) -> LayerOutcome:
        packet = passage.packet
        match action:
            case SimpleAction.ALLOW:
                return None
            case SimpleAction.STATEFUL_ALLOW:
                self._evict(self._check_for_space(side, passage.now_ms))
                self._add_pair(side, passage, packet.flow, None)
            case SimpleAction.HANDLE_PACKET:
                return HandlePacket.HANDLE_PACKET
            case MetaAction():
                if not action.apply(packet, passage.meta):
                    return self._drop(DenyReason.ACTION)
            case StaticAction():
                transform = action.transform(packet, passage.meta)
                if transform is None:
                    return self._drop(DenyReason.ACTION)
                passage.transform_headers(transform)
            case StatefulAction():
                return self._begin_flow(action, side, passage)
            case HairpinAction():
                reply = action.reply(packet)
                return self._drop(DenyReason.ACTION) if reply is None else Hairpin(reply)
        return None

    def _begin_flow(self, action: StatefulAction, side: LayerSide, passage: Passage) -> LayerOutcome:
        """Let a stateful action decide about a new flow. A full table's victim goes after the decision."""
        victim = self._check_for_space(side, passage.now_ms)
        descriptor = action.describe(passage.packet)
        if descriptor is None:
            return self._drop(DenyReason.ACTION)
        descriptor.hold()
        try:
            self._evict(victim)
            before = passage.packet.flow
            _transform(descriptor, passage)
            self._add_pair(side, passage, before, descriptor)
        finally:
            descriptor.drop()
        return None

    def _drop(self, why: DenyReason) -> Drop:
        return Drop(LayerDrop(self.name, why))

    def _check_for_space(self, side: LayerSide, now_ms: int) -> LayerEntry | None:
        """The outbound half of the flow to evict, None if there is room; raises `LayerError` when no flow may go."""
        if self.count < self.limit:
            return None
        victim = self.outbound.table.find_victim(now_ms)
        if victim is None:
            side.statistics.lft_full += 1
            direction = side.direction.value.capitalize()
            raise LayerError(f'FlowTableFull {{ layer: "{self.name}", dir: {direction} }}')
        return victim

    def _evict(self, victim: LayerEntry | None) -> None:
        if victim is not None:
            self.statistics.evictions += 1
            self.outbound.table.expire(victim.flow)
            self.inbound.table.expire(victim.partner)
            self.count = len(self.outbound.table)

    def _add_pair(self, side: LayerSide, passage: Passage, before: FlowId, descriptor: ActionDescriptor | None) -> None:
        """Add both halves of a flow: one keyed by the packet as it came, the other by the mirror of how it goes on."""
        lifetime = Lifetime(passage.now_ms)
        after = passage.packet.flow.mirror()
        entry = LayerEntry(before, after, descriptor, lifetime)
        partner = LayerEntry(after, before, descriptor, lifetime)
        inward, outward = (entry, partner) if side is self.inbound else (partner, entry)
        self.inbound.table.put(inward)
        self.outbound.table.put(outward)
        self.count += 1
        self.statistics.flows += 1
        passage.parents.append(entry)

    def simulate(self, passage: Passage) -> bool:
        """Do what `process` would do to a packet that is merely let through, without a trace; tell whether it would be.

        Nothing is counted, no entry is hit, and a packet that would begin a flow is none that is merely let through.
        """
        packet = passage.packet
        side = self.side(passage.direction)
        entry = side.table.get(packet.flow)
        if entry is not None:
            descriptor = entry.descriptor
            if entry.dirty and (descriptor is None or not descriptor.is_valid()):
                return False
            passage.parents.append(entry)
            if descriptor is not None:
                _transform(descriptor, passage)
            return True
        found = side.rules.match(packet, passage.meta)
        match side.default.action if found is None else found.rule.action:
            case SimpleAction.ALLOW:
                return True
            case MetaAction() as action:
                return action.apply(packet, passage.meta)
            case StaticAction() as action:
                transform = action.transform(packet, passage.meta)
                if transform is not None:
                    passage.transform_headers(transform)
                return transform is not None
        return False

    def add_rule(self, direction: Direction, rule: Rule) -> None:
        """Add a rule. Existing flows keep what was decided for them."""
        side = self.side(direction)
        side.rules.add(rule)
        side.statistics.rules += 1
        self.statistics.add_rule_called += 1

    def remove_rule(self, direction: Direction, rule_id: int) -> None:
        """Remove a rule; raises `RuleNotFound`. Existing flows keep what was decided for them."""
        side = self.side(direction)
        side.rules.remove(rule_id)
        side.statistics.rules -= 1
        self.statistics.remove_rule_called += 1

    def set_rules(self, inbound: list[Rule], outbound: list[Rule], soft: bool = False) -> None:
        """Replace all rules. Hard: all flows are forgotten. Soft: flows are validated before their next use."""
        for side, rules in ((self.inbound, inbound), (self.outbound, outbound)):
            if soft:
                side.table.mark_dirty()
            else:
                side.table.clear()
            side.set_rules(rules)
        if not soft:
            self.count = 0
        self.statistics.set_rules_called += 1

    def clear_flows(self) -> None:
        """Forget all flows."""
        self.inbound.table.clear()
        self.outbound.table.clear()
        self.count = 0
        self.statistics.flows = 0

    def expire(self, now_ms: int) -> None:
        """Remove flows past their time to live. Only outbound halves are looked at; each takes its partner along."""
        for entry in self.outbound.table.expire_due(now_ms):
            self.inbound.table.expire(entry.partner)
        self.count = len(self.outbound.table)
        self.statistics.flows = self.count

    def statistics_dict(self) -> dict[str, int]:
        """All counters by OPTE's names."""
        return {
            **self.inbound.statistics.as_dict("in_"),
            **self.outbound.statistics.as_dict("out_"),
            **self.statistics.as_dict(""),
        }


def _transform(descriptor: ActionDescriptor, passage: Passage) -> None:
    packet = passage.packet
    passage.transform_headers(descriptor.header_transform(passage.direction, passage.meta))
    if packet.length > packet.body_offset:
        body = descriptor.body_transform(packet)
        if body is not None:
            passage.transform_body(body)
