"""Recorded stories of the museum, told again by the reference under semantics of one's choice."""

from functools import cache
from typing import Any

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.engine import Outcome
from proofs.conformance.port_engine import PortEngine
from proofs.conformance.recording import Recording, read
from proofs.conformance.replay import replay
from proofs.conformance.steps import PortStep, Step
from reference.port import Port
from reference.semantics import Semantics


@cache
def recording(name: str) -> Recording:
    """The museum's recording of this name, without its `m_`."""
    return read(RECORDINGS / "museum" / f"m_{name}.jsonl.gz")


def engine(semantics: Semantics) -> PortEngine:
    """An engine whose ports are the reference's."""
    return PortEngine(lambda config, limits, mappings: Port(config, limits, mappings, semantics))


def departs_at(name: str, semantics: Semantics) -> int | None:
    """The first step of a story that ends otherwise than recorded; None when all are equal."""
    mismatch = replay(recording(name), engine(semantics)).mismatch
    return None if mismatch is None or mismatch.step is None else mismatch.step.i


class Story:
    """A story as it goes under some semantics, step by step."""

    def __init__(self, name: str, semantics: Semantics) -> None:
        self.steps: tuple[Step, ...] = tuple(recording(name).steps)
        teller = engine(semantics)
        teller.setup(recording(name).header)
        self.outcomes: list[Outcome] = [teller.step(step) for step in self.steps]

    def kind(self, step: int) -> str:
        """What came of a step: modified, drop, error, ok ..."""
        return str(self.outcomes[step].result["kind"])

    def result(self, step: int) -> Any:
        """The result of a step."""
        return self.outcomes[step].result

    def dump(self, step: int) -> Any:
        """The first dump at a step or after it."""
        return next(outcome.result for outcome in self.outcomes[step:] if outcome.result["kind"] == "dump")

    def flows(self, step: int) -> Any:
        """Table sizes after a step, of the port that it acted on."""
        return self._port(step)["flows"]

    def statistics(self, step: int) -> Any:
        """Counters after a step, of the port that it acted on."""
        return self._port(step)["stats"]

    def tcp_states(self, step: int) -> list[str]:
        """The states of all connections, in the first dump at a step or after it."""
        return [flow["tcp_state"] for flow in self.dump(step)["tcp"]]

    def _port(self, step: int) -> Any:
        acting = self.steps[step]
        assert isinstance(acting, PortStep)
        return self.outcomes[step].ports[acting.port]
