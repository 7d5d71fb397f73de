"""Controlled threads: turns, waiting, histories, observed arrays, locks."""

from collections.abc import Callable

import numpy as np
import pytest

from fastpath import memory
from fastpath.atomics import fence_full, load_acquire, pause, store_release
from fastpath.memory import Memory, Words
from proofs.interleavings.access import Access, Mode, dependent
from proofs.interleavings.explore import explore
from proofs.interleavings.locks import Threading
from proofs.interleavings.observed import observed
from proofs.interleavings.program import Instance
from proofs.interleavings.scheduler import ConstantChangedError, NotEnabledError, Scheduler
from proofs.interleavings.turn import Turn


def started(bodies: list[Callable[[Words], object]], **options: object) -> tuple[Words, Scheduler]:
    words = np.zeros(4, np.uint64)
    threads = [lambda body=body: body(words) for body in bodies]
    return words, Scheduler(Instance({"words": words}, threads, **options))  # type: ignore[arg-type]


def store_two(words: Words) -> None:
    store_release(words, 0, 1)
    fence_full()
    store_release(words, 1, 2)


def test_a_thread_stops_before_each_shared_access() -> None:
    words, scheduler = started([store_two])
    with scheduler:
        assert words.tolist() == [0, 0, 0, 0]
        assert scheduler.step(Turn(0)).after == 1
        assert words.tolist() == [1, 0, 0, 0]
        scheduler.step(Turn(0))
        assert words.tolist() == [1, 2, 0, 0]
        assert scheduler.enabled() == []


def test_a_thread_that_has_returned_cannot_go_on() -> None:
    _, scheduler = started([store_two])
    with scheduler:
        scheduler.step(Turn(0))
        scheduler.step(Turn(0))
        with pytest.raises(NotEnabledError):
            scheduler.step(Turn(0))
        with pytest.raises(NotEnabledError):
            scheduler.step(Turn(1))


def wait_for_first_word(words: Words) -> None:
    while load_acquire(words, 0) == 0:
        pause()


def test_a_waiting_thread_goes_on_when_what_it_has_read_changes() -> None:
    def store_elsewhere_then_there(words: Words) -> None:
        store_release(words, 3, 1)
        store_release(words, 0, 0)
        store_release(words, 0, 1)

    _, scheduler = started([wait_for_first_word, store_elsewhere_then_there])
    with scheduler:
        scheduler.step(Turn(0))
        assert scheduler.enabled() == [1]
        scheduler.step(Turn(1))
        assert scheduler.enabled() == [1], "another word has changed"
        scheduler.step(Turn(1))
        assert scheduler.enabled() == [1], "the word was written, but with the value that it had"
        scheduler.step(Turn(1))
        assert scheduler.enabled() == [0]


def test_the_memory_in_force_is_restored() -> None:
    before = memory.current
    _, scheduler = started([wait_for_first_word])
    with scheduler:
        assert memory.current is scheduler
    assert memory.current is before
    assert type(before) is Memory


def test_a_thread_left_waiting_is_given_up() -> None:
    _, scheduler = started([wait_for_first_word])
    with scheduler:
        scheduler.step(Turn(0))
    assert all(thread.greenlet.dead for thread in scheduler.threads)


def test_constant_words_need_no_turn_and_must_not_change() -> None:
    def read_then_write(words: Words) -> None:
        load_acquire(words, 2)
        store_release(words, 2, 1)

    _, scheduler = started([read_then_write], constant={"words": range(2, 3)})
    with scheduler, pytest.raises(ConstantChangedError):
        scheduler.step(Turn(0))


def test_plain_elements_of_observed_arrays_are_shared_accesses() -> None:
    words = observed(np.zeros(4, np.uint64))

    def increment() -> None:
        words[0] = words[0] + np.uint64(1)

    def fill() -> int:
        words[1:3] = 7
        return int(words[1:3].sum())

    program = Instance({"words": words}, [increment, increment, fill])
    with Scheduler(program) as scheduler:
        steps = 0
        while scheduler.enabled():
            scheduler.step(Turn(scheduler.enabled()[0]))
            steps += 1
    assert steps == 2 + 2 + 4
    assert words.tolist() == [2, 7, 7, 0]


def test_increments_of_observed_elements_can_be_lost() -> None:
    def start() -> Instance:
        words = observed(np.zeros(1, np.uint64))

        def increment() -> None:
            words[0] = words[0] + np.uint64(1)

        return Instance({"words": words}, [increment, increment], lambda _: int(words[0]))

    assert set(explore(start).outcomes) == {1, 2}


@pytest.mark.parametrize(("locked", "outcomes"), [(True, {2}), (False, {1, 2})])
def test_a_substituted_lock_excludes_others(locked: bool, outcomes: set[int]) -> None:
    threading = Threading()

    def start() -> Instance:
        threading.renew()
        words, lock = observed(np.zeros(1, np.uint64)), threading.Lock()

        def increment() -> None:
            if locked:
                with lock:
                    words[0] = words[0] + np.uint64(1)
            else:
                words[0] = words[0] + np.uint64(1)

        shared = {"words": words, "locks": threading.words}
        return Instance(shared, [increment, increment], lambda _: int(words[0]))

    report = explore(start)
    assert report.failure is None
    assert set(report.outcomes) == outcomes


def test_substituted_thread_locals_are_private_to_a_thread() -> None:
    def start() -> Instance:
        words, local = np.zeros(1, np.uint64), Threading().local()

        def body(number: int) -> bool:
            local.number = number
            load_acquire(words, 0)
            return bool(local.number == number)

        return Instance({"words": words}, [lambda: body(0), lambda: body(1)], tuple)

    assert set(explore(start).outcomes) == {(True, True)}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Mode.READ, Mode.READ, False),
        (Mode.READ, Mode.WRITE, True),
        (Mode.WRITE, Mode.WRITE, True),
        (Mode.APPEND, Mode.APPEND, False),
        (Mode.APPEND, Mode.READ, True),
    ],
)
def test_accesses_to_one_word_are_dependent_unless_they_commute(one: Mode, other: Mode, expected: bool) -> None:
    assert dependent(Access("x", 1, one), Access("y", 1, other)) is expected
    assert not dependent(Access("x", 1, one), Access("y", 2, other))
