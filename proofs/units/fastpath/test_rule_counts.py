"""Counters of misses: each thread its own, brought home once, whoever is still counting."""

from collections.abc import Callable

import numpy as np
import pytest

from fastpath import rule_counts
from fastpath.interpreted import interpreted, replace_once
from fastpath.layout import INBOUND, LINE, OUTBOUND
from fastpath.rule_layout import (
    COUNT_DENIED,
    COUNT_ENTRY,
    COUNT_MISS,
    COUNT_MODIFIED,
    COUNT_NO_RULE,
    COUNT_TABLE_WORDS,
    COUNT_TABLES,
    RULES_COUNTERS,
    TABLE_COUNTER,
)
from fastpath.rule_set import RuleSet
from proofs.units.fastpath.rule_agreement import running_port
from proofs.units.fastpath.rule_engines import COMPILED, LAYERS, THREADS, Rules
from reference.direction import Direction


class Counting:
    """A thread's record of counters."""

    def __init__(self, rules: Rules, thread: int) -> None:
        self.rules = rules
        self.rule_set: RuleSet = rules.rule_set
        self.record = thread * int(rules.words[RULES_COUNTERS])

    def count(self, layer: str, direction: Direction, counter: int) -> None:
        """Count one more."""
        table = self.rules.table(layer, direction)
        rule_counts.count(self.rule_set.counts, self.record + int(self.rule_set.words[table + TABLE_COUNTER]) + counter)

    def packet(self, direction: Direction, is_modified: bool) -> None:
        """Count a packet, last."""
        way = INBOUND if direction is Direction.IN else OUTBOUND
        rule_counts.count_packet(self.rule_set.counts, self.record, way, is_modified)


def test_every_thread_has_cache_lines_of_its_own() -> None:
    rule_set = Rules(COMPILED, running_port()).rule_set
    width = int(rule_set.words[RULES_COUNTERS])
    assert width % LINE == 0
    assert rule_set.counts.ctypes.data % (8 * LINE) == 0
    assert len(rule_set.counts) == THREADS * width


def test_counters_do_not_overlap() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    places = []
    for layer in LAYERS:
        for direction in Direction:
            table = rules.table(layer, direction)
            first = int(rules.words[table + TABLE_COUNTER])
            own = [int(COMPILED.match.counter_of(rules.words, table, rule)) for rule in rules.of(layer, direction)]
            places += [*range(first, first + COUNT_TABLE_WORDS), *own]
    assert sorted(places) == list(range(COUNT_TABLES, COUNT_TABLES + len(places)))
    assert max(places) < rules.words[RULES_COUNTERS]


def play(rules: Rules, thread: int) -> None:
    """One thread counts: a packet that its second rule lets in, one that no rule lets in, one by an entry."""
    counting = Counting(rules, thread)
    counting.count("firewall", Direction.IN, COUNT_TABLE_WORDS + 1)
    counting.packet(Direction.IN, is_modified=True)
    counting.count("firewall", Direction.IN, COUNT_NO_RULE)
    counting.count("firewall", Direction.IN, COUNT_DENIED)
    counting.packet(Direction.IN, is_modified=False)
    counting.count("nat", Direction.OUT, COUNT_ENTRY)
    counting.packet(Direction.OUT, is_modified=True)


def test_what_was_counted_comes_home_once() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    for times in (1, 2):
        play(rules, 0)
        play(rules, THREADS - 1)
        for _ in range(2):
            rules.rule_set.bring_home(port.data)
        inbound, outbound = port.data.statistics.inbound, port.data.statistics.outbound
        assert (inbound.uft_miss, inbound.modified, inbound.drop, inbound.drop_layer) == (
            4 * times,
            2 * times,
            2 * times,
            2 * times,
        )
        assert (outbound.uft_miss, outbound.modified, outbound.drop, outbound.drop_layer) == (
            2 * times,
            2 * times,
            0,
            0,
        )
        side = port.data.layer("firewall").inbound
        assert [rule.hits for rule in side.rules.rules] == [0, 2 * times, 0, 0, 0]
        counted = side.statistics
        assert (counted.rule_match, counted.rule_nomatch, counted.lft_miss, counted.deny) == (
            2 * times,
            2 * times,
            4 * times,
            2 * times,
        )
        assert side.default_hits == 2 * times
        assert port.data.layer("nat").outbound.statistics.lft_hit == 2 * times


def test_hits_are_those_of_the_rules_that_were_compiled() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    former, second = rules.rule_set, port.data.layer("firewall").inbound.rules.rules[1]
    play(rules, 0)
    port.remove_firewall_rule(Direction.IN, port.data.layer("firewall").inbound.rules.rules[0].id)
    rules.compile()
    former.bring_home(port.data)
    rules.rule_set.bring_home(port.data)
    assert second.hits == 1
    assert [rule.hits for rule in port.data.layer("firewall").inbound.rules.rules] == [1, 0, 0, 0]


def test_a_packet_that_is_being_counted_comes_home_whole_in_the_end() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    counting = Counting(rules, 1)
    steps: list[Callable[[], None]] = [
        lambda: counting.count("firewall", Direction.IN, COUNT_NO_RULE),
        lambda: counting.count("firewall", Direction.IN, COUNT_DENIED),
        lambda: counting.packet(Direction.IN, is_modified=False),
        lambda: counting.count("firewall", Direction.IN, COUNT_TABLE_WORDS),
        lambda: counting.packet(Direction.IN, is_modified=True),
    ]
    drops = []
    for step in steps:
        step()
        rules.rule_set.bring_home(port.data)
        drops.append(port.data.statistics.inbound.drop)
    assert drops == [0, 0, 1, 1, 1]
    assert port.data.statistics.inbound.modified == 1
    assert port.data.layer("firewall").inbound.statistics.lft_miss == 2


def test_a_packet_that_is_modified_but_not_yet_counted_takes_no_drop_back() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    first, second = Counting(rules, 0), Counting(rules, 1)
    drops = []
    steps: tuple[Callable[[], None], ...] = (
        lambda: first.packet(Direction.IN, is_modified=False),
        lambda: rule_counts.count(rules.rule_set.counts, second.record + COUNT_MODIFIED),
        lambda: second.packet(Direction.OUT, is_modified=True),
        lambda: rule_counts.count(rules.rule_set.counts, second.record + COUNT_MISS),
        lambda: first.packet(Direction.IN, is_modified=False),
    )
    for step in steps:
        step()
        rules.rule_set.bring_home(port.data)
        drops.append(port.data.statistics.inbound.drop)
    assert drops == [1, 1, 1, 1, 2]


def test_counting_a_packet_first_would_lose_what_else_is_counted_for_it() -> None:
    """Why the order matters: here a thread counts the packet before its rule, and the rule's count is seen late."""
    port = running_port()
    rules = Rules(COMPILED, port)
    counting = Counting(rules, 0)
    counting.packet(Direction.IN, is_modified=True)
    rules.rule_set.bring_home(port.data)
    counting.count("firewall", Direction.IN, COUNT_TABLE_WORDS)
    rules.rule_set.bring_home(port.data)
    assert port.data.layer("firewall").inbound.statistics.lft_miss == 0


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("rule_counts", "seen[2 * thread + way] = packets", "pass"),
        ("rule_set", "self._home[:] = self._totals", "pass"),
        ("rule_counts", "totals[word] = _NOTHING", "pass"),
        ("rule_set", "self._denied[way] = denied", "pass"),
    ],
    ids=["seen packets are forgotten", "what came home is forgotten", "totals are added twice", "drops come twice"],
)
def test_a_mistake_in_counting_shows(module: str, old: str, new: str) -> None:
    copy = interpreted("fastpath.rule_compiler", {f"fastpath.{module}": replace_once(old, new)})
    port = running_port()
    rules = Rules(COMPILED._replace(compiler=copy), port)
    for _ in range(2):
        play(rules, 0)
        with np.errstate(over="ignore"):
            rules.rule_set.bring_home(port.data)
            rules.rule_set.bring_home(port.data)
    statistics = port.data.statistics.inbound
    assert (statistics.uft_miss, statistics.modified, statistics.drop) != (4, 2, 2)
