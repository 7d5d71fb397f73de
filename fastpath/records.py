"""Free records: who may write an entry, a flow record or a header transform next.

One allocator for slow operations and misses. A free record is in one place (N6 in `docs/misses.md`): in the list of
those that were given back, among the fresh ones, whose numbers have never been given out, or in the stock of one
thread. Lists and stocks are linked through a word of the free records themselves. A miss takes from its thread's stock,
and only to fill that up, `REFILL` records at once, does it take the spin lock that guards list and fresh numbers.

The words that carry links (`ENTRY_LINK`, `FLOW_LINK`, `TRANSFORM_LINK`) are neither read nor written by hits. So even a
hit that held a record for too long would find its content, and would not break the list; the links do not rely on the
grace period (`reclaim.py`) that passes before a record is given back. Two words of content are cleared with the giving
back: `ACTION` of an entry, so that a free entry names no transform (`transforms.py`), and `PARTNER`, so that it is
half of no flow (`expire.py`), also where a miss has written it and given up. A look-up believes what it reads only
while the bucket still says what it said before (H3), and no bucket names a free entry. All other words of a record are
as its last user left them.

Thread safety: `take` and `put_back` by the thread whose stock it is, inside a miss (`gate.py`). `draw`, `give_back` and
`count_free` by the owner of the slow lock, beside misses. `collect_stocks` by the owner of the slow lock, with the gate
closed.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_plain, prefetch_write, store_plain, store_relaxed
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.layout import (
    ACTION,
    ENTRIES_AT,
    ENTRY_COUNT,
    ENTRY_LINK,
    ENTRY_LIST,
    ENTRY_WORDS,
    FLOW_COUNT,
    FLOW_LINK,
    FLOW_LIST,
    FLOW_WORDS,
    FLOWS_AT,
    FRESH,
    LINE,
    ONE,
    PARTNER,
    RECORDS_LOCK,
    THREAD_COUNT,
    TRANSFORM_COUNT,
    TRANSFORM_LINK,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
    Index,
)
from fastpath.memory import Words
from fastpath.reclaim import thread_at
from fastpath.spin_lock import acquire, release

REFILL: Final = 32
"""Records that a thread puts by at once. More, and more lie idle in stocks; fewer, and the lock is taken more often."""
_NOTHING = np.uint64(0)


@kernel
def link_at(words: Words, list_: Index, number: np.uint64) -> Index:
    """Index of the word by which a free record names the next one. `list_` says of which kind it is."""
    if list_ == ENTRY_LIST:
        return np.int64(words[ENTRIES_AT]) + np.int64(number) * ENTRY_WORDS + ENTRY_LINK
    if list_ == FLOW_LIST:
        return np.int64(words[FLOWS_AT]) + np.int64(number) * FLOW_WORDS + FLOW_LINK
    return np.int64(words[TRANSFORMS_AT]) + np.int64(number) * TRANSFORM_WORDS + TRANSFORM_LINK


@kernel
def count_of(words: Words, list_: Index) -> np.uint64:
    """How many records of a kind the arena has, the unused record 0 included."""
    if list_ == ENTRY_LIST:
        return words[ENTRY_COUNT]
    return words[FLOW_COUNT] if list_ == FLOW_LIST else words[TRANSFORM_COUNT]


@kernel
def clear_content(words: Words, list_: Index, number: np.uint64) -> None:
    """Let a record that nobody can reach name nothing any more."""
    if list_ == ENTRY_LIST:
        # Relaxed, not plain: an observer may look for named transforms, or for native flows, meanwhile.
        at = np.int64(words[ENTRIES_AT]) + np.int64(number) * ENTRY_WORDS
        store_relaxed(words, at + ACTION, _NOTHING)
        store_relaxed(words, at + PARTNER, _NOTHING)


# --- under the lock beside a list: its words, and links of what is in it, are the holder's, so plain accesses do ---


@kernel
def push_locked(words: Words, list_: Index, first: np.uint64, last: np.uint64) -> None:
    """Put a chain of records back into a list; they are linked from `first` to `last`."""
    store_plain(words, link_at(words, list_, last), load_plain(words, list_))
    store_plain(words, list_, first)


@kernel
def pop_locked(words: Words, list_: Index, most: Index) -> np.uint64:
    """Take a chain of up to `most` records that were given back; its first one, 0 if there is none."""
    first = load_plain(words, list_)
    if first != _NOTHING:
        last = first
        following = load_plain(words, link_at(words, list_, last))
        for _ in range(most - 1):
            if following != _NOTHING:
                last = following
                following = load_plain(words, link_at(words, list_, last))
        store_plain(words, list_, following)
        store_plain(words, link_at(words, list_, last), _NOTHING)
    return first


@kernel
def take_fresh_locked(words: Words, list_: Index, most: Index) -> tuple[np.uint64, np.uint64]:
    """Take up to `most` fresh numbers: the first of them, and how many there are."""
    used = load_plain(words, list_ + FRESH)
    count = min(np.uint64(most), count_of(words, list_) - ONE - used)
    store_plain(words, list_ + FRESH, used + count)
    return used + ONE, count


@kernel
def link_up(words: Words, list_: Index, first: np.uint64, count: np.uint64) -> np.uint64:
    """Make a chain of records with successive numbers, which are the caller's; its first one, 0 if `count` is 0."""
    following = _NOTHING
    for back in range(np.int64(count)):
        number = first + count - ONE - np.uint64(back)
        store_plain(words, link_at(words, list_, number), following)
        following = number
    return following


@entry_point
def draw(words: Words, list_: Index, most: Index) -> np.uint64:
    """A chain of up to `most` free entries or flow records, from the list or fresh; its first one, 0 if none."""
    acquire(words, RECORDS_LOCK)
    chain = pop_locked(words, list_, most)
    if chain != _NOTHING:
        release(words, RECORDS_LOCK)
        return chain
    first, count = take_fresh_locked(words, list_, most)
    release(words, RECORDS_LOCK)
    return link_up(words, list_, first, count)


# --- misses ---


@kernel
def take(words: Words, line: Index, stock: Index, list_: Index) -> np.uint64:
    """A record for a miss of the thread whose words begin at `line`; 0 when neither its stock nor the list has one.

    `ENTRY_STOCK` goes with `ENTRY_LIST`, `FLOW_STOCK` with `FLOW_LIST`.
    """
    number = load_plain(words, line + stock)
    if number == _NOTHING:
        number = draw(words, list_, REFILL)
        if number == _NOTHING:
            return number
    # Plain: links of a stock are its thread's own. Others had them before: the lock, or the gate, was in between.
    following = load_plain(words, link_at(words, list_, number))
    store_plain(words, line + stock, following)
    # The next miss will write to the next record, which is probably in no cache.
    if list_ == ENTRY_LIST:
        prefetch_write(words, link_at(words, list_, following) - ENTRY_LINK)
        prefetch_write(words, link_at(words, list_, following) - ENTRY_LINK + LINE)
    else:
        prefetch_write(words, link_at(words, list_, following))
    return number


@kernel
def put_back(words: Words, line: Index, stock: Index, list_: Index, number: np.uint64) -> None:
    """Undo `take`, for a miss that gives up: nobody but its thread has seen the record."""
    clear_content(words, list_, number)
    store_plain(words, link_at(words, list_, number), load_plain(words, line + stock))
    store_plain(words, line + stock, number)


# --- the owner of the slow lock ---


@entry_point
def give_back(words: Words, list_: Index, number: np.uint64) -> None:
    """Free an entry or a flow record, once its grace period is over."""
    clear_content(words, list_, number)
    acquire(words, RECORDS_LOCK)
    push_locked(words, list_, number, number)
    release(words, RECORDS_LOCK)


@entry_point
def collect_stocks(words: Words, stock: Index, list_: Index) -> None:
    """Put what threads have put by back into the list. With the gate closed: the stocks are nobody else's meanwhile."""
    acquire(words, RECORDS_LOCK)
    for thread in range(np.int64(words[THREAD_COUNT])):
        head_at = thread_at(words, thread) + stock
        first = load_plain(words, head_at)
        if first != _NOTHING:
            last = first
            following = load_plain(words, link_at(words, list_, last))
            while following != _NOTHING:
                last = following
                following = load_plain(words, link_at(words, list_, last))
            push_locked(words, list_, first, last)
            store_plain(words, head_at, _NOTHING)
    release(words, RECORDS_LOCK)


@cold_kernel
def length_of_chain(words: Words, list_: Index, first: np.uint64) -> np.uint64:
    """How many records a chain has. Ends for a chain that loops, too: at the number of records that there are."""
    length = _NOTHING
    while first != _NOTHING and length < count_of(words, list_):
        length += ONE
        first = load_plain(words, link_at(words, list_, first))
    return length


@entry_point
def count_free(words: Words, stock: Index, list_: Index) -> np.uint64:
    """How many entries or flow records nobody has: given back, fresh, and in stocks. Exact with the gate closed."""
    acquire(words, RECORDS_LOCK)
    free = count_of(words, list_) - ONE - load_plain(words, list_ + FRESH)
    free += length_of_chain(words, list_, load_plain(words, list_))
    release(words, RECORDS_LOCK)
    for thread in range(np.int64(words[THREAD_COUNT])):
        free += length_of_chain(words, list_, load_plain(words, thread_at(words, thread) + stock))
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
        number = int(draw(self._words, self._list, 1))
        if number == 0:
            collect_stocks(self._words, self._stock, self._list)
            number = int(draw(self._words, self._list, 1))
        return number or None

    def give_back(self, number: int) -> None:
        """Free a record, once its grace period is over."""
        give_back(self._words, self._list, np.uint64(number))

    @property
    def free(self) -> int:
        """How many records nobody has."""
        return int(count_free(self._words, self._stock, self._list))
