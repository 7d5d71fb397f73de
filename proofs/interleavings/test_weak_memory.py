"""The flow table and the flow record under x86-TSO and release-acquire, and every ordering that they need."""

from collections.abc import Iterable

import pytest

from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.data_race import DataRaceError
from proofs.interleavings.explore import explore
from proofs.interleavings.exploring import assert_fails, assert_program_holds
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.miss_orderings import NEEDED_BY_MISSES, NOT_NEEDED_BESIDE_MISSES
from proofs.interleavings.orderings import NEEDED, NOT_NEEDED
from proofs.interleavings.report import Search
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios import commits, counting, crowds, expiry, flow, handover, lifecycles, misses, table
from proofs.ledger import Method, claim

MODULES = (table, flow, handover, lifecycles, misses, counting, crowds, commits, expiry)
SCENARIOS = {scenario.name: scenario for module in MODULES for scenario in module.SCENARIOS}
ORDERINGS = {**NEEDED, **NEEDED_BY_MISSES}
WEAK = (MemoryName.TSO, MemoryName.RA)

PLAIN_WRITES = "look-up beside reinstall"
"""Its entry is rewritten by plain stores, without a grace period, while it is read: a data race by intention."""
BY_STATES = {
    *(("hit beside two reuses", memory) for memory in WEAK),
    *(("four on one life", memory) for memory in WEAK),
    (PLAIN_WRITES, MemoryName.TSO),
    ("native expiry: datagrams both ways", MemoryName.TSO),
    ("hinted look-up beside first install", MemoryName.RA),
    ("install beside install", MemoryName.RA),
}
"""A reduced search takes long for these, one of states some seconds."""
LONG = {
    *((name, memory) for name, scenario in SCENARIOS.items() for memory in WEAK if scenario.long),
    ("native expiry: datagrams both ways", MemoryName.RA),
    ("renewal beside renewal", MemoryName.RA),
    ("renewal of a dead half, twice", MemoryName.RA),
}
"""For a campaign, `python -m proofs.interleavings run SCENARIO --memory MODEL`, if not in `BY_STATES`."""
SLOW = {
    ("three that intern", MemoryName.RA),
    ("three that intern", MemoryName.TSO),
    ("three takers", MemoryName.RA),
    ("native expiry: segments both ways", MemoryName.RA),
}
CASES = [
    (name, memory)
    for name in SCENARIOS
    for memory in (*WEAK, *((MemoryName.SC,) if SCENARIOS[name] in handover.SCENARIOS else ()))
    if (name, memory) not in BY_STATES | LONG | {(PLAIN_WRITES, MemoryName.RA)}
]


def scope(scenarios: Iterable[tuple[str, MemoryName]]) -> str:
    return ", ".join(f"{name} ({memory.value})" for name, memory in scenarios)


@claim(
    "C8",
    "the flow table and the flow record hold under x86-TSO and release-acquire as under sequential consistency; no "
    "data race, no deadlock, no lost wake-up",
    method=Method.EXHAUSTIVE,
    scope=scope([*CASES, *sorted(BY_STATES)]),
    assumptions="no values out of thin air; under release-acquire, operations are ordered by happens-before",
)
@pytest.mark.parametrize(
    ("name", "memory", "search"),
    [
        *(pytest.param(*case, Search.REDUCED, marks=[pytest.mark.slow] if case in SLOW else []) for case in CASES),
        *(pytest.param(*case, Search.STATES, marks=[pytest.mark.slow]) for case in sorted(BY_STATES)),
    ],
)
def test_holds_in_every_execution(name: str, memory: MemoryName, search: Search) -> None:
    assert_program_holds(SCENARIOS[name].program(), name, search, memory)


@claim(
    "C8",
    "each of these orderings is needed: without it a scenario fails, and its schedule replays",
    method=Method.TESTED,
    scope=f"{len(ORDERINGS)} single removals: {'; '.join(removal.fault.about for removal in ORDERINGS.values())}",
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if (removal.scenario, MemoryName.RA) in SLOW else [])
        for name, removal in ORDERINGS.items()
    ],
)
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
        assert_program_holds(scenario_named(scenario).changed(fault), scenario, memory=memory)


def test_plain_stores_to_what_is_being_read_are_a_data_race() -> None:
    report = explore(SCENARIOS[PLAIN_WRITES].program(), memory=MemoryName.RA)
    assert isinstance(report.failure, DataRaceError)
