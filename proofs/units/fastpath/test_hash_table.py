"""The hash table: every word of a key counts, a reader sees a bucket as it was at one moment, writers go in order."""

from collections.abc import Callable
from typing import Any, SupportsIndex

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath import hash_table, memory
from fastpath.layout import (
    ENTRIES_AT,
    FLOWS_AT,
    LOW_32,
    SECRET,
    SHIFT_32,
    SLOTS,
    TRANSFORMS_AT,
    VERSION,
)
from fastpath.memory import Ordering, Words
from proofs.smt.concrete import on_numbers
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import Key, all_buckets, as_words, buckets_of, hash_of, small_arena, write_half

UNCOMPILED = arenas.plain("fastpath.hash_table")
LOADS = 12
"""Of a look-up that finds the second slot: version, two slots, five words of key, three of payload, version."""
PAYLOAD = (3 << 32 | 7, 5 << 32 | 9, 0xFFFF_0000_1234_5678)

compiled_and_not = pytest.mark.parametrize("kernels", [hash_table, UNCOMPILED], ids=["compiled", "uncompiled"])
words_of_64_bits = st.integers(0, 2**64 - 1)
some_keys = st.tuples(*[words_of_64_bits] * 5)


def one_key(accept: Callable[[int, int], bool] = lambda first, second: first != second) -> Key:
    """A key whose candidate buckets are as wanted."""
    return arenas.keys_with(small_arena(), accept, 1)[0]


def place(words: Words, key: Key, bucket: int, slot: int, entry: int) -> None:
    """Write a half and put it into a slot by hand."""
    write_half(words, entry, key, PAYLOAD)
    words[bucket + slot] = np.uint64(hash_table.slot_content(hash_of(words, key), np.uint64(entry)))


@given(key=some_keys, position=st.integers(0, 4), change=st.integers(1, 2**64 - 1))
def test_every_word_of_a_key_counts(key: Key, position: int, change: int) -> None:
    words = small_arena()
    other = list(key)
    other[position] ^= change
    assert hash_of(words, key) != hash_table.hash_key(words, np.array(other, np.uint64), 0)


@pytest.mark.parametrize("position", range(4))
def test_every_word_of_the_secret_counts(position: int) -> None:
    words, key = small_arena(), (0, 1, 0, 2, 3)
    before = hash_of(words, key)
    words[SECRET + position] ^= np.uint64(1 << 40)
    assert hash_of(words, key) != before


@given(key=some_keys)
def test_a_key_hashes_alike_wherever_it_lies_compiled_or_not(key: Key) -> None:
    words = small_arena()
    shifted = np.array([0, 0, 0, *key], np.uint64)
    hashed = hash_of(words, key)
    assert hash_table.hash_key(words, shifted, 3) == hashed
    assert on_numbers(UNCOMPILED.hash_key)(words, shifted, 3) == hashed
    for name in ("first_bucket", "second_bucket"):
        bucket = getattr(hash_table, name)(words, hashed)
        assert on_numbers(getattr(UNCOMPILED, name))(words, hashed) == bucket
        assert bucket in all_buckets(words)


def test_keys_spread_over_all_buckets_as_first_and_as_second_choice() -> None:
    words = small_arena()
    choices = [buckets_of(words, (0, source, 0, 1, 6)) for source in range(400)]
    for choice in zip(*choices, strict=True):
        counts = [choice.count(bucket) for bucket in all_buckets(words)]
        assert sum(counts) == 400
        assert min(counts) > 25


@compiled_and_not
@pytest.mark.parametrize("slot", range(1, SLOTS + 1))
@pytest.mark.parametrize("choice", [0, 1])
def test_an_entry_is_found_in_any_slot_of_either_bucket_with_all_it_says(kernels: Any, choice: int, slot: int) -> None:
    words, key = small_arena(), one_key()
    place(words, key, buckets_of(words, key)[choice], slot, 4)
    assert kernels.find(words, as_words(key), 0, hash_of(words, key)) == (4, *PAYLOAD)


@compiled_and_not
def test_nothing_is_found_for_a_key_that_is_not_there(kernels: Any) -> None:
    words, key = small_arena(), one_key()
    write_half(words, 4, key, PAYLOAD)
    assert kernels.find(words, as_words(key), 0, hash_of(words, key)) == (0, 0, 0, 0)


@compiled_and_not
@pytest.mark.parametrize("position", range(5))
def test_an_equal_tag_does_not_stand_for_an_equal_key(kernels: Any, position: int) -> None:
    words, key = small_arena(), one_key()
    at = write_half(words, 4, key, PAYLOAD)
    bucket, _ = buckets_of(words, key)
    words[bucket + 1] = np.uint64(hash_table.slot_content(hash_of(words, key), np.uint64(4)))
    words[at + position] ^= np.uint64(1 << 63)
    assert kernels.find(words, as_words(key), 0, hash_of(words, key)) == (0, 0, 0, 0)


@compiled_and_not
def test_an_entry_with_another_tag_is_not_looked_at(kernels: Any) -> None:
    words, key = small_arena(), one_key()
    place(words, key, buckets_of(words, key)[0], 1, 4)
    words[buckets_of(words, key)[0] + 1] ^= np.uint64(1) << SHIFT_32
    assert kernels.find(words, as_words(key), 0, hash_of(words, key)) == (0, 0, 0, 0)


class Meddling(memory.Memory):
    """Memory in which a writer acts when a reader, or another writer, comes to a certain point."""

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write
        self.pauses = 0
        self.loads_until_write = -1

    def load(self, words: Words, index: SupportsIndex, ordering: Ordering) -> np.uint64:
        if self.loads_until_write == 0:
            self._write()
        self.loads_until_write -= 1
        return super().load(words, index, ordering)

    def pause(self) -> None:
        self.pauses += 1
        assert self.pauses < 10, "what was waited for has happened"
        self._write()


def test_a_reader_waits_while_a_writer_has_the_bucket() -> None:
    words, key = small_arena(), one_key()
    bucket, _ = buckets_of(words, key)
    words[bucket + VERSION] = 1

    def finish() -> None:
        place(words, key, bucket, 1, 4)
        words[bucket + VERSION] = 2

    with memory.using(Meddling(finish)) as meddling:
        assert UNCOMPILED.find(words, as_words(key), 0, hash_of(words, key)) == (4, *PAYLOAD)
    assert isinstance(meddling, Meddling)
    assert meddling.pauses == 1


@pytest.mark.parametrize("moment", range(1, LOADS + 1))
def test_a_reader_that_was_overtaken_by_a_writer_starts_over(moment: int) -> None:
    """Whenever the entry is exchanged for another one, the reader sees one of the two, whole."""
    words, key = small_arena(), one_key()
    bucket, _ = buckets_of(words, key)
    place(words, key, bucket, 2, 4)
    successor = (1, 2, 3)
    write_half(words, 5, key, successor)

    def exchange() -> None:
        words[bucket + VERSION] += np.uint64(2)
        words[bucket + 2] = words[bucket + 2] & ~LOW_32 | np.uint64(5)
        words[arenas.entry_place(words, 4) : arenas.entry_place(words, 5)] = 0

    with memory.using(Meddling(exchange)) as meddling:
        assert isinstance(meddling, Meddling)
        meddling.loads_until_write = moment
        found = UNCOMPILED.find(words, as_words(key), 0, hash_of(words, key))
    was_over = moment == LOADS
    assert found == ((4, *PAYLOAD) if was_over else (5, *successor))


@given(numbers=st.lists(st.integers(0, 7), min_size=4, max_size=4))
def test_up_to_four_buckets_are_locked_in_ascending_order_each_once(numbers: list[int]) -> None:
    words = small_arena()
    places = list(all_buckets(words))
    wanted = [places[number] for number in numbers]
    order: list[int] = []

    class Noting(memory.Memory):
        def compare_and_swap(self, words: Words, index: SupportsIndex, *arguments: Any) -> bool:
            order.append(int(index))
            return super().compare_and_swap(words, index, *arguments)

        def pause(self) -> None:
            raise AssertionError("a bucket is waited for that nobody else has")

    with memory.using(Noting()):
        locked = UNCOMPILED.lock_in_order(words, *wanted)
    assert order == sorted(set(wanted))
    assert list(locked) == sorted(wanted)
    assert [bucket for bucket in places if words[bucket + VERSION] == 1] == order
    UNCOMPILED.unlock_in_order(words, *locked)
    assert {bucket: int(words[bucket + VERSION]) for bucket in places} == {
        bucket: 2 if bucket in wanted else 0 for bucket in places
    }


def test_a_writer_waits_for_the_one_that_has_the_bucket() -> None:
    words = small_arena()
    bucket = all_buckets(words)[3]
    words[bucket + VERSION] = 7

    def unlock() -> None:
        words[bucket + VERSION] = 8

    with memory.using(Meddling(unlock)) as meddling:
        UNCOMPILED.lock_bucket(words, bucket)
    assert isinstance(meddling, Meddling)
    assert meddling.pauses == 1
    assert words[bucket + VERSION] == 9


@compiled_and_not
def test_a_slot_is_known_by_its_whole_content(kernels: Any) -> None:
    words = small_arena()
    bucket = all_buckets(words)[2]
    content = kernels.slot_content(np.uint64(0xABCD_EF01_2345_6789), np.uint64(12))
    assert content == 0xABCD_EF01_0000_000C
    kernels.write_slot(words, bucket + 5, np.uint64(content))
    assert kernels.slot_holding(words, bucket, np.uint64(content)) == bucket + 5
    kernels.write_slot(words, bucket + SLOTS, np.uint64(content ^ 3))
    assert kernels.slot_holding(words, bucket, np.uint64(content ^ 3)) == bucket + SLOTS
    assert kernels.slot_holding(words, bucket, np.uint64(content ^ 1)) == -1
    assert kernels.slot_holding(words, bucket, np.uint64(0)) == bucket + 1
    words[bucket + 1 : bucket + 1 + SLOTS] = 1
    assert kernels.slot_holding(words, bucket, np.uint64(0)) == -1


def test_a_key_in_its_other_bucket_is_asked_for_there(monkeypatch: pytest.MonkeyPatch) -> None:
    words, key = small_arena(), arenas.keys_with(small_arena(), lambda first, other: first != other, 1)[0]
    _, bucket = buckets_of(words, key)
    place(words, key, bucket, 6, 4)
    asked: list[int] = []
    kernels = arenas.plain("fastpath.hash_table")
    monkeypatch.setitem(vars(kernels), "prefetch", lambda _words, index: asked.append(int(index)))
    assert kernels.prefetch_entry(words, hash_of(words, key)) == 0
    assert kernels.prefetch_flow(words, hash_of(words, key), np.uint64(0)) == SLOTS + 6
    assert asked == [bucket, int(words[ENTRIES_AT]) + 4 * 16]
    kernels.prefetch_late_flow(words, hash_of(words, key), np.uint64(SLOTS + 6))
    assert asked[2:] == what_the_entry_names(words)


def what_the_entry_names(words: Words) -> list[int]:
    """Flow record, second line and transform of entry 4 with `PAYLOAD`."""
    binding, action, _ = PAYLOAD
    return [
        int(words[FLOWS_AT]) + (binding & int(LOW_32)) * 8,
        int(words[ENTRIES_AT]) + 4 * 16 + 8,
        int(words[TRANSFORMS_AT]) + (action >> 32) * 24,
    ]


@pytest.mark.parametrize("hint", [0, 1, SLOTS])
def test_what_was_asked_for_in_the_first_bucket_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, hint: int
) -> None:
    asked: list[int] = []
    kernels = arenas.plain("fastpath.hash_table")
    monkeypatch.setitem(vars(kernels), "prefetch", lambda _words, index: asked.append(int(index)))
    kernels.prefetch_late_flow(small_arena(), np.uint64(5), np.uint64(hint))
    assert asked == []


def test_hints_ask_for_what_the_look_up_will_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    words, key = small_arena(), one_key()
    bucket, _ = buckets_of(words, key)
    place(words, key, bucket, 6, 4)
    asked: list[int] = []
    kernels = arenas.plain("fastpath.hash_table")
    monkeypatch.setitem(vars(kernels), "prefetch", lambda _words, index: asked.append(int(index)))
    kernels.prefetch_bucket(words, hash_of(words, key))
    slot = kernels.prefetch_entry(words, hash_of(words, key))
    kernels.prefetch_flow(words, hash_of(words, key), slot)
    assert slot == 6
    kernels.prefetch_late_flow(words, hash_of(words, key), slot)
    assert asked == [bucket, int(words[ENTRIES_AT]) + 4 * 16, *what_the_entry_names(words)]


@pytest.mark.parametrize("second", [False, True], ids=["first bucket", "second bucket"])
def test_whatever_the_hint_the_same_is_found(second: bool) -> None:
    words, key = small_arena(), arenas.keys_with(small_arena(), lambda first, other: first != other, 1)[0]
    kernels = arenas.plain("fastpath.hash_table")
    hashed = hash_of(words, key)
    nothing = tuple(map(int, kernels.find(words, as_words(key), 0, hashed)))
    place(words, key, buckets_of(words, key)[second], 6, 4)
    found = tuple(map(int, kernels.find(words, as_words(key), 0, hashed)))
    assert found != nothing
    for hint in range(2 * SLOTS + 1):
        assert tuple(map(int, kernels.find_hinted(words, as_words(key), 0, hashed, np.uint64(hint)))) == found
    words[buckets_of(words, key)[second] + 6] = 0
    for hint in range(2 * SLOTS + 1):
        assert tuple(map(int, kernels.find_hinted(words, as_words(key), 0, hashed, np.uint64(hint)))) == nothing
