"""A lock for a few dozen instructions: one word, 1 while somebody has it.

For what misses share and change rarely: free records, header transforms. Who has the lock waits for nothing, so that it
may be taken inside a batch and under buckets' locks. At most one spin lock is held at a time.

Thread safety: any thread may take any lock that it does not hold.
"""

import numpy as np

from fastpath.atomics import compare_and_swap, load_relaxed, store_release
from fastpath.compiler import kernel
from fastpath.layout import ONE, Index
from fastpath.memory import Words
from fastpath.port_lock import wait_a_moment

FREE = np.uint64(0)


@kernel
def acquire(words: Words, lock: Index) -> None:
    """Take the lock at `words[lock]`. Acquire: what its last holder wrote is visible."""
    spins: Index = 0
    # Others wait by reading, which leaves the line where it is; only who sees the lock free tries to write it.
    while load_relaxed(words, lock) != FREE or not compare_and_swap(words, lock, FREE, ONE):
        spins = wait_a_moment(spins)


@kernel
def release(words: Words, lock: Index) -> None:
    """Give the lock back. Release: the next holder sees all that was written under it."""
    store_release(words, lock, FREE)
