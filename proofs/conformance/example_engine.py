"""An external engine in one page: the protocol of docs/external-engines.md around `reference.Port`.

    python -m proofs.conformance --engine "exec:python -m proofs.conformance.example_engine"

An engine for another implementation is this with other ports.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import BinaryIO

import reference
from proofs.conformance.expectation import changes
from proofs.conformance.steps import Plain
from reference.recorded.session import MakePort, Session
from reference.semantics import Semantics
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings

SEMANTICS = {"upstream": Semantics.UPSTREAM, "correct": Semantics.CORRECT}


class Told:
    """What one header began: its ports, and what was last said about them."""

    def __init__(self, header: Plain, make_port: MakePort) -> None:
        self._session = Session(header, make_port)
        self._said = self._session.observe()

    def answer_to_header(self) -> Plain:
        """Every port, complete."""
        return {"ports": [{"name": name} | port for name, port in self._session.observe_setup().items()]}

    def answer_to_step(self, step: Plain) -> Plain:
        """The result, and what changed of the port that the step acted on."""
        answer = {"i": step["i"], "result": self._session.do(step)}
        name = step.get("port")
        before, self._said = self._said, self._session.observe()
        return answer if name is None else answer | changes(before[name], self._said[name])


def port_maker(header: Plain) -> MakePort:
    """Makes reference ports with the semantics that the header asks for."""
    semantics = SEMANTICS[header["semantics"]]

    def make_port(config: VpcConfig, limits: TableLimits, mappings: Mappings) -> reference.Port:
        return reference.Port(config, limits, mappings, semantics)

    return make_port


def serve(lines: BinaryIO, answers: BinaryIO, make_ports: Callable[[Plain], MakePort] = port_maker) -> None:
    """Answer every line until there are no more. A line with `format` is a header and begins anew."""
    told: Told | None = None
    for line in lines:
        plain = json.loads(line)
        if "format" in plain:
            told = Told(plain, make_ports(plain))
            answer = told.answer_to_header()
        elif told is None:
            raise SystemExit("a step came before the header")
        else:
            answer = told.answer_to_step(plain)
        answers.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
