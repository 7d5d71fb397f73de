"""Where the time of a hit goes: parsing, look-up, tracking, changing the frame.

The production kernels of `pipeline.prepare` and `hit.py`, as far as a stage; what a stage takes is the difference to
the stage before, round by round.
"""

import enum
import functools
import time
from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np

from experiments.arriving import write_batch
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.hit_speed import BATCHES, Lane, NotHit
from experiments.measure import interleaved
from experiments.population import populated
from experiments.replay import BATCH
from fastpath import Design
from fastpath.compiler import OPTIONS, kernel
from fastpath.designs import POLICIES
from fastpath.hash_table import entry_at
from fastpath.hit import reach, tracking
from fastpath.layout import DESCRIPTOR_WORDS, Index
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.pipeline import STRIDE, empty, prepare, ready_until, record_of
from fastpath.policy import Policy
from fastpath.reclaim import enter, leave, thread_at
from fastpath.transform import apply
from reference.direction import Direction

SIZES: Final = (1_000, 100_000)
_QUANTITY: Final = "a stage"


class Stage(enum.IntEnum):
    """How far a packet goes; each includes those before."""

    WRITE = 0
    """Its headers are written, as a network card would. Not counted."""
    PARSE = 1
    """Parsed and hashed, memory of the later stages asked for."""
    LOOK_UP = 2
    """The flow's entry is found."""
    TRACK = 3
    """Its time, its counts, its connection."""
    CHANGE = 4
    """Headers changed, checksums included, the encapsulation taken off or put on."""


NAMES: Final = {
    Stage.PARSE: "parse, hash, prefetch",
    Stage.LOOK_UP: "look-up",
    Stage.TRACK: "tracking, TCP",
    Stage.CHANGE: "change, encapsulate",
}


@functools.cache
def loop(policy: Policy) -> Any:
    """A compiled loop that takes batches as far as a stage; returns how many packets found no flow."""
    track = tracking(policy)
    old_ways = policy.old_ways

    @kernel
    def take(
        words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        at: Index,
        record: Index,
        now: np.uint64,
        stage: Index,
    ) -> bool:
        entry, flow, epoch, action, rewrite = reach(words, work, record)
        found = entry != np.uint64(0)
        if stage > 2 and found:
            base, line, owner = entry_at(words, entry), thread_at(words, 0), np.uint64(1)
            found = track(words, frames, descriptors, at, work, record, base, flow, epoch, now, line, owner)
            if stage > 3 and found:
                apply(words, frames, descriptors, at, work, record, action, rewrite, old_ways)
        return bool(found)

    def go(  # noqa: PLR0913, PLR0917 - flat on purpose, as the kernels are; arrays and numbers are all that a kernel can be given
        words: Words,
        frame_words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        headers: Words,
        pristine: Words,
        ports: Words,
        ports_at: Index,
        slot: Index,
        now: np.uint64,
        stage: Index,
    ) -> int:
        missed = 0
        for turn in range(BATCHES):
            write_batch(frame_words, frames, descriptors, headers, pristine, ports, turn * BATCH, ports_at, slot, True)
            if stage > 0:
                enter(words, 0)
                empty(work, 0, STRIDE)
                position, ahead = 0, 0
                while position < BATCH:
                    prepare(words, frames, descriptors, BATCH, ahead, STRIDE, work, old_ways, False)
                    ahead += 1
                    ready = ready_until(work, position, BATCH, ahead, STRIDE)
                    while position < ready:
                        at, record = position * DESCRIPTOR_WORDS, record_of(position)
                        if stage > 1 and not take(words, frames, descriptors, work, at, record, now, stage):
                            missed += 1
                        position += 1
                leave(words, 0)
        return missed

    return numba.njit(**OPTIONS)(go)


class Meter:
    """One direction among so many flows, taken as far as any stage."""

    def __init__(self, policy: Policy, direction: Direction, flows: int) -> None:
        population = populated(flows, 1)
        self._words = population.words
        self._lane = Lane(population, direction, (0, flows))
        self._policy = policy
        self._samples = 0

    def seconds(self, stage: Stage) -> float:
        """One sample; raises `NotHit`."""
        lane, batch, first = self._lane, self._lane.batch, self._samples * BATCHES * BATCH % len(self._lane.ports)
        self._samples += stage is Stage.CHANGE
        ports = lane.ports[first : first + BATCHES * BATCH]
        go = loop(self._policy)
        start = time.perf_counter_ns()
        missed = go(
            *(self._words, batch.frames.view(np.uint64), batch.frames, batch.descriptors, batch.work),
            *(lane.headers, lane.descriptors, ports, lane.ports_at, batch.slot, np.uint64(1 + self._samples)),
            int(stage),
        )
        spent = time.perf_counter_ns() - start
        if missed:
            raise NotHit(f"{missed} packets found no flow")
        return spent / 1e9


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design, without what its port lock costs."""
    policy = POLICIES[Design(part)]
    keys = [(flows, way) for flows in effort.choose(SIZES[:1], SIZES, SIZES) for way in Direction]
    meters = {key: Meter(policy, key[1], key[0]) for key in keys}
    samplers: dict[tuple[tuple[int, Direction], Stage], Callable[[], float]] = {
        (key, stage): functools.partial(meters[key].seconds, stage) for key in keys for stage in Stage
    }
    taken = interleaved(samplers, warm_up_rounds=2, rounds=effort.rounds, seconds=effort.seconds, advance=advance)
    found = []
    for flows, way in keys:
        for stage, name in NAMES.items():
            this, before = taken[(flows, way), stage], taken[(flows, way), Stage(stage - 1)]
            spent = [
                (late - early) / (BATCHES * BATCH) * 1e9
                for late, early in zip(this.samples, before.samples, strict=True)
            ]
            setting = {"design": part, "packets": f"{way.value}, {flows:,} flows", "stage": name}
            found.append(Measured(_QUANTITY, "ns a packet", setting, tuple(spent)))
    return found


def finding(rows: Rows) -> str:
    """The dearest stage, under fine where it was measured."""
    mine = rows.where(_QUANTITY, design="fine", packets="out, 1,000 flows") or list(rows.all[: len(NAMES)])
    dearest = max(mine, key=lambda row: row.series.median)
    total = sum(row.series.median for row in mine)
    said = ", ".join(f"{row.setting['stage']} {row.series.median:.0f}" for row in mine)
    return f"Most of a hit is {dearest.setting['stage']}: outbound among 1,000 flows {said}, together {total:.0f} ns"


EXPERIMENT: Final = Experiment(
    name="stages",
    question="Where does the time of a hit go?",
    variables={
        "design": "mutex and fine: their ways with a packet, without the port lock",
        "packets": "in and out, of 1,000 flows, and of 100,000, which no longer fit the caches",
        "stage": "; ".join(NAMES.values()),
    },
    method="Compiled loops around the production kernels take the same packets as far as each stage, in turn in the "
    "same rounds; a stage is the difference to the one before. Stages overlap in the processor: a stage that waits for "
    "memory that an earlier one has asked for looks cheap. Payloads of 0 and 1,400 bytes in turn, one thread.",
    parts=("mutex", "fine"),
    measure=measure,
    charts=(Chart(_QUANTITY, x="stage", series="packets", panel="design"),),
    finding=finding,
)
