"""Bounds on integers that follow from conditions, so that each can be given as many bits as it needs and no more.

Only the sum of the smallest or largest values that its atoms can have is ever taken: each bound follows from one
condition and other bounds. Whatever is not found is left open, which can keep a goal from being translated, but cannot
make a wrong one right.
"""

import math
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
        for form in (difference, difference.times(-1)) if equal else (difference,):
            yield form
            yield from _of_dividend(form, integers)


def _of_dividend(form: Linear, integers: Integers) -> Iterator[Linear]:
    """What follows for the dividend if there is nothing but a quotient in a form that is not above zero."""
    if len(form.factors) == 1:
        ((number, factor),) = form.factors
        atom = integers.atoms[number]
        if isinstance(atom, Quotient):
            most = -form.constant // factor if factor > 0 else -(-form.constant // -factor)
            if factor > 0:
                yield atom.dividend.plus(Linear((most + 1) * atom.divisor - 1), -1)
            else:
                yield Linear(most * atom.divisor).plus(atom.dividend, -1)


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
        sums: an interval for each sum of several atoms that one of those forms is about.
        atoms: an interval for each, by number.
        learned: atoms of which more is known from the conditions than from what they are made of.
    """

    def __init__(self, integers: Integers, given: Iterable[Linear]) -> None:
        self.integers = integers
        self.given = list(dict.fromkeys(given))
        self.sums: dict[tuple[tuple[int, int], ...], Interval] = {}
        self.atoms: list[Interval] = []
        self.learned: set[int] = set()
        for form in self.given:
            self._note(form)
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

    def of_whole(self, form: Linear) -> Interval:
        """Bounds of a linear form, from those of its parts, and from what is given of it as a whole."""
        factors, by = _normal(form)
        low, high = self.sums.get(factors, (None, None)) if by >= 0 else self.sums.get(factors, (None, None))[::-1]
        whole = None if low is None else form.constant + by * low, None if high is None else form.constant + by * high
        return _both(self.of(form), whole)

    @property
    def contradictory(self) -> bool:
        """Whether nothing lies between the bounds of some sum."""
        return any(None not in (low, high) and low > high for low, high in self.sums.values())  # type: ignore[operator]

    def _note(self, form: Linear) -> None:
        """From `form <= 0`: a bound of the sum in it."""
        factors, by = _normal(form)
        if by:
            bound = (None, -form.constant // by) if by > 0 else (-(-form.constant // -by), None)
            self.sums[factors] = _both(self.sums.get(factors, (None, None)), bound)

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
        self.atoms[atom] = _both(self.atoms[atom], (low, high))


def _both(one: Interval, other: Interval) -> Interval:
    """What lies in two intervals."""
    lows = [low for low in (one[0], other[0]) if low is not None]
    highs = [high for high in (one[1], other[1]) if high is not None]
    return max(lows, default=None), min(highs, default=None)


def _normal(form: Linear) -> tuple[tuple[tuple[int, int], ...], int]:
    """The factors of a form without what they have in common, the first one positive; and that, 0 for a single atom."""
    if len(form.factors) < 2:
        return (), 0
    common = math.gcd(*(factor for _, factor in form.factors))
    common = common if form.factors[0][1] > 0 else -common
    return tuple((atom, factor // common) for atom, factor in form.factors), common


def _divided(value: int | None, divisor: int) -> int | None:
    return None if value is None else value // divisor
