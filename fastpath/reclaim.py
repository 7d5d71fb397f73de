"""When a record may be used again: announcements of threads, and grace periods.

A thread announces that it is inside a batch by making its word odd, and even when it leaves (epoch-based reclamation,
Fraser 2004, with one counter a thread in place of a shared epoch). A record that was unlinked may be reused, and a
reconfiguration may return, once every thread that was inside a batch at that moment has left it. Nobody waits inside
a batch, so the wait is as long as one batch at most; a thread that has ended, or died between two batches, holds
nobody up.

The full fence of `enter` and the one before `inside` looks are the two halves of a store-and-load handshake (Dekker):
either the thread inside sees the new control word, or the one who changed it sees the thread inside.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from fastpath.atomics import fence_full, load_acquire, load_relaxed, pause, store_relaxed, store_release, yield_thread
from fastpath.compiler import entry_point, kernel
from fastpath.layout import ANNOUNCE, ONE, THREAD_COUNT, THREAD_WORDS, THREADS_AT, Index
from fastpath.memory import Words

_SPINS_BEFORE_YIELD: Final = 64
_NOTHING = np.uint64(0)


@kernel
def thread_at(words: Words, thread: Index) -> Index:
    """Index of the first word of a thread's line."""
    return np.int64(words[THREADS_AT]) + np.int64(thread) * THREAD_WORDS


@entry_point
def sum_over_threads(words: Words, counter: Index) -> np.uint64:
    """A counter of all threads together, `counter` words from the first of each; it may move on meanwhile."""
    total = _NOTHING
    for thread in range(np.int64(words[THREAD_COUNT])):
        total += load_relaxed(words, thread_at(words, thread) + counter)
    return total


@kernel
def enter(words: Words, thread: Index) -> None:
    """Announce that this thread is inside a batch."""
    at = thread_at(words, thread) + ANNOUNCE
    store_relaxed(words, at, load_relaxed(words, at) + ONE)
    # Store before load: without the fence the control word could be read before the announcement is visible.
    fence_full()


@kernel
def leave(words: Words, thread: Index) -> None:
    """Announce that this thread holds nothing any more. Release: all its reads of shared records are over."""
    at = thread_at(words, thread) + ANNOUNCE
    store_release(words, at, load_relaxed(words, at) + ONE)


@entry_point
def inside(words: Words, announced: Words) -> np.uint64:
    """Copy the announcements of all threads to `announced`; how many of them are inside a batch."""
    fence_full()
    count = _NOTHING
    for thread in range(np.int64(words[THREAD_COUNT])):
        seen = load_acquire(words, thread_at(words, thread) + ANNOUNCE)
        announced[thread] = seen
        count += seen & ONE
    return count


@entry_point
def all_left(words: Words, announced: Words) -> bool:
    """Whether every thread that was inside when `announced` was taken has left since."""
    for thread in range(np.int64(words[THREAD_COUNT])):
        seen = announced[thread]
        if seen & ONE != _NOTHING and load_acquire(words, thread_at(words, thread) + ANNOUNCE) == seen:
            return False
    return True


@entry_point
def wait_for_grace(words: Words, announced: Words) -> None:
    """Return once every thread that is inside a batch now has left it. `announced` is room for one word a thread."""
    if inside(words, announced) == _NOTHING:
        return
    spins = 0
    while not all_left(words, announced):
        spins += 1
        if spins % _SPINS_BEFORE_YIELD == 0:
            yield_thread()
        else:
            pause()


class Limbo:
    """Records that were unlinked and wait for their grace period. Used under the slow lock only."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._threads = int(words[THREAD_COUNT])
        self._waiting: deque[tuple[Words, Callable[[], None]]] = deque()

    def retire(self, release: Callable[[], None]) -> None:
        """Call `release` once no thread can hold what was just unlinked: at once when nobody is inside a batch."""
        announced = np.zeros(self._threads, np.uint64)
        if inside(self._words, announced) == _NOTHING and not self._waiting:
            release()
        else:
            self._waiting.append((announced, release))

    def collect(self) -> None:
        """Release everything whose grace period is over, oldest first."""
        while self._waiting and all_left(self._words, self._waiting[0][0]):
            self._waiting.popleft()[1]()

    def __len__(self) -> int:
        return len(self._waiting)
