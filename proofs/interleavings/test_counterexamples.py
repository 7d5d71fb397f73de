"""Failing schedules that were found once are replayed for ever: the fault still shows, the production source holds."""

from pathlib import Path

import pytest

from proofs.interleavings.counterexamples import FOLDER, Counterexample, stored
from proofs.ledger import Method, claim

STORED = list(stored())


@claim(
    "C11",
    "stored failing schedules still fail on the faulty source, and the production source holds under each",
    method=Method.TESTED,
    scope="; ".join(str(each.case) for each in STORED),
)
@pytest.mark.parametrize("kept", [pytest.param(each, id=str(each.case)) for each in STORED])
def test_a_stored_schedule_fails_with_the_fault_and_not_without(kept: Counterexample) -> None:
    case = kept.case
    fault = f"--fault {case.fault!r}" if case.fault is not None else ""
    anew = f"python -m proofs.interleavings run {case.scenario!r} {fault} --design {case.design.value}"
    shown = type(kept.run().failure).__name__
    assert shown == kept.failure, f"{shown} instead: find it anew by {anew} --memory {case.memory} --store {FOLDER}"
    assert kept.run_on_production().failure is None


def test_a_counterexample_survives_its_file(tmp_path: Path) -> None:
    for each in STORED:
        each.store(tmp_path)
    assert list(stored(tmp_path)) == STORED
    assert len(STORED) >= 8
