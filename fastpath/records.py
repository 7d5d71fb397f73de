"""Free records: who may write an entry, a flow record or a header transform next.

One allocator for slow operations and misses. A free record is in one place (N6 in `docs/misses.md`): in the list of
those that were given back, among the fresh ones, whose numbers have never been given out, or in the stock of one
thread. Lists and stocks are arrays of numbers, used as stacks. A miss takes from its thread's stock, and only to fill
that up, with a chunk of numbers (`chunks.py`), does it take the spin lock that guards list and fresh numbers; while it
has the lock it copies neighbouring words, and touches no record. What a thread will take next can be read in its stock,
so that `take` asks for those lines early.

Nothing of this lies in the records themselves. So even a hit that held a record for too long would find its content,
and could not break a list, which does not rely on the grace period (`reclaim.py`) that passes before a record is given
back. Two words of content are cleared with the giving back: `ACTION` of an entry, so that a free entry names no
transform (`transforms.py`), and `PARTNER`, so that it is half of no flow (`expire.py`), also where a miss has written
it and given up. A look-up believes what it reads only while the bucket still says what it said before (H3), and no
bucket names a free entry. All other words of a record are as its last user left them.

Thread safety: `take` and `put_back` by the thread whose stock it is, inside a miss (`gate.py`). `give_back` by anybody.
`draw` by the owner of the slow lock, beside misses. `collect_stocks` and `count_free` by the owner of the slow lock,
with the gate closed.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_plain, prefetch_write, store_plain, store_relaxed
from fastpath.chunks import chunk_of
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.layout import (
    ACTION,
    ENTRIES_AT,
    ENTRY_COUNT,
    ENTRY_LIST,
    ENTRY_NUMBERS_AT,
    ENTRY_WORDS,
    FLOW_COUNT,
    FLOW_LIST,
    FLOW_NUMBERS_AT,
    FLOW_WORDS,
    FLOWS_AT,
    FRESH,
    LINE,
    ONE,
    PARTNER,
    RECORDS_LOCK,
    STOCK_WORDS,
    THREAD_COUNT,
    TRANSFORM_COUNT,
    TRANSFORM_NUMBERS_AT,
    Index,
)
from fastpath.memory import Words
from fastpath.reclaim import thread_at
from fastpath.spin_lock import acquire, release

LARGEST_REFILL: Final = 128
"""Records that a thread puts by at once at the most."""
STOCK_ROOM: Final = np.uint64(STOCK_WORDS - 1)
"""Records that a stock can hold: a refill, and some more for a miss that gives up after it has filled the stock up."""
AHEAD: Final = 2
"""How many takes of its kind before a record is written its lines are asked for: a miss takes two entries."""
_NOTHING = np.uint64(0)


@kernel
def count_of(words: Words, list_: Index) -> np.uint64:
    """How many records of a kind the arena has, the unused record 0 included. `list_` says of which kind they are."""
    if list_ == ENTRY_LIST:
        return words[ENTRY_COUNT]
    return words[FLOW_COUNT] if list_ == FLOW_LIST else words[TRANSFORM_COUNT]


@kernel
def numbers_at(words: Words, list_: Index) -> Index:
    """Where the numbers of a list lie."""
    if list_ == ENTRY_LIST:
        return np.int64(words[ENTRY_NUMBERS_AT])
    return np.int64(words[FLOW_NUMBERS_AT] if list_ == FLOW_LIST else words[TRANSFORM_NUMBERS_AT])


@kernel
def clear_content(words: Words, list_: Index, number: np.uint64) -> None:
    """Let a record that nobody can reach name nothing any more."""
    if list_ == ENTRY_LIST:
        # Relaxed, not plain: an observer may look for named transforms, or for native flows, meanwhile.
        at = np.int64(words[ENTRIES_AT]) + np.int64(number) * ENTRY_WORDS
        store_relaxed(words, at + ACTION, _NOTHING)
        store_relaxed(words, at + PARTNER, _NOTHING)


# --- under the lock beside a list: its words are the holder's, so plain accesses do ---


@kernel
def push_locked(words: Words, list_: Index, number: np.uint64) -> None:
    """Put a number into a list."""
    held = load_plain(words, list_)
    store_plain(words, numbers_at(words, list_) + np.int64(held), number)
    store_plain(words, list_, held + ONE)


@kernel
def take_locked(words: Words, list_: Index) -> np.uint64:
    """Take the number that was given back last, or a fresh one when none was; 0 when there is none."""
    held = load_plain(words, list_)
    if held != _NOTHING:
        store_plain(words, list_, held - ONE)
        return load_plain(words, numbers_at(words, list_) + np.int64(held) - 1)
    first, count = take_fresh_locked(words, list_, ONE)
    return first if count != _NOTHING else _NOTHING


@kernel
def take_fresh_locked(words: Words, list_: Index, most: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Take up to `most` fresh numbers: the first of them, and how many there are."""
    used = load_plain(words, list_ + FRESH)
    count = min(most, count_of(words, list_) - ONE - used)
    store_plain(words, list_ + FRESH, used + count)
    return used + ONE, count


@kernel
def count_locked(words: Words, list_: Index) -> np.uint64:
    """How many records of a kind are in the list, or fresh."""
    return count_of(words, list_) - ONE - load_plain(words, list_ + FRESH) + load_plain(words, list_)


@cold_kernel
def refill(words: Words, stock: Index, list_: Index) -> np.uint64:
    """Fill an empty stock, which begins at `words[stock]`, from the list or with fresh numbers; how many it holds now.

    What `take` takes from the stock comes in the order in which the list, or the fresh numbers, would have given it.
    """
    acquire(words, RECORDS_LOCK)
    held = load_plain(words, list_)
    fresh = count_of(words, list_) - ONE - load_plain(words, list_ + FRESH)
    chunk = chunk_of(words, held + fresh, LARGEST_REFILL)
    if held != _NOTHING:
        count = min(held, chunk)
        begin = numbers_at(words, list_) + np.int64(held - count)
        for place in range(np.int64(count)):
            store_plain(words, stock + 1 + place, load_plain(words, begin + place))
        store_plain(words, list_, held - count)
        release(words, RECORDS_LOCK)
    else:
        first, count = take_fresh_locked(words, list_, chunk)
        release(words, RECORDS_LOCK)
        for place in range(np.int64(count)):
            store_plain(words, stock + np.int64(count) - place, first + np.uint64(place))
    store_plain(words, stock, count)
    return count


# --- misses ---


@kernel
def take(words: Words, line: Index, stock: Index, list_: Index) -> np.uint64:
    """A record for a miss of the thread whose words begin at `line`; 0 when neither its stock nor the list has one.

    `ENTRY_STOCK` goes with `ENTRY_LIST`, `FLOW_STOCK` with `FLOW_LIST`.
    """
    # Plain: a stock is its thread's own. The slow operation that empties it has closed the gate.
    at = line + stock
    held = load_plain(words, at)
    if held == _NOTHING:
        held = refill(words, at, list_)
        if held == _NOTHING:
            return held
    store_plain(words, at, held - ONE)
    place = np.int64(held)
    if place > AHEAD:
        ask_for(words, list_, load_plain(words, at + place - AHEAD))
    return load_plain(words, at + place)


@kernel
def ask_for(words: Words, list_: Index, number: np.uint64) -> None:
    """Have the lines of a record fetched that this thread is going to write."""
    if list_ == ENTRY_LIST:
        entry = np.int64(words[ENTRIES_AT]) + np.int64(number) * ENTRY_WORDS
        prefetch_write(words, entry)
        prefetch_write(words, entry + LINE)
    else:
        prefetch_write(words, np.int64(words[FLOWS_AT]) + np.int64(number) * FLOW_WORDS)


@kernel
def put_back(words: Words, line: Index, stock: Index, list_: Index, number: np.uint64) -> None:
    """Undo `take`, for a miss that gives up: nobody but its thread has seen the record."""
    at = line + stock
    held = load_plain(words, at) + ONE
    if held > STOCK_ROOM:  # one miss alone never has so many
        give_back(words, list_, number)
    else:
        clear_content(words, list_, number)
        store_plain(words, at + np.int64(held), number)
        store_plain(words, at, held)


@entry_point
def give_back(words: Words, list_: Index, number: np.uint64) -> None:
    """Free an entry or a flow record that is nobody's any more: if others have seen it, once its grace is over."""
    clear_content(words, list_, number)
    acquire(words, RECORDS_LOCK)
    push_locked(words, list_, number)
    release(words, RECORDS_LOCK)


# --- the owner of the slow lock ---


@entry_point
def draw(words: Words, list_: Index) -> np.uint64:
    """A free entry or flow record, from the list or fresh; 0 if there is none."""
    acquire(words, RECORDS_LOCK)
    number = take_locked(words, list_)
    release(words, RECORDS_LOCK)
    return number


@entry_point
def collect_stocks(words: Words, stock: Index, list_: Index) -> None:
    """Put what threads have put by back into the list. With the gate closed: the stocks are nobody else's meanwhile."""
    acquire(words, RECORDS_LOCK)
    for thread in range(np.int64(words[THREAD_COUNT])):
        at = thread_at(words, thread) + stock
        for place in range(np.int64(load_plain(words, at))):
            push_locked(words, list_, load_plain(words, at + 1 + place))
        store_plain(words, at, _NOTHING)
    release(words, RECORDS_LOCK)


@entry_point
def count_free(words: Words, stock: Index, list_: Index) -> np.uint64:
    """How many entries or flow records nobody has: given back, fresh, and in stocks. With the gate closed."""
    acquire(words, RECORDS_LOCK)
    free = count_locked(words, list_)
    release(words, RECORDS_LOCK)
    for thread in range(np.int64(words[THREAD_COUNT])):
        free += load_plain(words, thread_at(words, thread) + stock)
    return free


class Records:
    """The free entries, or flow records, of an arena, for the owner of the slow lock with the gate closed."""

    def __init__(self, words: Words, stock: int, list_: int) -> None:
        """`ENTRY_STOCK` and `ENTRY_LIST`, or `FLOW_STOCK` and `FLOW_LIST`."""
        self._words = words
        self._stock = stock
        self._list = list_

    def take(self) -> int | None:
        """The number of a record that nobody has, the one given back last before others; None when there is none."""
        number = int(draw(self._words, self._list))
        if number == 0:
            collect_stocks(self._words, self._stock, self._list)
            number = int(draw(self._words, self._list))
        return number or None

    def give_back(self, number: int) -> None:
        """Free a record, once its grace period is over."""
        give_back(self._words, self._list, np.uint64(number))

    @property
    def free(self) -> int:
        """How many records nobody has."""
        return int(count_free(self._words, self._stock, self._list))
