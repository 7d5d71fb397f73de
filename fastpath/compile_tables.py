"""From the rules of a layer in one direction to a segment: every rule once, and intervals where those are enough."""

from array import array
from typing import NamedTuple

import numpy as np

from fastpath.compile_rules import CompiledRule, RuleWords
from fastpath.intervals import PREFIX_WORDS, interval_list
from fastpath.memory import Words
from fastpath.rule_layout import COUNT_TABLE_WORDS, RULE_COUNTER, RULE_NEXT
from fastpath.segments import Segment
from reference.rule import NumberedRule

FLATTENED_FROM = 4
"""Rules; fewer are asked one by one."""


class CompiledTable(NamedTuple):
    """The rules of a layer in one direction; all places are relative to the segment.

    Attributes:
        rules: what it was compiled from, in order.
        compiled: each of them.
        segment: None for a table without rules.
        first_rule: where the first rule is.
        intervals: where the intervals of either family are, IPv4 first; None if there are none.
    """

    rules: list[NumberedRule]
    compiled: dict[NumberedRule, CompiledRule]
    segment: Segment | None
    first_rule: int = 0
    intervals: tuple[int, int] | None = None


NO_RULES = CompiledTable([], {}, None)


def compile_table(rules: list[NumberedRule], former: CompiledTable, words: RuleWords) -> CompiledTable:
    """Compile rules, those that the former table does not have; it is returned itself if nothing has changed."""
    # Compares by identity: numbered rules know no other equality.
    if rules == former.rules:
        return former
    known = former.compiled
    compiled = {rule: known.get(rule) or words.compile(rule.rule) for rule in rules}
    every = list(compiled.values())
    if not every:
        return NO_RULES
    starts, body = _body(every)
    lists = _intervals(every, starts)
    if lists is None:
        return CompiledTable(list(rules), compiled, Segment(body))
    ipv4, ipv6 = lists
    first_rule = len(ipv4) + len(ipv6)
    return CompiledTable(list(rules), compiled, Segment(np.concatenate([ipv4, ipv6, body])), first_rule, (0, len(ipv4)))


def _body(rules: list[CompiledRule]) -> tuple[Words, Words]:
    """Where each rule begins, and all rules, with what depends on their positions."""
    # Most tables have a handful of rules, for which Python is faster than NumPy.
    body, starts, start = array("Q"), [], 0
    for position, rule in enumerate(rules):
        start = len(body)
        starts.append(start)
        body.frombytes(rule.words)
        body[start + RULE_COUNTER] = COUNT_TABLE_WORDS + position
    body[start + RULE_NEXT] = 0
    return np.array(starts, np.uint64), np.frombuffer(body, np.uint64)


def _intervals(rules: list[CompiledRule], starts: Words) -> tuple[Words, Words] | None:
    """The lists of both families in front of the rules; None unless all rules look at the destination alone."""
    if len(rules) < FLATTENED_FROM or any(rule.prefixes is None for rule in rules):
        return None
    ipv6 = interval_list(_prefixes(rules, 6), starts)
    return interval_list(_prefixes(rules, 4), starts, gap=len(ipv6)), ipv6


def _prefixes(rules: list[CompiledRule], family: int) -> Words:
    rows = [(*words, rank) for rank, rule in enumerate(rules) for words in (rule.prefixes or {})[family]]
    return np.array(rows, np.uint64).reshape(-1, PREFIX_WORDS)
