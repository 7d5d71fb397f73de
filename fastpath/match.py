"""Which rule of a table decides about a packet: the first whose clauses hold for its passage.

A clause holds when one of its atoms does; an atom compares one word of the passage, or two neighbours. Tables whose
rules all look at nothing but the destination address are intervals as well, and searched by halving.
"""

import numpy as np

from fastpath.compiler import called_kernel, kernel
from fastpath.intervals import find_interval
from fastpath.layout import LOW_8, LOW_32, META_FAMILY_SHIFT, Index
from fastpath.memory import Words
from fastpath.rule_layout import (
    ATOM_FIELD,
    ATOM_FIRST,
    ATOM_LAST,
    ATOM_MASK,
    ATOM_NEGATED,
    ATOM_NEXT,
    ATOM_NEXT_MASK,
    ATOM_WORDS,
    CLAUSE_ATOMS,
    CLAUSE_WORDS,
    PASSAGE_DESTINATION,
    PASSAGE_META,
    RULE_CLAUSES,
    RULE_COUNTER,
    RULE_NEXT,
    RULE_PARAMETER,
    RULE_WORDS,
    RULES_TABLES,
    TABLE_COUNTER,
    TABLE_FIRST_RULE,
    TABLE_INTERVALS_4_AT,
    TABLE_INTERVALS_6_AT,
)

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)


@kernel
def word_of(words: Words, index: Index) -> np.uint64:
    """A word of a rule set or of the thread's own work array; that no index is negative spares a check."""
    return words[np.uint64(index)]


@kernel
def table_of(rules: Words, layer: Index, direction: np.uint64) -> Index:
    """Index of the table of a layer, counted in outbound order, in a direction."""
    return np.int64(word_of(rules, RULES_TABLES + 2 * layer + np.int64(direction)))


@kernel
def next_rule(rules: Words, rule: Index) -> Index:
    """Index of the rule that is asked after this one; 0 behind the last."""
    distance = np.int64(word_of(rules, rule + RULE_NEXT))
    return rule + distance if distance != 0 else 0


@kernel
def parameters_of(rules: Words, rule: Index) -> Index:
    """Index of what the rule's action needs, where that is more than a value."""
    return rule + np.int64(word_of(rules, rule + RULE_PARAMETER))


@kernel
def counter_of(rules: Words, table: Index, rule: Index) -> Index:
    """Place of a rule's counter in a thread's counters."""
    return np.int64(word_of(rules, table + TABLE_COUNTER)) + np.int64(word_of(rules, rule + RULE_COUNTER))


@kernel
def atom_holds(rules: Words, atom: Index, work: Words, at: Index) -> bool:
    """Whether the atom at `rules[atom]` holds for the passage at `work[at]`."""
    field = word_of(rules, atom + ATOM_FIELD)
    place = at + np.int64(field & LOW_32)
    value = word_of(work, place) & word_of(rules, atom + ATOM_MASK)
    is_so = word_of(rules, atom + ATOM_FIRST) <= value <= word_of(rules, atom + ATOM_LAST) and (
        word_of(work, place + 1) & word_of(rules, atom + ATOM_NEXT_MASK) == word_of(rules, atom + ATOM_NEXT)
    )
    return is_so != (field & ATOM_NEGATED != _NOTHING)


@kernel
def rule_holds(rules: Words, rule: Index, work: Words, at: Index) -> bool:
    """Whether all clauses of the rule at `rules[rule]` hold for the passage at `work[at]`."""
    clause = rule + RULE_WORDS
    for _ in range(np.int64(word_of(rules, rule + RULE_CLAUSES))):
        atom = clause + CLAUSE_WORDS
        clause = atom + np.int64(word_of(rules, clause + CLAUSE_ATOMS)) * ATOM_WORDS
        while atom < clause and not atom_holds(rules, atom, work, at):
            atom += ATOM_WORDS
        if atom >= clause:
            return False
    return True


@called_kernel
def match_rule(rules: Words, table: Index, work: Words, at: Index) -> Index:
    """Index of the first rule of the table at `rules[table]` that holds for the passage at `work[at]`; 0 for none."""
    is_ipv4 = word_of(work, at + PASSAGE_META) >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4
    intervals = np.int64(word_of(rules, table + (TABLE_INTERVALS_4_AT if is_ipv4 else TABLE_INTERVALS_6_AT)))
    if intervals != 0:
        high, low = word_of(work, at + PASSAGE_DESTINATION), word_of(work, at + PASSAGE_DESTINATION + 1)
        return find_interval(rules, intervals, high, low)
    rule: Index = np.int64(word_of(rules, table + TABLE_FIRST_RULE))
    while rule != 0 and not rule_holds(rules, rule, work, at):
        rule = next_rule(rules, rule)
    return rule
