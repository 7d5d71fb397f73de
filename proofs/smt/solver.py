"""Asking z3: a goal is proved, refuted with a counterexample, or unknown, which never counts as a pass."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import z3

from proofs.ledger import Unknown
from proofs.smt.values import Term

TIMEOUT_MS = 60_000
_OTHER_SEEDS = 2
"""With so many is asked again, for a third of the time each, what z3 has not decided in time."""


class Refuted(Exception):
    """A goal does not hold. `counterexample` is z3's model of how it fails."""

    def __init__(self, goal: str, counterexample: z3.ModelRef) -> None:
        values = sorted(f"{name} = {counterexample[name]}" for name in counterexample)
        super().__init__(f"{goal} fails for {', '.join(values)}")
        self.counterexample = counterexample


class Disagreement(Exception):
    """z3 calls conditions contradictory, but somebody else has a solution for them."""


@dataclass(frozen=True)
class Unsatisfiable:
    """Conditions that z3 has called contradictory: what every proof here rests on."""

    what: str
    conditions: tuple[Term, ...]


_witnesses: list[Callable[[Unsatisfiable], None]] = []


@contextlib.contextmanager
def witnessed(witness: Callable[[Unsatisfiable], None]) -> Iterator[None]:
    """Show a witness every set of conditions that z3 calls contradictory meanwhile, in the order of the answers."""
    _witnesses.append(witness)
    try:
        yield
    finally:
        del _witnesses[max(place for place, other in enumerate(_witnesses) if other is witness)]


def bear_witness(what: str, conditions: Iterable[Term]) -> None:
    """Tell the witnesses that z3 has called conditions contradictory."""
    if _witnesses:
        answer = Unsatisfiable(what, tuple(conditions))
        for witness in _witnesses:
            witness(answer)


def prove(
    goal: Term, what: str, given: Iterable[Term] = (), timeout_ms: int = TIMEOUT_MS, logic: str | None = None
) -> None:
    """Return if `goal` follows from `given`.

    Raises:
        Refuted: it does not; the exception holds a counterexample.
        Unknown: z3 could not decide within the time.
    """
    counterexample = satisfy([*given, z3.Not(goal)], what, timeout_ms, logic)
    if counterexample is not None:
        raise Refuted(what, counterexample)


def prove_all(
    goals: Sequence[tuple[str, Term]], given: Sequence[Term], timeout_ms: int = TIMEOUT_MS, logic: str | None = None
) -> None:
    """Return if all named goals follow from `given`. They are asked for at once, and one by one if that is too much.

    Raises:
        Refuted: one of them does not follow; the exception names it.
        Unknown: z3 could not decide within the time.
    """
    conditions = [*given, z3.Not(z3.And([goal for _, goal in goals]))]
    try:
        counterexample = satisfy(conditions, f"{len(goals)} obligations", timeout_ms, logic)
    except Unknown:
        for what, goal in goals:
            prove(goal, what, given, timeout_ms, logic)
        return
    if counterexample is not None:
        violated = [what for what, goal in goals if not z3.is_true(counterexample.eval(goal, model_completion=True))]
        raise Refuted(violated[0], counterexample)


def satisfy(
    conditions: Iterable[Term], what: str, timeout_ms: int = TIMEOUT_MS, logic: str | None = None
) -> z3.ModelRef | None:
    """Values that meet all conditions, or None if there are none.

    With a logic, such as "QF_BV", z3's procedure for it is taken.

    Raises:
        Unknown: z3 could not decide within the time.
    """
    conditions = list(conditions)
    for seed, limit_ms in enumerate((timeout_ms, *[timeout_ms // 3] * _OTHER_SEEDS)):
        answer, found = _answer(conditions, limit_ms, logic, seed)
        if answer == z3.sat:
            return found.model().translate(z3.main_ctx())
        if answer == z3.unsat:
            bear_witness(what, conditions)
            return None
    raise Unknown(f"{what}: z3 says {found.reason_unknown()}")


def _answer(
    conditions: Sequence[Term], timeout_ms: int, logic: str | None, seed: int
) -> tuple[z3.CheckSatResult, z3.Solver]:
    # A context of its own makes the answer, and the time it takes, independent of what was asked before; but for the
    # order in which z3 has numbered the terms. Which order is a bad one depends on the seed.
    context = z3.Context()
    solver = z3.Solver(ctx=context) if logic is None else z3.SolverFor(logic, ctx=context)
    solver.set("timeout", timeout_ms)
    solver.set("random_seed", seed)
    if logic is None:
        # z3's older procedure for integers: quotients and remainders by constants take it milliseconds, whatever the
        # seed; the default one needs seconds for some seeds.
        solver.set("smt.arith.solver", 2)
    solver.add(*(condition.translate(context) for condition in conditions))
    return solver.check(), solver


def value_of(term: Term, assignment: Mapping[Term, Term]) -> Term:
    """The value of a term once its unknowns are replaced by values."""
    return z3.simplify(z3.substitute(term, *assignment.items()))
