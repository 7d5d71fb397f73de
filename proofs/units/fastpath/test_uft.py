"""The unified flow table: halves enter and leave together, a dictionary agrees, and the life word decides races."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath import layout, memory, uft
from fastpath.flow import flow_at
from fastpath.hash_table import entry_at
from fastpath.layout import (
    BUCKET_WORDS,
    BYTES,
    DEAD,
    ENTRY_WORDS,
    FLOW_WORDS,
    GREATEST_THREADS,
    HITS,
    LIFE,
    NUMBERS,
    OTHERS_HITS,
    OWNED_HITS,
    OWNER_SHIFT,
    PARTNER,
    SLOTS,
    VERSION,
)
from fastpath.memory import Ordering, Words
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import Key, as_words, buckets_of, free_slots, slots, small_arena, write_half

UNCOMPILED = arenas.plain("fastpath.uft")
compiled_and_not = pytest.mark.parametrize("kernels", [uft, UNCOMPILED], ids=["compiled", "uncompiled"])


def _crowd(count: int, direction: int) -> list[Key]:
    """Keys that all prefer the same bucket and have the same other one to go to."""
    words = small_arena()
    wanted = buckets_of(words, arenas.keys_with(words, lambda a, b: a != b, 1)[0])
    return arenas.keys_with(words, lambda a, b: (a, b) == wanted, count, direction)


INBOUND, OUTBOUND = _crowd(6, direction=0), _crowd(6, direction=1)
RESIDENTS = _crowd(6 + 10, direction=0)[6:]
"""Twenty-two keys for the fourteen slots of two buckets."""


class Step(NamedTuple):
    """Installing a half of each key, or taking out what is there."""

    installs: bool
    inbound: int | None
    outbound: int | None


_members = st.one_of(st.none(), st.integers(0, len(INBOUND) - 1))
steps = st.builds(Step, st.booleans() | st.just(True), _members, _members).filter(
    lambda step: step.inbound is not None or step.outbound is not None
)


class Model:
    """What the table should hold: a dictionary, and the free entries."""

    def __init__(self) -> None:
        self.entries = {key: entry for entry, key in enumerate(RESIDENTS, 1)}
        self.free = list(range(1 + len(RESIDENTS), arenas.GEOMETRY.entry_records))

    def status(self, keys: list[Key]) -> int:
        """What installing halves with these keys comes to."""
        if any(key in self.entries for key in keys):
            return int(uft.DUPLICATE)
        return int(uft.NO_SLOT if len(self.entries) + len(keys) > 2 * SLOTS else uft.DONE)

    def keys(self, step: Step) -> list[Key]:
        """The keys of a step, one or two."""
        pairs = ((step.inbound, INBOUND), (step.outbound, OUTBOUND))
        return [keys[index] for index, keys in pairs if index is not None]


def both(compiled: Words, uncompiled: Words, name: str, *arguments: np.uint64) -> int:
    """One call on each of two arenas, which must answer alike and end alike."""
    answer = getattr(uft, name)(compiled, *arguments)
    with np.errstate(over="ignore"):
        assert getattr(UNCOMPILED, name)(uncompiled, *arguments) == answer
    assert np.array_equal(compiled, uncompiled)
    return int(answer or 0)


@settings(max_examples=60)
@given(script=st.lists(steps, max_size=40))
def test_the_table_is_a_dictionary_whose_pairs_come_and_go_together(script: list[Step]) -> None:
    compiled, uncompiled, model = small_arena(), small_arena(), Model()
    for entry, key in enumerate(RESIDENTS, 1):
        for words in (compiled, uncompiled):
            write_half(words, entry, key)
        assert both(compiled, uncompiled, "install", np.uint64(entry), np.uint64(0)) == uft.DONE
    for step in script:
        if step.installs:
            _install(compiled, uncompiled, model, step)
        else:
            _remove(compiled, uncompiled, model, step)
        for key in (*INBOUND, *OUTBOUND, *RESIDENTS):
            assert uft.look_up(compiled, as_words(key), 0) == model.entries.get(key, 0)
        assert sorted(slots(compiled).values()) == sorted(model.entries.values())


def _install(compiled: Words, uncompiled: Words, model: Model, step: Step) -> None:
    keys = model.keys(step)
    entries = [model.free.pop() for _ in keys]
    for words in (compiled, uncompiled):
        for key, entry in zip(keys, entries, strict=True):
            write_half(words, entry, key)
    before = slots(compiled)
    first, second = np.uint64(entries[0]), np.uint64(entries[1] if len(entries) == 2 else 0)
    status = both(compiled, uncompiled, "install", first, second)
    assert status == model.status(keys)
    if status == uft.DONE:
        model.entries.update(zip(keys, entries, strict=True))
        assert _partners(compiled, entries) == (entries[::-1] if len(entries) == 2 else [0])
    else:
        assert slots(compiled) == before
        model.free.extend(entries)


def _remove(compiled: Words, uncompiled: Words, model: Model, step: Step) -> None:
    gone = [model.entries.pop(key) for key in model.keys(step) if key in model.entries]
    if gone:
        both(compiled, uncompiled, "remove", np.uint64(gone[0]), np.uint64(gone[1] if len(gone) == 2 else 0))
        assert all(_life(compiled, entry) & int(DEAD) for entry in gone)
        model.free.extend(gone)


def _partners(words: Words, entries: list[int]) -> list[int]:
    return [int(words[_at(words, entry) + PARTNER]) for entry in entries]


def _at(words: Words, entry: int) -> int:
    return int(entry_at(words, np.uint64(entry)))


def _life(words: Words, entry: int) -> int:
    return int(words[_at(words, entry) + LIFE])


def _installed(*keys: Key, last_hit_ms: int = 0) -> Words:
    """An arena with these halves, as entries 1, 2, ..."""
    words = small_arena()
    for entry, key in enumerate(keys, 1):
        write_half(words, entry, key, last_hit_ms=last_hit_ms)
    assert uft.install(words, np.uint64(1), np.uint64(2 if len(keys) == 2 else 0)) == uft.DONE
    return words


def test_a_pair_that_finds_room_for_one_half_only_does_not_enter() -> None:
    words = small_arena()
    for entry, key in enumerate([*RESIDENTS, *INBOUND[:3]], 1):
        write_half(words, entry, key)
        assert uft.install(words, np.uint64(entry), np.uint64(0)) == uft.DONE
    assert free_slots(words, *buckets_of(words, INBOUND[0])) == 1
    before = slots(words)
    write_half(words, 20, OUTBOUND[3])
    write_half(words, 21, OUTBOUND[4])
    assert uft.install(words, np.uint64(20), np.uint64(21)) == uft.NO_SLOT
    assert slots(words) == before
    assert _partners(words, [20, 21]) == [0, 0]
    assert uft.install(words, np.uint64(21), np.uint64(0)) == uft.DONE


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_a_pair_of_which_one_half_is_there_already_does_not_enter(first: int, second: int) -> None:
    words = _installed(INBOUND[0])
    pair = [2, 3]
    write_half(words, 2, INBOUND[0])
    write_half(words, 3, OUTBOUND[0])
    before = slots(words)
    assert uft.install(words, np.uint64(pair[first]), np.uint64(pair[second])) == uft.DUPLICATE
    assert slots(words) == before


def test_the_half_that_stays_behind_names_nobody_any_more() -> None:
    words = _installed(INBOUND[0], OUTBOUND[0])
    uft.remove(words, np.uint64(1), np.uint64(0))
    assert _partners(words, [2]) == [0]
    assert uft.look_up(words, as_words(OUTBOUND[0]), 0) == 2
    assert not _life(words, 2) & int(DEAD)


def test_every_commit_moves_the_versions_of_the_candidate_buckets_and_of_no_other() -> None:
    words = small_arena()
    write_half(words, 1, INBOUND[0])
    uft.install(words, np.uint64(1), np.uint64(0))
    versions = {bucket: int(words[bucket + VERSION]) for bucket in arenas.all_buckets(words)}
    candidates = set(buckets_of(words, INBOUND[0]))
    assert versions == {bucket: 2 if bucket in candidates else 0 for bucket in versions}
    assert len(versions) * BUCKET_WORDS == 64


@compiled_and_not
def test_an_entry_idle_since_the_deadline_is_killed_with_its_time_kept(kernels: Any) -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    assert kernels.kill_if_idle(words, np.uint64(1), np.uint64(1_000))
    assert _life(words, 1) == int(DEAD) | 1_000


@compiled_and_not
def test_an_entry_hit_after_the_deadline_lives(kernels: Any) -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_001)
    assert not kernels.kill_if_idle(words, np.uint64(1), np.uint64(1_000))
    assert _life(words, 1) == 1_001


@compiled_and_not
def test_a_dead_entry_is_not_killed_again(kernels: Any) -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    for _ in range(2):
        kernels.kill(words, np.uint64(1))
        assert _life(words, 1) == int(DEAD) | 1_000
    assert not kernels.kill_if_idle(words, np.uint64(1), np.uint64(1_000))


@compiled_and_not
@pytest.mark.parametrize(("now", "kept"), [(999, 1_000), (1_000, 1_000), (1_001, 1_001)])
def test_a_hit_moves_the_time_on_and_never_back(kernels: Any, now: int, kept: int) -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    assert kernels.touch(words, _at(words, 1), np.uint64(now))
    assert _life(words, 1) == kept


@compiled_and_not
def test_a_hit_on_a_dead_entry_must_look_again(kernels: Any) -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    uft.kill(words, np.uint64(1))
    assert not kernels.touch(words, _at(words, 1), np.uint64(2_000))
    assert _life(words, 1) == int(DEAD) | 1_000


@compiled_and_not
def test_a_time_set_by_a_slow_operation_yields_to_the_hit_or_mark_that_came_first(kernels: Any) -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    assert kernels.set_last_hit(words, np.uint64(1), np.uint64(1_000), np.uint64(500))
    assert not kernels.set_last_hit(words, np.uint64(1), np.uint64(1_000), np.uint64(400))
    assert _life(words, 1) == 500


@compiled_and_not
def test_segments_add_up_and_leave_the_numbers_of_the_last_one(kernels: Any) -> None:
    words = _installed(INBOUND[0])
    at = _at(words, 1)
    for segment in ((60, 1, 0xFFFF_FFFF), (1_500, 0xFFFF_FFFF, 9)):
        _count(kernels, words, 1, *segment)
    assert (words[at + HITS] & OWNED_HITS, words[at + BYTES]) == (2, 1_560)
    assert words[at + NUMBERS] == 0xFFFF_FFFF << 32 | 9


@compiled_and_not
def test_a_half_belongs_to_the_first_that_counts_in_it_and_all_others_count_in_the_flow_record(kernels: Any) -> None:
    words = _installed(INBOUND[0])
    at, record = _at(words, 1), int(flow_at(words, np.uint64(1)))
    for owner, length in ((GREATEST_THREADS, 60), (1, 100), (GREATEST_THREADS, 70), (2, 200)):
        _count(kernels, words, owner, length, 5, owner)
    assert words[at + HITS] == GREATEST_THREADS << int(OWNER_SHIFT) | 2
    assert words[at + BYTES] == 130
    assert list(words[record + OTHERS_HITS : record + FLOW_WORDS]) == [2, 0, 300, 0]
    assert words[at + NUMBERS] == 5 << 32 | 2


def _count(kernels: Any, words: Words, owner: int, length: int, sequence: int, acknowledgement: int) -> None:
    numbers = (np.uint64(number) for number in (owner, length, sequence, acknowledgement))
    kernels.count_segment(words, _at(words, 1), flow_at(words, np.uint64(1)), layout.INBOUND, *numbers)


@compiled_and_not
def test_what_hits_have_left_is_that_of_the_owner_and_of_all_others(kernels: Any) -> None:
    words = _installed(INBOUND[0])
    for owner, length in ((3, 60), (1, 100), (3, 70)):
        _count(kernels, words, owner, length, 5, owner)
    words[_at(words, 1) + LIFE] = DEAD | np.uint64(8)
    found = kernels.left_by_hits(words, _at(words, 1), np.uint64(1), layout.INBOUND)
    assert tuple(map(int, found)) == (3, int(DEAD) | 8, 230, 5 << 32 | 3)
    assert kernels.is_killed(words, np.uint64(1))


@compiled_and_not
def test_writing_an_entry_leaves_nothing_of_its_former_life(kernels: Any) -> None:
    words = small_arena()
    at = _at(words, 1)
    words[at : at + ENTRY_WORDS] = 99
    content = (np.uint64(value) for value in (10, 11, 12, 13))
    kernels.write_entry(words, np.uint64(1), np.array((1, 2, 3, 4, 5), np.uint64), *content)
    assert list(words[at : at + ENTRY_WORDS]) == [1, 2, 3, 4, 5, 10, 11, 12, 13, *[0] * 7]
    assert not kernels.is_killed(words, np.uint64(1))


def test_hits_of_entries_without_connection_add_up() -> None:
    words = _installed(INBOUND[0])
    for _ in range(3):
        uft.count_hit(words, _at(words, 1))
    assert words[_at(words, 1) + HITS] == 3


class HitComesFirst(memory.Memory):
    """Memory in which a hit moves an entry's time right before the first compare-and-swap."""

    def __init__(self, life: int, now_ms: int) -> None:
        self._hit: tuple[int, int] | None = (life, now_ms)

    def compare_and_swap(
        self,
        words: Words,
        index: object,
        expected: int | np.uint64,
        desired: int | np.uint64,
        success: Ordering,
        failure: Ordering,
    ) -> bool:
        if self._hit is not None:
            (at, now_ms), self._hit = self._hit, None
            words[at] = now_ms
        assert isinstance(index, int | np.integer)
        return super().compare_and_swap(words, index, expected, desired, success, failure)


def test_a_hit_between_look_and_mark_saves_an_idle_entry() -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    with memory.using(HitComesFirst(_at(words, 1) + LIFE, 2_000)):
        assert not UNCOMPILED.kill_if_idle(words, np.uint64(1), np.uint64(1_500))
    assert _life(words, 1) == 2_000


def test_removal_keeps_the_time_of_a_hit_that_came_between() -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    with memory.using(HitComesFirst(_at(words, 1) + LIFE, 2_000)):
        UNCOMPILED.kill(words, np.uint64(1))
    assert _life(words, 1) == int(DEAD) | 2_000


def test_a_later_hit_of_another_thread_is_not_set_back() -> None:
    words = _installed(INBOUND[0], last_hit_ms=1_000)
    with memory.using(HitComesFirst(_at(words, 1) + LIFE, 3_000)):
        assert UNCOMPILED.touch(words, _at(words, 1), np.uint64(2_000))
    assert _life(words, 1) == 3_000
