"""What misses share, in every interleaving of small scenarios."""

import pytest

from fastpath.designs import Design
from proofs.interleavings.exploring import (
    ASSUMPTIONS,
    assert_found,
    assert_holds,
    cases,
    fault_cases,
    fault_scope,
    scope,
)
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios import counting, misses
from proofs.ledger import Method, claim

SCENARIOS = (*misses.SCENARIOS, *counting.SCENARIOS)


@claim(
    "C7",
    "no record is taken twice or lost; a transform has one record, which reads back; nobody is inside a miss behind a "
    "closed gate; no more entries begin than there is room for; a packet is counted after what is counted for it; no "
    "deadlock",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design)


@claim(
    "C11",
    "each seeded fault of what misses share is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault) is not None
