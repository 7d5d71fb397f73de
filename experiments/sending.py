"""Sending batches through a port's production kernel from a compiled loop that notes when each batch was done.

The loop writes a batch's headers, as a network card would, has the kernel process it, reads the clock, and goes on with
the next one. Nothing else runs meanwhile: no Python, no interpreter lock, no allocation. Only a frame that must wait
for a slow operation brings it back to Python, which fetches the port's present rules.
"""

import functools
from typing import Any, Final

import numba
import numpy as np

from experiments.arriving import write_batch
from experiments.clock import nanoseconds
from experiments.packets import Stream
from experiments.replay import BATCH
from fastpath import Port
from fastpath.atomics import fetch_add, load_acquire, load_relaxed
from fastpath.compiler import OPTIONS, kernel
from fastpath.layout import LINE, Index
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.pipeline import process_batch_under
from fastpath.policy import Policy
from fastpath.port_lock import wait_a_moment

STOP: Final = LINE
"""In `signals`: the time at which the loop is to end, 0 as long as there is none. Word 0 counts the threads that have
come to a meeting."""
_BATCH_NUMBER, _POSITION = 0, 1


class NotCompiled(Exception):
    """A packet was not decided by compiled code, or not as it was meant to be: the figures would lie."""


def new_signals() -> Words:
    """What threads that send at the same time tell each other."""
    return np.zeros(2 * LINE, np.uint64)


class Sender:
    """A stream on its way through a port, by one thread.

    Attributes:
        waits: how often a frame has waited for a slow operation.
    """

    def __init__(self, port: Port, stream: Stream, most_batches: int, *, patient: bool = False) -> None:
        """`most_batches`: of one call of `send`. `patient`: take through the reference what is left to it."""
        self._port = port
        self._stream = stream
        self._patient = patient
        self._loop = sending_loop(port.policy)
        # Filled, so that no page is touched for the first time while it is measured.
        self._stamps = np.full(most_batches + 1, 1, np.uint64)
        self._scratch = np.zeros(LINE, np.uint64)
        self.waits = 0

    def send(
        self,
        batches: int,
        now_ms: int,
        *,
        first: int = 0,
        process: bool = True,
        signals: Words | None = None,
        meeting: int = 0,
    ) -> Words:
        """Send batches of the stream, from number `first` on and around; the thread's own.

        Args:
            batches: how many at the most: fewer when `signals` say so.
            now_ms: the time that the port is told.
            process: whether the port processes them; else they are only written.
            signals: shared with those who send at the same time.
            meeting: how many threads begin at the same moment, all of them running; 0 for not waiting. One that fails
                stops the others.

        Returns:
            The time of the beginning and of each batch's end, in nanoseconds.

        Raises:
            NotCompiled: a packet was left to the reference, and the sender is not patient.
        """
        signals = new_signals() if signals is None else signals
        try:
            return self._send(batches, now_ms, first, process, signals, meeting)
        except BaseException:
            stop(signals)
            raise

    def _send(self, batches: int, now_ms: int, first: int, process: bool, signals: Words, meeting: int) -> Words:
        stream, batch, port = self._stream, self._stream.batch, self._port
        progress = np.zeros(LINE, np.uint64)
        seat, now = port.seat(), np.uint64(now_ms)
        while True:
            over = self._loop(
                *(port.words, batch.frames.view(np.uint64), batch.frames, batch.descriptors, batch.work, *port.rules),
                *(stream.headers, stream.descriptors, stream.ports, stream.ports_at, batch.slot, now, seat),
                *(first, batches, process, progress, self._stamps, self._scratch, signals, meeting),
            )
            if over:
                return self._stamps[: int(progress[_BATCH_NUMBER]) + 1].copy()
            position = int(progress[_POSITION])
            if batch.waits(position):
                self.waits += 1
                port.wait_for_turn()
            elif self._patient:
                verdict = port.process(stream.direction, batch.frame(position), now_ms)
                batch.decide(position, verdict, port.ticket)
                progress[_POSITION] = position + 1
            else:
                raise NotCompiled(f"packet {position} of a batch was left to the reference")


def stop(signals: Words, time_ns: int = 1) -> None:
    """End the loops that have these signals, each with the first batch that is done at this time or later."""
    signals[STOP] = time_ns


@kernel
def goes_on(signals: Words, time_ns: np.uint64) -> bool:
    """Whether the time at which loops are to end is later, or not yet set."""
    end = load_relaxed(signals, STOP)
    return bool(end == np.uint64(0) or time_ns < end)


@functools.cache
def sending_loop(policy: Policy) -> Any:
    """The compiled loop around a policy's production kernel; tells whether it is over, or a frame is not decided."""
    process_batch = process_batch_under(policy)

    def send(  # noqa: PLR0913, PLR0917 - arrays and numbers are all that a kernel can be given
        words: Words,
        frame_words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        rules: Words,
        counts: Words,
        headers: Words,
        pristine: Words,
        ports: Words,
        ports_at: int,
        slot: int,
        now: np.uint64,
        seat: int,
        first: int,
        batches: int,
        process: bool,
        progress: Words,
        stamps: Words,
        scratch: Words,
        signals: Words,
        meeting: int,
    ) -> bool:
        number, position = np.int64(progress[_BATCH_NUMBER]), np.int64(progress[_POSITION])
        period = ports.size // BATCH
        if number == 0 and position == 0:
            if meeting != 0:
                fetch_add(signals, 0, np.uint64(1))
                spins: Index = 0
                while load_acquire(signals, 0) < np.uint64(meeting) and load_relaxed(signals, STOP) == np.uint64(0):
                    spins = wait_a_moment(spins)
            stamps[0] = nanoseconds(scratch)
        # A batch that was begun is finished, or its packets would be counted twice or not at all.
        while number < batches and (position > 0 or goes_on(signals, stamps[number])):
            if position == 0:
                turn = (first + number) % period * BATCH
                write_batch(frame_words, frames, descriptors, headers, pristine, ports, turn, ports_at, slot, False)
            if process:
                position = np.int64(
                    process_batch(words, frames, descriptors, work, rules, counts, position, BATCH, now, seat)
                )
                if position < BATCH:
                    progress[_BATCH_NUMBER], progress[_POSITION] = np.uint64(number), np.uint64(position)
                    return False
            position = np.int64(0)
            number += 1
            stamps[number] = nanoseconds(scratch)
        progress[_BATCH_NUMBER], progress[_POSITION] = np.uint64(number), np.uint64(0)
        return True

    return numba.njit(**OPTIONS)(send)
