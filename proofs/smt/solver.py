"""Asking z3: a goal is proved, refuted with a counterexample, or unknown, which never counts as a pass."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import z3

from proofs.ledger import Unknown
from proofs.smt.values import Term

TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class Refuted(Exception):
    """The goal does not hold."""

    goal: str
    counterexample: z3.ModelRef

    def __str__(self) -> str:
        """What was to be proved, and for which values it fails."""
        values = sorted(f"{name} = {self.counterexample[name]}" for name in self.counterexample)
        return f"{self.goal} fails for {', '.join(values)}"


def prove(goal: Term, what: str, given: Iterable[Term] = (), timeout_ms: int = TIMEOUT_MS) -> None:
    """Return if `goal` follows from `given`.

    Raises:
        Refuted: it does not; the exception holds a counterexample.
        Unknown: z3 could not decide within the time.
    """
    counterexample = satisfy([*given, z3.Not(goal)], what, timeout_ms)
    if counterexample is not None:
        raise Refuted(what, counterexample)


def satisfy(conditions: Iterable[Term], what: str, timeout_ms: int = TIMEOUT_MS) -> z3.ModelRef | None:
    """Values that meet all conditions, or None if there are none.

    Raises:
        Unknown: z3 could not decide within the time.
    """
    solver = z3.Solver()
    solver.set("timeout", timeout_ms)
    solver.add(*conditions)
    answer = solver.check()
    if answer == z3.unknown:
        raise Unknown(f"{what}: z3 says {solver.reason_unknown()}")
    return solver.model() if answer == z3.sat else None


def value_of(term: Term, assignment: Mapping[Term, Term]) -> Term:
    """The value of a term once its unknowns are replaced by values."""
    return z3.simplify(z3.substitute(term, *assignment.items()))
