"""The engine for another program: header and steps go to it as JSON lines, its answers come back as JSON lines.

The protocol is described in docs/external-engines.md.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import msgspec

from proofs.conformance.engine import EngineFailed, Outcome
from proofs.conformance.expectation import merged
from proofs.conformance.header import Header
from proofs.conformance.inputs import header_inputs, step_inputs
from proofs.conformance.line_process import LineProcess, ProcessFault, shown
from proofs.conformance.steps import Plain, PortStep, Step, operation_name

PREFIX = "exec:"
SHOWN_COMMAND = 100
"""Characters of the command that a message shows."""
SECONDS_TO_ANSWER = 30.0
"""Default time-out of each answer; the first one includes starting the program."""


class PortAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is observable about a port after its set-up."""

    name: str
    epoch: int
    port_state: str
    layers: list[Plain]
    stats: Plain
    flows: Plain


class HeaderAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to a header: every port of it."""

    ports: list[PortAnswer]


class StepAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to a step: its number, its result, and what changed of the port it acted on."""

    i: int
    result: Plain
    stats: Plain = msgspec.field(default_factory=dict)
    flows: Plain = msgspec.field(default_factory=dict)
    epoch: int | None = None
    port_state: str | None = None


class ExternalEngine:
    """Replays on the program that `command` starts. Leaving the context ends it.

    Raises `EngineFailed` when the program cannot be started, crashes, falls silent, says too much or makes no sense.
    """

    def __init__(self, command: str, semantics: str, timeout: float = SECONDS_TO_ANSWER) -> None:
        self._command = command
        self._semantics = semantics
        self._place = "start"
        self._ports: dict[str, Plain] = {}
        try:
            self._process = LineProcess(command, timeout)
        except ProcessFault as fault:
            raise self._failed(str(fault)) from None

    def __enter__(self) -> ExternalEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the program; after an undisturbed session it must end by itself and in good order."""
        try:
            if kind is None:
                self._place = f"after {self._place}"
                self._process.finish()
        except ProcessFault as fault:
            raise self._failed(str(fault)) from None
        finally:
            self._process.kill()

    def setup(self, header: Header) -> dict[str, Plain]:
        """Send the header, with the name of the semantics to follow."""
        self._place = f"header of {header.name}"
        told = header_inputs(header) | {"semantics": self._semantics}
        answer: HeaderAnswer = self._ask(told, HeaderAnswer)
        names = [port.name for port in answer.ports]
        if names != [port.name for port in header.ports]:
            raise self._failed(f"the answer is about ports {names}, in this order those of the header are due")
        self._ports = {port.name: _members(port, "epoch", "port_state", "stats", "flows") for port in answer.ports}
        return {port.name: self._ports[port.name] | _members(port, "layers") for port in answer.ports}

    def step(self, step: Step) -> Outcome:
        """Send one step, and keep count of what the program says has changed."""
        self._place = f"step {step.i} ({operation_name(step)})"
        answer: StepAnswer = self._ask(step_inputs(step), StepAnswer)
        if answer.i != step.i:
            raise self._failed(f"the answer is about step {answer.i}")
        if "kind" not in answer.result:
            raise self._failed("the answer is malformed: `result` has no member `kind`")
        changed = {
            name: value
            for name, value in _members(answer, "stats", "flows", "epoch", "port_state").items()
            if value not in (None, {})
        }
        if isinstance(step, PortStep):
            self._ports = self._ports | {step.port: merged(self._ports[step.port], changed)}
        elif changed:
            raise self._failed("the answer is malformed: a step on the shared tables changes no port")
        return Outcome(answer.result, self._ports)

    def _ask(self, told: Plain, kind: Any) -> Any:
        try:
            line = self._process.ask(msgspec.json.encode(told))
        except ProcessFault as fault:
            raise self._failed(str(fault)) from None
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._failed(f"the answer is malformed: {error}: {shown(line)}") from None

    def _failed(self, fault: str) -> EngineFailed:
        name = " ".join(self._command.split())
        shortened = name if len(name) <= SHOWN_COMMAND else f"{name[:SHOWN_COMMAND]}..."
        return EngineFailed(f"{PREFIX}{shortened}: {self._place}: {fault}")


def _members(answer: msgspec.Struct, *names: str) -> Plain:
    return {name: getattr(answer, name) for name in names}
