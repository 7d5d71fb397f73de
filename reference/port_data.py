"""The state of a port: lifecycle, epoch, layers, flow tables, counters; and the changes of rules that raise the epoch.

Upstream behaviour: `PortData` and the rule functions of `Port` in `lib/opte/src/engine/port/mod.rs`.
"""

import enum

from reference.direction import Direction
from reference.errors import BadState, LayerNotFound
from reference.flow_table import FlowEntry, FlowTable
from reference.layer import Layer
from reference.rule import Rule
from reference.semantics import Semantics
from reference.statistics import PortStatistics
from reference.tcp_flows import TcpFlow
from reference.uft import UnifiedFlowTable


class PortState(enum.Enum):
    """Lifecycle of a port."""

    READY = "ready"
    """Configured, holds no flows, processes no packets."""

    RUNNING = "running"
    """Processes packets."""

    PAUSED = "paused"
    """Keeps its flows and processes no packets."""


CONFIGURABLE = (PortState.READY, PortState.RUNNING)
"""States in which rules may change."""


class PortData:
    """Everything that changes about a port, apart from its VPC configuration.

    Attributes:
        state: where in its lifecycle the port is.
        epoch: rises with every change of rules; entries of the unified flow table are good for one epoch.
        layers: in outbound order, gateway first.
        uft: the unified flow table.
        tcp_flows: tracked connections by outbound flow id.
        statistics: the port's counters.
        semantics: which of upstream's behaviours to follow.
    """

    def __init__(
        self, layers: list[Layer], uft_limit: int, tcp_limit: int, semantics: Semantics = Semantics.CORRECT
    ) -> None:
        self.state = PortState.READY
        self.epoch = 1
        self.layers = layers
        self.semantics = semantics
        self.statistics = PortStatistics(uft_limit, tcp_limit)
        self.uft = UnifiedFlowTable(uft_limit, self.statistics, semantics)
        self.tcp_flows: FlowTable[TcpFlow] = FlowTable(tcp_limit, semantics)

    def require_state(self, *allowed: PortState) -> None:
        """Raise `BadState` unless the port is in one of these states."""
        if self.state not in allowed:
            raise BadState(self.state.value)

    def layer(self, name: str) -> Layer:
        """The layer of a name; raises `LayerNotFound`."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise LayerNotFound(name)

    def add_rule(self, layer: str, direction: Direction, rule: Rule) -> None:
        """Add a rule to a layer; raises `BadState`."""
        self.require_state(*CONFIGURABLE)
        self.layer(layer).add_rule(direction, rule)
        self.epoch += 1

    def remove_rule(self, layer: str, direction: Direction, rule_id: int) -> None:
        """Remove a rule from a layer; raises `BadState` or `RuleNotFound`."""
        self.require_state(*CONFIGURABLE)
        self.layer(layer).remove_rule(direction, rule_id)
        self.epoch += 1

    def set_rules(self, layer: str, inbound: list[Rule], outbound: list[Rule], soft: bool = False) -> None:
        """Replace a layer's rules; `soft` keeps its flows as far as they remain valid; raises `BadState`."""
        self.require_state(*CONFIGURABLE)
        self.layer(layer).set_rules(inbound, outbound, soft)
        self.epoch += 1

    def expire(self, now_ms: int) -> None:
        """Remove flows past their time to live, children before parents: connections, unified, layer entries."""
        self.tcp_flows.expire_due(now_ms)
        self.statistics.tcp_flows = len(self.tcp_flows)
        self.uft.expire(now_ms)
        for layer in self.layers:
            layer.expire(now_ms)

    def clear_layer(self, name: str) -> None:
        """Forget a layer's flows; raises `LayerNotFound`.

        What depends on them is let go of, so that nothing that they own, such as a source NAT port, stays taken or is
        in use by two: their unified entries go, their connections stay without them. Upstream leaves both as they are.
        """
        layer = self.layer(name)
        forgotten: set[FlowEntry] = {*layer.inbound.table.entries.values(), *layer.outbound.table.entries.values()}
        layer.clear_flows()
        if not self.semantics.clearing_lets_go:
            return
        for direction in Direction:
            table = self.uft.table(direction)
            for entry in table.in_order():
                if not forgotten.isdisjoint(entry.parents()):
                    table.discard(entry)
        for flow in self.tcp_flows.in_order():
            flow.let_go_of(forgotten)

    def clear(self) -> None:
        """Forget all flows of all tables."""
        for layer in self.layers:
            layer.clear_flows()
        self.uft.clear()
        self.tcp_flows.clear()
        self.statistics.tcp_flows = 0
