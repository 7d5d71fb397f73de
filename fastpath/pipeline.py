"""A batch of frames through the compiled path: parse, look up, track, transform, in stages that hide memory latency.

A frame is parsed and hashed and its bucket is asked for. A stride of frames later the first line of its entry is; then
the second line, flow record and transform; then those of an entry that lies in its second bucket, as few do; a stride
after that the frame is finished, in order. Each step takes one frame through each stage, so that memory is always busy
with some lines while others are computed with, and what is in flight fits the nearest cache.
The earlier stages are hints: the look-up that counts happens when the frame is finished, so that a flow changed by an
earlier frame, or by another thread, is seen as it is.

A frame that is no hit is taken through the compiled layers (`miss.py`), unless the policy leaves misses to the
reference. A frame that compiled code does not decide ends the batch early: the caller takes it through the slow path
and comes back with the next one, so that frames are processed in their order.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fastpath.compiler import entry_point, kernel
from fastpath.designs import POLICIES, Design
from fastpath.hash_table import hash_key, prefetch_bucket, prefetch_entry, prefetch_flow, prefetch_late_flow
from fastpath.headers import read_headers
from fastpath.hit import hit_under
from fastpath.layout import (
    DESCRIPTOR_WORDS,
    FRAME_TICKET,
    FRAME_VERDICT,
    LINE,
    VERDICT_SLOW,
    WINDOW,
    WORK_HASH,
    WORK_KEY,
    WORK_NETWORK,
    WORK_SLOT,
    WORK_WORDS,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.miss import prefetch_miss
from fastpath.missing import missing_under
from fastpath.policy import NO_OLD_WAYS, Policy
from fastpath.reclaim import enter, leave, thread_at

_NOTHING = np.uint64(0)

STRIDE: Final = 6
"""Frames between two stages at most. With fewer, lines come late; with more, they leave the nearest cache before they
are used. Four of them are less than `WINDOW`: what is left is for packets that wait for others of their flow."""

ProcessBatch = Callable[[Words, Frame, Words, Words, Words, Words, Index, Index, np.uint64, Index], Index]
"""`(words, frames, descriptors, work, rules, counts, first, count, now, thread)` to the index of the first frame not
decided, or `count`. `rules` is a rule set and `counts` are its counters (`rule_set.py`); `NO_RULES` leaves misses to
the reference."""

NO_RULES: Final[Words] = np.zeros(LINE, np.uint64)
"""A rule set of no epoch."""
NO_RULES.flags.writeable = False
NO_COUNTS: Final[Words] = np.zeros(LINE, np.uint64)
"""Counters for it."""


@kernel
def record_of(position: Index) -> Index:
    """Where the work record of a frame in flight begins."""
    return (position & (WINDOW - 1)) * WORK_WORDS


@kernel
def follows(work: Words, position: Index) -> bool:
    """Whether a frame belongs to the half of the frame before it, as far as hashes tell; both have been parsed."""
    record, before = record_of(position), record_of(position - 1)
    parsed = work[record + WORK_NETWORK] != _NOTHING and work[before + WORK_NETWORK] != _NOTHING
    return bool(parsed and work[record + WORK_HASH] == work[before + WORK_HASH])


@kernel
def stride_of(count: Index) -> Index:
    """Frames between two stages of a batch of so many: in a short one there is little to wait for."""
    return max(1, min(STRIDE, count // 4))


@kernel
def prepare(
    words: Words,
    frames: Frame,
    descriptors: Words,
    count: Index,
    ahead: Index,
    stride: Index,
    work: Words,
    old_ways: np.uint64 = NO_OLD_WAYS,
    has_misses: bool = False,
) -> None:
    """One step of the stages before the last: each takes the frame that the stage before has had a stride ago.

    Frame number `ahead` is parsed; from `count` on there are none. `has_misses`: what a miss will touch is asked for as
    well, where the look-up will probably find nothing.
    """
    record = record_of(ahead - 3 * stride)
    if work[record + WORK_NETWORK] != _NOTHING:
        if has_misses and work[record + WORK_SLOT] == _NOTHING:
            prefetch_miss(words, work, record)
        elif not follows(work, ahead - 3 * stride):
            prefetch_late_flow(words, work[record + WORK_HASH], work[record + WORK_SLOT])
    record = record_of(ahead - 2 * stride)
    if work[record + WORK_NETWORK] != _NOTHING:
        # Asking twice for a connection's lines would only take them from whoever serves its other direction.
        if follows(work, ahead - 2 * stride):
            work[record + WORK_SLOT] = work[record_of(ahead - 2 * stride - 1) + WORK_SLOT]
        else:
            work[record + WORK_SLOT] = prefetch_flow(words, work[record + WORK_HASH], work[record + WORK_SLOT])
    record = record_of(ahead - stride)
    if work[record + WORK_NETWORK] != _NOTHING:
        work[record + WORK_SLOT] = prefetch_entry(words, work[record + WORK_HASH])
    record = record_of(ahead)
    if ahead >= count:
        work[record + WORK_NETWORK] = _NOTHING
    elif read_headers(frames, descriptors, ahead, work, record, old_ways):
        work[record + WORK_HASH] = hash_key(words, work, record + WORK_KEY)
        prefetch_bucket(words, work[record + WORK_HASH])


@kernel
def ready_until(work: Words, position: Index, count: Index, ahead: Index, stride: Index) -> Index:
    """Up to which frame all from `position` on may be finished, once those before `ahead` are parsed.

    Packets of one flow that follow each other wait for one another, as long as there are work records: its lines may
    have to come from another core, which serves the other direction, and come once for all of them then.
    """
    ready = max(position, min(count, ahead - 4 * stride))
    if position < ready < count and ahead - position < WINDOW and follows(work, ready):
        return position
    return ready


@kernel
def empty(work: Words, first: Index, stride: Index) -> None:
    """Let the work records before the first frame, as far back as the stages look, be of no frames."""
    for position in range(first - 3 * stride - 1, first):
        work[record_of(position) + WORK_NETWORK] = _NOTHING


def specialise(policy: Policy) -> Any:
    """The batch function under a policy, whose members become constants of the compiled code."""
    old_ways = policy.old_ways
    hit = hit_under(policy)
    miss = missing_under(policy, hit)
    has_misses = policy.compiles_misses

    @entry_point
    def process_batch(
        words: Words,
        frames: Frame,
        descriptors: Words,
        work: Words,
        rules: Words,
        counts: Words,
        first: Index,
        count: Index,
        now: np.uint64,
        thread: Index,
    ) -> Index:
        enter(words, thread)
        line = thread_at(words, thread)
        owner = np.uint64(thread + 1)
        position, ahead, stride = first, first, stride_of(count - first)
        empty(work, first, stride)
        undecided = False
        while position < count and not undecided:
            prepare(words, frames, descriptors, count, ahead, stride, work, old_ways, has_misses)
            ahead += 1
            ready = ready_until(work, position, count, ahead, stride)
            while position < ready and not undecided:
                at = position * DESCRIPTOR_WORDS
                record = record_of(position)
                descriptors[at + FRAME_TICKET] = _NOTHING
                descriptors[at + FRAME_VERDICT] = VERDICT_SLOW
                decided = False
                if work[record + WORK_NETWORK] != _NOTHING:
                    decided = hit(words, frames, descriptors, at, work, record, now, line, owner)
                    if has_misses and not decided:
                        decided = miss(
                            words, rules, counts, frames, descriptors, at, work, record, now, line, thread, owner
                        )
                if decided:
                    position += 1
                else:
                    undecided = True
        leave(words, thread)
        return position

    return process_batch


@functools.cache
def process_batch_under(policy: Policy) -> ProcessBatch:
    """The batch function under a policy, compiled on its first call."""
    return specialise(policy)


def process_batch_for(design: Design) -> ProcessBatch:
    """The batch function of a design."""
    return process_batch_under(POLICIES[design])
