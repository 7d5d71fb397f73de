"""Schedules as strings: short, readable back, shrinkable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.interleavings.schedule import ScheduleError, from_text, replay, shrink, to_text
from proofs.interleavings.scheduler import NotEnabledError
from proofs.interleavings.turn import Turn, buffer_of
from proofs.units.interleavings import textbook


@given(turns=st.lists(st.builds(Turn, st.integers(-3, 3), st.integers(0, 2))))
def test_a_schedule_survives_its_string(turns: list[Turn]) -> None:
    assert from_text(to_text(turns)) == tuple(turns)


def test_runs_of_steps_are_counted() -> None:
    assert to_text([Turn(0), Turn(0), Turn(0), Turn(0), Turn(1), Turn(0), Turn(0)]) == "a4ba2"


def test_steps_of_store_buffers_are_capitals_and_other_options_stand_alone() -> None:
    assert to_text([Turn(0), Turn(buffer_of(0)), Turn(buffer_of(0)), Turn(1, 1), Turn(1, 1), Turn(1)]) == "aA2b.1b.1b"


@pytest.mark.parametrize("text", ["4a", "a-1", "a.", "a 2"])
def test_other_strings_are_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match="write letters with counts"):
        from_text(text)


def test_a_schedule_that_names_a_finished_thread_is_refused() -> None:
    with pytest.raises(NotEnabledError):
        replay(textbook.increments(2, atomic=True), from_text("a2"))


def test_where_a_schedule_ends_the_last_thread_goes_on() -> None:
    assert to_text(replay(textbook.increments(2, atomic=False), from_text("ab")).schedule) == "ab2a"


def test_a_failing_schedule_shrinks_to_its_switches() -> None:
    program = textbook.sequence_lock(writers=1, readers=1, checked=False)
    wasteful = "a2bab2"
    assert replay(program, from_text(wasteful)).failure is not None
    shrunk = shrink(program, from_text(wasteful))
    assert replay(program, shrunk).failure is not None
    assert len(shrunk) < len(from_text(wasteful))


def test_a_schedule_that_does_not_fail_cannot_be_shrunk() -> None:
    with pytest.raises(ScheduleError, match="nothing to shrink"):
        shrink(textbook.increments(2, atomic=True), from_text("ab"))


def test_the_trace_names_words_and_values() -> None:
    lines = list(replay(textbook.increments(2, atomic=True), from_text("ba")).lines())
    assert lines == ["   1 b words[0]: update 0x0 -> 0x1", "   2 a words[0]: update 0x1 -> 0x2"]
