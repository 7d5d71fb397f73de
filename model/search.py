"""Exhaustive breadth-first search of a transition system.

Every state that can be reached is visited once, and the first bad one found is one of the nearest: its trace is
a shortest one. A search that stops at its limit says so and is not a pass.

What a step reads and writes is the shared words and the registers of one process, so its outcome is worked out
once for each such pair, however many states the pair occurs in; the invariants are decided for each pair as
well. Shared words and registers are numbered as they turn up, and a state is a tuple of these numbers. Equal
numbers are equal values: nothing is hashed down, no state is taken for another.
"""

import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from model.language import Local, Property, Shared, System

LIMIT = 4_000_000
"""States after which a search gives up, unless told otherwise."""

State = tuple[int, ...]
"""Number of the shared words, then one number for the registers of each process."""


class Outcome(enum.Enum):
    """How a search ended."""

    HELD = "held"
    """All reachable states were visited; every invariant held, there was no deadlock, every witness occurred."""
    BROKEN = "broken"
    """A reachable state breaks an invariant."""
    DEADLOCK = "deadlock"
    """In a reachable state nobody can take a step, and somebody is not done."""
    VACUOUS = "vacuous"
    """All is well, but something that must be able to happen never does."""
    BOUNDED = "bounded"
    """The limit was reached first. Nothing is known about the states beyond it."""


@dataclass(frozen=True)
class Move(Generic[Shared, Local]):
    """One step of a trace: who took it, and shared words and registers before and after."""

    process: str
    step: str
    shared: tuple[Shared, Shared]
    registers: tuple[Local, Local]


@dataclass(frozen=True)
class Result(Generic[Shared, Local]):
    """What a search found, and how much it looked at.

    Attributes:
        depth: steps from the initial state to the farthest state visited.
        seconds: wall-clock time of the search.
        finding: the sentence that is broken, who is stuck, or which witnesses are missing; empty when held.
        trace: a shortest way to the bad state.
    """

    system: System[Shared, Local]
    outcome: Outcome
    states: int
    transitions: int
    depth: int
    seconds: float
    finding: str = ""
    trace: tuple[Move[Shared, Local], ...] = ()


def search(system: System[Shared, Local], limit: int = LIMIT) -> Result[Shared, Local]:
    """Visit every reachable state of `system`, or as many as `limit` allows, or up to the first bad one."""
    return _Search(system).run(limit)


Value = TypeVar("Value")


class _Numbered(Generic[Value]):
    """Values by number, in the order in which they turned up."""

    def __init__(self) -> None:
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []

    def __getitem__(self, number: int) -> Value:
        return self._values[number]

    def number(self, value: Value) -> int:
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number


class _Broken(Exception):
    """A pair of shared words and registers breaks an invariant."""

    def __init__(self, broken: str) -> None:
        super().__init__(broken)
        self.broken = broken


class _Search(Generic[Shared, Local]):
    """One search: the states seen, in the order in which they were found, and what is known about pairs."""

    def __init__(self, system: System[Shared, Local]) -> None:
        self.system = system
        self.shared: _Numbered[Shared] = _Numbered()
        self.locals: _Numbered[Local] = _Numbered()
        self.missing: list[Property[Shared, Local]] = list(system.witnesses)
        initial = (
            self.shared.number(system.shared),
            *(self.locals.number(process.registers) for process in system.processes),
        )
        self.order: list[State] = [initial]
        self.found_from: dict[State, State | None] = {initial: None}
        self.transitions = 0
        self.depth = 0

    def run(self, limit: int) -> Result[Shared, Local]:
        began = time.perf_counter()
        outcome, finding, last = self._visit_all(limit)
        if outcome is Outcome.HELD and self.missing:
            outcome = Outcome.VACUOUS
            finding = "never seen: " + "; ".join(witness.sentence for witness in self.missing)
        return Result(
            system=self.system,
            outcome=outcome,
            states=len(self.order),
            transitions=self.transitions,
            depth=self.depth,
            seconds=time.perf_counter() - began,
            finding=finding,
            trace=tuple(self._trace(last)) if outcome in (Outcome.BROKEN, Outcome.DEADLOCK) else (),
        )

    def _visit_all(self, limit: int) -> tuple[Outcome, str, State]:
        """Go through the states in the order in which they are found; returns the bad one last, if there is one."""
        order, found_from = self.order, self.found_from
        pairs: list[dict[tuple[int, int], tuple[State, ...]]] = [{} for _ in self.system.processes]
        end_of_level = 1
        for index, state in enumerate(order):  # `order` grows meanwhile
            if index == end_of_level:
                self.depth, end_of_level = self.depth + 1, len(order)
            stuck = True
            for position, known in enumerate(pairs, start=1):
                pair = (state[0], state[position])
                moves = known.get(pair)
                if moves is None:
                    try:
                        moves = known[pair] = self._moves(position - 1, *pair)
                    except _Broken as found:
                        return Outcome.BROKEN, found.broken, state
                for shared, registers in moves:
                    stuck = False
                    self.transitions += 1
                    after = (shared, *state[1:position], registers, *state[position + 1 :])
                    if after not in found_from:
                        found_from[after] = state
                        order.append(after)
            if stuck and (waiting := self._waiting(state)):
                return Outcome.DEADLOCK, waiting, state
            if len(order) > limit:
                return Outcome.BOUNDED, f"more than {limit:,} states", state
        return Outcome.HELD, "", order[-1]

    def _moves(self, process: int, shared_number: int, local_number: int) -> tuple[State, ...]:
        """Check a pair that was not seen before, and take every step that is enabled in it.

        Raises:
            _Broken: an invariant does not hold.
        """
        shared, registers = self.shared[shared_number], self.locals[local_number]
        for invariant in self.system.invariants:
            if not invariant.holds(shared, registers):
                raise _Broken(f"{invariant.name}: {invariant.sentence}")
        self.missing = [witness for witness in self.missing if not witness.holds(shared, registers)]
        after = [
            step.effect(shared, registers)
            for step in self.system.processes[process].program.steps(registers.at)
            if step.guard(shared, registers)
        ]
        return tuple((self.shared.number(words), self.locals.number(own)) for words, own in after)

    def _waiting(self, state: State) -> str:
        """Who is stuck where; empty when every process rests."""
        places = zip(self.system.processes, (self.locals[number] for number in state[1:]), strict=True)
        stuck = [f"{process.name} at {own.at}" for process, own in places if not process.program.rests(own.at)]
        return "nobody can go on: " + ", ".join(stuck) if stuck else ""

    def _trace(self, last: State) -> Iterator[Move[Shared, Local]]:
        """The way by which `last` was found, first step first."""
        path = [last]
        while (earlier := self.found_from[path[-1]]) is not None:
            path.append(earlier)
        path.reverse()
        for before, after in pairwise(path):
            yield self._move(before, after)

    def _move(self, before: State, after: State) -> Move[Shared, Local]:
        """The step between two neighbouring states of a trace."""
        for position, process in enumerate(self.system.processes, start=1):
            if before[:position][1:] != after[:position][1:] or before[position + 1 :] != after[position + 1 :]:
                continue
            shared, registers = self.shared[before[0]], self.locals[before[position]]
            outcome = self.shared[after[0]], self.locals[after[position]]
            for step in process.program.steps(registers.at):
                if step.guard(shared, registers) and step.effect(shared, registers) == outcome:
                    return Move(process.name, step.name, (shared, outcome[0]), (registers, outcome[1]))
        raise LookupError("two states of a trace are not neighbours")
