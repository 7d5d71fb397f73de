"""The whole port in every interleaving of small scenarios."""

import pytest

from fastpath.designs import Design
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.exploring import (
    ASSUMPTIONS,
    assert_broken,
    assert_fails,
    assert_found,
    assert_holds,
    assert_program_holds,
    broken_cases,
    cases,
    fault_cases,
    fault_scope,
    scope,
)
from proofs.interleavings.memory_model import MemoryName
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
    assumptions=ASSUMPTIONS,
)
@pytest.mark.parametrize(("scenario", "design"), cases(SCENARIOS))
def test_holds_in_every_interleaving(scenario: Scenario, design: Design) -> None:
    assert_holds(scenario, design)


TSO, RA = MemoryName.TSO, MemoryName.RA
WEAK = (
    "port: hit beside rule change",
    "port: segment beside rule change",
    "port: segments in both directions",
    "port: hit beside pause",
    "port: hit beside pause and dump",
    "port: hit beside new external addresses",
    "port: two hits of one half",
    "port: two hits beside each other's time",
    "port: segment beside expiry",
    "port: source NAT outbound beside the first reply",
    "port: hit beside a move of its neighbour",
    "port: two hits beside a move of their neighbour",
    "port: hit beside pause and start",
    "misses: beside rule change",
    "misses: beside dump",
)
"""Those that a search of states ends in seconds; for the others, `python -m proofs.interleavings run`."""
ONCE = (
    ("port: first packet beside a reply to its port", TSO),
    ("port: two flows for one port", TSO),
    ("misses: beside pause", RA),
)
"""Those that it ends in seconds under one of them."""
CASES = [*((name, memory) for name in WEAK for memory in (TSO, RA)), *ONCE]
UNORDERED = {"epoch ignored", "control word stays", "mappings unseen"}
"""Not found under release and acquire: two calls that know nothing of each other may take effect in either order."""
FAULTS = [
    (name, fault, memory)
    for name, memory in CASES
    for fault in scenario_named(name).faults
    if memory is TSO or fault not in UNORDERED
]


@claim(
    "C8",
    "the port is linearizable against the reference port under x86-TSO and release-acquire, too",
    method=Method.EXHAUSTIVE,
    scope=f"[fine] {', '.join(f'{name} ({memory.value})' for name, memory in CASES)}",
    assumptions="no values out of thin air; the slow lock orders what Python does behind it, and Python's assignments "
    "and look-ups outside it release and acquire; under release-acquire, operations are ordered by happens-before",
)
@pytest.mark.slow
@pytest.mark.parametrize(("name", "memory"), CASES)
def test_holds_under_weak_memory(name: str, memory: MemoryName) -> None:
    report = assert_program_holds(scenario_named(name).program(), name, Search.STATES, memory)
    assert report.steps >= 10, f"only {report.steps} steps: is there nothing to interleave?"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fault", "memory"), FAULTS)
def test_finds_the_seeded_fault_under_weak_memory(name: str, fault: str, memory: MemoryName) -> None:
    scenario = scenario_named(name)
    assert_fails(scenario.program(fault), scenario.program(), fault, memory, Search.STATES)


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
