"""The end of native connections beside their other segments, in every interleaving of small scenarios."""

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
from proofs.interleavings.scenarios.closing import SCENARIOS
from proofs.ledger import Method, claim


@claim(
    "C7",
    "a native connection ends by the one segment that ends it, with both halves, no segment before it is lost and none "
    "after it is a hit; histories of FINs, their acknowledgements, resets and data are linearizable",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design)


@claim(
    "C11",
    "each seeded fault of the end of native connections is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault) is not None
