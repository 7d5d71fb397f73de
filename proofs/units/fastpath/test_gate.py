"""The gate: inside a miss or behind a closed gate, never both; compiled or not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fastpath import gate
from fastpath.gate import begin_miss, close_gate, end_miss, open_gate
from fastpath.layout import GATE, MISSING
from fastpath.memory import Words
from fastpath.reclaim import thread_at
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.gate")
KERNELS = pytest.mark.parametrize("kernels", [gate, UNCOMPILED], ids=["compiled", "uncompiled"])
THREADS = arenas.GEOMETRY.threads
A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""


def lines(words: Words) -> list[int]:
    """Where the words of each thread begin."""
    return [int(thread_at(words, thread)) for thread in range(THREADS)]


def announced(words: Words) -> list[int]:
    """What each thread says about misses."""
    return [int(words[line + MISSING]) for line in lines(words)]


@contextmanager
def closing(words: Words) -> Iterator[threading.Event]:
    """Close the gate on a thread of its own; the event says that it is closed, as it must be in the end."""
    is_closed = threading.Event()

    def close() -> None:
        close_gate(words)
        is_closed.set()

    thread = threading.Thread(target=close, daemon=True)
    thread.start()
    yield is_closed
    assert is_closed.wait(LONG_ENOUGH)
    thread.join()


def wait_for_gate(words: Words) -> None:
    """Return once the gate is seen to be closed."""
    for _ in range(1_000):
        if words[GATE]:
            return
        threading.Event().wait(LONG_ENOUGH / 1_000)
    raise AssertionError("the gate stays open")


@KERNELS
def test_a_thread_is_odd_inside_a_miss_and_even_outside(kernels: Any) -> None:
    words = small_arena()
    line = lines(words)[1]
    seen = []
    for _ in range(2):
        assert kernels.begin_miss(words, line)
        seen.append(announced(words))
        kernels.end_miss(words, line)
        seen.append(announced(words))
    assert seen == [[0, 1, 0], [0, 2, 0], [0, 3, 0], [0, 4, 0]]


@KERNELS
def test_behind_a_closed_gate_no_miss_begins_until_it_is_open_again(kernels: Any) -> None:
    words = small_arena()
    for _ in range(2):
        kernels.close_gate(words)
        assert not any(kernels.begin_miss(words, line) for line in lines(words))
        assert not any(word % 2 for word in announced(words))
        kernels.open_gate(words)
        assert all(kernels.begin_miss(words, line) for line in lines(words))
        for line in lines(words):
            kernels.end_miss(words, line)


def test_closing_waits_for_each_miss_under_way() -> None:
    words = small_arena()
    first, _, last = lines(words)
    assert begin_miss(words, first)
    assert begin_miss(words, last)
    with closing(words) as is_closed:
        wait_for_gate(words)
        end_miss(words, first)
        assert not is_closed.wait(A_MOMENT)
        end_miss(words, last)


def test_closing_does_not_wait_for_a_miss_that_begins_later_and_is_turned_away() -> None:
    words = small_arena()
    line = lines(words)[0]
    assert begin_miss(words, line)
    with closing(words) as is_closed:
        wait_for_gate(words)
        end_miss(words, line)
        assert not begin_miss(words, line)
        assert is_closed.wait(LONG_ENOUGH)
    open_gate(words)
    assert begin_miss(words, line)


def test_the_gate_leaves_the_rest_of_a_threads_words_alone() -> None:
    words = small_arena()
    before = words.copy()
    begin_miss(words, lines(words)[0])
    end_miss(words, lines(words)[0])
    close_gate(words)
    changed = {index for index in range(len(words)) if words[index] != before[index]}
    assert changed == {GATE, lines(words)[0] + MISSING}
