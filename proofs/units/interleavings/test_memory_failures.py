"""What goes wrong under weak memory: broken exclusion, data races, lost wake-ups, each with a schedule that replays."""

from collections.abc import Callable

import pytest

from fastpath.atomics import (
    fence_full,
    fetch_add,
    load_acquire,
    load_plain,
    load_relaxed,
    pause,
    store_plain,
    store_relaxed,
    store_release,
)
from fastpath.memory import Words
from proofs.interleavings.data_race import DataRaceError
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.progress import DeadlockError
from proofs.interleavings.report import Search
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.interleavings.scheduler import EndlessRunError
from proofs.ledger import Method, claim
from proofs.units.interleavings import textbook
from proofs.units.interleavings.exclusion import dekker, peterson

SC, TSO, RA = MemoryName.SC, MemoryName.TSO, MemoryName.RA


def assert_fails(program: Program, memory: MemoryName, error: type[Exception]) -> str:
    """Explore until it fails; the shrunk schedule, as a string, shows the same failure again."""
    report = explore(program, memory=memory)
    assert isinstance(report.failure, error), report.failure
    assert report.counterexample is not None
    text = to_text(shrink(program, report.counterexample, memory))
    assert isinstance(replay(program, from_text(text), memory=memory).failure, error)
    return text


def assert_holds(program: Program, memory: MemoryName) -> None:
    report = explore(program, memory=memory, most_seconds=60)
    assert report.failure is None
    assert report.complete


EXCLUSION = {
    "peterson": (peterson(), {SC}),
    "peterson, full fence": (peterson(fenced=True), {SC, TSO}),
    "peterson, exchange": (peterson(exchanging=True), {SC, TSO, RA}),
    "dekker": (dekker(fenced=False), {SC}),
    "dekker, full fence": (dekker(fenced=True), {SC, TSO, RA}),
}
"""Where each excludes. Peterson's needs more than a fence under release and acquire: behind it the turn that was given
away last may still be the first in modification order."""


@claim(
    "C8",
    "Peterson's and Dekker's exclusion hold and fail under each memory model as the literature says",
    method=Method.EXHAUSTIVE,
    scope=", ".join(EXCLUSION),
)
@pytest.mark.parametrize("memory", MemoryName)
@pytest.mark.parametrize("name", EXCLUSION)
def test_exclusion_holds_exactly_where_the_stores_are_ordered(name: str, memory: MemoryName) -> None:
    program, holds = EXCLUSION[name]
    if memory in holds:
        assert_holds(program, memory)
    else:
        assert_fails(program, memory, AssertionError)


def handing_over(store: Callable[[Words, int, int], None], load: Callable[[Words, int], object]) -> Program:
    """One thread writes a word plainly and raises a flag, the other reads it plainly once the flag is up."""

    def give(words: Words) -> None:
        store_plain(words, 0, 7)
        store(words, 1, 1)

    def take(words: Words) -> int:
        while not load(words, 1):
            pause()
        return int(load_plain(words, 0))

    return textbook.program(2, [give, take])


def test_a_plain_word_handed_over_by_release_and_acquire_does_not_race() -> None:
    program = handing_over(store_release, load_acquire)
    for memory in MemoryName:
        report = explore(program, memory=memory)
        assert report.failure is None
        assert set(report.outcomes) == {(None, 7)}


@pytest.mark.parametrize(("store", "load"), [(store_relaxed, load_acquire), (store_release, load_relaxed)])
def test_without_release_or_acquire_it_is_a_data_race(
    store: Callable[[Words, int, int], None], load: Callable[[Words, int], object]
) -> None:
    program = handing_over(store, load)
    assert_fails(program, RA, DataRaceError)
    assert_holds(program, TSO)


def test_a_data_race_is_found_whichever_access_comes_first() -> None:
    for first, second in ((store_plain, load_plain), (load_plain, store_plain)):

        def access(words: Words, which: Callable[..., object]) -> None:
            which(words, 0, 1) if which is store_plain else which(words, 0)

        bodies = [lambda words, which=which: access(words, which) for which in (first, second)]
        report = explore(textbook.program(1, bodies), memory=RA)
        assert isinstance(report.failure, DataRaceError)
        assert "words[0]" in str(report.failure)


def test_loads_alone_do_not_race() -> None:
    assert_holds(textbook.program(1, [lambda words: int(load_plain(words, 0))] * 2), RA)


def sleeper_and_waker(fenced: bool) -> Program:
    """Who finds no work says so and sleeps; who brings work wakes whoever sleeps."""
    work, sleeping, woken = 0, 1, 2

    def handshake() -> None:
        if fenced:
            fence_full()

    def sleep(words: Words) -> None:
        store_relaxed(words, sleeping, 1)
        handshake()
        if not load_acquire(words, work):
            while not load_acquire(words, woken):
                pause()

    def wake(words: Words) -> None:
        store_relaxed(words, work, 1)
        handshake()
        if load_acquire(words, sleeping):
            store_release(words, woken, 1)

    return textbook.program(3, [sleep, wake])


@pytest.mark.parametrize("memory", [TSO, RA])
def test_a_wake_up_is_lost_behind_a_store_buffer(memory: MemoryName) -> None:
    assert_holds(sleeper_and_waker(fenced=False), SC)
    assert_fails(sleeper_and_waker(fenced=False), memory, DeadlockError)
    assert_holds(sleeper_and_waker(fenced=True), memory)


def changes_for_nothing(words: Words) -> None:
    """A word is changed, then something is added that leaves it as it is."""
    store_relaxed(words, 0, 1)
    fetch_add(words, 0, 0)
    store_release(words, 1, 1)


def waits_for_both(words: Words) -> None:
    """Waits until the word has been changed, and it has been said so."""
    while True:
        word, said = load_relaxed(words, 0), load_acquire(words, 1)
        if word and said:
            return
        pause()


@pytest.mark.parametrize("memory", MemoryName)
@pytest.mark.parametrize("search", Search)
def test_who_has_seen_what_comes_behind_a_change_is_not_held_by_having_read_what_comes_before(
    search: Search, memory: MemoryName
) -> None:
    report = explore(textbook.program(2, [changes_for_nothing, waits_for_both]), search, memory=memory)
    assert report.failure is None
    assert report.complete


@pytest.mark.parametrize("memory", MemoryName)
def test_crossed_locks_are_a_deadlock(memory: MemoryName) -> None:
    assert_fails(textbook.two_locks(ordered=False), memory, DeadlockError)
    assert_holds(textbook.two_locks(ordered=True), memory)


@pytest.mark.parametrize("memory", MemoryName)
def test_a_loop_that_never_ends_is_reported(memory: MemoryName) -> None:
    def spin(words: Words) -> None:
        while load_acquire(words, 0) == 0:
            pass

    assert isinstance(explore(textbook.program(1, [spin]), memory=memory).failure, EndlessRunError)


RIGHT = {
    "sequence lock": textbook.sequence_lock(writers=1, readers=1, checked=True),
    "spin lock": textbook.spin_lock(threads=3),
    "tagged stack": textbook.treiber_stack(tagged=True),
}


@pytest.mark.parametrize("memory", [TSO, RA])
@pytest.mark.parametrize("program", RIGHT.values(), ids=RIGHT.keys())
def test_correct_textbook_programs_hold_under_weak_memory(program: Program, memory: MemoryName) -> None:
    assert_holds(program, memory)


def test_a_sequence_lock_without_fences_is_torn_under_release_and_acquire_alone() -> None:
    unfenced = textbook.sequence_lock(writers=1, readers=1, checked=True, fenced=False)
    assert_holds(unfenced, TSO)
    assert_fails(unfenced, RA, AssertionError)


@pytest.mark.parametrize("memory", MemoryName)
def test_a_program_that_fails_in_some_order_fails_under_every_model(memory: MemoryName) -> None:
    assert_fails(textbook.treiber_stack(tagged=False), memory, AssertionError)
    assert_fails(textbook.sequence_lock(writers=1, readers=1, checked=False), memory, AssertionError)
