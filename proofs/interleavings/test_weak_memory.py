"""The flow table and the flow record under x86-TSO and release-acquire, and every ordering that they need."""

import pytest

from proofs.interleavings.data_race import DataRaceError
from proofs.interleavings.explore import Report, explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.miss_orderings import NEEDED_BY_MISSES, NOT_NEEDED_BESIDE_MISSES
from proofs.interleavings.orderings import NEEDED, NOT_NEEDED
from proofs.interleavings.program import Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios import commits, crowds, expiry, flow, handover, lifecycles, misses, table
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.ledger import Method, Unknown, claim

MODULES = (table, flow, handover, lifecycles, misses, crowds, commits, expiry)
SCENARIOS = {scenario.name: scenario for module in MODULES for scenario in module.SCENARIOS}
ORDERINGS = {**NEEDED, **NEEDED_BY_MISSES}
WEAK = (MemoryName.TSO, MemoryName.RA)
MOST_SECONDS = 600.0

PLAIN_WRITES = "look-up beside reinstall"
"""Its entry is rewritten by plain stores, without a grace period, while it is read: a data race by intention."""
LONG = {
    *((name, memory) for name, scenario in SCENARIOS.items() for memory in WEAK if scenario.long),
    (PLAIN_WRITES, MemoryName.TSO),
    ("native expiry: datagrams both ways", MemoryName.RA),
    ("native expiry: datagrams both ways", MemoryName.TSO),
    ("hinted look-up beside first install", MemoryName.RA),
    ("install beside install", MemoryName.RA),
    ("renewal beside renewal", MemoryName.RA),
    ("renewal of a dead half, twice", MemoryName.RA),
}
"""More than a few seconds: for a campaign, `python -m proofs.interleavings run SCENARIO --memory MODEL`."""
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
    if (name, memory) not in LONG and (name, memory) != (PLAIN_WRITES, MemoryName.RA)
]


def explored(program: Program, memory: MemoryName) -> Report:
    report = explore(program, memory=memory, most_seconds=MOST_SECONDS)
    if report.failure is None and not report.complete:
        raise Unknown(f"not finished within {MOST_SECONDS} s")
    return report


def assert_holds(name: str, memory: MemoryName, program: Program) -> None:
    report = explored(program, memory)
    if report.counterexample is not None:
        schedule = to_text(report.counterexample)
        raise AssertionError(f"{name} fails under {memory.value}, {schedule}: {report.failure}") from report.failure


def assert_found(name: str, memory: MemoryName, program: Program) -> None:
    """It fails, and the shrunk schedule shows the failure again; the production source holds under that schedule."""
    report = explored(program, memory)
    assert report.counterexample is not None, f"{name} holds in all {report.executions} executions"
    text = to_text(shrink(program, report.counterexample, memory))
    assert type(replay(program, from_text(text), memory=memory).failure) is type(report.failure)
    right = replay(SCENARIOS[name].program(), from_text(text), strict=False, memory=memory)
    assert right.failure is None, f"the production source fails under {text}"


def scope(scenarios: list[tuple[str, MemoryName]]) -> str:
    return ", ".join(f"{name} ({memory.value})" for name, memory in scenarios)


@claim(
    "C8",
    "the flow table and the flow record hold under x86-TSO and release-acquire as under sequential consistency; no "
    "data race, no deadlock, no lost wake-up",
    method=Method.EXHAUSTIVE,
    scope=scope(CASES),
    assumptions="no values out of thin air; under release-acquire, operations are ordered by happens-before",
)
@pytest.mark.parametrize(
    ("name", "memory"),
    [pytest.param(*case, marks=[pytest.mark.slow] if case in SLOW else []) for case in CASES],
)
def test_holds_in_every_execution(name: str, memory: MemoryName) -> None:
    assert_holds(name, memory, SCENARIOS[name].program())


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
        assert_found(scenario, memory, SCENARIOS[scenario].changed(fault))


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
        assert_holds(scenario.name, MemoryName.RA, scenario.changed(NOT_NEEDED[name]))


@pytest.mark.parametrize("name", NOT_NEEDED_BESIDE_MISSES)
def test_an_ordering_beyond_the_need_of_misses_is_missed_nowhere(name: str) -> None:
    fault, scenario, memories = NOT_NEEDED_BESIDE_MISSES[name]
    for memory in memories:
        assert_holds(scenario, memory, SCENARIOS[scenario].changed(fault))


def test_plain_stores_to_what_is_being_read_are_a_data_race() -> None:
    report = explored(SCENARIOS[PLAIN_WRITES].program(), MemoryName.RA)
    assert isinstance(report.failure, DataRaceError)
