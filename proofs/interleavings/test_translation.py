"""Translated addresses on the whole port: source NAT's ports and moving destinations, in every interleaving."""

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
from proofs.interleavings.scenarios.translation import SCENARIOS
from proofs.ledger import Method, claim


@claim(
    "C7",
    "packets whose addresses are translated, where the reference alone decides about misses, are linearizable against "
    "the reference port beside each other, beside expiry and beside changes of mappings",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS_OF_STATES,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design, Search.STATES)


@claim(
    "C11",
    "each seeded fault of translation is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault) is not None
