"""A case and a schedule as one string that says everything a run depends on."""

import pytest

from fastpath.designs import Design
from proofs.interleavings.case import Case, from_replay_text
from proofs.interleavings.catalogue import SCENARIOS
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.schedule import ScheduleError, from_text

SCHEDULE = from_text("a4b.1A2")


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_and_fault_survives_its_string(name: str) -> None:
    scenario = SCENARIOS[name]
    for fault in (None, *scenario.faults, *scenario.harmless):
        case = Case(name, Design.PR585, MemoryName.TSO, fault)
        assert from_replay_text(case.replay_text(SCHEDULE)) == (case, SCHEDULE)


def test_the_string_is_short_and_readable() -> None:
    assert Case("hit beside expiry").replay_text(SCHEDULE) == "hit beside expiry/fine/sc/a4b.1A2"
    with_fault = Case("hit beside expiry", fault="last hit stored", memory=MemoryName.RA)
    assert with_fault.replay_text(SCHEDULE) == "hit beside expiry+last hit stored/fine/ra/a4b.1A2"


@pytest.mark.parametrize(
    "text", ["a4b", "x/fine/a4b", "x/fine/sc/a/b", "x/coarse/sc/a", "x/fine/power/a", "x/fine/sc/4a"]
)
def test_other_strings_are_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ScheduleError, match="write "):
        from_replay_text(text)
