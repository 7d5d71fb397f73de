"""What the tests of this folder do with a scenario: explore it to the end, find its faults, replay what was found."""

from collections.abc import Iterable

import pytest

from fastpath.designs import Design
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.report import Report, Search
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.ledger import Unknown

ASSUMPTIONS = "sequentially consistent memory; of equivalent executions one is run (source-set DPOR)"
ASSUMPTIONS_OF_STATES = "sequentially consistent memory; each state once, told apart by memory and local states"
NO_PROGRAM = (TypeError, NameError, AttributeError, ImportError)
"""What a changed source raises that does not fit its surroundings any more."""
MOST_SECONDS = 300.0
"""Longer than any search needs; what is not finished by then is unknown."""

_MOST_SECONDS_OF_SHRINKING = 2.0
"""How short a schedule becomes does not matter here."""


def cases(scenarios: Iterable[Scenario]) -> list[object]:
    """Each scenario under each of its designs, as parameters of a test; slow ones marked.

    Long ones are left out: `test_every_scenario.py` has them all, under `fine`.
    """
    return [
        pytest.param(
            scenario,
            design,
            id=f"{scenario.name}, {design.value}",
            marks=[pytest.mark.slow] if scenario.slow else [],
        )
        for scenario in scenarios
        if not scenario.long
        for design in scenario.designs
    ]


def fault_cases(scenarios: Iterable[Scenario]) -> list[object]:
    """Each fault of each scenario, as parameters of a test."""
    return [
        pytest.param(scenario, fault, id=f"{scenario.name}, {fault}")
        for scenario in scenarios
        for fault in scenario.faults
    ]


def broken_cases(scenarios: Iterable[Scenario]) -> list[object]:
    """Each scenario under each design that has a defect there, as parameters of a test."""
    return [
        pytest.param(scenario, design, id=f"{scenario.name}, {design.value}: {defect}")
        for scenario in scenarios
        for design, defect in scenario.broken.items()
    ]


def scope(scenarios: Iterable[Scenario]) -> str:
    """What the scenarios run, for the ledger."""
    return "; ".join(scenario.scope for scenario in scenarios if not scenario.long)


def fault_scope(scenarios: Iterable[Scenario]) -> str:
    """The faults, for the ledger."""
    faults = [fault.about for scenario in scenarios for fault in scenario.faults.values()]
    return f"{len(faults)} changes of the production source: {'; '.join(faults)}"


def assert_holds(scenario: Scenario, design: Design, search: Search = Search.REDUCED) -> Report:
    """Explore a scenario to the end, as `assert_program_holds` says."""
    report = assert_program_holds(scenario.program(design=design), scenario.name, search)
    made = max(report.executions, report.states)
    assert made >= scenario.at_least, f"only {made} executions, or states: is there nothing to interleave?"
    return report


def assert_program_holds(
    program: Program, name: str, search: Search = Search.REDUCED, memory: MemoryName = MemoryName.SC
) -> Report:
    """Explore a program to the end. A failure names its schedule; a search that does not end is unknown."""
    report = explore(program, search, most_seconds=MOST_SECONDS, memory=memory)
    if report.counterexample is not None:
        schedule = to_text(report.counterexample)
        raise AssertionError(f"{name} fails under {memory.value}, {schedule}: {report.failure}") from report.failure
    if not report.complete:
        raise Unknown(f"{name} was not finished within {MOST_SECONDS} s")
    return report


def assert_broken(scenario: Scenario, design: Design) -> None:
    """Explore a scenario under a design that has a defect until it fails; the same schedule is harmless to `fine`."""
    program = scenario.program(design=design)
    report = explore(program, most_seconds=MOST_SECONDS)
    assert report.counterexample is not None, f"{design.value} holds in all {report.executions} executions"
    assert type(replay(program, report.counterexample).failure) is type(report.failure)
    assert replay(scenario.program(), report.counterexample, strict=False).failure is None


def assert_found(scenario: Scenario, fault: str, search: Search = Search.REDUCED) -> str:
    """A fault of a scenario is found, as `assert_fails` says."""
    schedule = assert_fails(scenario.program(fault), scenario.program(), fault, search=search)
    print(f"{scenario.name}, {fault}: {schedule}")  # noqa: T201 - shown by pytest when asked
    return schedule


def assert_fails(
    faulty: Program,
    production: Program,
    fault: str,
    memory: MemoryName = MemoryName.SC,
    search: Search = Search.REDUCED,
) -> str:
    """Explore a program with a fault until it fails; the shrunk schedule replays to the same failure.

    The same schedule is harmless to the production source. A fault that is no program any more has not failed.
    """
    report = explore(faulty, search, most_seconds=MOST_SECONDS, memory=memory)
    assert report.counterexample is not None, f"{fault} was not found in {report.executions} executions"
    assert not isinstance(report.failure, NO_PROGRAM), f"{fault} does nothing wrong, it cannot run: {report.failure!r}"
    schedule = to_text(shrink(faulty, report.counterexample, memory, _MOST_SECONDS_OF_SHRINKING))
    again = replay(faulty, from_text(schedule), memory=memory)
    assert type(again.failure) is type(report.failure), f"{schedule} does not show the failure again"
    right = replay(production, from_text(schedule), strict=False, memory=memory)
    assert right.failure is None, f"the production source fails under {schedule}"
    return schedule
