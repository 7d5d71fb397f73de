"""The control word: what it says, and that a change waits for the hits that have not seen it."""

import threading

import pytest

from fastpath.control import Control, publish
from fastpath.layout import (
    CONTROL,
    CONTROL_EPOCH_SHIFT,
    CONTROL_STATE_MASK,
    STATE_PAUSED,
    STATE_READY,
    STATE_RUNNING,
    STATE_SEALED,
)
from fastpath.memory import Words
from fastpath.reclaim import enter, leave
from proofs.units.fastpath.arenas import small_arena
from reference.port_data import PortState

A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""


def read(words: Words) -> tuple[int, int]:
    """Epoch and state of the control word."""
    return int(words[CONTROL] >> CONTROL_EPOCH_SHIFT), int(words[CONTROL] & CONTROL_STATE_MASK)


READY, RUNNING, PAUSED, SEALED = (int(code) for code in (STATE_READY, STATE_RUNNING, STATE_PAUSED, STATE_SEALED))


@pytest.mark.parametrize(
    ("state", "code"),
    [(PortState.READY, READY), (PortState.RUNNING, RUNNING), (PortState.PAUSED, PAUSED)],
    ids=str,
)
@pytest.mark.parametrize("epoch", [1, 0xFFFF_FFFF, 1 << 40])
def test_hits_go_by_the_state_and_epoch_that_were_published(state: PortState, code: int, epoch: int) -> None:
    words = small_arena()
    Control(words, waits_for_hits=True).follow(state, epoch)
    assert read(words) == (epoch, code)


def test_every_state_of_a_port_can_be_followed() -> None:
    words = small_arena()
    control = Control(words, waits_for_hits=True)
    seen = []
    for state in PortState:
        control.follow(state, 3)
        seen.append(read(words))
    assert len(set(seen)) == len(PortState)


def test_sealing_keeps_the_epoch_and_ends_with_the_next_state() -> None:
    words = small_arena()
    control = Control(words, waits_for_hits=True)
    control.follow(PortState.RUNNING, 5)
    control.seal()
    assert read(words) == (5, SEALED)
    control.follow(PortState.RUNNING, 5)
    assert read(words) == (5, RUNNING)


def in_background(control: Control, epoch: int) -> threading.Event:
    """Follow a new epoch on another thread; the event says that it has returned."""
    returned = threading.Event()

    def follow() -> None:
        control.follow(PortState.RUNNING, epoch)
        returned.set()

    threading.Thread(target=follow, daemon=True).start()
    return returned


def test_a_change_returns_only_when_the_hits_under_way_are_over() -> None:
    words = small_arena()
    control = Control(words, waits_for_hits=True)
    enter(words, 1)
    returned = in_background(control, 2)
    assert not returned.wait(A_MOMENT)
    assert read(words) == (2, RUNNING)
    leave(words, 1)
    assert returned.wait(LONG_ENOUGH)


def test_nothing_is_waited_for_when_nothing_changes() -> None:
    words = small_arena()
    control = Control(words, waits_for_hits=True)
    control.follow(PortState.RUNNING, 2)
    enter(words, 1)
    assert in_background(control, 2).wait(LONG_ENOUGH)


def test_nobody_is_waited_for_where_hits_take_a_lock() -> None:
    words = small_arena()
    control = Control(words, waits_for_hits=False)
    enter(words, 1)
    assert in_background(control, 2).wait(LONG_ENOUGH)
    assert read(words) == (2, RUNNING)


def test_a_control_begins_with_what_the_arena_says() -> None:
    words = small_arena()
    publish(words, STATE_PAUSED)
    enter(words, 0)
    returned = threading.Event()

    def follow() -> None:
        Control(words, waits_for_hits=True).follow(PortState.PAUSED, 0)
        returned.set()

    threading.Thread(target=follow, daemon=True).start()
    assert returned.wait(LONG_ENOUGH)
