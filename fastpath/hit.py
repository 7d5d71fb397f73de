"""A hit: one parsed frame decided by the unified flow table, under a policy.

Three parts: reach the entry, track the packet in it, change the frame. A policy says behind which of them the port lock
is given back. What is reached stays what it was for as long as the thread is inside its batch, lock or not
(`reclaim.py`).
"""

from typing import Any

import numpy as np

from fastpath.atomics import load_acquire, load_relaxed, store_relaxed
from fastpath.compiler import kernel
from fastpath.fin import is_fin
from fastpath.flow import advance, advance_alone, advance_locked, flow_at
from fastpath.hash_table import entry_at, find, find_hinted, hash_key
from fastpath.headers import fin_in
from fastpath.layout import (
    CONTROL,
    CONTROL_EPOCH_SHIFT,
    CONTROL_STATE_MASK,
    FRAME_DIRECTION,
    FRAME_LENGTH,
    LOW_32,
    ONE,
    SHIFT_32,
    STATE_RUNNING,
    THREAD_HITS,
    WORK_ACKNOWLEDGEMENT,
    WORK_HASH,
    WORK_KEY,
    WORK_SEQUENCE,
    WORK_SLOT,
    WORK_TCP_FLAGS,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.policy import Policy, PortLock, TcpState
from fastpath.port_lock import acquire_alone, acquire_shared, release_alone, release_shared
from fastpath.transform import apply
from fastpath.uft import count_hit, count_hit_alone, count_segment, count_segment_alone, touch, touch_plainly

_NOTHING = np.uint64(0)


@kernel
def reach(words: Words, work: Words, record: Index) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]:
    """`(entry, flow record, epoch, action, rewrite)` of a packet; entry 0 leaves it to the slow path."""
    # Acquire: entries of this epoch and rules older than it are visible.
    control = load_acquire(words, CONTROL)
    epoch = control >> CONTROL_EPOCH_SHIFT
    if control & CONTROL_STATE_MASK != STATE_RUNNING:
        return _NOTHING, _NOTHING, epoch, _NOTHING, _NOTHING
    hash_, slot = work[record + WORK_HASH], work[record + WORK_SLOT]
    entry, binding, action, rewrite = find_hinted(words, work, record + WORK_KEY, hash_, slot)
    if entry == _NOTHING or binding >> SHIFT_32 != epoch & LOW_32:
        return _NOTHING, _NOTHING, epoch, _NOTHING, _NOTHING
    return entry, binding & LOW_32, epoch, action, rewrite


@kernel
def flow_looked_up(words: Words, work: Words, record: Index) -> np.uint64:
    """The flow record of a packet by a look-up of its own; 0 when there is none any more.

    The table is that of the first look-up, so that its lines are warm: this is the work of a second look-up without its
    cache misses.
    """
    return find(words, work, record + WORK_KEY, hash_key(words, work, record + WORK_KEY))[1] & LOW_32


def tracking(policy: Policy) -> Any:
    """The kernel that tracks a packet in the entry that was reached: its time, its connection, its counts.

    `line` is the thread's own, where it counts the hits of the port; `owner` is its number among those who own halves.
    """
    takes_no_lock = not policy.has_port_lock
    old_ways = policy.old_ways
    alone = policy.tracks_alone
    looks_up = policy.tcp_state is TcpState.LOOKED_UP
    locks_flow = policy.tcp_state is TcpState.FLOW_LOCK

    @kernel
    def track(
        words: Words,
        frames: Frame,
        descriptors: Words,
        at: Index,
        work: Words,
        record: Index,
        base: Index,
        flow: np.uint64,
        epoch: np.uint64,
        now: np.uint64,
        line: Index,
        owner: np.uint64,
    ) -> bool:
        direction = descriptors[at + FRAME_DIRECTION]
        if not takes_no_lock:
            touch_plainly(words, base, now)
        elif not touch(words, base, now):
            return False
        if flow != _NOTHING:
            counters = flow_at(words, flow)
            flags, sequence = work[record + WORK_TCP_FLAGS], work[record + WORK_SEQUENCE]
            acknowledgement = work[record + WORK_ACKNOWLEDGEMENT]
            if looks_up:
                flow = flow_looked_up(words, work, record)
                if flow == _NOTHING:
                    return False
            fin = _NOTHING
            if is_fin(direction, flags):
                fin = fin_in(frames, descriptors, at, work, record, old_ways)
            if locks_flow:
                advanced = advance_locked(words, flow, epoch, direction, flags, sequence, acknowledgement, fin)
            elif looks_up and alone:
                advanced = advance_alone(words, flow, epoch, direction, flags, sequence, acknowledgement, fin)
            else:
                advanced = advance(words, flow, epoch, direction, flags, sequence, acknowledgement, fin)
            if not advanced:
                return False
            length = descriptors[at + FRAME_LENGTH]
            if alone:
                count_segment_alone(words, base, length, sequence, acknowledgement)
            else:
                count_segment(words, base, counters, direction, owner, length, sequence, acknowledgement)
        elif alone:
            count_hit_alone(words, base)
        else:
            count_hit(words, base)
        counter = line + THREAD_HITS + np.int64(direction)
        store_relaxed(words, counter, load_relaxed(words, counter) + ONE)
        return True

    return track


def hit_under(policy: Policy) -> Any:
    """The kernel that decides a parsed frame under a policy; False leaves it to the slow path, bytes untouched."""
    exclusive, shared = policy.port_lock is PortLock.EXCLUSIVE, policy.port_lock is PortLock.SHARED
    tracks_inside, transforms_inside = policy.tracks_inside, policy.transforms_inside
    old_ways = policy.old_ways
    track = tracking(policy)

    @kernel
    def lock(words: Words) -> None:
        if exclusive:
            acquire_alone(words)
        elif shared:
            acquire_shared(words)

    @kernel
    def unlock(words: Words) -> None:
        if exclusive:
            release_alone(words)
        elif shared:
            release_shared(words)

    @kernel
    def hit(
        words: Words,
        frames: Frame,
        descriptors: Words,
        at: Index,
        work: Words,
        record: Index,
        now: np.uint64,
        line: Index,
        owner: np.uint64,
    ) -> bool:
        lock(words)
        entry, flow, epoch, action, rewrite = reach(words, work, record)
        if not tracks_inside:
            unlock(words)
        decided = entry != _NOTHING and track(
            words, frames, descriptors, at, work, record, entry_at(words, entry), flow, epoch, now, line, owner
        )
        if tracks_inside and not transforms_inside:
            unlock(words)
        if decided:
            apply(words, frames, descriptors, at, work, record, action, rewrite, old_ways)
        if transforms_inside:
            unlock(words)
        return decided

    return hit
