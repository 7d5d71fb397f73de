"""The port lock of the designs that have one: exclusive for one hit at a time, or shared by hits.

One word: `LOCKED_ALONE` while somebody has the port alone or waits for it, and the number of hits that share it above
that. Whoever wants it alone announces that first, so that hits that come later wait: a stream of hits cannot keep a
slow operation out for ever. Slow operations follow one another (`slow_path.py`), so that hits cannot be kept out for
ever either.
"""

from typing import Final

import numpy as np

from fastpath.atomics import compare_and_swap, fetch_add, load_acquire, load_relaxed, pause, store_release, yield_thread
from fastpath.compiler import entry_point, kernel
from fastpath.layout import ONE, PORT_LOCK, Index
from fastpath.memory import Words

FREE = np.uint64(0)
LOCKED_ALONE = ONE
SHARER = np.uint64(2)
"""What each hit that shares the lock adds to the word."""
_SHARER_LEAVES = np.uint64((1 << 64) - 2)

_SPINS_BEFORE_YIELD: Final = 100


@kernel
def wait_a_moment(spins: Index) -> Index:
    """Let time pass; after a while another thread is let run, for the holder may need this core."""
    spins += 1
    if spins % _SPINS_BEFORE_YIELD == 0:
        yield_thread()
    else:
        pause()
    return spins


@kernel
def acquire_alone(words: Words) -> None:
    """Take the port lock alone: keep out those that come later, then wait for those that share it."""
    spins: Index = 0
    while True:
        seen = load_relaxed(words, PORT_LOCK)
        if seen & LOCKED_ALONE == FREE and compare_and_swap(words, PORT_LOCK, seen, seen | LOCKED_ALONE):
            break
        spins = wait_a_moment(spins)
    # Acquire: what sharers did under the lock is over and visible.
    while load_acquire(words, PORT_LOCK) != LOCKED_ALONE:
        spins = wait_a_moment(spins)


@kernel
def release_alone(words: Words) -> None:
    """Give the port lock back. Release: the next holder sees all that was written under it."""
    store_release(words, PORT_LOCK, FREE)


@kernel
def acquire_shared(words: Words) -> None:
    """Take the port lock beside other hits."""
    spins: Index = 0
    while True:
        seen = load_relaxed(words, PORT_LOCK)
        if seen & LOCKED_ALONE == FREE and compare_and_swap(words, PORT_LOCK, seen, seen + SHARER):
            return
        spins = wait_a_moment(spins)


@kernel
def release_shared(words: Words) -> None:
    """Give a share of the port lock back. Release: who takes the lock alone comes after all that was done under it."""
    fetch_add(words, PORT_LOCK, _SHARER_LEAVES)


@entry_point
def lock_port(words: Words) -> None:
    """`acquire_alone` for a slow operation."""
    acquire_alone(words)


@entry_point
def unlock_port(words: Words) -> None:
    """`release_alone` for a slow operation."""
    release_alone(words)
