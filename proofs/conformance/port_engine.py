"""The engine for whatever has the public surface of `reference.Port`, in this process."""

from __future__ import annotations

from types import TracebackType

from proofs.conformance.engine import Outcome
from proofs.conformance.header import Header
from proofs.conformance.inputs import header_inputs, step_inputs
from proofs.conformance.steps import Plain, Step
from reference.recorded.operations import plain_verdict
from reference.recorded.session import MakePort, Session

__all__ = ["MakePort", "PortEngine", "plain_verdict"]


class PortEngine:
    """Replays on the ports that `make_port` makes, all of one recording sharing one set of mappings."""

    def __init__(self, make_port: MakePort) -> None:
        self._make_port = make_port
        self._session: Session

    def __enter__(self) -> PortEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Nothing is held that would have to be given back."""

    def setup(self, header: Header) -> dict[str, Plain]:
        """Build the ports; a header again means new ones."""
        self._session = Session(header_inputs(header), self._make_port)
        return self._session.observe_setup()

    def step(self, step: Step) -> Outcome:
        """Do one step; a refused control operation is a result of kind `error`."""
        result = self._session.do(step_inputs(step))
        return Outcome(result, self._session.observe())
