"""Free records: nobody gets one that somebody has, none is lost, whoever takes and whoever gives back."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fastpath import records
from fastpath.arena import new_arena
from fastpath.compiler import entry_point
from fastpath.geometry import Geometry
from fastpath.layout import (
    ACTION,
    ENTRIES_AT,
    ENTRY_LIST,
    ENTRY_STOCK,
    ENTRY_WORDS,
    FLOW_LIST,
    FLOW_STOCK,
    FLOW_WORDS,
    FLOWS_AT,
    FRESH,
    PARTNER,
    STOCK_WORDS,
)
from fastpath.memory import Words
from fastpath.reclaim import thread_at
from fastpath.records import LARGEST_REFILL, Records, put_back, take
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.records")
KERNELS = pytest.mark.parametrize("kernels", [records, UNCOMPILED], ids=["compiled", "uncompiled"])
KINDS = pytest.mark.parametrize(
    ("stock", "list_"), [(ENTRY_STOCK, ENTRY_LIST), (FLOW_STOCK, FLOW_LIST)], ids=["entries", "flow records"]
)
THREADS, RECORDS = arenas.GEOMETRY.threads, arenas.GEOMETRY.entry_records - 1
ENTRIES_OF_A_FLOW = 2
LONG_ENOUGH = 20.0
"""Seconds."""


def line_of(words: Words, thread: int) -> int:
    """Where a thread's words begin."""
    return int(thread_at(words, thread))


def record_words(words: Words, list_: int, number: int) -> dict[int, int]:
    """The words of a record, by their place in it."""
    start, size = (ENTRIES_AT, ENTRY_WORDS) if list_ == ENTRY_LIST else (FLOWS_AT, FLOW_WORDS)
    at = int(words[start]) + number * size
    return dict(enumerate(words[at : at + size].tolist()))


@KERNELS
@KINDS
def test_a_new_arena_gives_out_every_number_once_beginning_with_1(kernels: Any, stock: int, list_: int) -> None:
    owner = kernels.Records(small_arena(), stock, list_)
    assert owner.free == RECORDS
    assert [owner.take() for _ in range(RECORDS + 2)] == [*range(1, RECORDS + 1), None, None]
    assert owner.free == 0


@KERNELS
@KINDS
def test_the_number_given_back_last_is_taken_first(kernels: Any, stock: int, list_: int) -> None:
    owner = kernels.Records(small_arena(), stock, list_)
    assert [owner.take() for _ in range(3)] == [1, 2, 3]
    owner.give_back(1)
    owner.give_back(3)
    assert [owner.take() for _ in range(3)] == [3, 1, 4]


@KERNELS
@KINDS
def test_a_thread_puts_several_by_at_once_and_uses_those_up_first(kernels: Any, stock: int, list_: int) -> None:
    words = small_arena()
    chunk = RECORDS // (2 * THREADS)
    first, second = line_of(words, 0), line_of(words, 1)
    assert kernels.take(words, first, stock, list_) == 1
    assert kernels.take(words, second, stock, list_) == chunk + 1
    assert [int(kernels.take(words, first, stock, list_)) for _ in range(chunk - 1)] == [*range(2, chunk + 1)]
    assert kernels.take(words, second, stock, list_) == chunk + 2


@KERNELS
@KINDS
def test_a_thread_alone_can_take_every_record_in_ever_smaller_chunks(kernels: Any, stock: int, list_: int) -> None:
    words = small_arena()
    line, chunks = line_of(words, 0), list[int]()
    for number in range(1, RECORDS + 1):
        if words[line + stock] == 0:
            chunks.append(int(words[list_ + FRESH]))
        assert kernels.take(words, line, stock, list_) == number
    assert kernels.take(words, line, stock, list_) == 0
    sizes = np.diff([*chunks, RECORDS]).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (RECORDS // (2 * THREADS), 1)


@KERNELS
@KINDS
def test_a_refill_never_takes_more_than_the_largest_of_many_records(kernels: Any, stock: int, list_: int) -> None:
    words = new_arena(Geometry(entries=2 * LARGEST_REFILL, threads=1), 1)
    kernels.take(words, line_of(words, 0), stock, list_)
    assert words[line_of(words, 0) + stock] == LARGEST_REFILL - 1


@KERNELS
@KINDS
def test_what_was_given_back_is_put_by_before_fresh_records(kernels: Any, stock: int, list_: int) -> None:
    words = small_arena()
    owner = kernels.Records(words, stock, list_)
    for _ in range(3):
        owner.take()
    for number in (2, 1, 3):
        owner.give_back(number)
    assert [int(kernels.take(words, line_of(words, 0), stock, list_)) for _ in range(4)] == [3, 1, 2, 4]


@KERNELS
@KINDS
def test_what_a_miss_puts_back_is_its_threads_and_not_in_the_list(kernels: Any, stock: int, list_: int) -> None:
    words = small_arena()
    line = line_of(words, 0)
    numbers = [kernels.take(words, line, stock, list_) for _ in range(2)]
    for number in numbers:
        kernels.put_back(words, line, stock, list_, np.uint64(number))
    assert words[list_] == 0
    assert kernels.count_free(words, stock, list_) == RECORDS
    assert [kernels.take(words, line, stock, list_) for _ in range(2)] == numbers[::-1]


@KERNELS
@KINDS
def test_what_does_not_fit_into_a_stock_goes_to_the_list(kernels: Any, stock: int, list_: int) -> None:
    words = new_arena(Geometry(entries=200, threads=1), 1)
    line, room = line_of(words, 0), int(kernels.STOCK_ROOM)
    numbers = [kernels.take(words, line, stock, list_) for _ in range(room + 2)]
    behind = line + stock + STOCK_WORDS
    words[behind] = 12345
    before = int(words[line + stock])
    for number in numbers:
        kernels.put_back(words, line, stock, list_, np.uint64(number))
    assert words[line + stock] == room
    assert words[list_] == before + len(numbers) - room
    assert words[behind] == 12345, "the words behind the stock are not its own"


def test_a_miss_that_gives_up_after_a_refill_finds_room_in_its_stock() -> None:
    assert int(records.STOCK_ROOM) >= LARGEST_REFILL + ENTRIES_OF_A_FLOW


@KERNELS
@KINDS
def test_a_slow_operation_finds_what_threads_have_put_by(kernels: Any, stock: int, list_: int) -> None:
    words = small_arena()
    owner = kernels.Records(words, stock, list_)
    taken = {int(kernels.take(words, line_of(words, thread), stock, list_)) for thread in range(2)}
    rest = [owner.take() for _ in range(RECORDS - 2)]
    assert None not in rest
    assert {*rest} | taken == {*range(1, RECORDS + 1)}
    assert owner.take() is None
    assert kernels.take(words, line_of(words, 0), stock, list_) == 0


@KERNELS
@pytest.mark.parametrize(
    ("stock", "list_", "changed"),
    [(ENTRY_STOCK, ENTRY_LIST, {ACTION, PARTNER}), (FLOW_STOCK, FLOW_LIST, set[int]())],
    ids=["entries", "flow records"],
)
def test_a_free_record_keeps_its_words_but_for_those_that_name_others(
    kernels: Any, stock: int, list_: int, changed: set[int]
) -> None:
    words = small_arena()
    owner = kernels.Records(words, stock, list_)
    for leave in (owner.give_back, lambda n: kernels.put_back(words, line_of(words, 0), stock, list_, np.uint64(n))):
        number = owner.take()
        start, size = (ENTRIES_AT, ENTRY_WORDS) if list_ == ENTRY_LIST else (FLOWS_AT, FLOW_WORDS)
        at = int(words[start]) + number * size
        words[at : at + size] = range(100, 100 + size)
        leave(number)
        now = record_words(words, list_, number)
        assert {place for place in now if now[place] != 100 + place} == changed
        if list_ == ENTRY_LIST:
            assert (now[ACTION], now[PARTNER]) == (0, 0)


@entry_point
def take_and_put_back(words: Words, line: int, most: int, rounds: int) -> bool:
    """Take up to `most` entries, sign them, see that nobody else has, put them back; so many times."""
    mine = np.uint64(line)
    for _ in range(rounds):
        held = np.uint64(0)
        for _ in range(most):
            number = take(words, line, ENTRY_STOCK, ENTRY_LIST)
            if number != 0:
                at = np.int64(words[ENTRIES_AT]) + np.int64(number) * ENTRY_WORDS
                words[at] = mine
                words[at + 1] = held
                held = number
        while held != 0:
            at = np.int64(words[ENTRIES_AT]) + np.int64(held) * ENTRY_WORDS
            if words[at] != mine:
                return False
            following = words[at + 1]
            put_back(words, line, ENTRY_STOCK, ENTRY_LIST, held)
            held = following
    return True


@entry_point
def take_and_give_back(words: Words, rounds: int) -> bool:
    """Take and give back as a slow operation does; so many times."""
    for _ in range(rounds):
        number = records.draw(words, ENTRY_LIST)
        if number != 0:
            at = np.int64(words[ENTRIES_AT]) + np.int64(number) * ENTRY_WORDS
            words[at] = 1
            if words[at] != 1:
                return False
            records.give_back(words, ENTRY_LIST, number)
    return True


def test_threads_beside_one_another_never_have_the_same_record_and_lose_none() -> None:
    words = new_arena(Geometry(entries=64, spare=64, threads=3), 1)
    results: list[bool] = []

    def begin_flows(thread: int, rounds: int) -> None:
        results.append(take_and_put_back(words, line_of(words, thread), 20 + 15 * thread, rounds))

    def operate_slowly(rounds: int) -> None:
        results.append(take_and_give_back(words, rounds))

    begin_flows(0, 1)
    operate_slowly(1)
    threads = [threading.Thread(target=begin_flows, args=(thread, 4_000)) for thread in range(3)]
    threads.append(threading.Thread(target=operate_slowly, args=(20_000,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_ENOUGH)
    assert results == [True] * 6
    assert Records(words, ENTRY_STOCK, ENTRY_LIST).free == 128


class Allocator(RuleBasedStateMachine):
    """Misses of several threads, and slow operations, take and give back entries in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.words = small_arena()
        self.owner = Records(self.words, ENTRY_STOCK, ENTRY_LIST)
        self.held: list[int] = []
        self.just_taken: dict[int, list[int]] = {thread: [] for thread in range(THREADS)}

    def stock(self, thread: int) -> int:
        """How many records a thread has put by."""
        return int(self.words[line_of(self.words, thread) + ENTRY_STOCK])

    def receive(self, number: int) -> None:
        """Somebody has a record now whom nobody else may have."""
        assert 1 <= number <= RECORDS
        assert number not in self.held
        self.held.append(number)

    @rule(thread=st.integers(0, THREADS - 1), count=st.integers(1, 40))
    def take_for_misses(self, thread: int, count: int) -> None:
        """A thread begins flows."""
        for _ in range(count):
            number = int(take(self.words, line_of(self.words, thread), ENTRY_STOCK, ENTRY_LIST))
            if number:
                self.receive(number)
                self.just_taken[thread].append(number)
            else:
                others = sum(self.stock(other) for other in range(THREADS) if other != thread)
                assert others == RECORDS - len(self.held), "refused although list or fresh records were left"

    @rule(thread=st.integers(0, THREADS - 1))
    def give_up(self, thread: int) -> None:
        """A miss puts back what it has just taken."""
        for number in self.just_taken[thread]:
            put_back(self.words, line_of(self.words, thread), ENTRY_STOCK, ENTRY_LIST, np.uint64(number))
            self.held.remove(number)
        self.just_taken[thread] = []

    @rule()
    def commit(self) -> None:
        """All flows begun so far are in the table: their records are no longer their threads' to put back."""
        self.just_taken = {thread: [] for thread in range(THREADS)}

    @rule(count=st.integers(1, 10))
    def take_slowly(self, count: int) -> None:
        """A slow operation needs entries: it may have any that nobody has."""
        for _ in range(count):
            number = self.owner.take()
            assert (number is None) == (len(self.held) == RECORDS)
            if number is not None:
                self.receive(number)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), count=st.integers(1, 20))
    def give_back_slowly(self, data: st.DataObject, count: int) -> None:
        """Entries come free, those that no miss has in its hands."""
        in_hands = {number for taken in self.just_taken.values() for number in taken}
        for _ in range(count):
            free = [number for number in self.held if number not in in_hands]
            if free:
                number = data.draw(st.sampled_from(free))
                self.owner.give_back(number)
                self.held.remove(number)

    @invariant()
    def none_is_lost(self) -> None:
        """Every record is in one place."""
        assert self.owner.free == RECORDS - len(self.held)


TestAllocator = Allocator.TestCase
TestAllocator.settings = settings(max_examples=60, stateful_step_count=30)
