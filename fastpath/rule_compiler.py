"""The compiler of rule sets: puts one together from what has changed and what has not.

Belongs to the owner of the slow lock.
"""

from array import array
from typing import NamedTuple

import numpy as np

from fastpath.compile_destinations import Destinations, follow_mappings
from fastpath.compile_rules import RuleWords
from fastpath.compile_tables import NO_RULES, CompiledTable, compile_table
from fastpath.numbering import pools_in_use
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
    RULES_NUMBER,
    RULES_OTHERS_SINCE,
    RULES_OWNED_AT,
    RULES_PHYSICAL,
    RULES_POOLS_4,
    RULES_POOLS_6,
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
from reference.vpc.config import ExternalIps
from reference.vpc.network import VpcNetwork
from reference.vpc.router import RouterTarget
from reference.vpc.snat import PortPools

_DEFAULTS = {
    DefaultAction.ALLOW: int(ACTION_ALLOW),
    DefaultAction.STATEFUL_ALLOW: int(ACTION_STATEFUL_ALLOW),
    DefaultAction.DENY: int(ACTION_DENY),
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
        self._destinations: Destinations | None = None
        self._epoch = 0
        self._external_ips: list[ExternalIps] = []
        self._since = {_FIREWALL: _Since(), _NAT: _Since()}
        self._others: object = None
        self._others_since = 0

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

    def is_current(self, port: Port) -> bool:
        """Whether the latest rule set is of the port's epoch, and knows its external addresses.

        Those can change on a paused port, which keeps its rules and its epoch.
        """
        return self._epoch == port.epoch and self._external_ips == _external_ips(port.network)

    def compile(self, port: Port, epoch: int, threads: int, number: int = 0) -> RuleSet:
        """The rules and mappings of the port as they are now.

        Args:
            port: always the same one.
            epoch: in which they hold.
            threads: how many have counters.
            number: of the rule set, as misses compare it.
        """
        self._epoch, self._external_ips = epoch, _external_ips(port.network)
        layers = port.data.layers
        sides = [side for layer in layers for side in (layer.inbound, layer.outbound)]
        former = self._tables or [NO_RULES] * len(sides)
        self._tables = [
            compile_table(side.rules.rules, table, self._words) for side, table in zip(sides, former, strict=True)
        ]
        self._destinations = destinations = follow_mappings(port.network.mappings, self._destinations)
        for layer, since in self._since.items():
            changes = _changes(layers[layer])
            if changes != since.changes:
                self._since[layer] = _Since(changes, epoch)
        others = self._all_but_firewall(layers, destinations)
        if others != self._others:
            self._others, self._others_since = others, epoch
        counted = counted_tables([table.rules for table in self._tables])
        words = self._header(port.network, sides, counted, epoch)
        words[RULES_NUMBER] = number
        self._note_pools(words, layers[_NAT])
        segments = [table.segment for table in self._tables if table.segment is not None]
        header = Segment(np.empty(len(words), np.uint64))
        self._buffer.write(header, [*segments, *destinations.segments])
        self._place_tables(words, header)
        _place_destinations(words, header, destinations)
        header.words[:] = np.frombuffer(array("Q", words), np.uint64)
        return RuleSet(self._buffer.view(header), counted, threads)

    def _all_but_firewall(self, layers: list[Layer], destinations: Destinations) -> object:
        """What else decides about a packet, or what is different whenever that is."""
        changes = [_changes(layer) for number, layer in enumerate(layers) if number != _FIREWALL]
        return changes, destinations.guests.version, destinations.boundary.version, self._external_ips

    def _header(
        self, network: VpcNetwork, sides: list[LayerSide], counted: list[CountedTable], epoch: int
    ) -> list[int]:
        """The header and the tables, without the places of segments."""
        owned = _owned(network)
        owned_at = _TABLES_AT + len(sides) * TABLE_WORDS
        words = [0] * owned_at + owned
        words[RULES_EPOCH] = epoch
        words[RULES_VNI] = network.config.vni
        words[RULES_PHYSICAL : RULES_PHYSICAL + 2] = _halves(network.config.phys_ip)
        words[RULES_OWNED_AT] = owned_at
        words[RULES_FIREWALL_SINCE] = self._since[_FIREWALL].epoch
        words[RULES_NAT_SINCE] = self._since[_NAT].epoch
        words[RULES_OTHERS_SINCE] = self._others_since
        words[RULES_COUNTERS] = counters_width(counted)
        if network.ipv4 is not None:
            words[RULES_PRIVATE_4] = int.from_bytes(network.ipv4.private_ip)
        if network.ipv6 is not None:
            words[RULES_PRIVATE_6 : RULES_PRIVATE_6 + 2] = _halves(network.ipv6.private_ip)
        for number, (side, table) in enumerate(zip(sides, counted, strict=True)):
            at = _TABLES_AT + number * TABLE_WORDS
            words[RULES_TABLES + number] = at
            words[at + TABLE_DEFAULT] = _DEFAULTS[side.default]
            words[at + TABLE_COUNTER] = table.counter
        return words

    def _note_pools(self, words: list[int], layer: Layer) -> None:
        """The pools that the rules of NAT name, and their ports."""
        for pools in pools_in_use(layer):
            place = RULES_POOLS_4 if len(pools.external_ip) == 4 else RULES_POOLS_6
            ports = pools.ports
            words[place : place + 3] = self._words.pools.number_of(pools), ports.start, ports.stop - 1

    def _place_tables(self, words: list[int], header: Segment) -> None:
        for number, table in enumerate(self._tables):
            if table.segment is None:
                continue
            at = _TABLES_AT + number * TABLE_WORDS
            base = header.from_end - table.segment.from_end
            words[at + TABLE_FIRST_RULE] = base + table.first_rule
            if table.intervals is not None:
                words[at + TABLE_INTERVALS_4_AT] = base + table.intervals[0]
                words[at + TABLE_INTERVALS_6_AT] = base + table.intervals[1]


def _place_destinations(words: list[int], header: Segment, destinations: Destinations) -> None:
    guests, boundary = destinations.guests, destinations.boundary
    base = header.from_end - guests.segment.from_end
    words[RULES_GUEST_INDEX_AT] = base
    words[RULES_VNI_INDEX_AT] = base + guests.vni_index
    words[RULES_GUESTS_AT] = base + guests.records
    words[RULES_GUESTS_MASK] = guests.mask
    words[RULES_BOUNDARY_4_AT] = header.from_end - boundary.ipv4.from_end
    words[RULES_BOUNDARY_6_AT] = header.from_end - boundary.ipv6.from_end


def _changes(layer: Layer) -> int:
    """How often a layer's rules have changed, whether or not they are others now."""
    statistics = layer.statistics
    return statistics.add_rule_called + statistics.remove_rule_called + statistics.set_rules_called


def _external_ips(network: VpcNetwork) -> list[ExternalIps]:
    return [family.external_ips for family in network.families]


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
