"""Sweeps over all native flows, a few at a time, for the owner of the slow lock.

Expiry keeps misses out for some dozen microseconds at a time: what is due is looked for without any lock, and each
chunk, from the closing of the gate to its opening, is one call into compiled code, so that nobody waits for the
interpreter while misses wait for the gate. Each flow expires in one moment, different flows at different ones.

Where hits take no port lock, a chunk waits for a grace period before misses come in again. Where they do nobody may
wait for them, and what has left the arena waits in limbo.
"""

from collections.abc import Callable, Iterator
from typing import Final, SupportsInt

import numpy as np

from fastpath.clear import clear_natives, clear_unified
from fastpath.compiler import entry_point, kernel
from fastpath.expire import expire_natives, next_due, next_with_port
from fastpath.gate import close_gate, open_gate
from fastpath.hash_table import NOTHING
from fastpath.layout import ENTRY_LIST, FRESH, KINDS, THREAD_COUNT, Index
from fastpath.memory import Words
from fastpath.reclaim import Limbo, wait_for_grace
from fastpath.removal import give_back_flows

CHUNK_ENTRIES: Final = 512
CHUNK_FLOWS: Final = 64
"""What one chunk looks at, and how many flows it removes, at the most: about 20 microseconds, 60 in a large arena."""
_CLEARED_FLOWS: Final = 4_096
"""Flows that are cleared between two grace periods. Misses are kept out for the whole of it anyway."""


@entry_point
def expire_chunk(
    words: Words, now: np.uint64, first: Index, removed: Words, collected: Words, announced: Words, waits: bool
) -> Index:
    """`expire_natives` for one chunk, the gate closed around it and open before and after.

    If `waits`, and anything was removed, a grace period passes before the gate opens; `announced` is room for one word
    a thread.
    """
    close_gate(words)
    before = _total(removed)
    position = expire_natives(words, now, first, CHUNK_ENTRIES, removed, collected)
    if waits and _total(removed) != before:
        wait_for_grace(words, announced)
    open_gate(words)
    return position


@kernel
def _total(removed: Words) -> np.uint64:
    total = NOTHING
    for kind in range(KINDS):
        total += removed[kind]
    return total


class Sweeper:
    """Removes native flows, for the owner of the slow lock.

    All methods return what has left the tables, a word for each kind of entry (`layout.KINDS`).
    """

    def __init__(self, words: Words, limbo: Limbo, waits_for_hits: bool) -> None:
        """`limbo` is where flows wait for their grace period unless `waits_for_hits`."""
        self._words = words
        self._limbo = limbo
        self._waits = waits_for_hits
        self._announced = np.zeros(int(words[THREAD_COUNT]), np.uint64)
        self._collected = _list_of(CHUNK_FLOWS)

    def expire(self, now_ms: int) -> Words:
        """Remove what is past its time to live. With the gate open: it is closed for each chunk."""
        total = np.zeros(KINDS, np.uint64)
        position = self.next_due(now_ms, 1)
        while position:
            position, removed = self.expire_chunk(now_ms, position)
            total += removed
            position = self.next_due(now_ms, position)
        return total

    def next_due(self, now_ms: int, position: int) -> int:
        """The first entry from a position on whose flow has something to expire; 0 if there is none. At any time."""
        end = _end_of_entries(self._words)
        due = int(next_due(self._words, np.uint64(now_ms), position, end))
        return due if due < end else 0

    def expire_chunk(self, now_ms: int, position: int) -> tuple[int, Words]:
        """Expire some flows from a position on; where to go on, and what has left. With the gate open."""
        removed = np.zeros(KINDS, np.uint64)
        arguments = (self._words, np.uint64(now_ms), position, removed, self._collected, self._announced, self._waits)
        following = int(expire_chunk(*arguments))
        self._give_back(self._collected)
        return following, removed

    def due(self, now_ms: int) -> Iterator[int]:
        """An entry of each flow that has something to expire. With the gate closed."""
        yield from self._found(lambda first, end: next_due(self._words, np.uint64(now_ms), first, end))

    def owning_ports(self) -> Iterator[int]:
        """An entry of each native flow that owns a port of source NAT. With the gate closed."""
        yield from self._found(lambda first, end: next_with_port(self._words, first, end))

    def _found(self, following: Callable[[int, int], SupportsInt]) -> Iterator[int]:
        end = _end_of_entries(self._words)
        entry = int(following(1, end))
        while entry < end:
            yield entry
            entry = int(following(entry + 1, end))

    def clear(self) -> Words:
        """Remove all native flows. With the gate closed."""
        words, end, position = self._words, _end_of_entries(self._words), 1
        removed, collected = np.zeros(KINDS, np.uint64), _list_of(_CLEARED_FLOWS)
        while position < end:
            position = int(clear_natives(words, position, end - position, removed, collected))
            self._wait()
            self._give_back(collected)
        return removed

    def clear_unified(self) -> Words:
        """Take all halves of native flows out of the unified table. With the gate closed."""
        removed = np.zeros(KINDS, np.uint64)
        clear_unified(self._words, 1, _end_of_entries(self._words) - 1, removed)
        self._wait()
        return removed

    def _wait(self) -> None:
        if self._waits:
            wait_for_grace(self._words, self._announced)

    def _give_back(self, collected: Words) -> None:
        """Free the flows of a list whose grace period is over, or will be one day, and empty the list."""
        if self._waits:
            give_back_flows(self._words, collected)
        elif collected[0]:
            waiting = collected.copy()
            self._limbo.retire(lambda: give_back_flows(self._words, waiting))
            collected[0] = 0


def _end_of_entries(words: Words) -> int:
    """Where to stop: behind the last entry that anybody ever had. One that is taken later begins a flow of its own."""
    return int(words[ENTRY_LIST + FRESH]) + 1


def _list_of(flows: int) -> Words:
    return np.zeros(1 + 2 * flows, np.uint64)
