"""What the tests of this folder do with a scenario: explore it to the end, find its faults, replay what was found."""

from collections.abc import Iterable

import pytest

from fastpath.designs import Design
from proofs.interleavings.explore import Report, Search, explore
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.ledger import Unknown

ASSUMPTIONS = "sequentially consistent memory; of equivalent executions one is run (source-set DPOR)"
MOST_SECONDS = 300.0
"""Longer than any search needs; what is not finished by then is unknown."""


def cases(scenarios: Iterable[Scenario]) -> list[object]:
    """Each scenario under each of its designs, as parameters of a test; slow ones marked, long ones left out."""
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
    """Explore a scenario to the end. A failure names its schedule; a search that does not end is unknown."""
    report = explore(scenario.program(design=design), search, most_seconds=MOST_SECONDS)
    if report.counterexample is not None:
        schedule = to_text(report.counterexample)
        raise AssertionError(f"{scenario.name} fails under {schedule}: {report.failure}") from report.failure
    if not report.complete:
        raise Unknown(f"{scenario.name} was not finished within {MOST_SECONDS} s")
    assert report.executions >= scenario.at_least, (
        f"only {report.executions} executions: is there nothing to interleave?"
    )
    return report


def assert_broken(scenario: Scenario, design: Design) -> None:
    """Explore a scenario under a design that has a defect until it fails; the same schedule is harmless to `fine`."""
    program = scenario.program(design=design)
    report = explore(program, most_seconds=MOST_SECONDS)
    assert report.counterexample is not None, f"{design.value} holds in all {report.executions} executions"
    assert type(replay(program, report.counterexample).failure) is type(report.failure)
    assert replay(scenario.program(), report.counterexample, strict=False).failure is None


def assert_found(scenario: Scenario, fault: str) -> str:
    """Explore a scenario with a fault until it fails; the shrunk schedule, printed, replays to the same failure.

    The same schedule is harmless to the production source.
    """
    faulty = scenario.program(fault)
    report = explore(faulty, most_seconds=MOST_SECONDS)
    assert report.counterexample is not None, f"{fault} was not found in {report.executions} executions"
    schedule = to_text(shrink(faulty, report.counterexample))
    again = replay(faulty, from_text(schedule))
    assert type(again.failure) is type(report.failure), f"{schedule} does not show the failure again"
    assert replay(scenario.program(), from_text(schedule), strict=False).failure is None
    print(f"{scenario.name}, {fault}: {schedule}")  # noqa: T201 - shown by pytest when asked
    return schedule
