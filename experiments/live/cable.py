"""The compiled loop from one guest's device to another's: through the sender's port, the underlay, the receiver's port.

Frames are read into a batch, processed outbound by the sender's port, handed over as they would arrive from the
underlay, processed inbound by the port whose host they are addressed to, and written to its device. Nothing of it is
Python, unless a frame is left to the reference, waits for newer rules, or goes to another port than the one before.

A virtio-net header stays beside its frame on the way: what is left to segment or to sum is left to the receiver, as
network cards do it for each other on one host.
"""

import enum
import functools
from typing import Any, Final

import numba
import numpy as np

from experiments.clock import nanoseconds
from experiments.live.system_calls import read, wait_readable, write
from fastpath.atomics import load_be64, load_relaxed, load_u8, store_u8
from fastpath.compiler import OPTIONS, kernel
from fastpath.layout import (
    DESCRIPTOR_WORDS,
    FRAME_DIRECTION,
    FRAME_LENGTH,
    FRAME_OFFSET,
    FRAME_VERDICT,
    HEADROOM,
    INBOUND,
    LINE,
    OUTBOUND,
    VERDICT_MODIFIED,
    VERDICT_SLOW,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.pipeline import process_batch_under
from fastpath.policy import Policy

PATIENCE_MS: Final = 5
"""How long a loop waits for frames before it looks whether it is to end."""
_OUTER_DESTINATION: Final = 14 + 24
"""Offset of the outer IPv6 destination in an encapsulated frame."""
_MILLISECOND: Final = np.uint64(1_000_000)


class Count(enum.IntEnum):
    """Words of a loop's counters."""

    READ = 0
    """Frames from the guest."""
    WRITTEN = 1
    """Frames to the other guest, and their bytes."""
    BYTES = 2
    DROPPED = 3
    """Frames that a port or the underlay did not let through, those that it answered itself included."""
    LOST = 4
    """Frames that a device did not take."""
    BATCHES = 5
    LONGEST = 6
    """Nanoseconds of the longest batch since this was last set to 0, from the first frame read to the last written."""
    SLOW = 7
    """Frames left to the reference."""


class State(enum.IntEnum):
    """Words of what a loop remembers when it comes back to Python."""

    PHASE = 0
    """Frames of the batch, the first that is not done with, and the end of the run that goes to one host."""
    COUNT = 1
    POSITION = 2
    END = 3
    START_NS = 4
    FIRST = 5
    """Where the run begins that goes to one host."""


READING, OUTWARD, UNDERLAY, INWARD = range(4)
"""Phases of a batch."""
STOPPED, LEFT_BY_OWN, LEFT_BY_OTHER, ELSEWHERE = range(4)
"""Why a loop has come back: it was told to, between two batches; the sender's port has not decided about the frame at
the position; the receiver's has not; that frame goes to another host."""


def new_state() -> Words:
    """A loop that has not begun."""
    return np.zeros(2 * LINE, np.uint64)


@kernel
def _read_batch(  # noqa: PLR0913, PLR0917 - arrays and numbers are all that a kernel can be given
    descriptor: Index,
    frames: Frame,
    descriptors: Words,
    headers: Frame,
    capacity: Index,
    slot: Index,
    longest: Index,
    header: Index,
    counters: Words,
) -> Index:
    """Read what is there, up to the capacity; how many frames."""
    count: Index = 0
    while count < capacity:
        at = count * slot + HEADROOM
        length = read(descriptor, frames, at - header, longest + header)
        if length <= header:
            break
        for byte in range(header):
            store_u8(headers, count * header + byte, load_u8(frames, at - header + byte))
        record = count * DESCRIPTOR_WORDS
        descriptors[record + FRAME_OFFSET] = np.uint64(at)
        descriptors[record + FRAME_LENGTH] = np.uint64(length - header)
        descriptors[record + FRAME_DIRECTION] = OUTBOUND
        descriptors[record + FRAME_VERDICT] = VERDICT_SLOW
        count += 1
    counters[Count.READ] += np.uint64(count)
    return count


@kernel
def _goes_to(frames: Frame, descriptors: Words, position: Index, high: np.uint64, low: np.uint64) -> bool:
    """Whether an encapsulated frame is addressed to this underlay address."""
    at = np.int64(descriptors[position * DESCRIPTOR_WORDS + FRAME_OFFSET]) + _OUTER_DESTINATION
    return bool(load_be64(frames, at) == high and load_be64(frames, at + 8) == low)


@kernel
def _goes_on(descriptors: Words, position: Index) -> bool:
    return bool(descriptors[position * DESCRIPTOR_WORDS + FRAME_VERDICT] == VERDICT_MODIFIED)


@kernel
def _write_run(
    descriptor: Index,
    frames: Frame,
    descriptors: Words,
    headers: Frame,
    header: Index,
    first: Index,
    end: Index,
    counters: Words,
) -> None:
    """Write frames that have arrived, each with its header in front."""
    for position in range(first, end):
        if not _goes_on(descriptors, position):
            counters[Count.DROPPED] += np.uint64(1)
            continue
        record = position * DESCRIPTOR_WORDS
        at, length = np.int64(descriptors[record + FRAME_OFFSET]), np.int64(descriptors[record + FRAME_LENGTH])
        for byte in range(header):
            store_u8(frames, at - header + byte, load_u8(headers, position * header + byte))
        if write(descriptor, frames, at - header, length + header) < 0:
            counters[Count.LOST] += np.uint64(1)
        else:
            counters[Count.WRITTEN] += np.uint64(1)
            counters[Count.BYTES] += np.uint64(length)


@kernel
def _next_going_on(descriptors: Words, position: Index, count: Index, counters: Words) -> Index:
    """The next frame that a port has let through, or `count`; those before it are dropped."""
    while position < count and not _goes_on(descriptors, position):
        counters[Count.DROPPED] += np.uint64(1)
        position += 1
    return position


@kernel
def _hand_over(
    frames: Frame, descriptors: Words, position: Index, count: Index, high: np.uint64, low: np.uint64
) -> Index:
    """Make arriving frames of those that go to the same host, from the position on; the end of the run."""
    while position < count and _goes_on(descriptors, position) and _goes_to(frames, descriptors, position, high, low):
        descriptors[position * DESCRIPTOR_WORDS + FRAME_DIRECTION] = INBOUND
        descriptors[position * DESCRIPTOR_WORDS + FRAME_VERDICT] = VERDICT_SLOW
        position += 1
    return position


@kernel
def _note_batch(counters: Words, spent: np.uint64) -> None:
    counters[Count.BATCHES] += np.uint64(1)
    counters[Count.LONGEST] = max(counters[Count.LONGEST], spent)


@functools.cache
def cable(policy: Policy) -> Any:
    """The loop under a policy; returns why it has come back."""
    process_batch = process_batch_under(policy)

    def carry(  # noqa: PLR0913, PLR0917 - arrays and numbers are all that a kernel can be given
        own: Words,
        own_rules: Words,
        own_counts: Words,
        own_seat: Index,
        other: Words,
        other_rules: Words,
        other_counts: Words,
        other_seat: Index,
        host: Words,
        source: Index,
        destination: Index,
        frames: Frame,
        descriptors: Words,
        work: Words,
        headers: Frame,
        capacity: Index,
        slot: Index,
        longest: Index,
        header: Index,
        state: Words,
        counters: Words,
        scratch: Words,
        signal: Words,
    ) -> Index:
        phase: Index = np.int64(state[State.PHASE])
        count: Index = np.int64(state[State.COUNT])
        position: Index = np.int64(state[State.POSITION])
        end: Index = np.int64(state[State.END])
        outcome: Index = -1
        while outcome < 0:
            now = nanoseconds(scratch)
            if phase == READING:
                position = 0
                state[State.START_NS] = now
                if load_relaxed(signal, 0) != np.uint64(0):
                    outcome = STOPPED
                    continue
                count = _read_batch(source, frames, descriptors, headers, capacity, slot, longest, header, counters)
                if count > 0:
                    phase = OUTWARD
                else:
                    wait_readable(source, scratch, PATIENCE_MS)
            elif phase == OUTWARD:
                time = now // _MILLISECOND
                position = np.int64(
                    process_batch(
                        own, frames, descriptors, work, own_rules, own_counts, position, count, time, own_seat
                    )
                )
                if position < count:
                    outcome = LEFT_BY_OWN
                else:
                    phase, position = UNDERLAY, 0
            elif phase == UNDERLAY:
                position = _next_going_on(descriptors, position, count, counters)
                if position == count:
                    phase = READING
                    _note_batch(counters, now - state[State.START_NS])
                else:
                    end = _hand_over(frames, descriptors, position, count, host[0], host[1])
                    state[State.FIRST] = np.uint64(position)
                    outcome, phase = (ELSEWHERE, UNDERLAY) if end == position else (-1, INWARD)
            else:
                time = now // _MILLISECOND
                position = np.int64(
                    process_batch(
                        other, frames, descriptors, work, other_rules, other_counts, position, end, time, other_seat
                    )
                )
                if position < end:
                    outcome = LEFT_BY_OTHER
                else:
                    first = np.int64(state[State.FIRST])
                    _write_run(destination, frames, descriptors, headers, header, first, end, counters)
                    phase = UNDERLAY
        state[State.PHASE], state[State.COUNT] = np.uint64(phase), np.uint64(count)
        state[State.POSITION], state[State.END] = np.uint64(position), np.uint64(end)
        return outcome

    return numba.njit(**OPTIONS)(carry)


@functools.cache
def bare_cable() -> Any:
    """The same between two devices with nothing in between: what a port is measured against."""

    def carry(
        source: Index,
        destination: Index,
        frames: Frame,
        longest: Index,
        header: Index,
        counters: Words,
        scratch: Words,
        signal: Words,
    ) -> int:
        while load_relaxed(signal, 0) == np.uint64(0):
            length = read(source, frames, 0, longest + header)
            if length <= header:
                wait_readable(source, scratch, PATIENCE_MS)
                continue
            counters[Count.READ] += np.uint64(1)
            if write(destination, frames, 0, length) < 0:
                counters[Count.LOST] += np.uint64(1)
            else:
                counters[Count.WRITTEN] += np.uint64(1)
                counters[Count.BYTES] += np.uint64(length - header)
        return 0

    return numba.njit(**OPTIONS)(carry)
