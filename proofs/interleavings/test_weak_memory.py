"""Every ordering that the flow table and the flow record need under x86-TSO and release-acquire."""

import pytest

from proofs.interleavings import catalogue
from proofs.interleavings.data_race import DataRaceError
from proofs.interleavings.explore import explore
from proofs.interleavings.exploring import assert_fails, assert_program_holds
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.miss_orderings import NEEDED_BY_MISSES, NOT_NEEDED_BESIDE_MISSES
from proofs.interleavings.orderings import NEEDED, NOT_NEEDED
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import Scenario
from proofs.ledger import Method, claim

SCENARIOS = {name: scenario for name, scenario in catalogue.SCENARIOS.items() if scenario not in catalogue.PORTS}
ORDERINGS = {**NEEDED, **NEEDED_BY_MISSES}


@claim(
    "C8",
    "each of these orderings is needed: without it a scenario fails, and its schedule replays",
    method=Method.TESTED,
    scope=f"{len(ORDERINGS)} single removals: {'; '.join(removal.fault.about for removal in ORDERINGS.values())}",
)
@pytest.mark.parametrize("name", ORDERINGS)
def test_an_ordering_that_is_taken_away_is_missed(name: str) -> None:
    fault, scenario, memories = ORDERINGS[name]
    for memory in memories:
        assert_fails(SCENARIOS[scenario].changed(fault), SCENARIOS[scenario].program(), fault.about, memory)


BESIDE_HITS: list[Scenario] = [
    SCENARIOS[name]
    for name in (
        "hit beside expiry",
        "hit beside slow operation",
        "segment beside rule change",
        "look-up beside removal",
        "thaw hands over",
        "advance hands over",
        "epoch hands over",
        "bringing home beside a segment",
    )
]
"""What touches the life word or the TCP word, and ends in seconds."""


@pytest.mark.parametrize("name", NOT_NEEDED)
def test_an_ordering_beyond_need_is_missed_nowhere(name: str) -> None:
    for scenario in BESIDE_HITS:
        assert_program_holds(scenario.changed(NOT_NEEDED[name]), scenario.name, memory=MemoryName.RA)


@pytest.mark.parametrize("name", NOT_NEEDED_BESIDE_MISSES)
def test_an_ordering_beyond_the_need_of_misses_is_missed_nowhere(name: str) -> None:
    fault, scenario, memories = NOT_NEEDED_BESIDE_MISSES[name]
    for memory in memories:
        assert_program_holds(catalogue.scenario_named(scenario).changed(fault), scenario, memory=memory)


UNNEEDED = {**NOT_NEEDED, **{name: removal.fault for name, removal in NOT_NEEDED_BESIDE_MISSES.items()}}


@pytest.mark.prove
@pytest.mark.parametrize("name", UNNEEDED)
def test_an_ordering_beyond_need_is_missed_by_none_of_all_these_scenarios(name: str) -> None:
    for scenario in SCENARIOS.values():
        if scenario.name != catalogue.RACY:
            program = scenario.changed(UNNEEDED[name])
            assert_program_holds(program, f"{scenario.name}, {name}", Search.STATES, MemoryName.RA)


def test_plain_stores_to_what_is_being_read_are_a_data_race() -> None:
    report = explore(SCENARIOS[catalogue.RACY].program(), memory=MemoryName.RA)
    assert isinstance(report.failure, DataRaceError)
