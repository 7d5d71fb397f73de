"""The second way to execute code symbolically: run it as it is, on numbers that are not known, once for each path.

Where the code asks whether a condition holds, the exploration answers; if both answers are possible it comes back later
for the other one. Objects, exceptions and classes are Python's own, so that code in any style can be explored, at the
price of one run a path. For kernels, which are flat, `proofs.smt.executor` is much faster.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import z3

from proofs.smt.machine import Machine
from proofs.smt.solver import Refuted, bear_witness, satisfy
from proofs.smt.values import Term


@dataclass(frozen=True)
class Outcome:
    """Where one path leads: what was returned, or raised."""

    returned: Any
    raised: Exception | None


class Exploration:
    """All paths of a function, as far as the machine's facts and assumptions leave them possible."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.solver = z3.Solver()
        self.solver.set("smt.arith.solver", 2)
        self.solver.set("timeout", machine.timeout_ms // 4)
        self.solver.add(*machine.assumptions)
        self.facts_known = 0
        self.facts_below = 0
        self.answers: dict[Term, bool] = {}
        self.pending: list[list[bool]] = []
        self.prefix: list[bool] = []
        self.taken: list[bool] = []

    def outcomes(self, run: Callable[[], Any], refusals: type[Exception]) -> Iterator[Outcome]:
        """Run the function until every path has been taken; `prove` then is about the path just taken.

        Exceptions other than `refusals` end the exploration.
        """
        self.pending = [[]]
        while self.pending:
            self.prefix = self.pending.pop()
            self.taken = []
            self.answers = {}
            self.facts_known = self.facts_below
            self._learn_facts()
            self.facts_below = self.facts_known
            self.solver.push()
            try:
                returned, raised = run(), None
            except refusals as refusal:
                returned, raised = None, refusal
            yield Outcome(returned, raised)
            self.solver.pop()

    def decide(self, condition: Term) -> bool:
        """Whether a condition holds on this path."""
        condition = z3.simplify(condition)
        if z3.is_true(condition) or z3.is_false(condition):
            return bool(z3.is_true(condition))
        if condition in self.answers:
            return self.answers[condition]
        if len(self.taken) < len(self.prefix):
            answer = self.prefix[len(self.taken)]
        else:
            answer = self.possible(condition)
            if answer and self.possible(z3.Not(condition)):
                self.pending.append([*self.taken, False])
        self.taken.append(answer)
        self.answers[condition] = answer
        self.solver.add(condition if answer else z3.Not(condition))
        return answer

    def possible(self, condition: Term) -> bool:
        """Whether the condition can hold on this path. Raises Unknown."""
        return self._model(condition) is not None

    def prove(self, goal: Term, what: str) -> None:
        """Return if a goal holds wherever this path is taken. Raises Refuted, Unknown."""
        counterexample = self._model(z3.Not(goal))
        if counterexample is not None:
            raise Refuted(what, counterexample)

    def _model(self, condition: Term) -> z3.ModelRef | None:
        self._learn_facts()
        self.solver.push()
        self.solver.add(condition)
        answer = self.solver.check()
        model = self.solver.model() if answer == z3.sat else None
        asked = list(self.solver.assertions())
        self.solver.pop()
        if answer == z3.unknown:
            # What was asked before leads z3 astray now and then: once more, apart from all of it.
            return satisfy(asked, "a path or a fault on it", self.machine.timeout_ms)
        if answer == z3.unsat:
            bear_witness("a path or a fault on it", asked)
        return model

    def _learn_facts(self) -> None:
        """Tell the solver the facts that were defined since the last time."""
        self.solver.add(*self.machine.facts[self.facts_known :])
        self.facts_known = len(self.machine.facts)
