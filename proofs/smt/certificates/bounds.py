"""Bounds on integers that follow from conditions, so that each can be given as many bits as it needs and no more.

Only the sum of the smallest or largest values that its atoms can have is ever taken: each bound follows from one
condition and other bounds. Whatever is not found is left open, which can keep a goal from being translated, but cannot
make a wrong one right.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import z3

from proofs.smt.certificates.cases import conjuncts
from proofs.smt.certificates.linear import Choice, Integers, Linear, Quotient
from proofs.smt.values import Term

ROUNDS = 16

Interval: TypeAlias = tuple[int | None, int | None]
"""The smallest and the largest value; None where it is not known."""


def comparisons(conditions: Iterable[Term], integers: Integers) -> Iterator[Linear]:
    """Linear forms that are not above zero where all the conditions hold."""
    for difference, equal in differences(conditions, integers):
        yield difference
        if equal:
            yield difference.times(-1)


def differences(conditions: Iterable[Term], integers: Integers) -> Iterator[tuple[Linear, bool]]:
    """Linear forms that are not above zero where all the conditions hold, and whether they are zero."""
    for condition in conditions:
        for part, true in conjuncts(condition):
            if not z3.is_app(part) or part.num_args() != 2 or not z3.is_int(part.arg(0)):
                continue
            difference = integers.read(part.arg(0)).plus(integers.read(part.arg(1)), -1)
            kind = part.decl().kind()
            if kind == z3.Z3_OP_EQ and true:
                yield difference, True
            elif kind in (z3.Z3_OP_LE, z3.Z3_OP_GT):
                yield difference if (kind == z3.Z3_OP_LE) == true else Linear(1).plus(difference, -1), False
            elif kind in (z3.Z3_OP_GE, z3.Z3_OP_LT):
                yield difference.times(-1) if (kind == z3.Z3_OP_GE) == true else Linear(1).plus(difference), False


class Bounds:
    """Intervals of the atoms of integer terms.

    Attributes:
        given: linear forms that are not above zero.
        atoms: an interval for each, by number.
        learned: atoms of which more is known from the conditions than from what they are made of.
    """

    def __init__(self, integers: Integers, given: Iterable[Linear]) -> None:
        self.integers = integers
        self.given = list(dict.fromkeys(given))
        self.atoms: list[Interval] = []
        self.learned: set[int] = set()
        self.narrow()

    def narrow(self) -> None:
        """Take in what has become known, and atoms that are new."""
        self.atoms += [(None, None)] * (len(self.integers.atoms) - len(self.atoms))
        for _ in range(ROUNDS):
            before = list(self.atoms)
            for number, atom in enumerate(self.integers.atoms):
                if isinstance(atom, Quotient):
                    low, high = self.of(atom.dividend)
                    self._take(number, _divided(low, atom.divisor), _divided(high, atom.divisor))
                elif isinstance(atom, Choice):
                    (low, high), (other_low, other_high) = self.of(atom.then), self.of(atom.otherwise)
                    lowest = None if low is None or other_low is None else min(low, other_low)
                    self._take(number, lowest, None if high is None or other_high is None else max(high, other_high))
            for form in self.given:
                self._learn(form)
            if self.atoms == before:
                break

    def of(self, form: Linear) -> Interval:
        """Bounds of a linear form, from those of its parts."""
        form, fractions = self.integers.fractions(form)
        low: int | None = form.constant + sum(min(0, times * (part.limit - 1)) for times, part in fractions)
        high: int | None = form.constant + sum(max(0, times * (part.limit - 1)) for times, part in fractions)
        for atom, factor in form.factors:
            least, most = self.atoms[atom] if factor > 0 else self.atoms[atom][::-1]
            low = None if low is None or least is None else low + factor * least
            high = None if high is None or most is None else high + factor * most
        return low, high

    def closed(self, atom: int) -> bool:
        """Whether bounds are known for an atom and all that it is made of."""
        made = self.integers.atoms[atom]
        parts = [made.dividend] if isinstance(made, Quotient) else []
        parts += [made.then, made.otherwise] if isinstance(made, Choice) else []
        return None not in self.atoms[atom] and all(self.closed(inner) for part in parts for inner, _ in part.factors)

    def _learn(self, form: Linear) -> None:
        """From `form <= 0`: each atom is bounded by the least that the others come to."""
        for atom, factor in form.factors:
            rest, _ = self.of(form.plus(Linear(0, ((atom, factor),)), -1))
            if rest is None:
                continue
            before = self.atoms[atom]
            if factor > 0:
                self._take(atom, None, -rest // factor)
            else:
                self._take(atom, -(-rest // -factor), None)
            if self.atoms[atom] != before:
                self.learned.add(atom)

    def _take(self, atom: int, low: int | None, high: int | None) -> None:
        known_low, known_high = self.atoms[atom]
        low = known_low if low is None or (known_low is not None and known_low > low) else low
        high = known_high if high is None or (known_high is not None and known_high < high) else high
        self.atoms[atom] = low, high


def _divided(value: int | None, divisor: int) -> int | None:
    return None if value is None else value // divisor
