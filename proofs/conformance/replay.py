"""Replaying one recording on one engine, up to the first step that differs."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from proofs.conformance.compare import Difference, differences
from proofs.conformance.engine import Engine, EngineFailed, Outcome
from proofs.conformance.expectation import Expectation
from proofs.conformance.header import Header
from proofs.conformance.recording import Recording
from proofs.conformance.steps import Dump, Plain, PortStep, Step

EXCEPTION = "exception"
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mismatch:
    """The first difference of a recording: the step (None for the set-up), what differs, and the engine's outcome."""

    step: Step | None
    differences: tuple[Difference, ...]
    result: Plain


@dataclass(frozen=True)
class Replay:
    """What came of a replay: number of steps found equal, of recorded panics left out, and the first mismatch."""

    recording: Recording
    compared: int
    panics: int
    mismatch: Mismatch | None

    @property
    def equal(self) -> bool:
        """Whether everything compared was equal."""
        return self.mismatch is None


def replay(recording: Recording, engine: Engine, on_step: Callable[[], None] | None = None) -> Replay:
    """Set the engine up and do every step; after each, compare the result and all ports' observable state.

    Raises:
        EngineFailed: the engine could not go on; that is no finding about its behaviour.
    """
    header = recording.header
    expectation = Expectation(header)
    outcome = _guarded(lambda: Outcome({}, engine.setup(header)))
    found = differences({}, outcome.result, "result") or _setup_differences(header, outcome)
    if found:
        return Replay(recording, 0, 0, Mismatch(None, tuple(found), outcome.result))
    panics = 0
    for step in recording.steps:
        if on_step is not None:
            on_step()
        if step.result["kind"] == "panic":
            panics += 1
            continue
        expectation.advance(step)
        outcome = _guarded(partial(engine.step, step))
        found = step_differences(step, expectation, outcome)
        if found:
            return Replay(recording, step.i - panics, panics, Mismatch(step, tuple(found), outcome.result))
    return Replay(recording, len(recording.steps) - panics, panics, None)


def step_differences(step: Step, expectation: Expectation, outcome: Outcome) -> list[Difference]:
    """Differences of one step: its result, the port it acted on, and the other ports, which must not have moved."""
    found = differences(step.result, _comparable(step, outcome.result), "result")
    if outcome.result.get("kind") == EXCEPTION:
        return found
    acting = step.port if isinstance(step, PortStep) else None
    for name, expected in expectation.ports.items():
        found += differences(expected, outcome.ports.get(name), "" if name == acting else name)
    return found


def _comparable(step: Step, result: Plain) -> Plain:
    """The result without what this step does not record: only the last dump has `stats`, which are compared anyway."""
    if isinstance(step, Dump) and "stats" not in step.result:
        return {member: value for member, value in result.items() if member != "stats"}
    return result


def _setup_differences(header: Header, outcome: Outcome) -> list[Difference]:
    found: list[Difference] = []
    for port in header.ports:
        expected = {
            "epoch": port.epoch,
            "port_state": port.port_state,
            "stats": port.stats,
            "flows": port.flows,
            "layers": port.layers,
        }
        found += differences(expected, outcome.ports.get(port.name), port.name)
    return found


def _guarded(act: Callable[[], Outcome]) -> Outcome:
    """An exception of the engine is an outcome too: a result of kind `exception`, with the place it came from."""
    try:
        return act()
    except EngineFailed:
        raise
    except Exception as error:  # whatever the engine raises is a finding about the engine
        return Outcome({"kind": EXCEPTION, "error": f"{type(error).__name__}: {error}", "at": _place(error)}, {})


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(PROJECT)] or frames
    frame = inside[-1]
    path = Path(frame.filename)
    shown: Any = path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path.name
    return f"{shown}:{frame.lineno} in {frame.name}"
