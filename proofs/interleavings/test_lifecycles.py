"""Records that live more than once, and what more than two threads want, in every interleaving."""

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
from proofs.interleavings.scenarios import crowds, lifecycles
from proofs.ledger import Method, claim

SCENARIOS = (*lifecycles.SCENARIOS, *crowds.SCENARIOS)


@claim(
    "C7",
    "a hit leaves nothing in a flow that it has not found, however often its record was used again; of three misses "
    "none gets what another has, be it a record, a transform, room or a port",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design)


@claim(
    "C11",
    "each seeded fault of reuse, and of what three misses share, is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault) is not None
