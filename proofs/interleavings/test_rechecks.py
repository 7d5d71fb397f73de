"""The table of single removals: every row is a fault that some scenario has, and so is found."""

import pytest

from proofs.interleavings.catalogue import SCENARIOS, scenario_named
from proofs.interleavings.explore import explore
from proofs.interleavings.miss_orderings import NEEDED_BY_MISSES
from proofs.interleavings.orderings import NEEDED
from proofs.interleavings.rechecks import NOT_FOUND_MISSING, PARTS
from proofs.ledger import Method, claim


@claim(
    "C11",
    "each lock, read-modify-write, grace period and second look of `fine` is missed by a scenario; the faults are "
    "found in the tests of the scenarios",
    method=Method.TESTED,
    scope=f"{len(PARTS)} single removals: {'; '.join(part.part for part in PARTS)}",
)
def test_every_part_names_a_fault_of_a_scenario() -> None:
    for part in PARTS:
        assert part.fault in scenario_named(part.scenario).faults, part.part


def test_no_part_stands_twice() -> None:
    edits = [tuple(scenario_named(part.scenario).faults[part.fault].edits) for part in PARTS]
    assert len({part.part for part in PARTS}) == len(PARTS)
    assert len({(part.scenario, edit) for part, edit in zip(PARTS, edits, strict=True)}) == len(PARTS)


def test_orderings_are_of_scenarios_that_there_are() -> None:
    for removal in (*NEEDED.values(), *NEEDED_BY_MISSES.values()):
        assert removal.scenario in SCENARIOS


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_FOUND_MISSING)
def test_what_no_scenario_misses_is_missed_by_none_of_the_small_ones(name: str) -> None:
    for scenario in ("native expiry: beginning", "native expiry: segment", "renewal beside renewal"):
        report = explore(scenario_named(scenario).changed(NOT_FOUND_MISSING[name]))
        assert report.complete
        assert report.failure is None
