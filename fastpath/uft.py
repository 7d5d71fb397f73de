"""The unified flow table: paired install and removal, and what a hit leaves in an entry.

The two halves of a flow enter and leave together: both buckets are locked before either changes, so that no look-up
finds a flow of which only one half is there (ARCHITECTURE of upstream: `port/mod.rs`, `uft_in` and `uft_out` under
one lock). A half may also come or go alone, where the reference says so. An entry is written before it becomes
reachable; from then on only its life word and its counters change.

The life word decides between a hit and a removal: who removes marks it dead first, with the time of the last hit it
has seen; a hit that came in between makes that fail. A hit that meets a dead mark has come too late and must look
again.

Thread safety: all functions may run beside hits. Installs and removals may also run beside each other.
"""

from typing import Final

import numpy as np

from fastpath.atomics import (
    compare_and_swap,
    compare_and_swap_relaxed,
    fetch_add,
    fetch_add_relaxed,
    load_acquire,
    load_relaxed,
    store_relaxed,
    store_release,
)
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.flow import flow_at
from fastpath.hash_table import (
    NOTHING,
    entry_at,
    entry_in_bucket,
    find,
    first_bucket,
    hash_key,
    lock_keys,
    second_bucket,
    slot_content,
    slot_holding,
    unlock_in_order,
    write_slot,
)
from fastpath.layout import (
    ACTION,
    BINDING,
    BYTES,
    DEAD,
    ENTRY_WORDS,
    HITS,
    KEY,
    KEY_WORDS,
    LIFE,
    LOW_32,
    NUMBERS,
    ONE,
    OTHERS_BYTES,
    OTHERS_HITS,
    OWNED_HITS,
    OWNER_SHIFT,
    PARTNER,
    REWRITE,
    SHIFT_32,
    SLOTS,
    Index,
)
from fastpath.memory import Words

DONE = np.uint64(0)
NO_SLOT = np.uint64(1)
"""Both candidate buckets of a half are full; nothing was changed."""
DUPLICATE = np.uint64(2)
"""A half with one of the keys is already there; nothing was changed."""
CROWDED: Final = 5
"""Filled slots of a bucket from which on the other one is preferred if it has fewer. Lower, more look-ups need both
buckets; higher, both are full for some keys although half of the table is empty: 20 of 200,000 if only full ones
count."""


@entry_point
def write_entry(
    words: Words,
    entry: np.uint64,
    keys: Words,
    binding: np.uint64,
    action: np.uint64,
    rewrite: np.uint64,
    last_hit: np.uint64,
) -> None:
    """Write a half that nobody can reach yet, its key from `keys`; every other word of the entry becomes 0.

    Relaxed: a look-up may meet the new slot before the version tells it to start over, and reads words then that
    nothing has handed over yet. A plain store would race with that.
    """
    at = entry_at(words, entry)
    for word in range(KEY_WORDS):
        store_relaxed(words, at + KEY + word, keys[word])
    store_relaxed(words, at + BINDING, binding)
    store_relaxed(words, at + ACTION, action)
    store_relaxed(words, at + REWRITE, rewrite)
    store_relaxed(words, at + LIFE, last_hit)
    for word in range(LIFE + 1, ENTRY_WORDS):
        store_relaxed(words, at + word, NOTHING)


@entry_point
def install(words: Words, first: np.uint64, second: np.uint64) -> np.uint64:
    """Make one or two written entries reachable in one commit.

    `second` is 0 for a half that comes alone. Two halves become each other's partner. Returns `DONE`, `NO_SLOT` or
    `DUPLICATE`; in the latter two cases nothing has changed.
    """
    first_at = entry_at(words, first)
    second_at = entry_at(words, second) if second != NOTHING else first_at
    first_hash = hash_key(words, words, first_at)
    second_hash = hash_key(words, words, second_at)
    a, b, c, d = lock_keys(words, first_hash, second_hash)
    status = _install_locked(words, first, first_hash, second, second_hash)
    unlock_in_order(words, a, b, c, d)
    return status


@cold_kernel
def _install_locked(
    words: Words, first: np.uint64, first_hash: np.uint64, second: np.uint64, second_hash: np.uint64
) -> np.uint64:
    if _is_present(words, first, first_hash) or (second != NOTHING and _is_present(words, second, second_hash)):
        return DUPLICATE
    first_slot = free_slot(words, first_hash)
    if first_slot < 0:
        return NO_SLOT
    write_slot(words, first_slot, slot_content(first_hash, first))
    if second != NOTHING:
        second_slot = free_slot(words, second_hash)
        if second_slot < 0:
            write_slot(words, first_slot, NOTHING)
            return NO_SLOT
        write_slot(words, second_slot, slot_content(second_hash, second))
        store_relaxed(words, entry_at(words, first) + PARTNER, second)
        store_relaxed(words, entry_at(words, second) + PARTNER, first)
    return DONE


@kernel
def filled_slots(words: Words, bucket: Index) -> Index:
    """How many slots of a locked bucket are taken."""
    filled: Index = 0
    for slot in range(1, SLOTS + 1):
        filled += 0 if load_relaxed(words, bucket + slot) == NOTHING else 1
    return filled


@kernel
def _is_present(words: Words, entry: np.uint64, hash_: np.uint64) -> bool:
    at = entry_at(words, entry)
    return (
        entry_in_bucket(words, first_bucket(words, hash_), words, at, hash_) != NOTHING
        or entry_in_bucket(words, second_bucket(words, hash_), words, at, hash_) != NOTHING
    )


@kernel
def free_slot(words: Words, hash_: np.uint64) -> Index:
    """An empty slot for a key, or -1: in the first bucket, unless that is crowded and the other one less so."""
    first, second = first_bucket(words, hash_), second_bucket(words, hash_)
    crowd = filled_slots(words, first)
    chosen = first if crowd < CROWDED or crowd <= filled_slots(words, second) else second
    return slot_holding(words, chosen, NOTHING)


@entry_point
def remove(words: Words, first: np.uint64, second: np.uint64) -> None:
    """Take one or two entries out of the table in one commit; `second` is 0 for a half that goes alone.

    Both are dead before either is gone, so that a hit which has found one but not yet counted looks again. The
    records themselves are not free yet: see `reclaim.py`.
    """
    kill(words, first)
    if second != NOTHING:
        kill(words, second)
    first_at = entry_at(words, first)
    second_at = entry_at(words, second) if second != NOTHING else first_at
    first_hash = hash_key(words, words, first_at)
    second_hash = hash_key(words, words, second_at)
    a, b, c, d = lock_keys(words, first_hash, second_hash)
    _clear(words, first, first_hash)
    if second != NOTHING:
        _clear(words, second, second_hash)
    unlock_in_order(words, a, b, c, d)


@kernel
def _clear(words: Words, entry: np.uint64, hash_: np.uint64) -> None:
    content = slot_content(hash_, entry)
    slot = slot_holding(words, first_bucket(words, hash_), content)
    if slot < 0:
        slot = slot_holding(words, second_bucket(words, hash_), content)
    if slot >= 0:
        write_slot(words, slot, NOTHING)
    partner = load_relaxed(words, entry_at(words, entry) + PARTNER) & LOW_32
    if partner != NOTHING:
        # The half that stays, if one does, names nobody any more.
        store_relaxed(words, entry_at(words, partner) + PARTNER, NOTHING)


@entry_point
def kill(words: Words, entry: np.uint64) -> np.uint64:
    """Mark an entry dead, whenever its last hit was; its life word before."""
    life = entry_at(words, entry) + LIFE
    while True:
        seen = load_relaxed(words, life)
        if seen & DEAD != NOTHING or compare_and_swap(words, life, seen, seen | DEAD):
            return seen


@entry_point
def kill_if_idle(words: Words, entry: np.uint64, deadline: np.uint64) -> bool:
    """Mark an entry dead if its last hit was at `deadline` or before; whether it was.

    A hit that comes first moves the last hit and the entry lives on; one that comes after meets the mark.
    """
    life = entry_at(words, entry) + LIFE
    while True:
        seen = load_relaxed(words, life)
        if seen & DEAD != NOTHING or seen > deadline:
            return False
        if compare_and_swap(words, life, seen, seen | DEAD):
            return True


@entry_point
def is_killed(words: Words, entry: np.uint64) -> bool:
    """Whether an entry is marked dead; asked beside hits."""
    return load_relaxed(words, entry_at(words, entry) + LIFE) & DEAD != NOTHING


@entry_point
def set_last_hit(words: Words, entry: np.uint64, seen: np.uint64, now: np.uint64) -> bool:
    """Set the time of the last hit if it is still `seen`; whether it was. What came first, hit or mark, stays."""
    # Relaxed: nothing else is handed over by the time.
    return compare_and_swap_relaxed(words, entry_at(words, entry) + LIFE, seen, now)


@entry_point
def look_up(words: Words, keys: Words, at: Index) -> np.uint64:
    """The entry of the key at `keys[at]`, 0 for none."""
    return find(words, keys, at, hash_key(words, keys, at))[0]


@kernel
def touch(words: Words, entry_base: Index, now: np.uint64) -> bool:
    """Note a hit at `now` milliseconds; False when the entry is dead and the packet must look again.

    The last hit is a maximum: a thread whose clock lags cannot make a flow look older. Most hits within a millisecond
    find the time already there and write nothing.
    """
    while True:
        # Acquire, though relaxed would do: who meets a dead mark takes the slow path's lock, and what anybody else does
        # here is ordered by the grace period. Both are one instruction on x86-64.
        seen = load_acquire(words, entry_base + LIFE)
        if seen & DEAD != NOTHING:
            return False
        if seen >= now:
            return True
        if compare_and_swap(words, entry_base + LIFE, seen, now):
            return True


@kernel
def touch_plainly(words: Words, entry_base: Index, now: np.uint64) -> None:
    """Note a hit at `now` milliseconds by a store, dead or not.

    Right where a port lock keeps everybody else out. Past the port lock, as in `pr585` and `rwlock`, a removal is not
    noticed, and a thread that stalls before the store takes the time back: upstream's defects `orphan-hit` and
    `time-goes-back`.
    """
    if load_relaxed(words, entry_base + LIFE) < now:
        store_relaxed(words, entry_base + LIFE, now)


@kernel
def count_hit(words: Words, entry_base: Index) -> None:
    """Count a hit of an entry without connection, whose direction may be served by several threads."""
    # Release: whoever sees the hit counted finds its time.
    fetch_add(words, entry_base + HITS, ONE)


@kernel
def counted_hits(words: Words, entry_base: Index, flow: np.uint64, direction: np.uint64) -> np.uint64:
    """All hits of a half since its entry was written, whoever counted them. `flow` is its flow record, 0 for none.

    Acquire: what came with the hits of a connection is visible (`count_segment`).
    """
    hits = load_acquire(words, entry_base + HITS)
    if flow == NOTHING:
        return hits
    return (hits & OWNED_HITS) + load_acquire(words, flow_at(words, flow) + OTHERS_HITS + np.int64(direction))


@entry_point
def left_by_hits(
    words: Words, entry_base: Index, flow: np.uint64, direction: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """What hits have left in a half so far: `(hits, life word, bytes, numbers)`; read beside hits.

    In this order: a hit is counted last. `flow` is the half's flow record, 0 for none.
    """
    hits = counted_hits(words, entry_base, flow, direction)
    life = load_relaxed(words, entry_base + LIFE)
    length = load_relaxed(words, entry_base + BYTES)
    if flow != NOTHING:
        length += load_relaxed(words, flow_at(words, flow) + OTHERS_BYTES + np.int64(direction))
    return hits, life, length, load_relaxed(words, entry_base + NUMBERS)


@entry_point
def read_words(words: Words, at: Index, content: Words) -> None:
    """Copy words from `at` on to `content`, one after the other, beside hits that change them.

    Acquire: what came with a hit that is counted in one of the words is in those that are read after it.
    """
    for word in range(len(content)):
        content[word] = load_acquire(words, at + word)


@kernel
def owns(words: Words, entry_base: Index, owner: np.uint64) -> bool:
    """Whether a half belongs to a thread, which it does from then on if it belonged to nobody."""
    seen = load_relaxed(words, entry_base + HITS)
    if seen >> OWNER_SHIFT == owner:
        return True
    if seen >> OWNER_SHIFT != NOTHING:
        return False
    # Only a swap changes a word that nobody owns. Relaxed: nothing but the counts depends on it.
    return compare_and_swap_relaxed(words, entry_base + HITS, seen, seen | owner << OWNER_SHIFT)


@kernel
def count_segment(
    words: Words,
    entry_base: Index,
    flow_base: Index,
    direction: np.uint64,
    owner: np.uint64,
    length: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> None:
    """Count a hit by a TCP segment of `length` bytes (the whole frame) and keep its numbers for dumps.

    Nearly always one thread serves a direction of a connection. So the half belongs to the first thread that counts in
    it, `owner` (numbered from 1), which counts by plain stores: an atomic addition costs five nanoseconds, and twice
    that among the stores of a packet. Everybody else adds in the flow record. The hit is counted last: whoever sees it
    finds its bytes and numbers.
    """
    if owns(words, entry_base, owner):
        # Nobody else writes these two words: a load and a store lose nothing. A thread's successor in its seat sees
        # what it has stored, for seats change hands under the interpreter's lock (`seats.py`).
        store_relaxed(words, entry_base + BYTES, load_relaxed(words, entry_base + BYTES) + length)
        store_relaxed(words, entry_base + NUMBERS, sequence << SHIFT_32 | acknowledgement)
        # Release, here and below: who sees the hit counted sees its bytes and numbers, and looks no further.
        store_release(words, entry_base + HITS, load_relaxed(words, entry_base + HITS) + ONE)
    else:
        fetch_add_relaxed(words, flow_base + OTHERS_BYTES + np.int64(direction), length)
        store_relaxed(words, entry_base + NUMBERS, sequence << SHIFT_32 | acknowledgement)
        fetch_add(words, flow_base + OTHERS_HITS + np.int64(direction), ONE)


@kernel
def count_hit_alone(words: Words, entry_base: Index) -> None:
    """As `count_hit`, where the port lock keeps everybody else out."""
    store_relaxed(words, entry_base + HITS, load_relaxed(words, entry_base + HITS) + ONE)


@kernel
def count_segment_alone(
    words: Words, entry_base: Index, length: np.uint64, sequence: np.uint64, acknowledgement: np.uint64
) -> None:
    """As `count_segment`, where the port lock keeps everybody else out; nobody owns a half."""
    store_relaxed(words, entry_base + BYTES, load_relaxed(words, entry_base + BYTES) + length)
    store_relaxed(words, entry_base + NUMBERS, sequence << SHIFT_32 | acknowledgement)
    count_hit_alone(words, entry_base)
