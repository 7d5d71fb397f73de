"""A rule set: what misses go by in one epoch, and what they have counted under it.

Thread safety: a rule set is never changed, apart from its counters, of which each thread writes its own record. The
owner of the slow lock brings them home.
"""

import mmap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastpath.layout import LINE
from fastpath.memory import Words
from fastpath.rule_counts import add_up
from fastpath.rule_layout import (
    COUNT_DENIED,
    COUNT_ENTRY,
    COUNT_MISS,
    COUNT_MODIFIED,
    COUNT_NO_RULE,
    COUNT_TABLE_WORDS,
    COUNT_TABLES,
    RULES_COUNTERS,
    RULES_EPOCH,
)
from reference.direction import Direction
from reference.port_data import PortData
from reference.rule import NumberedRule

DIRECTIONS = (Direction.IN, Direction.OUT)
"""In the order of `layout.INBOUND`, `layout.OUTBOUND`."""

_MAPPED_FROM = 1 << 16
"""Bytes of counters from which on they are memory of their own."""


class CountedTable(NamedTuple):
    """The rules of a layer, counted in outbound order, in one direction, and where its counters are."""

    layer: int
    direction: Direction
    counter: int
    rules: Sequence[NumberedRule]


class RuleSet:
    """What misses go by, as compiled code takes it along.

    Attributes:
        words: laid out as `rule_layout` says; read-only.
        counts: one record of `RULES_COUNTERS` words for each thread.
    """

    __slots__ = ("_denied", "_home", "_seen", "_tables", "_totals", "counts", "words")

    def __init__(self, words: Words, tables: Sequence[CountedTable], threads: int) -> None:
        width = int(words[RULES_COUNTERS])
        self.words = words
        self.counts = _zeros(threads * width)
        self._tables = tables
        self._seen = np.zeros(2 * threads, np.uint64)
        self._totals = np.zeros(width, np.uint64)
        self._home = np.zeros(width, np.uint64)
        self._denied = [0, 0]

    @property
    def epoch(self) -> int:
        """The epoch of the port under which the rules hold."""
        return int(self.words[RULES_EPOCH])

    def bring_home(self, data: PortData) -> None:
        """Add what threads have counted since the last call to the counters of the port whose rules these are."""
        if not add_up(self.counts, len(self._totals), self._seen, self._totals):
            return
        new = (self._totals - self._home).tolist()
        self._home[:] = self._totals
        for way, direction in enumerate(DIRECTIONS):
            self._count_packets(data, way, direction, new)
        for table in self._tables:
            _count_rules(data, table, new)

    def _count_packets(self, data: PortData, way: int, direction: Direction, new: list[int]) -> None:
        statistics = data.statistics.of(direction)
        statistics.uft_miss += new[COUNT_MISS + way]
        statistics.modified += new[COUNT_MODIFIED + way]
        # A packet may have been counted among the modified ones only; its miss, then, is still to come.
        decided, modified = int(self._totals[COUNT_MISS + way]), int(self._totals[COUNT_MODIFIED + way])
        denied = max(decided - modified, self._denied[way])
        statistics.drop += denied - self._denied[way]
        statistics.drop_layer += denied - self._denied[way]
        self._denied[way] = denied


def _count_rules(data: PortData, table: CountedTable, new: list[int]) -> None:
    """Attribute the counters of one table."""
    at = table.counter
    if not any(new[at : at + COUNT_TABLE_WORDS + len(table.rules)]):
        return
    side = data.layers[table.layer].side(table.direction)
    statistics = side.statistics
    unmatched, matched = new[at + COUNT_NO_RULE], 0
    for position, rule in enumerate(table.rules):
        hits = new[at + COUNT_TABLE_WORDS + position]
        rule.hits += hits
        matched += hits
    side.default_hits += unmatched
    statistics.rule_nomatch += unmatched
    statistics.rule_match += matched
    statistics.lft_miss += unmatched + matched
    statistics.lft_hit += new[at + COUNT_ENTRY]
    statistics.deny += new[at + COUNT_DENIED]


def counters_width(tables: Sequence[CountedTable]) -> int:
    """Words of one thread's record: whole cache lines."""
    last = tables[-1]
    return -(-(last.counter + COUNT_TABLE_WORDS + len(last.rules)) // LINE) * LINE


def counted_tables(rules: Sequence[Sequence[NumberedRule]]) -> list[CountedTable]:
    """Where the counters of tables are, from the rules of each in the order of `RULES_TABLES`."""
    tables, counter = [], COUNT_TABLES
    for number, numbered in enumerate(rules):
        tables.append(CountedTable(number // 2, DIRECTIONS[number % 2], counter, numbered))
        counter += COUNT_TABLE_WORDS + len(numbered)
    return tables


def _zeros(count: int) -> Words:
    """Zeros that begin with a cache line; many of them take up only the pages that are written."""
    if 8 * count < _MAPPED_FROM:
        raw = np.zeros(count + LINE, np.uint64)
        skip = -raw.__array_interface__["data"][0] % (8 * LINE) // 8
        return raw[skip : skip + count]
    return np.frombuffer(mmap.mmap(-1, 8 * count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint64)
