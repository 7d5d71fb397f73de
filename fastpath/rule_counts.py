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

_NOTHING = np.uint64(0)


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


@kernel
def has_moved(counts: Words, width: Index, seen: Words) -> bool:
    """Whether any thread has counted packets beyond those in `seen`, two words a thread, which follows."""
    moved = False
    for thread in range(counts.size // width):
        for way in range(2):
            # Acquire: what was counted for these packets can be read from now on.
            packets = load_acquire(counts, thread * width + COUNT_MISS + way)
            if packets != seen[2 * thread + way]:
                seen[2 * thread + way] = packets
                moved = True
    return moved


@entry_point
def add_up(counts: Words, width: Index, seen: Words, totals: Words) -> bool:
    """Add up what all threads have counted so far, if any has counted a packet since the last call; whether so.

    Args:
        counts: the records of all threads.
        width: words of a record.
        seen: the packets that each thread had counted by then, inbound and outbound; written by this function alone.
        totals: one record, the result.
    """
    if not has_moved(counts, width, seen):
        return False
    for word in range(width):
        totals[word] = _NOTHING
    for thread in range(counts.size // width):
        inbound, outbound = seen[2 * thread], seen[2 * thread + 1]
        if inbound == _NOTHING and outbound == _NOTHING:
            continue
        for word in range(COUNT_MODIFIED, width):
            totals[word] += load_relaxed(counts, thread * width + word)
        totals[COUNT_MISS] += inbound
        totals[COUNT_MISS + 1] += outbound
    return True
