"""The speed of forwarding: hits of the unified flow table, sent again and again through a port's production kernel.

A lane is one thread's share: frames of the capture that the port forwards from its unified flow table. A compiled loop
restores a batch of frames to what they were, as a network card would write them into the cache, and has the port
process it; then the next batch. Nothing else runs meanwhile: no Python, no allocation. The time that restoring alone
takes is measured in the same rounds, and its median taken off.

The clock that the port is told stands still for as many packets as a millisecond holds, then moves on, as in service.
"""

import functools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from experiments.replay import BATCH, new_fast_port, replay
from experiments.scenario import Scenario, Step
from fastpath import Design, FrameBatch, Port
from fastpath.compiler import OPTIONS
from fastpath.frames import Path
from fastpath.layout import DESCRIPTOR_WORDS, HEADROOM
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.pipeline import NO_COUNTS, NO_RULES, process_batch_for
from reference.verdict import Modified

LANE_FRAMES = 8 * BATCH
"""Frames of one lane: enough for every flow of a capture to have its turn, few enough to stay in a core's cache."""

LONGEST_FRAME = 9_216
"""Bytes; jumbo frames are measured, what a recorder saw before segmentation is not."""

RESTORED_BYTES = 192
"""Of each frame: all headers, with encapsulation, IPv6 and TCP options; nothing behind them is ever written."""

PACKETS_PER_MILLISECOND = 16_384
WORD_BYTES = 8
BARRIER_SECONDS = 60.0


class NotForwarded(Exception):
    """A packet that should have hit the unified flow table did not, or came out different: the figures would lie."""


class Lane:
    """One thread's frames, loaded once, and what they are restored from."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = [steps[number % len(steps)] for number in range(LANE_FRAMES)]
        self.batch = FrameBatch(LANE_FRAMES, frame_size=max(RESTORED_BYTES, *(len(step.frame) for step in self.steps)))
        for step in self.steps:
            self.batch.load(step.direction, step.frame)
        rows = self.batch.frames.reshape(LANE_FRAMES, self.batch.slot)
        self.headers = rows[:, HEADROOM : HEADROOM + RESTORED_BYTES].copy().reshape(-1).view(np.uint64)
        self.descriptors = self.batch.descriptors.copy()

    def check(self) -> None:
        """Raises `NotForwarded` unless each frame was a hit and came out as the reference has it."""
        for index, step in enumerate(self.steps):
            assert isinstance(step.verdict, Modified)
            if self.batch.path(index) is not Path.HIT:
                raise NotForwarded(f"frame {index} was no hit")
            if self.batch.frame(index) != step.verdict.packet:
                raise NotForwarded(f"frame {index} came out different from the reference's")


class Forwarding:
    """A port of a design with all flows of a scenario established, and a lane for each of its threads."""

    def __init__(self, scenario: Scenario, lanes: Sequence[Sequence[Step]], design: Design) -> None:
        self.port = new_fast_port(scenario.surroundings, design)
        replay(self.port, scenario.steps, threads=1)
        self.lanes = [Lane(steps) for steps in lanes]
        self._loop = forwarding_loop(design)
        self._now_ms = scenario.end_ms
        self._pool = ThreadPoolExecutor(len(lanes))
        self._barrier = threading.Barrier(len(lanes))

    def seconds(self, repetitions: int) -> float:
        """One sample: every lane forwarded `repetitions` times, all lanes at once; includes restoring the frames."""
        seconds = self._seconds(repetitions, process=True)
        self._now_ms += repetitions * LANE_FRAMES // PACKETS_PER_MILLISECOND + 1
        return seconds

    def seconds_of_restoring(self, repetitions: int) -> float:
        """The same without the port: what restoring the frames takes."""
        return self._seconds(repetitions, process=False)

    def check(self) -> None:
        """Raises `NotForwarded` unless every frame is forwarded as the reference does."""
        self.seconds(repetitions=1)
        for lane in self.lanes:
            lane.check()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _seconds(self, repetitions: int, process: bool) -> float:
        """From the start of the first lane to the end of the last."""
        running: list[Future[tuple[int, int]]] = [
            self._pool.submit(self._run, lane, repetitions, process) for lane in self.lanes
        ]
        spans = [future.result() for future in running]
        return (max(end for _, end in spans) - min(start for start, _ in spans)) / 1e9

    def _run(self, lane: Lane, repetitions: int, process: bool) -> tuple[int, int]:
        batch, seat = lane.batch, self.port.seat()
        now = np.uint64(self._now_ms)
        self._barrier.wait(BARRIER_SECONDS)
        start = time.perf_counter_ns()
        undecided = self._loop(
            self.port.words,
            batch.frames.view(np.uint64),
            batch.frames,
            batch.descriptors,
            batch.work,
            NO_RULES,
            NO_COUNTS,
            lane.headers,
            lane.descriptors,
            batch.slot // WORD_BYTES,
            now,
            seat,
            repetitions,
            process,
        )
        end = time.perf_counter_ns()
        if undecided:
            raise NotForwarded("a frame took the slow path while it was measured")
        return start, end


def split(steps: Sequence[Step], threads: int) -> list[list[Step]]:
    """Shares for as many threads, as equal as whole conversations allow; the largest conversations are dealt first.

    With fewer conversations than threads, every thread gets all of them.
    """
    sizes = Counter(step.conversation for step in steps)
    if len(sizes) < threads:
        return [list(steps) for _ in range(threads)]
    loads = [0] * threads
    home = {}
    for conversation, size in sizes.most_common():
        home[conversation] = loads.index(min(loads))
        loads[home[conversation]] += size
    return [[step for step in steps if home[step.conversation] == thread] for thread in range(threads)]


def hits(scenario: Scenario) -> list[Step]:
    """The steps that the kernel alone forwards, again and again: no connection changes, no frame needs the slow path.

    Some never can: an ICMPv6 packet whose address is translated may carry the address in its body as well.
    """
    port = new_fast_port(scenario.surroundings, Design.FINE)
    replay(port, scenario.steps, threads=1)
    batch = FrameBatch(capacity=1, frame_size=LONGEST_FRAME)
    return [step for step in scenario.steps if _can_repeat(step) and _is_hit(port, batch, step, scenario.end_ms)]


def _can_repeat(step: Step) -> bool:
    return step.repeatable and isinstance(step.verdict, Modified) and len(step.frame) <= LONGEST_FRAME


def _is_hit(port: Port, batch: FrameBatch, step: Step, now_ms: int) -> bool:
    """Whether compiled code decides about a frame the second time: the first time it may begin a flow."""
    for _ in range(2):
        batch.clear()
        batch.load(step.direction, step.frame)
        port.process_batch(batch, now_ms)
    return batch.path(0) is Path.HIT


@functools.cache
def forwarding_loop(design: Design) -> Any:
    """The compiled loop around a design's production kernel; returns how many frames were not decided by it."""
    process_batch = process_batch_for(design)
    header_words = RESTORED_BYTES // WORD_BYTES
    headroom_words = HEADROOM // WORD_BYTES

    def forward(  # noqa: PLR0913, PLR0917 - arrays and numbers are all that a kernel can be given
        words: Words,
        frame_words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        rules: Words,
        counts: Words,
        pristine_headers: Words,
        pristine_descriptors: Words,
        slot_words: int,
        now: np.uint64,
        seat: int,
        repetitions: int,
        process: bool,
    ) -> int:
        undecided = 0
        done = 0
        for _ in range(repetitions):
            for first in range(0, LANE_FRAMES, BATCH):
                for frame in range(first, first + BATCH):
                    at = frame * slot_words + headroom_words
                    for word in range(header_words):
                        frame_words[at + word] = pristine_headers[frame * header_words + word]
                    for word in range(DESCRIPTOR_WORDS):
                        at = frame * DESCRIPTOR_WORDS + word
                        descriptors[at] = pristine_descriptors[at]
                if process:
                    clock = now + np.uint64(done // PACKETS_PER_MILLISECOND)
                    end = first + BATCH
                    undecided += end - int(
                        process_batch(words, frames, descriptors, work, rules, counts, first, end, clock, seat)
                    )
                    done += BATCH
        return undecided

    return numba.njit(**OPTIONS)(forward)
