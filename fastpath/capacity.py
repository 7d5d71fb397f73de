"""Room in tables that misses fill: limits that hold although threads count alone.

The reference's tables have limits, and native flows count against them (`docs/misses.md`). Python works out how many
more entries of each kind there may be, and deals them out as room. A thread takes room in chunks (`chunks.py`), so that
a miss usually looks at its own words only: `USED` rises with every entry that it begins, up to `GRANTED`. A slow
operation recalls what has been granted and not been used.

Entries begun, and granted, since the last deal never exceed what was dealt.

Thread safety: `use` and `undo_use` by the thread whose words begin at `line`, inside a miss (`gate.py`); all others by
the owner of the slow lock, with the gate closed. The gate orders their accesses, so that these are relaxed.
"""

from typing import Final

import numpy as np

from fastpath.atomics import compare_and_swap_relaxed, load_relaxed, store_relaxed
from fastpath.chunks import chunk_of
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.layout import ENDED, GRANTED, KINDS, ONE, ROOM, THREAD_COUNT, USED, Index
from fastpath.memory import Words
from fastpath.reclaim import sum_over_threads, thread_at

LARGEST_GRANT: Final = 256
"""Entries for which a thread takes room at once at the most."""
_NOTHING = np.uint64(0)


@kernel
def use(words: Words, line: Index, kind: Index) -> bool:
    """Count one more entry of a kind that this thread begins; False, and not counted, when there is no room for it."""
    used = load_relaxed(words, line + USED + kind)
    # Not below: what was granted is never less than what is used.
    if used == load_relaxed(words, line + GRANTED + kind) and not _ask(words, line, kind):
        return False
    store_relaxed(words, line + USED + kind, used + ONE)
    return True


@kernel
def undo_use(words: Words, line: Index, kind: Index) -> None:
    """Take back one `use` of the same miss, which gives up. The room stays with the thread."""
    store_relaxed(words, line + USED + kind, load_relaxed(words, line + USED + kind) - ONE)


@kernel
def count_end(words: Words, line: Index, kind: Index) -> None:
    """Count one native entry that has come to its end. The room that it leaves is dealt by the next slow operation."""
    at = line + ENDED + kind
    store_relaxed(words, at, load_relaxed(words, at) + ONE)


@cold_kernel
def _ask(words: Words, line: Index, kind: Index) -> bool:
    """Have more room granted, one entry at the least; False when there is none."""
    while True:
        room = load_relaxed(words, ROOM + kind)
        if room == _NOTHING:
            return False
        chunk = chunk_of(words, room, LARGEST_GRANT)
        # Relaxed: the word says how many, and leads to nothing that would have to be visible.
        if compare_and_swap_relaxed(words, ROOM + kind, room, room - chunk):
            break
    store_relaxed(words, line + GRANTED + kind, load_relaxed(words, line + GRANTED + kind) + chunk)
    return True


@kernel
def used(words: Words, kind: Index) -> np.uint64:
    """How many entries of a kind misses of all threads have begun so far."""
    return sum_over_threads(words, USED + kind)


@kernel
def recall_grants(words: Words) -> None:
    """Take all room back, of all kinds: no thread may begin another entry before room is dealt anew."""
    for kind in range(KINDS):
        store_relaxed(words, ROOM + kind, _NOTHING)
    for thread in range(np.int64(words[THREAD_COUNT])):
        line = thread_at(words, thread)
        for kind in range(KINDS):
            store_relaxed(words, line + GRANTED + kind, load_relaxed(words, line + USED + kind))


@kernel
def deal(words: Words, kind: Index, room: np.uint64) -> None:
    """Let misses begin so many more entries of a kind, after `recall_grants`."""
    store_relaxed(words, ROOM + kind, room)


@entry_point
def count_native(words: Words, counts: Words) -> None:
    """Write how many entries of each kind misses of all threads have begun, without those that segments have ended."""
    for kind in range(KINDS):
        counts[kind] = used(words, kind) - sum_over_threads(words, ENDED + kind)


@entry_point
def deal_anew(words: Words, room: Words) -> None:
    """Take all room back, and let misses begin `room[kind]` more entries of each kind."""
    recall_grants(words)
    for kind in range(KINDS):
        deal(words, kind, room[kind])
