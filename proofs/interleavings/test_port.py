"""The whole port in every interleaving of small scenarios."""

import pytest

from fastpath.designs import Design
from proofs.interleavings.exploring import (
    ASSUMPTIONS,
    ASSUMPTIONS_OF_STATES,
    assert_broken,
    assert_found,
    assert_holds,
    broken_cases,
    cases,
    fault_cases,
    fault_scope,
    scope,
)
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.port import SCENARIOS
from proofs.ledger import Method, claim


@claim(
    "C7",
    "the port is linearizable against the reference port: verdicts, bytes and the final snapshot are those of some "
    "order of the same calls; no deadlock",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS_OF_STATES,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design, Search.STATES)


@claim(
    "C11",
    "each seeded fault of the port is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault) is not None


@claim(
    "C11",
    "hits that are past the port lock have upstream's defects `orphan-hit` and `time-goes-back`: exploring finds them "
    "under `pr585` and `rwlock`, and not under `mutex` and `fine`",
    method=Method.TESTED,
    scope=", ".join(scenario.name for scenario in SCENARIOS if scenario.broken),
    assumptions=ASSUMPTIONS,
)
@pytest.mark.parametrize(("scenario", "design"), broken_cases(SCENARIOS))
def test_finds_the_defect_of_the_design(scenario: Scenario, design: Design) -> None:
    assert_broken(scenario, design)
