"""Threads that get nowhere: livelock and lost wake-ups are told from deadlock, and from threads that only wait long."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from fastpath.atomics import compare_and_swap, fence_full, fetch_add, load_acquire, pause, store_release
from fastpath.memory import Words
from proofs.interleavings import scheduler
from proofs.interleavings.chance import Draw, sample
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.progress import DeadlockError, LivelockError, LostWakeUpError
from proofs.interleavings.report import Search
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.interleavings.scheduler import EndlessRunError
from proofs.units.interleavings import textbook

FREE, HELD = 0, 1


def assert_fails(program: Program, memory: MemoryName, error: type[Exception]) -> str:
    """Explore until it fails; the shrunk schedule shows the same failure again. What the failure says."""
    report = explore(program, memory=memory, most_seconds=60)
    assert type(report.failure) is error, report.failure
    assert report.counterexample is not None
    again = replay(program, from_text(to_text(shrink(program, report.counterexample, memory))), memory=memory)
    assert type(again.failure) is error
    return str(report.failure)


def polite(first: int, second: int) -> Callable[[Words], None]:
    """Takes two locks; if it does not get the second, it gives the first back and tries again."""

    def both(words: Words) -> None:
        while True:
            if compare_and_swap(words, first, FREE, HELD):
                if compare_and_swap(words, second, FREE, HELD):
                    break
                store_release(words, first, FREE)
            pause()
        store_release(words, second, FREE)
        store_release(words, first, FREE)

    return both


@pytest.mark.parametrize("memory", [MemoryName.SC, MemoryName.TSO])
def test_threads_that_give_way_to_each_other_for_ever_are_a_livelock(memory: MemoryName) -> None:
    crossed = textbook.program(2, [polite(0, 1), polite(1, 0)])
    assert "nobody gets on" in assert_fails(crossed, memory, LivelockError)


@pytest.mark.parametrize("memory", MemoryName)
def test_a_thread_that_only_has_to_wait_long_is_no_livelock(memory: MemoryName) -> None:
    # It could go round for ever while the other one is not let on: no fair scheduler does that.
    ordered = textbook.program(2, [polite(0, 1), polite(0, 1)])
    report = explore(ordered, memory=memory, most_seconds=60)
    assert report.failure is None
    assert report.complete


@pytest.mark.parametrize("memory", MemoryName)
def test_a_livelock_is_found_by_chance_too(memory: MemoryName) -> None:
    # Under release and acquire a search goes through ever older stores that may be read, one round after the other.
    crossed = textbook.program(2, [polite(0, 1), polite(1, 0)])
    assert isinstance(sample(crossed, Draw.RANDOM, 2_000, memory=memory, most_seconds=60).failure, LivelockError)


def test_a_loop_that_changes_more_and_more_is_no_livelock_and_ends_as_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "MOST_STEPS", 500)

    def count(words: Words) -> None:
        while load_acquire(words, 1) == 0:
            fetch_add(words, 0, 1)
            pause()

    assert isinstance(explore(textbook.program(2, [count])).failure, EndlessRunError)


def sleeper(words: Words) -> None:
    """Sleeps when there is no work; says so only after it has looked."""
    if load_acquire(words, 0) == 0:
        store_release(words, 1, 1)
        while load_acquire(words, 2) == 0:
            pause()


def waker(words: Words) -> None:
    """Brings work, and wakes whoever has said that it sleeps."""
    store_release(words, 0, 1)
    if load_acquire(words, 1) == 1:
        store_release(words, 2, 1)


@pytest.mark.parametrize("memory", MemoryName)
def test_a_wake_up_between_the_look_and_the_sleep_is_lost(memory: MemoryName) -> None:
    message = assert_fails(textbook.program(3, [sleeper, waker]), memory, LostWakeUpError)
    assert "thread 0 for words[2] (never changed)" in message


@pytest.mark.parametrize("every_access", [False, True])
@pytest.mark.parametrize("search", Search)
def test_a_fence_after_a_pause_waits_for_the_store_buffer_and_no_longer(search: Search, every_access: bool) -> None:
    def wait(words: Words) -> None:
        store_release(words, 1, 1)
        pause()
        if load_acquire(words, 0) == 0:
            pause()
        fence_full()

    def start() -> Instance:
        words = np.zeros(2, np.uint64)
        return Instance({"words": words}, [partial(wait, words)], may_wait_forever=True)

    for memory in (MemoryName.SC, MemoryName.TSO):
        report = explore(start, search, memory=memory, every_access=every_access)
        assert report.complete
        assert list(report.outcomes) == [(None,)]


@pytest.mark.parametrize("every_access", [False, True])
@pytest.mark.parametrize("search", Search)
def test_no_thread_is_woken_by_what_it_has_stored_itself(search: Search, every_access: bool) -> None:
    def wait(words: Words) -> int:
        store_release(words, 0, 1)
        pause()
        load_acquire(words, 0)
        pause()
        return int(load_acquire(words, 0))

    def start() -> Instance:
        words = np.zeros(1, np.uint64)
        threads: list[Callable[[], object]] = [partial(wait, words), partial(load_acquire, words, 0)]
        return Instance({"words": words}, threads, may_wait_forever=True)

    for memory in (MemoryName.SC, MemoryName.TSO):
        report = explore(start, search, memory=memory, every_access=every_access)
        assert report.complete
        assert list(report.outcomes) == [("waiting", 0)]


@pytest.mark.parametrize("memory", MemoryName)
def test_a_lock_that_is_never_given_back_is_waited_for_in_vain(memory: MemoryName) -> None:
    def take(words: Words) -> None:
        while not compare_and_swap(words, 0, FREE, HELD):
            pause()

    message = assert_fails(textbook.program(1, [take, take]), memory, LostWakeUpError)
    assert "words[0] (last changed by thread" in message


@pytest.mark.parametrize("memory", MemoryName)
def test_crossed_locks_are_a_deadlock_and_no_lost_wake_up(memory: MemoryName) -> None:
    message = assert_fails(textbook.two_locks(ordered=False), memory, DeadlockError)
    assert "last changed by thread 1" in message
