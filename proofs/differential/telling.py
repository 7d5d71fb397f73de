"""Telling a story: one engine lives through it, and what it answers is written down as a recording."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from proofs.conformance import recording
from proofs.conformance.engine import Engine, EngineFailed, Outcome
from proofs.conformance.expectation import changes
from proofs.conformance.header import Header
from proofs.conformance.recording import Recording
from proofs.conformance.steps import Operation, Plain, Step
from proofs.differential.scene import BEGINNING_MS, PORT, Scene
from proofs.equivalence.conversation import Conversation, Line, Opening
from reference.direction import Direction
from reference.recorded.operations import MAPPING_OPERATIONS
from reference.verdict import Modified, ProcessError, Verdict

UNANSWERED: Plain = {"epoch": 0, "port_state": "ready", "layers": [], "stats": {}, "flows": {}}
"""What stands in a header until the port has answered."""


class TellerFailed(Exception):
    """The engine that tells raised an exception. The story told so far ends with it, as an error of the last step."""


class Narrator:
    """Tells one story to an engine.

    Attributes:
        scene: where it plays.
        now_ms: the time.
        conversations: those begun, in order.
    """

    def __init__(self, engine: Engine, scene: Scene) -> None:
        self.scene = scene
        self.now_ms = BEGINNING_MS
        self.conversations: list[Conversation] = []
        self._engine = engine
        self._steps: list[Plain] = []
        inputs = scene.header()
        self._header: Plain = inputs | {
            "source": "lockstep",
            "name": "story",
            "about": "A generated story.",
            "features": ["generated"],
            "ports": [port | UNANSWERED for port in inputs["ports"]],
        }
        observed = engine.setup(msgspec.convert(self._header, Header))
        self._header["ports"] = [port | observed[port["name"]] for port in self._header["ports"]]
        self._last = {name: {**port, "layers": None} for name, port in observed.items()}

    @property
    def written(self) -> Sequence[Plain]:
        """The steps told so far, as recorded."""
        return self._steps

    def do(self, operation: str, **arguments: Any) -> Plain:
        """One step; returns its result.

        Raises:
            TellerFailed: the engine raised an exception.
            EngineFailed: the engine cannot go on.
        """
        told: Plain = {"i": len(self._steps), "t_ms": self.now_ms, "op": operation}
        if operation not in MAPPING_OPERATIONS:
            told["port"] = PORT
        told |= arguments
        step: Step = msgspec.convert(told | {"result": {"kind": "ok"}}, Operation)
        try:
            outcome = self._engine.step(step)
        except EngineFailed:
            raise
        except Exception as error:  # whatever it raises, the story shall be kept
            fault = f"{type(error).__name__}: {error}"
            self._steps.append(told | {"result": {"kind": "error", "error": f"the engine raised {fault}"}})
            raise TellerFailed(fault) from error
        self._steps.append(told | {"result": outcome.result} | self._changes(outcome))
        return outcome.result

    def send(self, direction: Direction, frame: bytes, cuts: Sequence[int] = ()) -> Verdict:
        """One packet; returns the verdict as far as conversations learn from it."""
        pieces = {"segs": list(cuts)} if cuts and sum(cuts) < len(frame) else {}
        result = self.do("process", dir=direction.value, pkt=frame.hex(), **pieces)
        if result["kind"] == "modified":
            return Modified(bytes.fromhex(result["pkt"]), 0, mtu_unrestricted=False)
        return ProcessError(result["kind"])

    def open(self, opening: Opening) -> Conversation:
        """A conversation begins; nothing is said yet."""
        self.conversations.append(Conversation(opening, self.scene.place))
        return self.conversations[-1]

    def speak(self, conversation: Conversation, line: Line, cuts: Sequence[int] = ()) -> None:
        """One packet of a conversation, which learns from what becomes of it."""
        direction, frame = conversation.sight(line)
        conversation.learn(line, self.send(direction, frame, cuts))

    def recording(self, path: Path) -> Recording:
        """The story as a recording that is, or will be, kept at `path`."""
        return recording.from_lines(path, enumerate(self.lines(path.name.partition(".")[0]), start=1))

    def lines(self, name: str) -> list[bytes]:
        """The story as JSON lines without line ends."""
        return [msgspec.json.encode(plain) for plain in (self._header | {"name": name}, *self._steps)]

    def _changes(self, outcome: Outcome) -> Plain:
        before, self._last = self._last, outcome.ports
        return changes(before[PORT], outcome.ports[PORT])
