"""Every bundled recording under the corrected semantics: the fast path does as the reference does, step by step.

What both do departs from the recordings wherever a correction matters; `--semantics correct` attributes it.
"""

from pathlib import Path

import pytest

from proofs.conformance.attribution import Attribution
from proofs.conformance.compare import differences
from proofs.conformance.coverage import RECORDING_COUNT, STEP_COUNT
from proofs.conformance.engine import Outcome
from proofs.conformance.engines import Design, EngineName, SemanticsName, engine_factory, engines_by_semantics
from proofs.conformance.recording import read
from proofs.conformance.replay import replay
from proofs.conformance.test_recordings import EVERY_RECORDING
from proofs.ledger import Method, claim
from reference.semantics import Semantics

CORRECT = SemanticsName.CORRECT
ENGINES = engines_by_semantics(EngineName.REFERENCE, None)
ATTRIBUTION = Attribution(ENGINES)


@claim(
    "C10",
    "the fast path under Semantics.CORRECT is the reference under Semantics.CORRECT, in all lock designs",
    method=Method.CONFORMANT,
    scope=f"the operations of {RECORDING_COUNT} recordings, {STEP_COUNT:,} steps; one thread, one packet at a time",
)
@pytest.mark.parametrize("path", EVERY_RECORDING)
def test_the_corrected_fast_path_does_as_the_corrected_reference(path: Path) -> None:
    recording = read(path)
    reference = engine_factory(EngineName.REFERENCE, None, CORRECT)()
    fast = {design: engine_factory(EngineName.FASTPATH, design, CORRECT)() for design in Design}
    for engine in (reference, *fast.values()):
        engine.setup(recording.header)
    for step in recording.steps:
        expected = reference.step(step)
        for design, engine in fast.items():
            found = _departures(expected, engine.step(step))
            assert not found, f"{recording.name}, step {step.i}, {design}: {found[:5]}"


@claim(
    "C10",
    "wherever the reference under Semantics.CORRECT departs from OPTE, named corrections explain all of it",
    method=Method.CONFORMANT,
    scope=f"{RECORDING_COUNT} recordings, {STEP_COUNT:,} steps: with those flags off and all others on, it is OPTE",
)
@pytest.mark.parametrize("path", EVERY_RECORDING)
def test_every_departure_from_opte_is_explained_by_corrections(path: Path) -> None:
    recording = read(path)
    seen = replay(recording, ENGINES(Semantics.CORRECT))
    assert seen.equal or ATTRIBUTION.explain(recording, seen)


def _departures(expected: Outcome, got: Outcome) -> list[object]:
    return [*differences(expected.result, got.result, "result"), *differences(expected.ports, got.ports, "ports")]
