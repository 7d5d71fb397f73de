"""Refutations as a SAT solver finds them. Nothing here has to be right: the proofs are checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from proofs.smt.certificates.circuit import Clause
from proofs.smt.certificates.drat import Step, parse

try:
    from pysat.solvers import Solver
except ImportError:  # a platform that python-sat has no wheel for
    Solver = None

NAME = "glucose4"
"""The solver in python-sat. It only derives clauses with RUP, and its proofs are short."""


@dataclass(frozen=True)
class Solved:
    """What a solver says: a proof that there is no solution, or the variables that are true in one."""

    proof: list[Step] | None
    true: frozenset[int]


def available() -> bool:
    """Whether there is a solver."""
    return Solver is not None


def solve(clauses: Sequence[Clause]) -> Solved:
    """Ask for a solution or a proof."""
    solved = solve_within(clauses, None)
    assert solved is not None
    return solved


def solve_within(clauses: Sequence[Clause], conflicts: int | None) -> Solved | None:
    """Ask for a solution or a proof; None if neither is found within so many conflicts, where there is a limit.

    The empty clause ends a proof, also where the solver leaves it out.
    """
    with Solver(name=NAME, bootstrap_with=[list(clause) for clause in clauses], with_proof=True) as solver:
        solver.conf_budget(-1 if conflicts is None else conflicts)
        answer = solver.solve_limited()
        if answer is None:
            return None
        if answer:
            return Solved(None, frozenset(literal for literal in solver.get_model() if literal > 0))
        steps = parse(solver.get_proof() or [])
    return Solved(steps if Step(()) in steps else [*steps, Step(())], frozenset())
