"""What the runner needs of an implementation; port_engine.py gives it for whatever resembles `reference.Port`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from proofs.conformance.header import Header
from proofs.conformance.steps import Plain, Step


@dataclass(frozen=True)
class Outcome:
    """What an engine did.

    `result` is as in FORMAT.md section 5; `ports` has `epoch`, `port_state`, `stats` and `flows` by port.
    """

    result: Plain
    ports: dict[str, Plain] = field(default_factory=dict)


class EngineFailed(Exception):
    """An engine cannot go on: it crashed, fell silent, or does not keep to the protocol. The message says where."""


class Engine(AbstractContextManager["Engine", None], Protocol):
    """An implementation that can replay recordings. All values are plain and in FORMAT.md's terms.

    A context: leaving it gives back what the engine holds, such as a process. Every method may raise `EngineFailed`.
    """

    def setup(self, header: Header) -> dict[str, Plain]:
        """Begin anew and build the ports.

        Returns each port's `epoch`, `port_state`, `stats`, `flows` and `layers`, by port name.
        """

    def step(self, step: Step) -> Outcome:
        """Do one step."""
