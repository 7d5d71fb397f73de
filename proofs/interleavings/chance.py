"""Runs by chance, for what is too large to search: each step by a fair draw, or by priorities that change seldom (PCT).

PCT is the probabilistic concurrency testing of Burckhardt, Kothari, Musuvathi and Nagarakatte (ASPLOS 2010): actors
have different random priorities and the highest that can go on does; at d - 1 random steps the actor that is next is
put last. A fault that needs d ordered steps is found in a run of n actors and at most k steps with probability at least
1 / (n * k ** (d - 1)). Store buffers are actors too. Where a memory model leaves options, each is drawn fairly: the
bound is one on orders of steps, and holds for faults that show with whatever the loads read.

How long runs are is not known before: `k` is the longest of some runs by fair draws, and grows with what is seen. A run
that turns out longer than the k that its changes were drawn from is not counted among those that the bound speaks of.
"""

import enum
import random
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.report import Report
from proofs.interleavings.scheduler import Scheduler
from proofs.interleavings.turn import Turn

MEASURED = 8
"""Runs by fair draws before the first by priorities."""


class Draw(enum.StrEnum):
    """How the next actor is chosen."""

    RANDOM = "random"
    PCT = "pct"


@dataclass
class Sample(Report):
    """What runs by chance have found; never complete.

    Attributes:
        draw: how the actors were chosen.
        seed: of the draws: the same seed makes the same runs.
        depth: how many ordered steps a fault may need, for PCT.
        actors: threads, and store buffers where there are any.
        longest: steps of the longest run.
        covered: runs by priorities that were no longer than expected, of which the bound speaks.
    """

    draw: Draw = Draw.RANDOM
    seed: int = 0
    depth: int = 1
    actors: int = 0
    longest: int = 0
    covered: int = 0

    @property
    def bound(self) -> float:
        """The least probability with which one covered run finds a fault of this depth."""
        return 1 / (max(self.actors, 1) * float(max(self.longest, 1)) ** (self.depth - 1))

    @property
    def bound_of_all(self) -> float:
        """The least probability with which the covered runs together find a fault of this depth."""
        return float(1 - (1 - self.bound) ** self.covered)

    def __str__(self) -> str:
        if self.draw is Draw.RANDOM:
            return f"fair draws, seed {self.seed}, runs of at most {self.longest} steps by {self.actors} actors"
        return (
            f"PCT, seed {self.seed}: a fault of depth {self.depth} is found by one run with probability at least "
            f"1/({self.actors}*{self.longest}^{self.depth - 1}) = {self.bound:.2g}, "
            f"by {self.covered} runs with at least {self.bound_of_all:.2g}"
        )


def sample(
    program: Program,
    draw: Draw,
    executions: int,
    seed: int = 1,
    depth: int = 3,
    memory: MemoryName = MemoryName.SC,
    most_seconds: float = 600.0,
    measured: int = MEASURED,
) -> Sample:
    """Make runs by chance until one fails or a limit is reached. Raises ValueError for a depth below 1.

    For PCT the first `measured` runs are by fair draws: they say how long runs are.
    """
    if depth < 1:
        raise ValueError(f"depth {depth}: a fault needs at least one step, write 1 or more")
    begin = time.monotonic()
    report = Sample(draw=draw, seed=seed, depth=depth)
    for number in range(executions):
        if time.monotonic() - begin >= most_seconds:
            break
        # A stream for each run: what a run does not draw leaves the next one as it is.
        chance = random.Random(f"{seed}/{number}")
        _run(program, memory, report, chance, by_priority=draw is Draw.PCT and number >= measured)
        if report.counterexample is not None:
            break
    report.seconds = time.monotonic() - begin
    return report


class _Priorities:
    """The priorities of a run's actors, an actor's being drawn when it is first seen."""

    def __init__(self, chance: random.Random, changes: Sequence[int]) -> None:
        self._chance = chance
        self._changes = changes
        self._of: dict[int, float] = {}

    def choose(self, actors: Mapping[int, Sequence[Hashable]], step: int) -> int:
        """The actor that takes a step."""
        for actor in actors:
            self._of.setdefault(actor, self._chance.random())
        for number, change in enumerate(self._changes):
            if change == step:
                self._of[self._highest(actors)] = -1.0 - number
        return self._highest(actors)

    def _highest(self, actors: Mapping[int, Sequence[Hashable]]) -> int:
        return max(actors, key=self._of.__getitem__)


def _run(program: Program, memory: MemoryName, report: Sample, chance: random.Random, by_priority: bool) -> None:
    scheduler = Scheduler(program(), memory)
    expected = max(report.longest, 1)
    changes = [chance.randrange(expected) for _ in range(report.depth - 1)] if by_priority else []
    priorities = _Priorities(chance, changes)
    report.actors = len(scheduler.threads) * (2 if memory is MemoryName.TSO else 1)
    taken: list[Turn] = []
    try:
        with scheduler:
            while choices := scheduler.choices():
                actor = priorities.choose(choices, len(taken)) if by_priority else chance.choice(list(choices))
                taken.append(Turn(actor, chance.randrange(len(choices[actor]))))
                scheduler.step(taken[-1])
            outcome = scheduler.finish()
            report.outcomes.setdefault(outcome, tuple(taken))
    except Exception as error:
        report.failure, report.counterexample = error, tuple(taken)
    report.executions += 1
    report.steps += len(taken)
    report.longest = max(report.longest, len(taken))
    report.covered += by_priority and len(taken) <= expected
