"""What a choice of z3 sort has to offer to the executor.

The same source can be read as bit-vectors (`proofs.smt.bit_vectors`) or as linear integer arithmetic
(`proofs.smt.integers`). A reading may need a side condition to be exact; it then raises a *demand*, which becomes an
obligation of the proof.
"""

import ast
from collections.abc import Callable
from typing import Protocol, TypeAlias

from proofs.smt.values import Kind, Term

Demand: TypeAlias = Callable[[Term, str], None]
"""`demand(condition, meaning)`: what follows is right only where the condition holds."""


class UnsupportedOperation(Exception):
    """The theory has no term for this operation; another theory may."""


class Theory(Protocol):
    """Numbers of both kinds as z3 terms."""

    def symbol(self, name: str, kind: Kind) -> tuple[Term, Term]:
        """A new unknown, and the condition that it is a number of its kind."""

    def constant(self, value: int, kind: Kind, demand: Demand) -> Term:
        """A known number."""

    def binary(self, operator: type[ast.operator], left: Term, right: Term, kind: Kind, demand: Demand) -> Term:
        """`left operator right`. Raises UnsupportedOperation."""

    def invert(self, term: Term, kind: Kind) -> Term:
        """`~term`."""

    def compare(self, operator: type[ast.cmpop], left: Term, right: Term, kind: Kind) -> Term:
        """`left operator right` as a truth value."""

    def as_integer(self, term: Term, demand: Demand) -> Term:
        """A word as a Python integer of the same value."""

    def as_word(self, term: Term, demand: Demand) -> Term:
        """A Python integer as a word of the same value."""

    def number(self, value: Term, kind: Kind) -> int:
        """The Python number that a z3 value of this theory stands for."""
