"""The inputs of a recording alone: header and steps as JSON objects without anything that a port answered.

This is what an engine is told. It cannot play a recording back, because the answers are not there.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proofs.conformance.header import Header
from proofs.conformance.steps import Plain, Step, operation_name

STEP_ANSWERS = frozenset({"result", "stats", "flows", "epoch", "port_state"})
PORT_INPUTS = ("name", "cfg", "limits", "setup")
HEADER_INPUTS = ("format", "name", "t_ms", "v2p", "v2b", "m2p")


def header_inputs(header: Header) -> Plain:
    """Format, name, time, ports as configured, and the mapping tables."""
    plain: Plain = {name: msgspec.to_builtins(getattr(header, name)) for name in HEADER_INPUTS}
    plain["ports"] = [{name: msgspec.to_builtins(getattr(port, name)) for name in PORT_INPUTS} for port in header.ports]
    return plain


def step_inputs(step: Step) -> Plain:
    """Number, time, operation and its arguments."""
    plain: dict[str, Any] = {"i": step.i, "t_ms": step.t_ms, "op": operation_name(step)}
    for name, recorded_as in zip(step.__struct_fields__, step.__struct_encode_fields__, strict=True):
        if name not in STEP_ANSWERS:
            plain[recorded_as] = msgspec.to_builtins(getattr(step, name))
    return plain
