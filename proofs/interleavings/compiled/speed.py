"""How fast both engines are, measured: schedules a second, and the time to an exhaustive verdict.

Compiling is not counted. Each figure is the best of a few turns, in processor time of this process: other load on the
machine disturbs that least.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from proofs.interleavings.compiled.engine import Engine
from proofs.interleavings.compiled.kernel_program import as_program
from proofs.interleavings.compiled.sequence_lock import sequence_lock, writing_readers
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.report import Report, Search

TURNS: Final = 5


@dataclass(frozen=True)
class Speed:
    """One measurement.

    Attributes:
        what: program and search.
        runs: schedules run, those given up as redundant included.
        steps: scheduling points of one, on the average.
        seconds: processor time of all.
        complete: whether nothing was left to run.
    """

    what: str
    runs: int
    steps: float
    seconds: float
    complete: bool

    def __str__(self) -> str:
        verdict = "exhaustive" if self.complete else "sampled"
        return (
            f"{self.what}: {self.runs / self.seconds:,.0f} schedules a second "
            f"({self.runs:,} of {self.steps:.1f} points in {self.seconds * 1e3:,.1f} ms, {verdict})"
        )


def measure(runs: int = 200_000) -> Iterator[Speed]:
    """Measure, one after the other: chance and search on three threads, and the sequence lock to its end."""
    three, lock = Engine(writing_readers), Engine(sequence_lock)
    yield _best("three threads, fair draws, compiled", partial(three.wander, runs))
    yield _best("three threads, PCT of depth 3, compiled", partial(three.wander_by_priority, runs, 3))
    yield _best("three threads, every order, compiled", partial(three.explore, Search.PLAIN, runs))
    yield _best("three threads, reduced, compiled", three.explore)
    yield _best("sequence lock with a counter, reduced, compiled", lock.explore)
    yield _best("sequence lock with a counter, reduced, plain Python", partial(explore, as_program(sequence_lock)))
    weak = MemoryName.RA
    yield _best("the same under release and acquire, compiled", partial(lock.explore, memory=weak))
    yield _best("the same, plain Python", partial(explore, as_program(sequence_lock), memory=weak))


def _best(what: str, search: Callable[[], Report]) -> Speed:
    search()  # compiles
    found = []
    for _ in range(TURNS):
        begin = time.process_time()
        report = search()
        seconds = time.process_time() - begin
        runs = report.executions + report.redundant
        found.append(Speed(what, runs, report.steps / runs, seconds, report.complete))
    return min(found, key=lambda speed: speed.seconds)
