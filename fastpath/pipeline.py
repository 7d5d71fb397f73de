"""A batch of frames through the compiled path: parse, look up, track, transform, in stages that hide memory latency.

A window of frames is parsed and hashed and its buckets are asked for; then their entries; then flow records and
transforms; only then is each frame finished, in order. The earlier stages are hints: the look-up that counts happens
when the frame is finished, so that a flow changed by an earlier frame, or by another thread, is seen as it is.

A frame that the compiled path does not decide ends the batch early: the caller takes it through the slow path and
comes back with the next one, so that frames are processed in their order.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastpath.atomics import load_acquire, load_relaxed, store_relaxed
from fastpath.compiler import entry_point, kernel
from fastpath.designs import POLICIES, Design, LockPolicy, acquire_port_lock, release_port_lock
from fastpath.flow import advance
from fastpath.hash_table import entry_at, find, hash_key, prefetch_bucket, prefetch_entry, prefetch_flow
from fastpath.layout import (
    CONTROL,
    CONTROL_EPOCH_SHIFT,
    CONTROL_STATE_MASK,
    DESCRIPTOR_WORDS,
    FRAME_DIRECTION,
    FRAME_LENGTH,
    FRAME_TICKET,
    FRAME_VERDICT,
    LOW_32,
    ONE,
    SHIFT_32,
    STATE_RUNNING,
    THREAD_HITS,
    VERDICT_SLOW,
    WINDOW,
    WORK_ACKNOWLEDGEMENT,
    WORK_HASH,
    WORK_KEY,
    WORK_NETWORK,
    WORK_SEQUENCE,
    WORK_TCP_FLAGS,
    WORK_WORDS,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.parse import parse
from fastpath.reclaim import enter, leave, thread_at
from fastpath.transform import apply
from fastpath.uft import count_hit, count_segment, touch

_NOTHING = np.uint64(0)

ProcessBatch = Callable[[Words, Frame, Words, Words, Index, Index, np.uint64, Index], Index]
"""`(words, frames, descriptors, work, first, count, now, thread)` to the index of the first frame not decided, or
`count`."""


@kernel
def hit(words: Words, frames: Frame, descriptors: Words, at: Index, work: Words, record: Index, now: np.uint64) -> bool:
    """Decide one parsed frame by the unified flow table; False leaves it to the slow path, bytes untouched."""
    # Acquire: entries of this epoch and rules older than it are visible.
    control = load_acquire(words, CONTROL)
    if control & CONTROL_STATE_MASK != STATE_RUNNING:
        return False
    entry, binding, action, rewrite = find(words, work, record + WORK_KEY, work[record + WORK_HASH])
    epoch = control >> CONTROL_EPOCH_SHIFT
    if entry == _NOTHING or binding >> SHIFT_32 != epoch & LOW_32:
        return False
    base = entry_at(words, entry)
    if not touch(words, base, now):
        return False
    flow = binding & LOW_32
    if flow != _NOTHING:
        direction, flags = descriptors[at + FRAME_DIRECTION], work[record + WORK_TCP_FLAGS]
        sequence, acknowledgement = work[record + WORK_SEQUENCE], work[record + WORK_ACKNOWLEDGEMENT]
        if not advance(words, flow, epoch, direction, flags, sequence):
            return False
        length = descriptors[at + FRAME_LENGTH]
        count_segment(words, base, length, sequence, acknowledgement)
    count_hit(words, base)
    apply(words, frames, descriptors, at, work, record, action, rewrite)
    return True


@kernel
def prepare(words: Words, frames: Frame, descriptors: Words, first: Index, count: Index, work: Words) -> None:
    """The stages before the last, for a window of frames: parse and hash, then fetch what the look-ups will touch."""
    for position in range(count):
        record = position * WORK_WORDS
        if parse(frames, descriptors, (first + position) * DESCRIPTOR_WORDS, work, record):
            work[record + WORK_HASH] = hash_key(words, work, record + WORK_KEY)
            prefetch_bucket(words, work[record + WORK_HASH])
    for position in range(count):
        if work[position * WORK_WORDS + WORK_NETWORK] != _NOTHING:
            prefetch_entry(words, work[position * WORK_WORDS + WORK_HASH])
    for position in range(count):
        if work[position * WORK_WORDS + WORK_NETWORK] != _NOTHING:
            prefetch_flow(words, work[position * WORK_WORDS + WORK_HASH])


def specialise(policy: LockPolicy) -> Any:
    """The batch function under a lock policy, whose members become constants of the compiled code."""
    port_lock = policy.port_lock

    @entry_point
    def process_batch(
        words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        first: Index,
        count: Index,
        now: np.uint64,
        thread: Index,
    ) -> Index:
        enter(words, thread)
        line = thread_at(words, thread)
        position = first
        undecided = False
        while position < count and not undecided:
            window = min(WINDOW, count - position)
            prepare(words, frames, descriptors, position, window, work)
            for member in range(window):
                at = position * DESCRIPTOR_WORDS
                record = member * WORK_WORDS
                direction = np.int64(descriptors[at + FRAME_DIRECTION])
                descriptors[at + FRAME_TICKET] = _NOTHING
                descriptors[at + FRAME_VERDICT] = VERDICT_SLOW
                decided = False
                if work[record + WORK_NETWORK] != _NOTHING:
                    if port_lock:
                        acquire_port_lock(words)
                    decided = hit(words, frames, descriptors, at, work, record, now)
                    if port_lock:
                        release_port_lock(words)
                if not decided:
                    undecided = True
                    break
                counter = line + THREAD_HITS + direction
                store_relaxed(words, counter, load_relaxed(words, counter) + ONE)
                position += 1
        leave(words, thread)
        return position

    return process_batch


@functools.cache
def process_batch_for(design: Design) -> ProcessBatch:
    """The batch function of a design, compiled on its first call."""
    return specialise(POLICIES[design])
