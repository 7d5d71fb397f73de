"""The compiler of rule sets: puts one together from what has changed and what has not.

Belongs to the owner of the slow lock.
"""

from typing import NamedTuple

import numpy as np

from fastpath.compile_destinations import Boundary, Guests, compile_boundary, compile_guests
from fastpath.compile_rules import RuleWords
from fastpath.compile_tables import NO_RULES, CompiledTable, compile_table
from fastpath.memory import Words
from fastpath.rule_layout import (
    ACTION_ALLOW,
    ACTION_DENY,
    ACTION_STATEFUL_ALLOW,
    RULES_BOUNDARY_4_AT,
    RULES_BOUNDARY_6_AT,
    RULES_COUNTERS,
    RULES_EPOCH,
    RULES_FIREWALL_SINCE,
    RULES_GUEST_INDEX_AT,
    RULES_GUESTS_AT,
    RULES_GUESTS_MASK,
    RULES_HEADER_WORDS,
    RULES_NAT_SINCE,
    RULES_OWNED_AT,
    RULES_PHYSICAL,
    RULES_PRIVATE_4,
    RULES_PRIVATE_6,
    RULES_TABLES,
    RULES_VNI,
    RULES_VNI_INDEX_AT,
    TABLE_COUNTER,
    TABLE_DEFAULT,
    TABLE_FIRST_RULE,
    TABLE_INTERVALS_4_AT,
    TABLE_INTERVALS_6_AT,
    TABLE_WORDS,
)
from fastpath.rule_set import CountedTable, RuleSet, counted_tables, counters_width
from fastpath.segments import Buffer, Segment
from reference import Port
from reference.layer import DefaultAction, Layer, LayerSide
from reference.vpc.network import VpcNetwork
from reference.vpc.router import RouterTarget
from reference.vpc.snat import PortPools

_DEFAULTS = {
    DefaultAction.ALLOW: ACTION_ALLOW,
    DefaultAction.STATEFUL_ALLOW: ACTION_STATEFUL_ALLOW,
    DefaultAction.DENY: ACTION_DENY,
}
_FIREWALL, _NAT = 1, 3
_TABLES_AT = RULES_HEADER_WORDS
_LOW_64 = 0xFFFF_FFFF_FFFF_FFFF


class _Since(NamedTuple):
    """When the rules of a layer changed last: the number of changes seen, and the epoch in which they were."""

    changes: int = -1
    epoch: int = 0


class RuleCompiler:
    """Compiles the rule sets of one port, each from what has changed since the one before."""

    def __init__(self) -> None:
        self._words = RuleWords()
        self._buffer = Buffer()
        self._tables: list[CompiledTable] = []
        self._guests: Guests | None = None
        self._boundary: Boundary | None = None
        self._since = {_FIREWALL: _Since(), _NAT: _Since()}

    def route(self, number: int) -> RouterTarget:
        """The router target with a `ROUTE_ID`; raises `KeyError`."""
        return self._words.routes.target(number)

    def route_id(self, target: RouterTarget) -> int:
        """The `ROUTE_ID` of a target, the same for ever; 0 if it can have none."""
        return self._words.routes.number_of(target)

    def pools(self, number: int) -> PortPools:
        """The pools with a number; raises `IndexError`."""
        return self._words.pools.pools(number)

    def pools_number(self, pools: PortPools) -> int:
        """The number of pools, the same for ever; 0 if they can have none."""
        return self._words.pools.number_of(pools)

    def changed(self, port: Port, layer: str) -> int:
        """The epoch in which the rules of the firewall or of NAT changed last.

        That of the port as it is now if they have changed since they were compiled.
        """
        number = next(number for number in self._since if port.data.layers[number].name == layer)
        since = self._since[number]
        return since.epoch if _changes(port.data.layers[number]) == since.changes else port.epoch

    def compile(self, port: Port, epoch: int, threads: int) -> RuleSet:
        """The rules and mappings of the port as they are now.

        Args:
            port: always the same one.
            epoch: in which they hold.
            threads: how many have counters.
        """
        layers = port.data.layers
        sides = [side for layer in layers for side in (layer.inbound, layer.outbound)]
        former = self._tables or [NO_RULES] * len(sides)
        self._tables = [
            compile_table(side.rules.rules, table, self._words) for side, table in zip(sides, former, strict=True)
        ]
        self._follow_mappings(port.network)
        for number, since in self._since.items():
            changes = _changes(layers[number])
            if changes != since.changes:
                self._since[number] = _Since(changes, epoch)
        counted = counted_tables([table.rules for table in self._tables])
        header = self._header(port.network, sides, counted, epoch)
        return RuleSet(header, counted, threads)

    def _follow_mappings(self, network: VpcNetwork) -> None:
        mappings = network.mappings
        if self._guests is None or self._guests.version != mappings.v2p.version:
            self._guests = compile_guests(mappings.v2p)
        if self._boundary is None or self._boundary.version != mappings.v2b.version:
            self._boundary = compile_boundary(mappings.v2b)

    def _header(self, network: VpcNetwork, sides: list[LayerSide], counted: list[CountedTable], epoch: int) -> Words:
        """Write what is new into the buffer; the whole array, as the new rule set has it."""
        assert self._guests is not None and self._boundary is not None
        owned = _owned(network)
        owned_at = _TABLES_AT + len(sides) * TABLE_WORDS
        words = [0] * owned_at + owned
        words[RULES_EPOCH] = epoch
        words[RULES_VNI] = network.config.vni
        words[RULES_PHYSICAL : RULES_PHYSICAL + 2] = _halves(network.config.phys_ip)
        words[RULES_OWNED_AT] = owned_at
        words[RULES_FIREWALL_SINCE] = self._since[_FIREWALL].epoch
        words[RULES_NAT_SINCE] = self._since[_NAT].epoch
        words[RULES_COUNTERS] = counters_width(counted)
        if network.ipv4 is not None:
            words[RULES_PRIVATE_4] = int.from_bytes(network.ipv4.private_ip)
        if network.ipv6 is not None:
            words[RULES_PRIVATE_6 : RULES_PRIVATE_6 + 2] = _halves(network.ipv6.private_ip)
        header = Segment(np.empty(len(words), np.uint64))
        segments = [table.segment for table in self._tables if table.segment is not None]
        self._buffer.write(header, [*segments, self._guests.segment, self._boundary.ipv4, self._boundary.ipv6])
        self._place_tables(words, header, sides, counted)
        self._place_destinations(words, header)
        header.words[:] = words
        return self._buffer.view(header)

    def _place_tables(
        self, words: list[int], header: Segment, sides: list[LayerSide], counted: list[CountedTable]
    ) -> None:
        for number, (table, side) in enumerate(zip(self._tables, sides, strict=True)):
            at = _TABLES_AT + number * TABLE_WORDS
            words[RULES_TABLES + number] = at
            words[at + TABLE_DEFAULT] = int(_DEFAULTS[side.default])
            words[at + TABLE_COUNTER] = counted[number].counter
            if table.segment is None:
                continue
            base = header.from_end - table.segment.from_end
            words[at + TABLE_FIRST_RULE] = base + table.first_rule
            if table.intervals is not None:
                words[at + TABLE_INTERVALS_4_AT] = base + table.intervals[0]
                words[at + TABLE_INTERVALS_6_AT] = base + table.intervals[1]

    def _place_destinations(self, words: list[int], header: Segment) -> None:
        guests, boundary = self._guests, self._boundary
        assert guests is not None and boundary is not None
        base = header.from_end - guests.segment.from_end
        words[RULES_GUEST_INDEX_AT] = base
        words[RULES_VNI_INDEX_AT] = base + guests.vni_index
        words[RULES_GUESTS_AT] = base + guests.guests
        words[RULES_GUESTS_MASK] = guests.mask
        words[RULES_BOUNDARY_4_AT] = header.from_end - boundary.ipv4.from_end
        words[RULES_BOUNDARY_6_AT] = header.from_end - boundary.ipv6.from_end


def _changes(layer: Layer) -> int:
    """How often a layer's rules have changed, whether or not they are others now."""
    statistics = layer.statistics
    return statistics.add_rule_called + statistics.remove_rule_called + statistics.set_rules_called


def _owned(network: VpcNetwork) -> list[int]:
    """The external addresses of both families as `RULES_OWNED_AT` has them."""
    words = [0]
    for family in network.families:
        external = family.external_ips
        ephemeral = () if external.ephemeral_ip is None else (external.ephemeral_ip,)
        for address in (*ephemeral, *external.floating_ips):
            words += [4 if family.is_ipv4 else 6, *_halves(address)]
            words[0] += 1
    return words


def _halves(address: bytes) -> tuple[int, int]:
    number = int.from_bytes(address)
    return number >> 64, number & _LOW_64
