"""Gates as clauses (Tseitin 1968), and numbers in two's complement made of them.

A literal is an integer as in DIMACS: a variable, or minus a variable for its negation. Every gate is a new variable
with the clauses that define it, so that an assignment to the inputs extends to exactly one assignment to all gates.
"""

import itertools
from collections.abc import Sequence
from typing import TypeAlias

Literal: TypeAlias = int
Clause: TypeAlias = tuple[Literal, ...]
Bits: TypeAlias = list[Literal]
"""Bits of a number, the lowest first."""

TRUE: Literal = 1
FALSE: Literal = -1


class Circuit:
    """Clauses that define gates, and others that are asserted.

    Attributes:
        clauses: all of them; the first one says that variable 1 is true.
        variables: how many there are.
    """

    def __init__(self) -> None:
        self.clauses: list[Clause] = [(TRUE,)]
        self.variables = 1
        self._gates: dict[tuple[str, Literal, Literal, Literal], Literal] = {}

    def new(self) -> Literal:
        """A variable that nothing is known about."""
        self.variables += 1
        return self.variables

    def require(self, *literals: Literal) -> None:
        """Assert that one of the literals is true."""
        if TRUE not in literals:
            self.clauses.append(tuple(literal for literal in literals if literal != FALSE))

    # --- gates ---

    def both(self, one: Literal, other: Literal) -> Literal:
        """Conjunction."""
        if one == -other or FALSE in (one, other):
            return FALSE
        if TRUE in (one, other) or one == other:
            return other if one == TRUE else one
        first, second = sorted((one, other))
        gate, made = self._gate("and", first, second)
        if made:
            self.clauses += [(-gate, one), (-gate, other), (gate, -one, -other)]
        return gate

    def either(self, one: Literal, other: Literal) -> Literal:
        """Disjunction."""
        return -self.both(-one, -other)

    def all(self, literals: Sequence[Literal]) -> Literal:
        """Conjunction of any number of literals."""
        literals = sorted(set(literals) - {TRUE}, key=abs)
        if FALSE in literals or any(one == -other for one, other in itertools.pairwise(literals)):
            return FALSE
        if len(literals) < 2:
            return literals[0] if literals else TRUE
        gate = self.new()
        self.clauses += [(-gate, literal) for literal in literals]
        self.clauses.append((gate, *(-literal for literal in literals)))
        return gate

    def differ(self, one: Literal, other: Literal) -> Literal:
        """Exclusive or."""
        sign = (1 if one > 0 else -1) * (1 if other > 0 else -1)
        first, second = sorted((abs(one), abs(other)))
        if first == second:
            return -sign * TRUE
        if first == TRUE:
            return -sign * second
        gate, made = self._gate("xor", first, second)
        if made:
            self.clauses += [(-gate, first, second), (-gate, -first, -second)]
            self.clauses += [(gate, -first, second), (gate, first, -second)]
        return sign * gate

    def choose(self, condition: Literal, then: Literal, otherwise: Literal) -> Literal:
        """`then` where the condition is true, `otherwise` elsewhere."""
        if condition in (TRUE, FALSE) or then == otherwise:
            return then if condition == TRUE else otherwise
        if then == -otherwise:
            return self.differ(condition, otherwise)
        if then in (TRUE, condition) or otherwise in (FALSE, condition):
            return self.both(condition, then) if otherwise in (FALSE, condition) else self.either(condition, otherwise)
        if then in (FALSE, -condition) or otherwise in (TRUE, -condition):
            return self.both(-condition, otherwise) if then in (FALSE, -condition) else self.either(-condition, then)
        if condition < 0:
            condition, then, otherwise = -condition, otherwise, then
        gate, made = self._gate("if", condition, then, otherwise)
        if made:
            self.clauses += [(-condition, -then, gate), (-condition, then, -gate)]
            self.clauses += [(condition, -otherwise, gate), (condition, otherwise, -gate)]
            self.clauses += [(-then, -otherwise, gate), (then, otherwise, -gate)]  # implied, and they help
        return gate

    def majority(self, one: Literal, two: Literal, three: Literal) -> Literal:
        """Whether at least two of three are true: the carry of an adder."""
        first, second, third = sorted((one, two, three), key=abs)
        if abs(first) == TRUE:
            return self.either(second, third) if first == TRUE else self.both(second, third)
        if first in (second, -second):
            return first if first == second else third
        if second in (third, -third):
            return second if second == third else first
        gate, made = self._gate("carry", first, second, third)
        if made:
            for left, right in ((first, second), (first, third), (second, third)):
                self.clauses += [(-left, -right, gate), (left, right, -gate)]
        return gate

    def _gate(self, kind: str, one: Literal, two: Literal, three: Literal = 0) -> tuple[Literal, bool]:
        """The gate with these inputs, and whether it is a new one."""
        key = (kind, one, two, three)
        found = self._gates.get(key)
        if found is None:
            found = self._gates[key] = self.new()
            return found, True
        return found, False

    # --- numbers of the same number of bits ---

    def add(self, one: Bits, other: Bits, carry: Literal = FALSE) -> Bits:
        """The sum, modulo two to the number of bits."""
        total = []
        for left, right in zip(one, other, strict=True):
            total.append(self.differ(self.differ(left, right), carry))
            carry = self.majority(left, right, carry)
        return total

    def subtract(self, one: Bits, other: Bits) -> Bits:
        """The difference, modulo two to the number of bits."""
        return self.add(one, [-bit for bit in other], TRUE)

    def times(self, number: Bits, factor: int) -> Bits:
        """A multiple, modulo two to the number of bits: shifted numbers are added and subtracted."""
        total = [FALSE] * len(number)
        for place, sign in signed_digits(factor % (1 << len(number))):
            shifted = ([FALSE] * place + number)[: len(number)]
            total = self.add(total, shifted) if sign > 0 else self.subtract(total, shifted)
        return total

    def equal(self, one: Bits, other: Bits) -> Literal:
        """Whether two numbers are the same."""
        return self.all([-self.differ(left, right) for left, right in zip(one, other, strict=True)])

    def below(self, one: Bits, other: Bits) -> Literal:
        """Whether a number without sign is smaller than another."""
        found = FALSE
        for left, right in zip(one, other, strict=True):
            found = self.choose(self.differ(left, right), right, found)
        return found

    def below_signed(self, one: Bits, other: Bits) -> Literal:
        """Whether a number in two's complement is smaller than another."""
        return self.below([*one[:-1], -one[-1]], [*other[:-1], -other[-1]])

    def choose_bits(self, condition: Literal, then: Bits, otherwise: Bits) -> Bits:
        """One of two numbers."""
        return [self.choose(condition, *pair) for pair in zip(then, otherwise, strict=True)]


def constant(value: int, width: int) -> Bits:
    """A known number in two's complement."""
    return [TRUE if value >> place & 1 else FALSE for place in range(width)]


def extended(bits: Bits, width: int) -> Bits:
    """A number in two's complement with more bits of the sign, or without its highest bits."""
    return (bits + [bits[-1]] * (width - len(bits)))[:width]


def signed_digits(factor: int) -> list[tuple[int, int]]:
    """The fewest powers of two, as places, whose sum and difference is a natural number (non-adjacent form)."""
    digits, place = [], 0
    while factor:
        if factor & 1:
            sign = 2 - factor % 4
            digits.append((place, sign))
            factor -= sign
        factor >>= 1
        place += 1
    return digits
