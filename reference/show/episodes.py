"""A recording as episodes: each step replayed on reference ports, with everything about the port before and after.

The reference says in its counters which rule matched and which entry was found; nothing in it is instrumented.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reference.port import Port
from reference.recorded.configuration import Plain
from reference.recorded.lines import NO_HEADER, UnreadableRecording, numbered_lines
from reference.recorded.session import Malformed, Session
from reference.semantics import Semantics
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings

FORMAT_VERSION = 1
COMPARED = ("kind", "pkt", "reason", "error", "value")
"""Members of a result that are held against the recording."""


@dataclass(frozen=True)
class Episode:
    """One step.

    Attributes:
        step: as recorded, with its arguments and the recorded result.
        result: what the reference answered, in the same terms.
        before, after: snapshots of the port that it acted on; None for a step on the shared tables.
    """

    step: Plain
    result: Plain
    before: Plain | None
    after: Plain | None

    @property
    def is_packet(self) -> bool:
        """Whether a packet was processed."""
        return bool(self.step["op"] == "process")

    @property
    def departs(self) -> bool:
        """Whether the recording has another result."""
        recorded = self.step.get("result")
        return isinstance(recorded, dict) and any(recorded.get(name) != self.result.get(name) for name in COMPARED)


class Story:
    """A recording being replayed.

    Attributes:
        path: its file.
        header: its first line.
    """

    def __init__(self, path: Path, semantics: Semantics) -> None:
        """Read the header and set up the ports.

        Raises:
            UnreadableRecording: there is no header, or it makes no sense.
        """
        self.path = path
        self._semantics = semantics
        self._lines = numbered_lines(path)
        number, self.header = next(self._objects(), (0, {}))
        if number == 0:
            raise UnreadableRecording(path, 1, NO_HEADER)
        if self.header.get("format") != FORMAT_VERSION:
            raise UnreadableRecording(
                path, number, f"no header of format version {FORMAT_VERSION}; is this a recording?"
            )
        try:
            self._session = Session(self.header, self._make_port)
        except Malformed as fault:
            raise UnreadableRecording(path, number, str(fault)) from None
        except Exception as error:  # whatever a damaged header leads to, it is told in one line
            raise UnreadableRecording(path, number, _cannot(error)) from None
        self._seen = {name: port.snapshot() for name, port in self._session.ports.items()}

    def episodes(self) -> Iterator[Episode]:
        """Every step in order; raises `UnreadableRecording` at the first that makes no sense."""
        for due, (number, step) in enumerate(self._objects()):
            if step.get("i") != due:
                raise UnreadableRecording(self.path, number, f"step number {step.get('i')} where {due} is due")
            try:
                yield self._episode(step)
            except Malformed as fault:
                raise UnreadableRecording(self.path, number, str(fault)) from None

    def _episode(self, step: Plain) -> Episode:
        try:
            result = self._session.do(step)
        except Malformed:
            raise
        except Exception as error:  # whatever a damaged step leads to, it is told in one line
            raise Malformed(_cannot(error)) from None
        if not isinstance(step.get("t_ms"), int):
            raise Malformed("the member 't_ms' is missing, or no number")
        name = step.get("port")
        if name not in self._seen:
            return Episode(step, result, None, None)
        before, after = self._seen[name], self._session.ports[name].snapshot()
        self._seen[name] = after
        return Episode(step, result, before, after)

    def _objects(self) -> Iterator[tuple[int, Plain]]:
        for number, line in self._lines:
            try:
                value = json.loads(line)
            except RecursionError:
                raise UnreadableRecording(self.path, number, "JSON nested too deeply") from None
            except ValueError as error:
                raise UnreadableRecording(self.path, number, f"not JSON: {error}") from None
            if not isinstance(value, dict):
                fault = f"a JSON object is needed, not {type(value).__name__}"
                raise UnreadableRecording(self.path, number, fault)
            yield number, value

    def _make_port(self, config: VpcConfig, limits: TableLimits, mappings: Mappings) -> Port:
        return Port(config, limits, mappings, self._semantics)


def _cannot(error: Exception) -> str:
    return f"the reference cannot replay this: {type(error).__name__}: {error}"
