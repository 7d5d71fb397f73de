"""The TCP word and the life word in every interleaving of small scenarios."""

import pytest

from fastpath.designs import Design
from proofs.interleavings.explore import explore
from proofs.interleavings.exploring import (
    ASSUMPTIONS,
    assert_found,
    assert_holds,
    cases,
    fault_cases,
    fault_scope,
    scope,
)
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.flow import SCENARIOS
from proofs.ledger import Method, claim


@claim(
    "C7",
    "no segment is lost or taken twice, none while a slow operation owns the flow or under rules that are over; "
    "no refreshed flow expires; histories are linearizable",
    method=Method.EXHAUSTIVE,
    scope=scope(SCENARIOS),
    assumptions=ASSUMPTIONS,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design)


@claim(
    "C11",
    "each seeded fault of the flow record is found by exploring, and its schedule replays",
    method=Method.TESTED,
    scope=fault_scope(SCENARIOS),
)
@pytest.mark.parametrize(("scenario", "fault"), fault_cases(SCENARIOS))
def test_finds_the_seeded_fault(scenario: Scenario, fault: str) -> None:
    assert assert_found(scenario, fault) is not None


PLAIN = [
    scenario for scenario in SCENARIOS if scenario.name in {"TCP word in both directions", "hit beside slow operation"}
]


@claim(
    "C7",
    "of the TCP word, every order of all accesses gives the results that the reduced search has found",
    method=Method.EXHAUSTIVE,
    scope=f"plain search, no reduction, more than 5000 executions each: {scope(PLAIN)}",
    assumptions="sequentially consistent memory",
)
@pytest.mark.slow
@pytest.mark.parametrize("scenario", PLAIN, ids=lambda scenario: scenario.name)
def test_plain_search_finds_what_the_reduced_one_does(scenario: Scenario) -> None:
    plain = assert_holds(scenario, Design.FINE, Search.PLAIN)
    assert plain.executions > 5000
    assert plain.outcomes.keys() == assert_holds(scenario, Design.FINE).outcomes.keys()


@pytest.mark.parametrize(
    ("scenario", "change"), [(scenario, change) for scenario in SCENARIOS for change in scenario.harmless]
)
def test_holds_where_something_else_still_protects(scenario: Scenario, change: str) -> None:
    report = explore(scenario.program(change))
    assert report.complete
    assert report.failure is None
