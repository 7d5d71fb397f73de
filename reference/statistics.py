"""Counters of a port and of its layers, under the names that OPTE reports.

Counters are unsigned 64-bit numbers: decrementing 0 wraps, as upstream's gauges of unified flows do. Upstream
behaviour: `PortStats` in `lib/opte/src/engine/port/mod.rs`, `LayerStats` in `layer.rs`.
"""

from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS

UINT64_MASK = 0xFFFF_FFFF_FFFF_FFFF


class _Counters:
    """A fixed set of counters, all zero at first."""

    __slots__: tuple[str, ...] = ()

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    def as_dict(self, prefix: str) -> dict[str, int]:
        """The counters by name, each name with a prefix."""
        return {prefix + name: getattr(self, name) for name in self.__slots__}


class DirectionStatistics(_Counters):
    """Counters of a port for packets of one direction.

    `uft_flows` is a gauge; `uft_capacity` is the table's limit; `uft_evictions` also counts replaced entries, as
    upstream does.
    """

    __slots__ = (
        "drop",
        "drop_handle_pkt",
        "drop_layer",
        "drop_tcp_err",
        "hairpin",
        "modified",
        "process_err",
        "uft_capacity",
        "uft_evictions",
        "uft_flows",
        "uft_hit",
        "uft_miss",
    )

    drop: int
    drop_handle_pkt: int
    drop_layer: int
    drop_tcp_err: int
    hairpin: int
    modified: int
    process_err: int
    uft_capacity: int
    uft_evictions: int
    uft_flows: int
    uft_hit: int
    uft_miss: int


class PortStatistics:
    """Counters of a port.

    Attributes:
        inbound, outbound: counters by direction.
        tcp_flows: gauge of tracked connections.
        tcp_capacity: limit of the table of TCP flows.
        tcp_evictions: additions that left the gauge as it was.
    """

    __slots__ = ("inbound", "outbound", "tcp_capacity", "tcp_evictions", "tcp_flows")

    def __init__(self, uft_capacity: int, tcp_capacity: int) -> None:
        self.inbound = DirectionStatistics()
        self.outbound = DirectionStatistics()
        self.inbound.uft_capacity = uft_capacity
        self.outbound.uft_capacity = uft_capacity
        self.tcp_flows = 0
        self.tcp_capacity = tcp_capacity
        self.tcp_evictions = 0

    def of(self, direction: Direction) -> DirectionStatistics:
        """The counters of one direction."""
        return self.inbound if direction is Direction.IN else self.outbound

    def as_dict(self) -> dict[str, int]:
        """All counters by OPTE's names."""
        return {
            **self.inbound.as_dict("in_"),
            **self.outbound.as_dict("out_"),
            "tcp_flows": self.tcp_flows,
            "tcp_capacity": self.tcp_capacity,
            "tcp_evictions": self.tcp_evictions,
        }


class LayerDirectionStatistics(_Counters):
    """Counters of a layer for packets of one direction. `rules` is a gauge."""

    __slots__ = ("deny", "lft_full", "lft_hit", "lft_miss", "rule_match", "rule_nomatch", "rules")

    deny: int
    lft_full: int
    lft_hit: int
    lft_miss: int
    rule_match: int
    rule_nomatch: int
    rules: int


class LayerStatistics(_Counters):
    """Counters of a layer. `flows` is a gauge, `lft_capacity` the limit of the flow table, `flow_ttl` in seconds."""

    __slots__ = (
        "add_rule_called",
        "evictions",
        "flow_ttl",
        "flows",
        "lft_capacity",
        "remove_rule_called",
        "set_rules_called",
    )

    add_rule_called: int
    evictions: int
    flow_ttl: int
    flows: int
    lft_capacity: int
    remove_rule_called: int
    set_rules_called: int

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.lft_capacity = capacity
        self.flow_ttl = FLOW_TIME_TO_LIVE_MS // 1000
