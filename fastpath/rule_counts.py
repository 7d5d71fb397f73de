"""Counters of misses under one rule set: each thread its own record, only rising, added up by the slow lock's owner.

A thread counts what became of a packet in any order, and the packet itself last. Who adds up looks at a thread's count
of packets first: what it stands for has been counted then. Counts of a packet that is not counted itself yet may be
seen as well; they are not lost, for a thread whose count of packets has moved is looked at again.
"""

import numpy as np

from fastpath.atomics import load_acquire, load_relaxed, store_relaxed, store_release
from fastpath.compiler import entry_point, kernel
from fastpath.layout import ONE, Index
from fastpath.memory import Words
from fastpath.rule_layout import COUNT_MISS, COUNT_MODIFIED


@kernel
def count(counts: Words, at: Index) -> None:
    """Count one more in a word that no other thread writes."""
    # Relaxed: whoever adds up is told by `count_packet`.
    store_relaxed(counts, at, load_relaxed(counts, at) + ONE)


@kernel
def count_packet(counts: Words, record: Index, direction: np.uint64, is_modified: bool) -> None:
    """Count a packet itself in the thread's record at `counts[record]`, after all else about it."""
    place = record + np.int64(direction)
    if is_modified:
        count(counts, place + COUNT_MODIFIED)
    # Release: whoever sees this packet counted sees all else that was counted for it.
    store_release(counts, place + COUNT_MISS, load_relaxed(counts, place + COUNT_MISS) + ONE)


@entry_point
def add_up(counts: Words, width: Index, seen: Words, totals: Words) -> bool:
    """Add what threads have counted since the last call to `totals`; whether any has counted a packet.

    Args:
        counts: the records of all threads.
        width: words of a record.
        seen: as large as `counts`: what was added before, written by this function alone.
        totals: one record.
    """
    moved = False
    for record in range(0, counts.size, width):
        # Acquire: what was counted for these packets is read below.
        inbound = load_acquire(counts, record + COUNT_MISS)
        outbound = load_acquire(counts, record + COUNT_MISS + 1)
        if inbound == seen[record + COUNT_MISS] and outbound == seen[record + COUNT_MISS + 1]:
            continue
        moved = True
        for word in range(width):
            value = load_relaxed(counts, record + word)
            if word == COUNT_MISS:
                value = inbound
            elif word == COUNT_MISS + 1:
                value = outbound
            totals[word] += value - seen[record + word]
            seen[record + word] = value
    return moved
