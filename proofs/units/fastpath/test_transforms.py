"""Header transforms: each distinct one once, found by content; a sweep keeps what entries name, and nothing else."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fastpath import transforms
from fastpath.arena import new_arena
from fastpath.compiler import entry_point
from fastpath.geometry import Geometry
from fastpath.layout import (
    ACTION,
    ENTRIES_AT,
    ENTRY_LIST,
    ENTRY_STOCK,
    ENTRY_WORDS,
    FRESH,
    TRANSFORM_INDEX_AT,
    TRANSFORM_INDEX_MASK,
    TRANSFORM_LINK,
    TRANSFORM_LIST,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
)
from fastpath.memory import Words
from fastpath.reclaim import Limbo, enter, leave
from fastpath.records import Records
from fastpath.transforms import Transforms, intern
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import entry_place

UNCOMPILED = arenas.plain("fastpath.transforms")
KERNELS = pytest.mark.parametrize("kernels", [transforms, UNCOMPILED], ids=["compiled", "uncompiled"])
RECORDS = 4
LONG_ENOUGH = 20.0
"""Seconds."""


def tiny_arena(seed: int = 1, records: int = RECORDS) -> Words:
    """An arena with so many transform records, and as many entries."""
    return new_arena(Geometry(entries=records, spare=0, threads=2), seed)


def content(number: int) -> tuple[int, ...]:
    """The words of a transform, one of many."""
    words = [number << 56 | 0xFFFF] * TRANSFORM_WORDS
    words[TRANSFORM_LINK] = 0
    return tuple(words)


def as_words(number: int) -> Words:
    """The same as an array."""
    return np.array(content(number), np.uint64)


def written(words: Words, number: int) -> tuple[int, ...]:
    """The words of a transform record."""
    at = int(words[TRANSFORMS_AT]) + number * TRANSFORM_WORDS
    return tuple(words[at : at + TRANSFORM_WORDS].tolist())


def name(words: Words, entry: int, number: int) -> None:
    """Let an entry, which is among those ever given out, name a transform."""
    words[ENTRY_LIST + FRESH] = max(int(words[ENTRY_LIST + FRESH]), entry)
    words[entry_place(words, entry) + ACTION] = number << 32 | 0xABCD


def indexed(words: Words) -> list[int]:
    """The records that the index names."""
    start, count = int(words[TRANSFORM_INDEX_AT]), int(words[TRANSFORM_INDEX_MASK]) + 1
    return sorted(int(slot) & 0xFFFF_FFFF for slot in words[start : start + count] if slot)


def chained(words: Words, chain: int) -> list[int]:
    """The records of a chain."""
    found = []
    while chain:
        found.append(chain)
        chain = written(words, chain)[TRANSFORM_LINK]
    return found


@KERNELS
def test_equal_transforms_share_a_record_and_different_ones_do_not(kernels: Any) -> None:
    words = tiny_arena()
    assert [kernels.intern(words, as_words(kind), 0) for kind in (1, 2, 1, 1, 2)] == [1, 2, 1, 1, 2]
    assert (written(words, 1), written(words, 2)) == (content(1), content(2))
    assert indexed(words) == [1, 2]


@KERNELS
def test_a_difference_in_any_word_makes_another_transform(kernels: Any) -> None:
    words = tiny_arena(records=40)
    base = as_words(1)
    numbers = [int(kernels.intern(words, base, 0))]
    for place in range(TRANSFORM_WORDS):
        if place != TRANSFORM_LINK:
            other = base.copy()
            other[place] ^= np.uint64(1)
            numbers.append(int(kernels.intern(words, other, 0)))
            assert written(words, numbers[-1]) == tuple(other.tolist())
    assert numbers == [*range(1, TRANSFORM_WORDS + 1)]


@KERNELS
def test_words_that_change_places_are_hashed_differently(kernels: Any) -> None:
    words, straight = tiny_arena(), np.arange(1, TRANSFORM_WORDS + 1, dtype=np.uint64)
    hashes = {int(kernels.hash_transform(words, np.roll(straight, turn), 0)) for turn in range(TRANSFORM_WORDS)}
    swapped = straight.reshape(-1, 2)[:, ::-1].reshape(-1)
    hashes.add(int(kernels.hash_transform(words, np.ascontiguousarray(swapped), 0)))
    assert len(hashes) == TRANSFORM_WORDS + 1


@KERNELS
def test_the_hash_depends_on_the_arenas_secret(kernels: Any) -> None:
    hashes = {int(kernels.hash_transform(tiny_arena(seed), as_words(1), 0)) for seed in range(5)}
    assert len(hashes) == 5


@KERNELS
def test_a_transform_is_found_where_its_content_begins(kernels: Any) -> None:
    words, both = tiny_arena(), np.concatenate([as_words(1), as_words(2)])
    assert kernels.intern(words, as_words(2), 0) == 1
    assert kernels.intern(words, both, TRANSFORM_WORDS) == 1
    assert kernels.intern(words, both, 0) == 2


@KERNELS
def test_without_room_what_is_there_is_still_found(kernels: Any) -> None:
    words = tiny_arena()
    assert [kernels.intern(words, as_words(kind), 0) for kind in range(1, 7)] == [1, 2, 3, 4, 0, 0]
    assert kernels.intern(words, as_words(3), 0) == 3
    assert kernels.count_free_transforms(words) == 0


@KERNELS
def test_transforms_that_meet_in_the_index_are_told_apart(kernels: Any) -> None:
    words = tiny_arena()
    mask = int(words[TRANSFORM_INDEX_MASK])
    last = [kind for kind in range(200) if int(kernels.hash_transform(words, as_words(kind), 0)) & mask == mask][:3]
    assert [kernels.intern(words, as_words(kind), 0) for kind in last * 2] == [1, 2, 3, 1, 2, 3]
    start = int(words[TRANSFORM_INDEX_AT])
    assert [int(words[start + place]) & 0xFFFF_FFFF for place in (mask, 0, 1)] == [1, 2, 3]


@KERNELS
def test_a_sweep_keeps_what_entries_name_and_finds_the_rest(kernels: Any) -> None:
    words = tiny_arena()
    for kind in range(1, 5):
        kernels.intern(words, as_words(kind), 0)
    name(words, 1, 2)
    name(words, 4, 3)
    chain = int(kernels.sweep(words))
    assert sorted(chained(words, chain)) == [1, 4]
    assert indexed(words) == [2, 3]
    assert [kernels.intern(words, as_words(kind), 0) for kind in (2, 3)] == [2, 3]
    assert kernels.count_free_transforms(words) == 0
    kernels.reuse(words, np.uint64(chain))
    assert kernels.count_free_transforms(words) == 2
    assert {int(kernels.intern(words, as_words(kind), 0)) for kind in (1, 4)} == {1, 4}


@KERNELS
def test_until_it_is_used_again_a_forgotten_record_reads_as_before_but_for_its_link(kernels: Any) -> None:
    words = tiny_arena()
    for kind in range(1, 4):
        kernels.intern(words, as_words(kind), 0)
    chain = kernels.sweep(words)
    kernels.intern(words, as_words(9), 0)
    kernels.reuse(words, np.uint64(chain))
    for kind in range(1, 4):
        now = written(words, kind)
        assert [place for place in range(TRANSFORM_WORDS) if now[place] != content(kind)[place]] in (
            [],
            [TRANSFORM_LINK],
        )


@KERNELS
def test_what_waits_for_its_grace_period_or_is_free_is_not_found_by_another_sweep(kernels: Any) -> None:
    words = tiny_arena()
    for kind in range(1, 4):
        kernels.intern(words, as_words(kind), 0)
    name(words, 1, 1)
    waiting = kernels.sweep(words)
    assert kernels.sweep(words) == 0
    kernels.reuse(words, np.uint64(waiting))
    assert kernels.sweep(words) == 0
    assert kernels.count_free_transforms(words) == 3
    assert written(words, 1) == content(1)


def test_a_full_table_is_swept_for_whoever_needs_room() -> None:
    words = tiny_arena()
    table = Transforms(words, Limbo(words))
    for kind in range(1, 5):
        assert table.take(content(kind)) == kind
        name(words, kind, kind)
    assert table.take(content(5)) is None
    assert table.take(content(2)) == 2
    name(words, 3, 0)
    assert table.take(content(5)) == 3
    assert written(words, 3) == content(5)


def test_a_transform_that_a_thread_may_still_use_is_not_written_over() -> None:
    words = tiny_arena(records=1)
    limbo = Limbo(words)
    table = Transforms(words, limbo)
    assert table.take(content(1)) == 1
    enter(words, 0)
    assert table.take(content(2)) is None
    assert written(words, 1) == content(1)
    leave(words, 0)
    limbo.collect()
    assert table.take(content(2)) == 1


def test_an_entry_names_its_transform_until_it_is_given_back() -> None:
    words = tiny_arena(records=1)
    table, entries = Transforms(words, Limbo(words)), Records(words, ENTRY_STOCK, ENTRY_LIST)
    entry = entries.take()
    assert entry is not None
    name(words, entry, table.take(content(1)) or 0)
    assert table.take(content(2)) is None
    entries.give_back(entry)
    assert table.take(content(2)) == 1


def test_sweeping_a_large_arena_is_put_off_until_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    words = tiny_arena()
    table, sweeps = Transforms(words, Limbo(words)), list[int]()
    refusals = 0
    monkeypatch.setattr(table, "sweep", lambda: sweeps.append(refusals))
    monkeypatch.setattr(transforms, "_ENTRIES_FOR_ONE_REFUSAL", 2)
    words[ENTRY_LIST + FRESH] = 4
    for kind in range(1, 5):
        table.take(content(kind))
    while not sweeps:
        refusals += 1
        assert table.take(content(9)) is None
    assert sweeps == [3]


@entry_point
def intern_all(words: Words, contents: Words, count: int, rounds: int) -> bool:
    """Intern `count` transforms again and again; whether each record read back right."""
    for turn in range(rounds):
        at = turn % count * TRANSFORM_WORDS
        number = intern(words, contents, at)
        if number == 0:
            return False
        record = np.int64(words[TRANSFORMS_AT]) + np.int64(number) * TRANSFORM_WORDS
        for place in range(TRANSFORM_WORDS):
            if words[record + place] != contents[at + place]:
                return False
    return True


def test_threads_beside_one_another_intern_each_transform_once() -> None:
    words, count = tiny_arena(records=300), 200
    results: list[bool] = []
    orders = [np.random.default_rng(seed).permutation(count) for seed in range(4)]
    shuffled = [np.concatenate([as_words(int(kind)) for kind in order]) for order in orders]
    intern_all(words, shuffled[0], 1, 1)

    def run(contents: Words) -> None:
        results.append(bool(intern_all(words, contents, count, 40_000)))

    threads = [threading.Thread(target=run, args=(contents,)) for contents in shuffled]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_ENOUGH)
    assert results == [True] * 4
    assert indexed(words) == [*range(1, count + 1)]
    assert words[TRANSFORM_LIST + FRESH] == count


class Interning(RuleBasedStateMachine):
    """Entries come and go, their transforms are interned; sweeps and grace periods happen at any time."""

    KINDS = 8
    ENTRIES = 5

    def __init__(self) -> None:
        super().__init__()
        self.words = tiny_arena(records=self.ENTRIES)
        self.named: dict[int, int] = {}
        self.waiting: list[int] = []

    @rule(entry=st.integers(1, ENTRIES), kind=st.integers(1, KINDS))
    def make(self, entry: int, kind: int) -> None:
        """An entry is written, or made anew in place with another transform."""
        number = int(intern(self.words, as_words(kind), 0))
        if number:
            name(self.words, entry, number)
            self.named[entry] = kind
        else:
            assert transforms.count_free_transforms(self.words) == 0

    @rule(kind=st.integers(1, KINDS))
    def abandon(self, kind: int) -> None:
        """A miss gives up after it has interned its transform."""
        intern(self.words, as_words(kind), 0)

    @rule(entry=st.integers(1, ENTRIES))
    def end(self, entry: int) -> None:
        """An entry is given back."""
        if self.named.pop(entry, None):
            name(self.words, entry, 0)

    @rule()
    def sweep(self) -> None:
        """Afterwards the index holds exactly what is named."""
        self.waiting.append(int(transforms.sweep(self.words)))
        assert [written(self.words, number) for number in indexed(self.words)] == [
            content(kind) for kind in sorted({*self.named.values()}, key=self.number)
        ]

    @rule()
    def end_grace_period(self) -> None:
        """All that was forgotten can be used again."""
        for chain in self.waiting:
            transforms.reuse(self.words, np.uint64(chain))
        self.waiting = []

    def number(self, kind: int) -> int:
        """The record of a kind that an entry names."""
        entry = next(entry for entry in self.named if self.named[entry] == kind)
        return int(self.words[int(self.words[ENTRIES_AT]) + entry * ENTRY_WORDS + ACTION]) >> 32

    @invariant()
    def what_entries_name_reads_back(self) -> None:
        """Whatever happens, an entry's transform is what was interned for it."""
        for kind in self.named.values():
            assert written(self.words, self.number(kind)) == content(kind)

    @invariant()
    def none_is_lost(self) -> None:
        """Every record is in the index, free, or waiting."""
        waiting = sum(len(chained(self.words, chain)) for chain in self.waiting)
        free = int(transforms.count_free_transforms(self.words))
        assert len(indexed(self.words)) + free + waiting == self.ENTRIES


TestInterning = Interning.TestCase
TestInterning.settings = settings(max_examples=80, stateful_step_count=30)
