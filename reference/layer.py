"""A layer: rules for each direction, and a table of the flows that its stateful actions have decided about.

Upstream behaviour: `lib/opte/src/engine/layer.rs`.
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
from reference.flow_table import FlowTable, Lifetime
from reference.layer_flows import LayerEntry, LayerFlows, NewFlow, Opening
from reference.packet.flow import NO_FLOW, FlowId
from reference.passage import Passage
from reference.rule import Rule, RuleTable
from reference.semantics import Semantics
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


class Fate(enum.Enum):
    """What becomes of a layer's flows when its rules change."""

    KEPT = "kept"
    """They keep what was decided for them."""

    VALIDATED = "validated"
    """Each is validated before its next use."""

    FORGOTTEN = "forgotten"
    """They are removed."""


class HandlePacket(enum.Enum):
    """Marker: the packet is to be handled outside the layers."""

    HANDLE_PACKET = "handle"


LayerOutcome: TypeAlias = Drop | Hairpin | HandlePacket | None
"""Result of a layer: None lets the packet go on, anything else ends its passage."""


class LayerSide:
    """One direction of a layer: rules, default, flows, counters."""

    __slots__ = ("default", "default_hits", "direction", "rules", "statistics", "table")

    def __init__(self, direction: Direction, default: DefaultAction, table: FlowTable[LayerEntry]) -> None:
        self.direction = direction
        self.default = default
        self.default_hits = 0
        self.rules = RuleTable()
        self.table = table
        self.statistics = LayerDirectionStatistics()

    def set_rules(self, rules: list[Rule]) -> None:
        """Replace the rules of this direction."""
        self.rules.replace(rules)
        self.statistics.rules = len(self.rules)


class Layer:
    """A layer of a port.

    Attributes:
        name: gateway, firewall, router, nat or overlay.
        flows: the flows that stateful actions have decided about.
        inbound, outbound: the two sides.
        statistics: counters that belong to neither side.
    """

    def __init__(
        self,
        name: str,
        default_in: DefaultAction,
        default_out: DefaultAction,
        limit: int,
        semantics: Semantics = Semantics.CORRECT,
    ) -> None:
        self.name = name
        self.statistics = LayerStatistics(limit)
        self.flows = LayerFlows(limit, self.statistics, semantics)
        self.inbound = LayerSide(Direction.IN, default_in, self.flows.inbound)
        self.outbound = LayerSide(Direction.OUT, default_out, self.flows.outbound)
        self._semantics = semantics

    @property
    def count(self) -> int:
        """How many flows the layer believes to have."""
        return self.flows.count

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
        """The entry of the packet's flow, if it still holds. One that does not is removed."""
        flow = passage.packet.flow
        if flow == NO_FLOW:
            return None
        entry = side.table.get(flow)
        if entry is None:
            return None
        entry.hit(passage.now_ms)
        if not self._holds(entry, side, passage):
            self.flows.remove(side.direction, entry)
            return None
        entry.dirty = False
        entry.route = passage.meta.router_target
        return entry

    def _holds(self, entry: LayerEntry, side: LayerSide, passage: Passage) -> bool:
        """Whether what was decided about a flow holds: under new rules, and on the way that the packet is going."""
        if entry.dirty and not self._is_valid(entry):
            return False
        if not self._semantics.routes_reach_live_flows or entry.descriptor is None:
            return True
        route = passage.meta.router_target
        if route is None or route == entry.route:
            return True
        found = side.rules.match(passage.packet, passage.meta)
        return found is not None and isinstance(found.rule.action, StatefulAction)

    def _is_valid(self, entry: LayerEntry) -> bool:
        """Whether a flow may go on after a change of rules: they would let it begin, or its descriptor is good."""
        if entry.descriptor is not None:
            return entry.descriptor.is_valid()
        if entry.opening is None:
            return False
        side = self.side(entry.opening.direction)
        found = side.rules.match(*entry.opening.again())
        action = side.default.action if found is None else found.rule.action
        return action in (SimpleAction.ALLOW, SimpleAction.STATEFUL_ALLOW)

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
                victim = self._check_for_space(side, passage.now_ms)
                self._add_pair(passage, packet.flow, None, victim, Opening.of(passage))
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
            before = passage.packet.flow
            _transform(descriptor, passage)
            self._add_pair(passage, before, descriptor, victim)
        finally:
            descriptor.drop()
        return None

    def _drop(self, why: DenyReason) -> Drop:
        return Drop(LayerDrop(self.name, why))

    def _check_for_space(self, side: LayerSide, now_ms: int) -> LayerEntry | None:
        """The outbound half of the flow to evict, None if there is room; raises `LayerError` when no flow may go."""
        if not self.flows.is_full:
            return None
        victim = self.outbound.table.find_victim(now_ms)
        if victim is None:
            side.statistics.lft_full += 1
            direction = side.direction.value.capitalize()
            raise LayerError(f'FlowTableFull {{ layer: "{self.name}", dir: {direction} }}')
        return victim

    def _add_pair(
        self,
        passage: Passage,
        before: FlowId,
        descriptor: ActionDescriptor | None,
        victim: LayerEntry | None,
        opening: Opening | None = None,
    ) -> None:
        """Begin a flow: one half keyed by the packet as it came, the other by the mirror of how it goes on.

        Upstream has it at once, whatever later layers say.
        """
        lifetime = Lifetime(passage.now_ms)
        after = passage.packet.flow.mirror()
        entry = LayerEntry(before, after, descriptor, lifetime, opening)
        partner = LayerEntry(after, before, descriptor, lifetime, opening)
        entry.route = passage.meta.router_target
        inward, outward = (entry, partner) if passage.direction is Direction.IN else (partner, entry)
        flow = NewFlow(self.flows, inward, outward, victim)
        if self._semantics.denied_packets_begin_nothing:
            passage.beginning.append(flow)
        else:
            flow.settle()
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
            if not self._holds(entry, side, passage):
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
        """Add a rule."""
        side = self.side(direction)
        side.rules.add(rule)
        side.statistics.rules += 1
        self.statistics.add_rule_called += 1
        self._rules_changed(Fate.KEPT)

    def remove_rule(self, direction: Direction, rule_id: int) -> None:
        """Remove a rule; raises `RuleNotFound`."""
        side = self.side(direction)
        side.rules.remove(rule_id)
        side.statistics.rules -= 1
        self.statistics.remove_rule_called += 1
        self._rules_changed(Fate.KEPT)

    def set_rules(self, inbound: list[Rule], outbound: list[Rule], soft: bool = False) -> None:
        """Replace all rules. Upstream, `soft` validates flows before their next use, else they are forgotten."""
        self.inbound.set_rules(inbound)
        self.outbound.set_rules(outbound)
        self.statistics.set_rules_called += 1
        self._rules_changed(Fate.VALIDATED if soft else Fate.FORGOTTEN)

    def _rules_changed(self, fate: Fate) -> None:
        """Let a change of rules have its effect on the flows: upstream one of several, else they are all validated."""
        if self._semantics.rules_reach_live_flows:
            fate = Fate.VALIDATED
        if fate is Fate.VALIDATED:
            self.flows.mark_dirty()
        elif fate is Fate.FORGOTTEN:
            self.flows.clear()

    def clear_flows(self) -> None:
        """Forget all flows."""
        self.flows.clear()
        self.statistics.flows = 0

    def expire(self, now_ms: int) -> None:
        """Remove flows past their time to live."""
        self.flows.expire(now_ms)

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
