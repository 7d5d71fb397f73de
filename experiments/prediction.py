"""Whether simple models of the lock designs predict what two threads gain.

The model: two threads each need `work` nanoseconds a packet, of which `held` under the lock; a lock that goes back and
forth between two cores costs one `transfer` of its cache line each time; and two threads with a port each, which share
nothing but the machine, do `cores` times one thread's work. So two threads on one port do at most one packet every
max(work / cores, held + transfer) nanoseconds under an exclusive lock; under a shared one every hit writes the lock's
line twice, max(work / cores, 2 * transfer); with no lock, work / cores. Work, lock and line are measured apart
from what is predicted; the gain of two ports, in the same rounds, says what there was to gain.
"""

import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numba
import numpy as np

from experiments import hit_speed, threads
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.hit_speed import BATCHES
from experiments.measure import Series, interleaved
from experiments.replay import BATCH
from experiments.stages import Meter, Stage
from fastpath import Design
from fastpath.atomics import fetch_add
from fastpath.compiler import OPTIONS
from fastpath.designs import POLICIES
from fastpath.layout import LINE
from fastpath.memory import Words
from fastpath.policy import Policy, PortLock
from reference.direction import Direction

FLOWS: Final = threads.FLOWS
ADDITIONS: Final = 200_000
_QUANTITY: Final = "two threads to one"
_PREDICTED, _MEASURED = "predicted", "measured"


@functools.cache
def _adding_loop() -> Any:
    def add(words: Words, times: int) -> None:
        for _ in range(times):
            fetch_add(words, 0, np.uint64(1))

    return numba.njit(**OPTIONS)(add)


def transfer(pool: ThreadPoolExecutor) -> float:
    """Nanoseconds between two additions to one word by two threads that do nothing else."""
    words, barrier = np.zeros(LINE, np.uint64), threading.Barrier(2)

    def run() -> tuple[int, int]:
        barrier.wait()
        start = time.perf_counter_ns()
        _adding_loop()(words, ADDITIONS)
        return start, time.perf_counter_ns()

    spans = [future.result() for future in [pool.submit(run) for _ in range(2)]]
    return (max(end for _, end in spans) - min(start for start, _ in spans)) / (2 * ADDITIONS)


def predicted(policy: Policy, work: float, held: float, line: float, cores: float = 2.0) -> float:
    """The gain of a second thread by the model."""
    least = work / cores
    if policy.port_lock is PortLock.EXCLUSIVE:
        least = max(least, held + line)
    elif policy.port_lock is PortLock.SHARED:
        least = max(least, 2 * line)
    return work / least


def _held(policy: Policy, spent: dict[Stage, float]) -> float:
    """What a hit does under the lock."""
    last = Stage.CHANGE if policy.transforms_inside else Stage.TRACK if policy.tracks_inside else Stage.LOOK_UP
    return spent[last] - spent[Stage.PARSE]


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design: first the model's numbers, then what it predicts."""
    policy = POLICIES[Design(part)]
    meter = Meter(policy, Direction.OUT, FLOWS)
    with ThreadPoolExecutor(2) as pool:
        samplers: dict[Stage | str, Callable[[], float]] = {
            stage: functools.partial(meter.seconds, stage) for stage in Stage
        }
        samplers["transfer"] = functools.partial(transfer, pool)
        taken = interleaved(samplers, warm_up_rounds=2, rounds=effort.rounds, seconds=effort.seconds, advance=iter)
    settings = threads.settings_of(part, policy)
    (alone, _), (both, _) = settings[threads.OWN, 1], settings[threads.OWN, threads.MOST_THREADS]
    apart, _ = settings[threads.APART, threads.MOST_THREADS]
    hits = hit_speed.measure(list(dict.fromkeys((alone, both, apart))), effort.rounds, effort.seconds, advance)
    cores = Series(threads.scaling(hits[apart], [hits[alone]]))
    guesses = _guesses(policy, taken, hits[alone], cores)
    gains = threads.scaling(hits[both], [hits[alone]])
    return [
        Measured(_QUANTITY, "", {"design": part, "source": _PREDICTED}, guesses),
        Measured(_QUANTITY, "", {"design": part, "source": _MEASURED}, gains),
        Measured("a line's way between cores", "ns", {"design": part}, taken["transfer"].samples),
        Measured("a hit alone", "ns a packet", {"design": part}, hits[alone].samples),
        Measured("two threads to one, a port each", "", {"design": part}, cores.samples),
    ]


def _guesses(policy: Policy, taken: dict[Stage | str, Series], work: Series, cores: Series) -> tuple[float, ...]:
    """The prediction from each round's numbers; work and cores are medians, as they are of other rounds."""
    found = []
    for number, line in enumerate(taken["transfer"].samples):
        spent = {stage: taken[stage].samples[number] / (BATCHES * BATCH) * 1e9 for stage in Stage}
        held = max(_held(policy, spent), 0.0)
        found.append(predicted(policy, work.median, held, line, cores.median))
    return tuple(found)


def finding(rows: Rows) -> str:
    """Where the model is furthest off."""
    off = {}
    for design in dict.fromkeys(row.setting["design"] for row in rows.where(_QUANTITY)):
        guess, real = (rows.median(_QUANTITY, design=design, source=source) for source in (_PREDICTED, _MEASURED))
        if guess and real:
            off[design] = (guess, real)
    said = ", ".join(f"{guess:.2f} for {real:.2f} under {design}" for design, (guess, real) in off.items())
    return f"A model of lock and cache line predicts what a second thread gains: {said}"


EXPERIMENT: Final = Experiment(
    name="prediction",
    question="Do simple models of the lock designs predict what two threads gain?",
    variables={"design": "mutex, pr585, rwlock, fine", "source": "the model, from four numbers; the measurement"},
    method="Work of a hit, its part under the lock (`stages`), a contended line's way between two cores, and the gain "
    "of two threads with a port each are measured; the model is the greater of the work, divided by that gain, and of "
    "what the lock allows. Beside it the gain of two threads with flows of their own.",
    parts=tuple(design.value for design in Design),
    measure=measure,
    charts=(Chart(_QUANTITY, x="design", series="source", base=1.0),),
    finding=finding,
)
