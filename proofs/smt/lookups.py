"""Constant tables, such as those of a checksum, that are read at indices which are not known.

What a table says is left open: two look-ups give the same word if their indices are proved equal, and whatever else
they give may be anything. So a proof holds for tables of any content, and a solver need not reason about this one's;
what is refuted must be looked at with the real table. A look-up whose index turns out to be the same for all inputs
gives the word itself.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import z3

from proofs.smt.solver import bear_witness
from proofs.smt.values import WORD_BITS, Term

SAMPLES = 4


class Lookups:
    """All look-ups of one proof. `premises` gives what is known about the unknowns."""

    def __init__(self, premises: Callable[[], list[Term]]) -> None:
        self.premises = premises
        self.seen: defaultdict[tuple[int, ...], list[tuple[Term, tuple[int, ...], Term]]] = defaultdict(list)
        self.random = random.Random(0)
        self.samples: dict[Term, list[Term]] = {}

    def word(self, table: Sequence[int], index: Term) -> Term:
        """The word of a table at an index, which is inside it."""
        if z3.is_bv_value(index):
            return z3.BitVecVal(table[index.as_long()], WORD_BITS)
        seen, values = self.seen[tuple(table)], self._values(index)
        if len(set(values)) == 1 and values[0] < len(table) and self._same(index, z3.BitVecVal(values[0], WORD_BITS)):
            return z3.BitVecVal(table[values[0]], WORD_BITS)
        for other, theirs, word in seen:
            if theirs == values and self._same(index, other):
                return word
        word = z3.BitVec(f"table {len(self.seen)} look-up {len(seen)}", WORD_BITS)
        seen.append((index, values, word))
        return word

    def _same(self, one: Term, other: Term) -> bool:
        if one.eq(other):
            return True
        solver = z3.SolverFor("QF_BV")
        solver.add(*self.premises(), one != other)
        same = bool(solver.check() == z3.unsat)
        if same:
            bear_witness("two look-ups at the same place", solver.assertions())
        return same

    def _values(self, term: Term) -> tuple[int, ...]:
        """What a term is for some values of its unknowns, which are the same for all terms."""
        unknowns = _unknowns_in(term)
        for unknown in unknowns:
            if unknown not in self.samples:
                sort = unknown.sort()
                self.samples[unknown] = [self._sample(sort) for _ in range(SAMPLES)]
        values = []
        for number in range(SAMPLES):
            known = [(unknown, self.samples[unknown][number]) for unknown in unknowns]
            values.append(z3.simplify(z3.substitute(term, *known)).as_long())
        return tuple(values)

    def _sample(self, sort: z3.SortRef) -> Term:
        if sort == z3.BoolSort():
            return z3.BoolVal(self.random.random() < 0.5)
        return z3.BitVecVal(self.random.getrandbits(sort.size()), sort.size())


def _unknowns_in(term: Term) -> list[Term]:
    found, seen, waiting = [], set(), [term]
    while waiting:
        part = waiting.pop()
        if part.get_id() in seen:
            continue
        seen.add(part.get_id())
        if z3.is_const(part) and part.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.append(part)
        waiting += part.children()
    return found
