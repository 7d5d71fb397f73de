"""Designs go by name; the port lock admits one at a time, compiled or not."""

import threading
from typing import Any

import pytest

from fastpath import designs, memory
from fastpath.designs import POLICIES, Design, LockPolicy, UnknownDesign, lock_port, unlock_port
from fastpath.layout import PORT_LOCK
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.designs")
A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""


def test_every_design_has_a_policy_and_only_mutex_locks_the_port() -> None:
    assert set(POLICIES) == set(Design)
    assert {design for design, policy in POLICIES.items() if policy.port_lock} == {Design.MUTEX}


def test_policies_cannot_be_changed() -> None:
    policies: Any = POLICIES
    with pytest.raises(TypeError):
        policies[Design.FINE] = LockPolicy(port_lock=True)


@pytest.mark.parametrize("design", Design)
def test_a_design_is_known_by_its_name(design: Design) -> None:
    assert Design(design.value) is design


def test_an_unknown_design_is_told_which_ones_there_are() -> None:
    with pytest.raises(UnknownDesign, match="no lock design is called 'coarse': choose from mutex, fine"):
        Design("coarse")


@pytest.mark.parametrize("kernels", [designs, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_the_lock_word_says_whether_the_port_is_locked(kernels: Any) -> None:
    words = small_arena()
    for _ in range(2):
        kernels.lock_port(words)
        assert words[PORT_LOCK] == 1
        kernels.unlock_port(words)
        assert words[PORT_LOCK] == 0


def test_whoever_finds_the_port_locked_waits_until_it_is_free() -> None:
    words = small_arena()
    lock_port(words)
    entered = threading.Event()

    def enter() -> None:
        lock_port(words)
        entered.set()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    assert not entered.wait(A_MOMENT)
    unlock_port(words)
    assert entered.wait(LONG_ENOUGH)
    thread.join(LONG_ENOUGH)
    assert words[PORT_LOCK] == 1


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


def test_a_long_wait_lets_other_threads_run_now_and_then() -> None:
    words = small_arena()
    words[PORT_LOCK] = 1
    with memory.using(Holder(words, looks=250)) as holder:
        UNCOMPILED.lock_port(words)
    assert isinstance(holder, Holder)
    assert (holder.yields, holder.pauses) == (2, 248)
