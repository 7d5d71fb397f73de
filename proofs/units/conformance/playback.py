"""An engine that knows the answers: it plays a recording's own results back."""

from types import TracebackType

from proofs.conformance.engine import Outcome
from proofs.conformance.header import Header
from proofs.conformance.recording import Recording
from proofs.conformance.steps import Plain, PortStep, Step


class Playback:
    """Answers every step as recorded. `faults` replaces, by step number, what one port shows after that step."""

    def __init__(self, recording: Recording, faults: dict[int, dict[str, Plain]] | None = None) -> None:
        self._recording = recording
        self._faults = faults or {}
        self._ports: dict[str, Plain] = {}

    def __enter__(self) -> "Playback":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is held."""

    def setup(self, header: Header) -> dict[str, Plain]:
        """The header's own account of the set-up, whatever header the runner brings."""
        del header
        ports = self._recording.header.ports
        self._ports = {
            port.name: {"epoch": port.epoch, "port_state": port.port_state, "stats": port.stats, "flows": port.flows}
            for port in ports
        }
        return {port.name: self._ports[port.name] | {"layers": port.layers} for port in ports}

    def step(self, step: Step) -> Outcome:
        """The recorded result of the step of this number."""
        recorded = self._recording.steps[step.i]
        if isinstance(recorded, PortStep):
            changes: Plain = {"stats": recorded.stats, "flows": recorded.flows}
            if recorded.epoch is not None:
                changes["epoch"] = recorded.epoch
            if recorded.port_state is not None:
                changes["port_state"] = recorded.port_state
            self._ports[recorded.port] = _updated(self._ports[recorded.port], changes)
        for name, fault in self._faults.get(step.i, {}).items():
            self._ports[name] = _updated(self._ports[name], fault)
        return Outcome(recorded.result, dict(self._ports))


def _updated(whole: Plain, changes: Plain) -> Plain:
    return whole | {
        name: _updated(whole.get(name, {}), value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
