"""The gate: slow operations on one side, misses on the other, never both.

A thread announces that it is inside a miss, as it announces a batch (`reclaim.py`), and then looks whether the gate is
open. A slow operation closes the gate and then waits until every thread that was inside a miss has left it, which takes
as long as one miss. A miss that finds the gate closed leaves at once and waits for the slow lock, outside.

The two full fences are the halves of a store-and-load handshake (Dekker): either the miss sees the gate closed, or the
slow operation sees the miss. Hits pass without a look at the gate.

Thread safety: `begin_miss` and `end_miss` by the thread whose words begin at `line`; `close_gate` and `open_gate` by
the owner of the slow lock, once each in turn.
"""

import numpy as np

from fastpath.atomics import fence_full, load_acquire, load_relaxed, store_relaxed, store_release
from fastpath.compiler import entry_point, kernel
from fastpath.layout import GATE, MISSING, ONE, THREAD_COUNT, Index
from fastpath.memory import Words
from fastpath.port_lock import wait_a_moment
from fastpath.reclaim import thread_at

OPEN = np.uint64(0)
CLOSED = ONE
_NOTHING = np.uint64(0)


@kernel
def begin_miss(words: Words, line: Index) -> bool:
    """Enter a miss (M1); False, and outside again, when the gate is closed."""
    at = line + MISSING
    store_relaxed(words, at, load_relaxed(words, at) + ONE)
    # Store before load: without the fence the gate could be read before the announcement is visible.
    fence_full()
    # Acquire: a miss sees all that slow operations did before the gate was opened.
    if load_acquire(words, GATE) == OPEN:
        return True
    end_miss(words, line)
    return False


@kernel
def end_miss(words: Words, line: Index) -> None:
    """Leave a miss (M7). Release: who closes the gate after it sees all that the miss wrote."""
    at = line + MISSING
    store_release(words, at, load_relaxed(words, at) + ONE)


@entry_point
def close_gate(words: Words) -> None:
    """Keep misses out; returns when no thread is inside one."""
    store_relaxed(words, GATE, CLOSED)
    # Store before load: without the fence announcements could be read before the gate is seen to be closed.
    fence_full()
    for thread in range(np.int64(words[THREAD_COUNT])):
        at = thread_at(words, thread) + MISSING
        # Acquire, here and below: what a miss that is over has written is visible.
        seen = load_acquire(words, at)
        spins: Index = 0
        # A thread that has announced itself anew since did so behind the fence, and finds the gate closed.
        while seen & ONE != _NOTHING and load_acquire(words, at) == seen:
            spins = wait_a_moment(spins)


@entry_point
def open_gate(words: Words) -> None:
    """Let misses in again. Release: they see all that was done while the gate was closed."""
    store_release(words, GATE, OPEN)
