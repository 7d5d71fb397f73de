"""A batch of frames through the compiled path: parse, look up, track, transform, in stages that hide memory latency.

A window of frames is parsed and hashed and its buckets are asked for; then the first lines of their entries; then the
second lines, flow records and transforms, last those of the few entries that lie in their second bucket; only then is
each frame finished, in order.
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
def prepare(
    words: Words,
    frames: Frame,
    descriptors: Words,
    first: Index,
    count: Index,
    work: Words,
    old_ways: np.uint64 = NO_OLD_WAYS,
    has_misses: bool = False,
) -> None:
    """The stages before the last, for a window of frames: parse and hash, then fetch what the look-ups will touch.

    `has_misses`: also what a miss will touch, where the look-up will probably find nothing.
    """
    for position in range(count):
        record = position * WORK_WORDS
        if read_headers(frames, descriptors, first + position, work, record, old_ways):
            work[record + WORK_HASH] = hash_key(words, work, record + WORK_KEY)
            prefetch_bucket(words, work[record + WORK_HASH])
    for position in range(count):
        if work[position * WORK_WORDS + WORK_NETWORK] != _NOTHING:
            record = position * WORK_WORDS
            work[record + WORK_SLOT] = prefetch_entry(words, work[record + WORK_HASH])
    for position in range(count):
        if work[position * WORK_WORDS + WORK_NETWORK] != _NOTHING:
            record = position * WORK_WORDS
            work[record + WORK_SLOT] = prefetch_flow(words, work[record + WORK_HASH], work[record + WORK_SLOT])
    for position in range(count):
        if work[position * WORK_WORDS + WORK_NETWORK] != _NOTHING:
            record = position * WORK_WORDS
            if has_misses and work[record + WORK_SLOT] == _NOTHING:
                prefetch_miss(words, work, record)
            else:
                prefetch_late_flow(words, work[record + WORK_HASH], work[record + WORK_SLOT])


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
        position = first
        undecided = False
        while position < count and not undecided:
            window = min(WINDOW, count - position)
            prepare(words, frames, descriptors, position, window, work, old_ways, has_misses)
            for member in range(window):
                at = position * DESCRIPTOR_WORDS
                record = member * WORK_WORDS
                descriptors[at + FRAME_TICKET] = _NOTHING
                descriptors[at + FRAME_VERDICT] = VERDICT_SLOW
                decided = False
                if work[record + WORK_NETWORK] != _NOTHING:
                    decided = hit(words, frames, descriptors, at, work, record, now, line, owner)
                    if has_misses and not decided:
                        decided = miss(
                            words, rules, counts, frames, descriptors, at, work, record, now, line, thread, owner
                        )
                if not decided:
                    undecided = True
                    break
                position += 1
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
