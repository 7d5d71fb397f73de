"""What counts as finding a fault."""

import pytest

from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.exploring import assert_fails
from proofs.interleavings.scenario import Fault

SCENARIO = scenario_named("hit beside expiry")


def test_a_fault_that_fails_by_what_it_does_is_found() -> None:
    assert assert_fails(SCENARIO.program("last hit stored"), SCENARIO.program(), "last hit stored")


def test_a_fault_that_changes_nothing_is_not_found() -> None:
    with pytest.raises(AssertionError, match="nothing was not found in"):
        assert_fails(SCENARIO.program(), SCENARIO.program(), "nothing")


def test_a_change_that_cannot_run_is_no_fault_that_was_found() -> None:
    edit = ("fastpath.uft", "seen = load_acquire(words, entry_base + LIFE)", "seen = load_at_leisure(words)")
    with pytest.raises(AssertionError, match="cannot run: NameError"):
        assert_fails(SCENARIO.changed(Fault("a misprint", [edit])), SCENARIO.program(), "a misprint")
