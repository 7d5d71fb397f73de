"""What a variable holds during symbolic execution.

A value is one of
- a `Number`: a z3 term that stands for an `np.uint64` or a Python integer,
- a z3 Boolean term,
- any Python object, as long as it is known: numbers, truth values, enum members, functions, modules;
- a tuple (also a named one) of values.

Known numbers stay Python objects until they meet a term.
"""

import enum
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import z3

Value: TypeAlias = Any
Term: TypeAlias = Any
"""A z3 expression; z3 has no types."""

WORD_BITS = 64
WORD_LIMIT = 1 << WORD_BITS

TRUE = z3.BoolVal(True)
FALSE = z3.BoolVal(False)


class Kind(enum.Enum):
    """Which arithmetic a number obeys."""

    WORD = "np.uint64"
    """Modulo 2**64, as compiled code and NumPy do it."""
    INTEGER = "int"
    """Unbounded, as Python does it; also `np.int64`, of which it is then to be shown that it does not overflow."""


@dataclass(frozen=True)
class Number:
    """A number that is not known, as a term of the theory in use."""

    term: Term
    kind: Kind


@dataclass(frozen=True)
class Cells:
    """An array of values that a function reads and writes, at known indices.

    It is changed in place: a store keeps the former value wherever its path is not taken, so branches need not join it.
    """

    members: list[Value]


def kind_of(value: Value) -> Kind | None:
    """The arithmetic of a number, known or not; None for what is no number. Python's truth values are none here."""
    if isinstance(value, Number):
        return value.kind
    if isinstance(value, np.uint64):
        return Kind.WORD
    if isinstance(value, int | np.int64) and not isinstance(value, bool):
        return Kind.INTEGER
    return None


def is_truth(value: Value) -> bool:
    """Whether a value is a truth value, known or not."""
    return isinstance(value, bool | np.bool_) or z3.is_bool(value)


def as_truth(value: Value) -> Term:
    """A truth value as a term."""
    return value if z3.is_bool(value) else z3.BoolVal(bool(value))


def is_known(value: Value) -> bool:
    """Whether nothing in a value is symbolic."""
    if isinstance(value, tuple):
        return all(map(is_known, value))
    return not isinstance(value, Number | Cells | z3.ExprRef)


def conjunction(left: Term, right: Term) -> Term:
    """`left and right`, without the trivial cases."""
    if z3.is_true(left) or z3.is_false(right):
        return right
    if z3.is_true(right) or z3.is_false(left):
        return left
    return z3.And(left, right)


def disjunction(left: Term, right: Term) -> Term:
    """`left or right`, without the trivial cases."""
    return negation(conjunction(negation(left), negation(right))) if _trivial(left, right) else z3.Or(left, right)


def negation(term: Term) -> Term:
    """`not term`, without the trivial cases."""
    if z3.is_true(term):
        return FALSE
    if z3.is_false(term):
        return TRUE
    return term.arg(0) if z3.is_not(term) else z3.Not(term)


def _trivial(*terms: Term) -> bool:
    return any(z3.is_true(term) or z3.is_false(term) for term in terms)
