"""The spin lock: one has it, the others wait; compiled or not."""

import threading
from typing import Any

import pytest

from fastpath import spin_lock
from fastpath.compiler import entry_point
from fastpath.layout import ONE, RECORDS_LOCK
from fastpath.memory import Words
from fastpath.spin_lock import acquire, release
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.spin_lock")
A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""
ROUNDS = 20_000


@entry_point
def take_lock(words: Words) -> None:
    """`acquire`, callable without holding up other threads."""
    acquire(words, RECORDS_LOCK)


@entry_point
def add_ones(words: Words, at: int, rounds: int) -> None:
    """Count under the lock, by loads and stores."""
    for _ in range(rounds):
        acquire(words, RECORDS_LOCK)
        words[at] += ONE
        release(words, RECORDS_LOCK)


@pytest.mark.parametrize("kernels", [spin_lock, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_the_word_says_whether_somebody_has_the_lock(kernels: Any) -> None:
    words = small_arena()
    for _ in range(2):
        kernels.acquire(words, RECORDS_LOCK)
        assert words[RECORDS_LOCK] == 1
        kernels.release(words, RECORDS_LOCK)
        assert words[RECORDS_LOCK] == 0


def test_whoever_finds_it_taken_waits_until_it_is_free() -> None:
    words, has_it = small_arena(), threading.Event()
    take_lock(words)

    def wait() -> None:
        take_lock(words)
        has_it.set()

    threading.Thread(target=wait, daemon=True).start()
    assert not has_it.wait(A_MOMENT)
    release(words, RECORDS_LOCK)
    assert has_it.wait(LONG_ENOUGH)
    assert words[RECORDS_LOCK] == 1


def test_what_is_written_under_the_lock_is_not_lost() -> None:
    words, at = small_arena(), RECORDS_LOCK + 1
    threads = [threading.Thread(target=add_ones, args=(words, at, ROUNDS), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_ENOUGH)
    assert words[at] == 3 * ROUNDS
