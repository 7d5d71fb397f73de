"""A checker of DRAT proofs (Wetzler, Heule, Hunt 2014): whoever trusts this file need not trust a SAT solver.

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

from proofs.smt.certificates.circuit import Clause, Literal


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
    """
    variables = max(
        (abs(literal) for clause in [*formula, *(s.literals for s in proof)] for literal in clause), default=0
    )
    clauses = Clauses(variables)
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

    Attributes:
        contradictory: whether a contradiction follows.
    """

    def __init__(self, variables: int) -> None:
        self.contradictory = False
        # Indexed by literal; a negative index counts from the end, so that each literal has a place of its own.
        self._value = [0] * (2 * variables + 1)
        self._watchers: list[list[int]] = [[] for _ in range(2 * variables + 1)]
        self._literals: list[list[Literal]] = []
        self._present: dict[Clause, list[int]] = {}
        self._alive: list[bool] = []
        self._trail: list[Literal] = []
        self._propagated = 0
        self._reasons: set[int] = set()

    def add(self, clause: Clause) -> None:
        """Add a clause, and assign at top level what follows."""
        number = len(self._literals)
        literals = sorted(set(clause), key=lambda literal: self._value[literal] < 0)  # those not false come first
        self._literals.append(literals)
        self._alive.append(True)
        self._present.setdefault(_key(clause), []).append(number)
        for literal in literals[:2] if len(literals) > 1 else ():
            self._watchers[literal].append(number)
        if not literals or self._value[literals[0]] < 0:
            self.contradictory = True
        elif (len(literals) == 1 or self._value[literals[1]] < 0) and self._value[literals[0]] == 0:
            self._reasons.add(number)
            self._assign(literals[0])
            self.contradictory |= not self._propagate(self._reasons)

    def delete(self, clause: Clause) -> None:
        """Take out a clause, if it is there and nothing at top level rests on it."""
        numbers = self._present.get(_key(clause))
        if numbers and numbers[-1] not in self._reasons:
            self._alive[numbers.pop()] = False

    def implies(self, clause: Iterable[Literal]) -> bool:
        """Whether a clause has RUP."""
        if self.contradictory:
            return True
        known = len(self._trail)
        consistent = True
        for literal in clause:
            if self._value[literal] > 0:
                consistent = False
                break
            if self._value[literal] == 0:
                self._assign(-literal)
        consistent = consistent and self._propagate(None)
        for literal in self._trail[known:]:
            self._value[literal] = self._value[-literal] = 0
        del self._trail[known:]
        self._propagated = known
        return not consistent

    def redundant(self, clause: Clause) -> bool:
        """Whether a clause has RAT on its first literal."""
        if not clause:
            return False
        pivot = clause[0]
        for number, literals in enumerate(self._literals):
            if self._alive[number] and -pivot in literals:
                rest = (literal for literal in literals if literal != -pivot)
                if not self.implies([*clause, *rest]):
                    return False
        return True

    def _assign(self, literal: Literal) -> None:
        self._value[literal], self._value[-literal] = 1, -1
        self._trail.append(literal)

    def _propagate(self, reasons: set[int] | None) -> bool:
        """Assign what follows from unit clauses, until nothing does (True) or a clause is false (False).

        Clauses that something follows from are added to `reasons`.
        """
        value, trail = self._value, self._trail
        while self._propagated < len(trail):
            false = -trail[self._propagated]
            self._propagated += 1
            watchers = self._watchers[false]
            kept = self._watchers[false] = []
            for place, number in enumerate(watchers):
                if not self._alive[number]:
                    continue
                literals = self._literals[number]
                if literals[0] == false:
                    literals[0], literals[1] = literals[1], false
                first = literals[0]
                if value[first] <= 0:
                    for other in range(2, len(literals)):
                        if value[literals[other]] >= 0:
                            literals[1], literals[other] = literals[other], false
                            self._watchers[literals[1]].append(number)
                            break
                    else:
                        kept.append(number)
                        if value[first] < 0:
                            kept += watchers[place + 1 :]
                            return False
                        self._assign(first)
                        if reasons is not None:
                            reasons.add(number)
                    continue
                kept.append(number)
        return True


def _key(clause: Clause) -> Clause:
    return tuple(sorted(set(clause)))
