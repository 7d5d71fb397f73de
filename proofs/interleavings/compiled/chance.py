"""Runs by chance: each step by a fair draw, or by priorities that change at few points (PCT).

PCT is the probabilistic concurrency testing of Burckhardt, Kothari, Musuvathi and Nagarakatte (ASPLOS 2010): threads
have different random priorities and the highest that can go on does; at d - 1 random steps the thread that is next is
put last. A fault that needs d ordered steps is found in a run of n threads and k steps with probability at least
1 / (n * k ** (d - 1)).
"""

from typing import Any

import numpy as np

from proofs.interleavings.compiled.compiler import hot_part, part
from proofs.interleavings.compiled.outcomes import finish
from proofs.interleavings.compiled.state import LONGEST, STATUS, STEPS, THREADS, Search
from proofs.interleavings.compiled.turns import begin, enabled, step

_SHIFTS = np.uint64(13), np.uint64(7), np.uint64(17)
_SHIFT_32 = np.uint64(32)


@part
def wander(searches: Any, most: int) -> None:
    """Make `most` runs with fair draws, fewer when one fails."""
    search = searches[0]
    state = search.state
    for _ in range(most):
        begin(search)
        while state[STATUS] == 0:
            may_run = enabled(search)
            if may_run == 0:
                finish(search)
                break
            step(search, _one_of(search, may_run))
        if state[STATUS] != 0:
            return


@part
def wander_by_priority(searches: Any, most: int, depth: int) -> None:
    """Make `most` runs with `depth - 1` changes of priority each, fewer when one fails."""
    search = searches[0]
    state, priorities, changes = search.state, search.priorities, search.changes
    for _ in range(most):
        begin(search)
        _shuffle(search)
        for change in range(depth - 1):
            changes[change] = _below(search, max(state[LONGEST], 1))
        while state[STATUS] == 0:
            may_run = enabled(search)
            if may_run == 0:
                finish(search)
                break
            for change in range(depth - 1):
                if changes[change] == state[STEPS]:
                    priorities[_highest(search, may_run)] = -1 - change
            step(search, _highest(search, may_run))
        if state[STATUS] != 0:
            return


@hot_part
def _below(search: Search, limit: int) -> np.int64:
    """A random number below a limit, by Marsaglia's xorshift."""
    value = search.random[0]
    value ^= value << _SHIFTS[0]
    value ^= value >> _SHIFTS[1]
    value ^= value << _SHIFTS[2]
    search.random[0] = value
    return np.int64(((value >> _SHIFT_32) * np.uint64(limit)) >> _SHIFT_32)


@hot_part
def _one_of(search: Search, threads: int) -> int:
    """A random member of a set of threads that is not empty."""
    return search.members[threads, _below(search, search.sizes[threads])]


@part
def _shuffle(search: Search) -> None:
    """Give the threads priorities 0, 1, 2 and so on by chance (Fisher and Yates)."""
    priorities = search.priorities
    for thread in range(search.state[THREADS]):
        other = _below(search, thread + 1)
        priorities[thread] = priorities[other]
        priorities[other] = thread


@part
def _highest(search: Search, threads: int) -> int:
    """The member of a set of threads with the highest priority."""
    best = -1
    for thread in range(search.state[THREADS]):
        if threads >> thread & 1 and (best < 0 or search.priorities[thread] > search.priorities[best]):
            best = thread
    return best
