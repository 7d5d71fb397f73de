"""A segment that ends a connection: the connection and both halves of a native flow go at once, its layer entries stay.

What `reference.port.Port._track_hit` does to a flow that the reference does not know: the segment is a hit, passes by
its half, and forgets the connection. The TCP word becomes dead first, by the one compare-and-swap with which the
segment takes effect; then both halves. The records stay in their buckets until the layer entries expire
(`expire.py`).

There is no grace period. None is needed: whatever a hit has found before, it cannot advance a word that is dead, and
this flow record is never made live again (`segment.take_along`). So a packet that comes after is the reference's, also
if it begins a connection anew.

Thread safety: inside a miss (`gate.py`), beside other misses, also of the same flow, and beside hits that notice dead
marks, that is, without a port lock.
"""

import numpy as np

from fastpath.atomics import compare_and_swap, load_acquire, load_relaxed, store_relaxed
from fastpath.capacity import count_end
from fastpath.commit import AGAIN, COMMITTED
from fastpath.compiler import cold_kernel, kernel
from fastpath.decision import OTHER_KEY, opposite
from fastpath.flow import flow_at, step_flow
from fastpath.hash_table import NOTHING, entry_at, hash_key, lock_keys, unlock_in_order
from fastpath.layout import (
    BINDING,
    KIND_TCP,
    LOW_32,
    ONE,
    PARTNER,
    TCP_WORD,
    THREAD_HITS,
    WORK_ACKNOWLEDGEMENT,
    WORK_HASH,
    WORK_SEQUENCE,
    WORK_TCP_FLAGS,
    Index,
)
from fastpath.memory import Words
from fastpath.native import partner_of
from fastpath.port_lock import wait_a_moment
from fastpath.removal import is_dead
from fastpath.tcp import CLOSE, DEAD, LOCKED, ZERO, may_advance
from fastpath.uft import kill


@cold_kernel
def close_flow(
    words: Words,
    work: Words,
    record: Index,
    line: Index,
    entry: np.uint64,
    direction: np.uint64,
    epoch: np.uint64,
) -> np.uint64:
    """End the connection of a live native flow by a segment of which `entry` is the half: `COMMITTED` or `AGAIN`.

    The key of the other half is in the work array. `AGAIN`, with nothing changed, if the segment does not end the
    connection, or another packet has been there first.
    """
    own = entry_at(words, entry)
    flow = load_relaxed(words, own + BINDING) & LOW_32
    if flow == NOTHING:
        return AGAIN
    own_hash, other_hash = work[record + WORK_HASH], hash_key(words, work, OTHER_KEY)
    a, b, c, d = lock_keys(words, own_hash, other_hash)
    # The flow is the same still: it leaves, or gets another record, with the gate closed only.
    outcome = AGAIN
    if _bury(words, work, record, flow, direction, epoch):
        _end_halves(words, line, entry, direction)
        counter = line + THREAD_HITS + np.int64(direction)
        store_relaxed(words, counter, load_relaxed(words, counter) + ONE)
        outcome = COMMITTED
    unlock_in_order(words, a, b, c, d)
    return outcome


@kernel
def _bury(words: Words, work: Words, record: Index, flow: np.uint64, direction: np.uint64, epoch: np.uint64) -> bool:
    """Make the TCP word dead if the segment ends the connection; False leaves it. Hits advance it meanwhile."""
    base = flow_at(words, flow)
    at = base + TCP_WORD
    flags, sequence = work[record + WORK_TCP_FLAGS], work[record + WORK_SEQUENCE]
    acknowledgement = work[record + WORK_ACKNOWLEDGEMENT]
    spins: Index = 0
    while True:
        # Acquire: as in `flow.advance`.
        word = load_acquire(words, at)
        if not may_advance(word, epoch):
            return False
        outcome, _ = step_flow(words, base, word, direction, flags, sequence, acknowledgement)
        if outcome != CLOSE:
            return False
        if word & LOCKED != ZERO:
            spins = wait_a_moment(spins)
            continue
        if compare_and_swap(words, at, word, word | DEAD):
            return True


@kernel
def _end_halves(words: Words, line: Index, entry: np.uint64, direction: np.uint64) -> None:
    """Take both halves out of the unified table, as far as they have not expired before.

    Their times are not passed on: only what expires leaves the layer entries its time.
    """
    own = entry_at(words, entry)
    other_entry = partner_of(load_relaxed(words, own + PARTNER))
    life, other_life = kill(words, entry), kill(words, other_entry)
    count_end(words, line, KIND_TCP)
    if not is_dead(life):
        count_end(words, line, np.int64(direction))
    if not is_dead(other_life):
        count_end(words, line, np.int64(opposite(direction)))
