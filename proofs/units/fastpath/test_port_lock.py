"""The port lock: one at a time alone, hits beside one another, and nobody is kept out for ever; compiled or not."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from fastpath import memory, port_lock
from fastpath.compiler import entry_point
from fastpath.layout import PORT_LOCK
from fastpath.memory import Words
from fastpath.port_lock import LOCKED_ALONE, SHARER, acquire_shared, lock_port, release_shared, unlock_port
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.port_lock")
A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""


@entry_point
def share_port(words: Words) -> None:
    """`acquire_shared`, callable without holding up other threads."""
    acquire_shared(words)


@entry_point
def unshare_port(words: Words) -> None:
    """`release_shared`, likewise."""
    release_shared(words)


def in_background(call: Callable[[Words], None], words: Words) -> threading.Event:
    """Call on a thread of its own; the event says that it has returned."""
    returned = threading.Event()

    def run() -> None:
        call(words)
        returned.set()

    threading.Thread(target=run, daemon=True).start()
    return returned


@pytest.mark.parametrize("kernels", [port_lock, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_the_lock_word_says_whether_somebody_has_the_port_alone(kernels: Any) -> None:
    words = small_arena()
    for _ in range(2):
        kernels.lock_port(words)
        assert words[PORT_LOCK] == LOCKED_ALONE
        kernels.unlock_port(words)
        assert words[PORT_LOCK] == 0


@pytest.mark.parametrize(
    "kernels", [(share_port, unshare_port), (UNCOMPILED.acquire_shared, UNCOMPILED.release_shared)]
)
def test_the_lock_word_counts_those_who_share_the_port(kernels: tuple[Callable[[Words], None], ...]) -> None:
    words = small_arena()
    share, unshare = kernels
    share(words)
    share(words)
    assert words[PORT_LOCK] == 2 * SHARER
    unshare(words)
    assert words[PORT_LOCK] == SHARER
    unshare(words)
    assert words[PORT_LOCK] == 0


@pytest.mark.parametrize("wanted", [lock_port, share_port], ids=["alone", "shared"])
def test_whoever_finds_the_port_locked_waits_until_it_is_free(wanted: Callable[[Words], None]) -> None:
    words = small_arena()
    lock_port(words)
    entered = in_background(wanted, words)
    assert not entered.wait(A_MOMENT)
    unlock_port(words)
    assert entered.wait(LONG_ENOUGH)
    assert words[PORT_LOCK] == (LOCKED_ALONE if wanted is lock_port else SHARER)


def test_whoever_wants_the_port_alone_waits_for_all_who_share_it_and_lets_nobody_in_meanwhile() -> None:
    words = small_arena()
    share_port(words)
    share_port(words)
    alone = in_background(lock_port, words)
    unshare_port(words)
    assert not alone.wait(A_MOMENT)
    late = in_background(share_port, words)
    assert not late.wait(A_MOMENT)
    unshare_port(words)
    assert alone.wait(LONG_ENOUGH)
    assert not late.is_set()
    unlock_port(words)
    assert late.wait(LONG_ENOUGH)
    assert words[PORT_LOCK] == SHARER


class Holder(memory.Memory):
    """Another thread that gives the port lock back after so many looks at it."""

    def __init__(self, words: memory.Words, looks: int) -> None:
        self._words = words
        self._left = looks
        self.pauses = self.yields = 0

    def pause(self) -> None:
        self.pauses += 1
        self._look()

    def yield_thread(self) -> None:
        self.yields += 1
        self._look()

    def _look(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._words[PORT_LOCK] = 0


@pytest.mark.parametrize("wanted", [UNCOMPILED.lock_port, UNCOMPILED.acquire_shared], ids=["alone", "shared"])
def test_a_long_wait_lets_other_threads_run_now_and_then(wanted: Callable[[Words], None]) -> None:
    words = small_arena()
    words[PORT_LOCK] = LOCKED_ALONE
    with memory.using(Holder(words, looks=250)) as holder:
        wanted(words)
    assert isinstance(holder, Holder)
    assert (holder.yields, holder.pauses) == (2, 248)
