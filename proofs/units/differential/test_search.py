"""The search: a seeded fault is found and shrunk to a short story, equal engines are equal, and failures are kept."""

import shlex
import sys
from pathlib import Path

import pytest

from proofs.conformance.engine import Engine, EngineFailed, Outcome
from proofs.conformance.engines import EngineChoice, SemanticsName
from proofs.conformance.port_engine import PortEngine
from proofs.conformance.recording import from_lines
from proofs.conformance.replay import replay
from proofs.conformance.steps import Process, Step
from proofs.differential.search import Search, Tally
from proofs.units.differential.faulty_engine import faulty
from reference import Mappings, Port, Semantics, TableLimits, VpcConfig


def reference_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> Port:
    return Port(config, limits, mappings, Semantics.UPSTREAM)


def reference() -> Engine:
    return PortEngine(reference_port)


def test_the_reference_does_not_differ_from_itself() -> None:
    told: list[Tally] = []
    search = Search(reference, reference, told.append)
    assert search.run(examples=40, seed=7) is None
    assert search.tally.stories == len(told) == 40
    assert search.tally.steps > 300


def test_a_fault_is_found_and_shrunk_to_a_short_story() -> None:
    search = Search(reference, faulty("OtherHash"))
    found = search.run(examples=200, seed=1, chapters=3)
    assert found is not None
    assert found.repeats
    assert found.replay.mismatch is not None
    [difference] = found.replay.mismatch.differences
    assert difference.path == "result.l4_hash"
    assert isinstance(found.replay.mismatch.step, Process)
    assert len(found.replay.recording.steps) <= 6
    assert search.tally.stories <= 600


def test_the_story_of_a_fault_can_be_read_and_differs_again() -> None:
    found = Search(reference, faulty("Raise")).run(examples=200, seed=1, chapters=2)
    assert found is not None
    story = from_lines(Path("kept.jsonl"), enumerate(found.lines("kept"), start=1))
    assert story.is_closed
    assert story.name == "kept"
    assert replay(story, reference()).equal
    again = replay(story, faulty("Raise")())
    assert again.mismatch is not None
    assert again.mismatch.result["kind"] == "exception"


def test_an_engine_that_stops_in_a_story_is_a_finding_and_is_made_anew() -> None:
    made: list[Engine] = []

    class Mortal(PortEngine):
        def step(self, step: Step) -> Outcome:
            if isinstance(step, Process) and len(step.packet) < 14:
                raise EngineFailed(f"step {step.i}: gone")
            return super().step(step)

    def make() -> Engine:
        made.append(Mortal(reference_port))
        return made[-1]

    found = Search(reference, make).run(examples=200, seed=1, chapters=2)
    assert found is not None
    assert found.failure == "step 1: gone"
    assert len(found.replay.recording.steps) == 3
    assert len(made) > 2


def test_an_exception_of_the_left_engine_ends_the_story_and_is_kept_as_its_last_result() -> None:
    found = Search(faulty("Raise"), reference).run(examples=200, seed=1, chapters=2)
    assert found is not None
    assert found.failure == "the left engine raised IndexError: no such byte"
    story = from_lines(Path("kept.jsonl"), enumerate(found.lines("kept"), start=1))
    assert story.steps[-1].result == {"kind": "error", "error": "the engine raised IndexError: no such byte"}
    assert not replay(story, reference()).equal


def test_an_engine_that_cannot_set_up_a_port_is_no_finding() -> None:
    choice = EngineChoice(f"exec:{shlex.quote(sys.executable)} -c pass", SemanticsName.UPSTREAM)
    with pytest.raises(EngineFailed, match="header of story: exited with status 0"):
        Search(reference, choice.factory()).run(examples=5, seed=1)


def test_an_engine_that_depends_on_more_than_the_story_is_told_apart() -> None:
    faults = 0

    class Moody(PortEngine):
        def step(self, step: Step) -> Outcome:
            nonlocal faults
            outcome = super().step(step)
            if outcome.result["kind"] == "modified" and faults == 0:
                faults += 1
                raise RuntimeError("only once")
            return outcome

    found = Search(reference, lambda: Moody(reference_port)).run(examples=100, seed=1, chapters=3)
    assert found is not None
    assert not found.repeats
