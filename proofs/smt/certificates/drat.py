"""A checker of DRAT proofs (Wetzler, Heule, Hunt 2014): whoever trusts it, and numba, need not trust a SAT solver.

A proof is a list of steps on a growing and shrinking set of clauses, which starts as the formula:

- A *lemma* is added if it has RUP: setting all its literals to false and propagating unit clauses leads to a clause
  that is false. Then it follows from the clauses.
- It is also added if it has RAT on its first literal `p`: for every clause with `-p`, the lemma together with the rest
  of that clause has RUP. Then clauses with a solution keep one.
- Clauses may be *deleted*, which keeps solutions too. One that a literal known at top level rests on stays, and one
  that is not there is passed over: steps are always checked against the clauses that really are there.

The proof is accepted at the empty lemma. Then the last clauses have no solution, hence the first ones had none.
Steps are checked in order, with two watched literals a clause.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from proofs.smt.certificates.circuit import Clause, Literal

Words: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Step:
    """A lemma, or a clause to be deleted."""

    literals: Clause
    deletes: bool = False


class Rejected(Exception):
    """Not a proof: which step, counted from 0, is wrong, and why."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"step {number}: {why}")
        self.number = number


def parse(lines: Iterable[str]) -> list[Step]:
    """Steps as solvers write them: literals and a 0 on each line, with a d before them where a clause is deleted.

    Raises:
        ValueError: a line is none of these.
    """
    steps = []
    for line in lines:
        deletes = line.startswith("d ")
        *literals, end = map(int, line.removeprefix("d ").split())
        if end != 0 or 0 in literals:
            raise ValueError(f"not a step of a proof: {line!r}")
        steps.append(Step(tuple(literals), deletes))
    return steps


def verify(formula: Sequence[Clause], proof: Sequence[Step]) -> int:
    """Return how many steps were needed if the proof refutes the formula.

    Raises:
        Rejected: it does not.
        ValueError: 0 stands among the literals, where nothing is written for a clause's end.
    """
    if any(0 in clause for clause in (*formula, *(step.literals for step in proof))):
        raise ValueError("0 is no literal")
    lemmas = [step.literals for step in proof if not step.deletes]
    clauses = Clauses([*formula, *lemmas])
    for clause in formula:
        clauses.add(clause)
    for number, step in enumerate(proof):
        if step.deletes:
            clauses.delete(step.literals)
        elif not clauses.implies(step.literals) and not clauses.redundant(step.literals):
            raise Rejected(number, f"{step.literals} has neither RUP nor RAT")
        elif not step.literals:
            return number + 1
        else:
            clauses.add(step.literals)
    raise Rejected(len(proof), "the empty clause is missing")


class Clauses:
    """A set of clauses, and what follows from them by propagation of unit clauses.

    Arrays indexed by literal have a place for each: a negative index counts from the end.

    Attributes:
        contradictory: whether a contradiction follows.
    """

    def __init__(self, to_come: Sequence[Clause]) -> None:
        """No clauses as yet, with room for those that will be added, in any order."""
        literals = 2 * max((abs(literal) for clause in to_come for literal in clause), default=0) + 1
        self.contradictory = False
        self._number = 0
        self._present: dict[Clause, list[int]] = {}
        self._value = np.zeros(literals, np.int8)
        self._trail = np.zeros(literals, np.int64)
        self._progress = np.zeros(2, np.int64)  # how many literals of the trail are propagated, and how many there are
        self._pool = np.zeros(sum(map(len, to_come)) + 1, np.int64)
        self._start = np.zeros(len(to_come) + 2, np.int64)
        self._alive = np.zeros(len(to_come) + 1, np.bool_)
        self._reason = np.zeros(len(to_come) + 1, np.bool_)
        self._first = np.full(literals, -1, np.int64)
        self._next = np.full(2 * len(to_come) + 2, -1, np.int64)

    def add(self, clause: Clause) -> None:
        """Add a clause, and assign at top level what follows."""
        number, start = self._number, int(self._start[self._number])
        literals = sorted(set(clause), key=lambda literal: self._value[literal] < 0)  # those not false come first
        self._number += 1
        self._start[number + 1] = start + len(literals)
        self._pool[start : start + len(literals)] = literals
        self._alive[number] = True
        self._present.setdefault(_key(clause), []).append(number)
        for side, literal in enumerate(literals[:2] if len(literals) > 1 else ()):
            self._next[2 * number + side] = self._first[literal]
            self._first[literal] = 2 * number + side
        if not literals or self._value[literals[0]] < 0:
            self.contradictory = True
        elif (len(literals) == 1 or self._value[literals[1]] < 0) and self._value[literals[0]] == 0:
            self._reason[number] = True
            self._assign(literals[0])
            self.contradictory |= not self._propagate(at_top_level=True)

    def delete(self, clause: Clause) -> None:
        """Take out a clause, if it is there and nothing at top level rests on it."""
        numbers = self._present.get(_key(clause))
        if numbers and not self._reason[numbers[-1]]:
            self._alive[numbers.pop()] = False

    def implies(self, clause: Iterable[Literal]) -> bool:
        """Whether a clause has RUP."""
        if self.contradictory:
            return True
        known = int(self._progress[1])
        consistent = True
        for literal in clause:
            if self._value[literal] > 0:
                consistent = False
                break
            if self._value[literal] == 0:
                self._assign(-literal)
        consistent = consistent and self._propagate(at_top_level=False)
        undone = self._trail[known : self._progress[1]]
        self._value[undone] = self._value[-undone] = 0
        self._progress[:] = known
        return not consistent

    def redundant(self, clause: Clause) -> bool:
        """Whether a clause has RAT on its first literal."""
        if not clause:
            return False
        pivot = clause[0]
        for number in np.flatnonzero(self._alive):
            literals = self._pool[self._start[number] : self._start[number + 1]].tolist()
            if -pivot in literals and not self.implies([*clause, *(one for one in literals if one != -pivot)]):
                return False
        return True

    def _assign(self, literal: Literal) -> None:
        self._value[literal], self._value[-literal] = 1, -1
        self._trail[self._progress[1]] = literal
        self._progress[1] += 1

    def _propagate(self, at_top_level: bool) -> bool:
        return bool(
            propagate(
                *(self._value, self._trail, self._progress, self._pool, self._start, self._alive),
                *(self._reason, self._first, self._next, at_top_level),
            )
        )


@numba.njit(nogil=True)
def propagate(
    value: Words,
    trail: Words,
    progress: Words,
    pool: Words,
    start: Words,
    alive: Words,
    reason: Words,
    first_watch: Words,
    next_watch: Words,
    at_top_level: bool,
) -> bool:
    """Assign what follows from unit clauses, until nothing does (True) or a clause is false (False).

    A clause is watched at its first two literals in the pool, by watches twice its number and one more; those of a
    literal are linked. At top level, clauses that something follows from are marked as reasons.
    """
    while progress[0] < progress[1]:
        false = -trail[progress[0]]
        progress[0] += 1
        watch = first_watch[false]
        first_watch[false] = -1
        consistent = True
        while watch >= 0:
            following = next_watch[watch]
            clause = watch >> 1
            if alive[clause]:
                begin = start[clause]
                if pool[begin] == false:
                    pool[begin], pool[begin + 1] = pool[begin + 1], false
                first = pool[begin]
                goes_to = false
                if consistent and value[first] <= 0:
                    for other in range(begin + 2, start[clause + 1]):
                        if value[pool[other]] >= 0:
                            goes_to = pool[other]
                            pool[begin + 1], pool[other] = goes_to, false
                            break
                    else:
                        if value[first] < 0:
                            consistent = False
                        else:
                            value[first], value[-first] = 1, -1
                            trail[progress[1]] = first
                            progress[1] += 1
                            reason[clause] |= at_top_level
                next_watch[watch] = first_watch[goes_to]
                first_watch[goes_to] = watch
            watch = following
        if not consistent:
            return False
    return True


def _key(clause: Clause) -> Clause:
    return tuple(sorted(set(clause)))
