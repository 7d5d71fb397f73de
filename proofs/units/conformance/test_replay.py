"""Replay: an engine that answers as recorded is equal, and any change of one leaf is reported at its place."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.engine import Outcome
from proofs.conformance.recording import Recording, find, read
from proofs.conformance.replay import replay
from proofs.conformance.steps import Dump, Plain, PortStep, Process, Step
from proofs.units.conformance.mutation import Mutant, leaves, mutants, mutants_of_leaf
from proofs.units.conformance.playback import Playback

MUSEUM = RECORDINGS / "museum"
SWEPT = ("m_negative-counters_v4", "m_wrong-guest_v6", "m_denied-keeps-tcp_v4")
ALL_PATHS = find([RECORDINGS])


def named(name: str) -> Recording:
    return read(MUSEUM / f"{name}.jsonl.gz")


def with_step(recording: Recording, step: Step) -> Recording:
    """The recording up to `step`, which takes the place of the step of its number."""
    return Recording(recording.path, recording.header, (*recording.steps[: step.i], step))


def observable(step: Step) -> Plain:
    """What a step records about the port."""
    return {"stats": step.stats, "flows": step.flows} | {
        name: value for name in ("epoch", "port_state") if (value := getattr(step, name)) is not None
    }


def unchanged(step: Step) -> Plain:
    """What to put for members that the step does not record."""
    return {"epoch": None, "port_state": None} if isinstance(step, PortStep) else {}


def assert_reported(recording: Recording, step: Step, mutant: Mutant) -> None:
    done = replay(with_step(recording, step), Playback(recording))
    assert done.mismatch is not None, mutant.change
    assert done.mismatch.step is step, mutant.change
    assert mutant.is_reported_by(list(done.mismatch.differences)), (mutant.change, done.mismatch.differences)


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL_PATHS[::6], ids=lambda path: path.name)
def test_an_engine_that_plays_the_recording_back_is_equal(path: Path) -> None:
    recording = read(path)
    done = replay(recording, Playback(recording))
    assert done.equal
    assert done.compared + done.panics == len(recording.steps)


def some_mutants(result: Plain, start: int) -> Iterator[Mutant]:
    """One mutant of each leaf of a result but its kind, of a kind of change that differs from leaf to leaf."""
    for number, keys in enumerate(leaves(result), start):
        if keys != ("kind",):
            choices = list(mutants_of_leaf(result, keys, "result"))
            yield choices[number % len(choices)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_a_change_of_each_leaf_of_a_result_is_reported_at_its_step_and_path(name: str) -> None:
    recording = named(name)
    dumps = [step.i for step in recording.steps if isinstance(step, Dump)]
    for step in recording.steps:
        if step.i not in dumps[1:-1]:
            for mutant in some_mutants(step.result, step.i):
                assert_reported(recording, msgspec.structs.replace(step, result=mutant.value), mutant)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_every_changed_counter_size_epoch_and_state_is_reported_at_its_step_and_path(name: str) -> None:
    recording = named(name)
    for step in recording.steps:
        for mutant in mutants(observable(step)):
            # A member of `flows` may repeat an unchanged size, so that without it the step says the same.
            says_the_same = mutant.change.startswith("('flows'") and mutant.change.endswith("removed")
            if not says_the_same and all(isinstance(mutant.value.get(member), dict) for member in ("stats", "flows")):
                assert_reported(recording, msgspec.structs.replace(step, **unchanged(step) | mutant.value), mutant)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.sampled_from(ALL_PATHS), st.randoms(use_true_random=False))
def test_a_changed_leaf_of_any_recording_is_reported(path: Path, choose: Any) -> None:
    recording = read(path)
    steps = [step for step in recording.steps if len(step.result) > 1 and step.result["kind"] != "panic"]
    step = choose.choice(steps)
    keys = choose.choice([keys for keys in leaves(step.result) if keys != ("kind",)])
    mutant = choose.choice(list(mutants_of_leaf(step.result, keys, "result")))
    assert_reported(recording, msgspec.structs.replace(step, result=mutant.value), mutant)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_every_changed_leaf_of_the_set_up_is_reported(name: str) -> None:
    recording = named(name)
    [port] = recording.header.ports
    observed = ("epoch", "port_state", "layers", "stats", "flows")
    for mutant in mutants({member: getattr(port, member) for member in observed}, port.name):
        if set(mutant.value) != set(observed):
            continue
        header = msgspec.structs.replace(recording.header, ports=(msgspec.structs.replace(port, **mutant.value),))
        done = replay(Recording(recording.path, header, ()), Playback(recording))
        assert done.mismatch is not None, mutant.change
        assert done.mismatch.step is None
        assert mutant.is_reported_by(list(done.mismatch.differences)), mutant.change


@pytest.mark.slow
def test_every_counter_that_should_not_have_moved_is_reported_by_the_step_that_moved_it() -> None:
    recording = named("m_negative-counters_v4")
    shown = {"stats": recording.header.ports[0].stats, "flows": recording.header.ports[0].flows}
    for step in recording.steps:
        for keys in leaves(shown):
            fault: Any = -1
            for key in reversed(keys):
                fault = {key: fault}
            done = replay(recording, Playback(recording, {step.i: {"g1": fault}}))
            assert done.mismatch is not None, (step.i, keys)
            assert done.mismatch.step == step
            assert [found.path for found in done.mismatch.differences] == [".".join(keys)]


def test_a_port_that_the_step_did_not_act_on_must_not_move() -> None:
    recording = read(RECORDINGS / "public" / "9_random_two_ports.jsonl.gz")
    step = next(step for step in recording.steps if isinstance(step, Process) and step.port == "g1")
    done = replay(recording, Playback(recording, {step.i: {"g2": {"stats": {"nat": {"evictions": 99}}}}}))
    assert done.mismatch is not None
    assert done.mismatch.step == step
    assert [found.path for found in done.mismatch.differences] == ["g2.stats.nat.evictions"]


class Raising(Playback):
    """Raises in place of the second step."""

    def step(self, step: Step) -> Outcome:
        if step.i == 1:
            raise ZeroDivisionError("nothing to share")
        return super().step(step)


def test_an_exception_of_the_engine_is_a_difference_with_its_place() -> None:
    recording = named("m_negative-counters_v4")
    mismatch = replay(recording, Raising(recording)).mismatch
    assert mismatch is not None
    assert mismatch.result["kind"] == "exception"
    assert mismatch.result["error"] == "ZeroDivisionError: nothing to share"
    assert mismatch.result["at"].startswith("proofs/units/conformance/test_replay.py:")
    assert mismatch.step is not None
    assert mismatch.step.i == 1


class NoSetup(Playback):
    """Cannot be set up."""

    def setup(self, header: Any) -> dict[str, Plain]:
        raise NotImplementedError("no ports")


def test_an_exception_in_the_set_up_is_a_difference() -> None:
    recording = named("m_negative-counters_v4")
    mismatch = replay(recording, NoSetup(recording)).mismatch
    assert mismatch is not None
    assert mismatch.step is None
    assert mismatch.result["error"] == "NotImplementedError: no ports"


def test_a_recorded_panic_is_counted_apart_and_not_replayed() -> None:
    recording = read(RECORDINGS / "panics" / "panic_tcp_seq_max_v4.jsonl.gz")
    done = replay(recording, Playback(recording))
    assert (done.equal, done.compared, done.panics) == (True, len(recording.steps) - 1, 1)


def test_a_missing_port_is_a_difference() -> None:
    recording = named("m_negative-counters_v4")
    engine = Playback(recording)
    header = copy.deepcopy(recording.header)
    ports = (*header.ports, msgspec.structs.replace(header.ports[0], name="g2"))
    done = replay(Recording(recording.path, msgspec.structs.replace(header, ports=ports), ()), engine)
    assert done.mismatch is not None
    assert [found.path for found in done.mismatch.differences] == ["g2"]
