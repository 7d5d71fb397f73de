"""Announcements and grace periods: who is waited for, who is not, and in which order records come free."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from fastpath import reclaim
from fastpath.layout import ANNOUNCE, THREAD_HITS
from fastpath.memory import Words
from fastpath.reclaim import Limbo, all_left, enter, inside, leave, thread_at, wait_for_grace
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.reclaim")
THREADS = arenas.GEOMETRY.threads
A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds: to see that somebody waits, and until a wait must be over even on a busy machine."""


def announcements(words: Words) -> list[int]:
    """What every thread has announced."""
    return [int(words[int(thread_at(words, thread)) + ANNOUNCE]) for thread in range(THREADS)]


def room() -> Words:
    """Room for one word a thread."""
    return np.zeros(THREADS, np.uint64)


@contextmanager
def waiting_for_grace(words: Words) -> Iterator[threading.Event]:
    """Wait out a grace period on a thread of its own; the event says that it is over, as it must be in the end."""
    is_over = threading.Event()

    def wait() -> None:
        wait_for_grace(words, room())
        is_over.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield is_over
    assert is_over.wait(LONG_ENOUGH)
    thread.join()


@pytest.mark.parametrize("kernels", [reclaim, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_a_thread_is_odd_inside_a_batch_and_even_outside(kernels: object) -> None:
    words = small_arena()
    enter_, leave_ = vars(kernels)["enter"], vars(kernels)["leave"]
    seen = []
    for _ in range(2):
        enter_(words, 1)
        seen.append(announcements(words))
        leave_(words, 1)
        seen.append(announcements(words))
    assert seen == [[0, 1, 0], [0, 2, 0], [0, 3, 0], [0, 4, 0]]


def test_announcements_leave_the_rest_of_the_line_alone() -> None:
    words = small_arena()
    before = words.copy()
    for thread in range(THREADS):
        words[int(thread_at(words, thread)) + THREAD_HITS] = 7
        enter(words, thread)
        leave(words, thread)
    changed = {int(index) for index in np.flatnonzero(words != before)}
    lines = [int(thread_at(words, thread)) for thread in range(THREADS)]
    assert changed == {line + word for line in lines for word in (ANNOUNCE, THREAD_HITS)}


def test_those_inside_are_counted_and_noted() -> None:
    words, announced = small_arena(), room()
    enter(words, 0)
    leave(words, 0)
    enter(words, 2)
    assert inside(words, announced) == 1
    assert announced.tolist() == [2, 0, 1]


def test_all_have_left_once_each_of_those_inside_has_been_outside() -> None:
    words, announced = small_arena(), room()
    enter(words, 0)
    enter(words, 1)
    inside(words, announced)
    leave(words, 0)
    assert not all_left(words, announced)
    leave(words, 1)
    enter(words, 1)
    enter(words, 2)
    assert all_left(words, announced)


def test_with_nobody_inside_there_is_nothing_to_wait_for() -> None:
    words = small_arena()
    enter(words, 0)
    leave(words, 0)
    wait_for_grace(words, room())
    assert announcements(words) == [2, 0, 0]


def test_a_grace_period_waits_for_the_thread_inside() -> None:
    words = small_arena()
    enter(words, 1)
    with waiting_for_grace(words) as is_over:
        assert not is_over.wait(A_MOMENT)
        leave(words, 1)


def test_a_grace_period_waits_for_the_last_of_several() -> None:
    words = small_arena()
    enter(words, 0)
    enter(words, 2)
    with waiting_for_grace(words) as is_over:
        leave(words, 0)
        assert not is_over.wait(A_MOMENT)
        leave(words, 2)


def test_a_grace_period_does_not_wait_for_who_enters_later() -> None:
    words = small_arena()
    enter(words, 0)
    with waiting_for_grace(words) as is_over:
        assert not is_over.wait(A_MOMENT)
        enter(words, 1)
        leave(words, 0)
        assert is_over.wait(LONG_ENOUGH)
    assert announcements(words) == [2, 1, 0]


def test_a_thread_that_left_and_came_back_has_left() -> None:
    words = small_arena()
    enter(words, 0)
    with waiting_for_grace(words) as is_over:
        assert not is_over.wait(A_MOMENT)
        leave(words, 0)
        enter(words, 0)
    assert announcements(words) == [3, 0, 0]


def test_a_thread_that_died_between_two_batches_holds_nobody_up() -> None:
    words = small_arena()

    def one_batch() -> None:
        enter(words, 1)
        leave(words, 1)

    thread = threading.Thread(target=one_batch)
    thread.start()
    thread.join()
    with waiting_for_grace(words):
        pass
    released: list[str] = []
    Limbo(words).retire(lambda: released.append("record"))
    assert released == ["record"]


def test_a_record_is_released_at_once_when_nobody_can_hold_it() -> None:
    limbo = Limbo(small_arena())
    released: list[str] = []
    limbo.retire(lambda: released.append("record"))
    assert (released, len(limbo)) == (["record"], 0)


def test_a_record_waits_until_the_thread_inside_has_left() -> None:
    words = small_arena()
    limbo = Limbo(words)
    released: list[str] = []
    enter(words, 1)
    limbo.retire(lambda: released.append("record"))
    limbo.collect()
    assert (released, len(limbo)) == ([], 1)
    leave(words, 1)
    assert released == []
    limbo.collect()
    assert (released, len(limbo)) == (["record"], 0)


def test_records_are_released_oldest_first_each_after_its_own_grace_period() -> None:
    words = small_arena()
    limbo = Limbo(words)
    released: list[str] = []
    enter(words, 0)
    limbo.retire(lambda: released.append("first"))
    enter(words, 1)
    limbo.retire(lambda: released.append("second"))
    leave(words, 0)
    limbo.collect()
    assert released == ["first"]
    leave(words, 1)
    limbo.retire(lambda: released.append("third"))
    assert released == ["first"]
    limbo.collect()
    assert released == ["first", "second", "third"]


def test_a_record_retired_later_does_not_overtake_an_older_one() -> None:
    words = small_arena()
    limbo = Limbo(words)
    released: list[str] = []
    enter(words, 0)
    limbo.retire(lambda: released.append("first"))
    leave(words, 0)
    limbo.retire(lambda: released.append("second"))
    assert released == []
    limbo.collect()
    assert released == ["first", "second"]
