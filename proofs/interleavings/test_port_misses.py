"""A port with compiled misses, in every interleaving of small scenarios."""

import pytest

from fastpath.designs import Design
from proofs.interleavings.exploring import (
    ASSUMPTIONS_OF_STATES,
    assert_found,
    assert_holds,
    cases,
    fault_cases,
    fault_scope,
    scope,
)
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.port_misses import SCENARIOS
from proofs.ledger import Method, claim


@claim(
    "C7",
    "the port with compiled misses is linearizable against the reference port: verdicts, bytes and the final snapshot "
    "are those of some order of the same calls; no deadlock",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS_OF_STATES,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design, Search.STATES)


@claim(
    "C11",
    "each seeded fault of misses on a port is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault, Search.STATES) is not None
