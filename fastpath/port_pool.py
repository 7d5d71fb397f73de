"""Pools of ports in the arena: what source NAT gives to the flows that misses begin.

The pools are the reference's; between two slow operations their free ports are lent to misses (`lent_ports.py`). Which
port a flow gets depends on the order in which flows begin: the one that became free last. So a miss holds the lock of
its pool from the look at that port to the commit of its flow, and misses that take ports from one pool follow one
another. They only take; ports come back with slow operations.

Thread safety: inside a miss (`gate.py`); the lock of a pool is taken before the locks of buckets, and one at a time.
"""

import numpy as np

from fastpath.atomics import load_plain, store_plain
from fastpath.compiler import kernel
from fastpath.layout import (
    LOW_8,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    ONE,
    POOL_LOCK,
    POOL_NUMBER,
    POOL_PORTS,
    POOL_TOP,
    POOL_WORDS,
    POOLS_AT,
    Index,
)
from fastpath.memory import Words
from fastpath.parse import TCP, UDP
from fastpath.spin_lock import acquire, release

NO_PORT = np.uint64(1 << 16)
_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)


@kernel
def pool_of(words: Words, meta: np.uint64) -> Index:
    """Index of the pool that a flow with this meta word takes its port from."""
    pool: Index = 0 if meta >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4 else 3
    protocol = meta >> META_PROTOCOL_SHIFT & LOW_8
    if protocol == UDP:
        pool += 1
    elif protocol != TCP:
        pool += 2
    return np.int64(words[POOLS_AT]) + pool * POOL_WORDS


@kernel
def offer(words: Words, pool: Index, number: np.uint64) -> np.uint64:
    """Lock a pool, and look at the port that is taken next; `NO_PORT`, and not locked, when there is none.

    `number` is that of the pools whose port it must be. What the lock guards is plain.
    """
    acquire(words, pool + POOL_LOCK)
    top = load_plain(words, pool + POOL_TOP)
    if top == _NOTHING or load_plain(words, pool + POOL_NUMBER) != number:
        release(words, pool + POOL_LOCK)
        return NO_PORT
    return load_plain(words, pool + POOL_PORTS + np.int64(top) - 1)


@kernel
def close_offer(words: Words, pool: Index, taken: bool) -> None:
    """Unlock a pool; its next port is gone if it was `taken`."""
    if taken:
        store_plain(words, pool + POOL_TOP, load_plain(words, pool + POOL_TOP) - ONE)
    release(words, pool + POOL_LOCK)
