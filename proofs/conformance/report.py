"""Readable text about a replay: one line per recording, and for the first difference a full account."""

from __future__ import annotations

import binascii
from typing import Any

from proofs.conformance import dissect
from proofs.conformance.compare import Difference
from proofs.conformance.replay import Mismatch, Replay
from proofs.conformance.steps import Process, Step, operation_name

SHOWN_DIFFERENCES = 40
SHOWN_CHARACTERS = 200


def line(replay: Replay) -> str:
    """Name, steps, and `pass` or the first difference, in one line."""
    steps = f"{len(replay.recording.steps):5} steps"
    panics = f", {replay.panics} recorded panic, not replayed" if replay.panics else ""
    if replay.mismatch is None:
        return f"pass  {replay.recording.name:<36} {steps}{panics}"
    first, *others = replay.mismatch.differences
    more = f" (and {len(others)} more)" if others else ""
    return f"DIFF  {replay.recording.name:<36} {steps}; {_place(replay.mismatch)}: {sentence(first)}{more}{panics}"


def explained_line(replay: Replay, corrections: tuple[str, ...]) -> str:
    """Name, steps, the corrections that explain the differences, and where the first one is."""
    assert replay.mismatch is not None
    place = f"from {_place(replay.mismatch)}"
    steps = f"{len(replay.recording.steps):5} steps"
    return f"expl  {replay.recording.name:<36} {steps}; {place}: {', '.join(corrections)}"


def sentence(difference: Difference) -> str:
    """One difference in one line."""
    return f"{difference.path}: expected {shown(difference.expected)}, got {shown(difference.got)}"


def account(replay: Replay) -> str:
    """The first difference at length: step, operation, packet, and expected against got field by field."""
    mismatch = replay.mismatch
    if mismatch is None:
        return ""
    header = replay.recording.header
    lines = [f"      {header.about}", f"      file {replay.recording.path}, line {_line_number(mismatch)}"]
    if mismatch.step is not None:
        lines += _step_lines(mismatch.step)
    if "at" in mismatch.result:
        lines.append(f"      the engine raised at {mismatch.result['at']}")
    for difference in mismatch.differences[:SHOWN_DIFFERENCES]:
        if _is_packet(difference):
            lines += _packet_lines(difference)
        else:
            lines += _difference_lines(difference)
    hidden = len(mismatch.differences) - SHOWN_DIFFERENCES
    if hidden > 0:
        lines.append(f"      ... and {hidden} more differences in this step")
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A value for people: short, text without needless quotes."""
    text = value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}... ({len(text)} characters)"


def _place(mismatch: Mismatch) -> str:
    step = mismatch.step
    if step is None:
        return "set-up"
    direction = f" {step.dir}" if isinstance(step, Process) else ""
    return f"step {step.i} ({operation_name(step)}{direction})"


def _line_number(mismatch: Mismatch) -> int:
    """The header is line 1 and step 0 is line 2."""
    return 1 if mismatch.step is None else mismatch.step.i + 2


def _step_lines(step: Step) -> list[str]:
    port = f", port {step.port}" if hasattr(step, "port") else ""
    lines = [f"      step {step.i} at {step.t_ms} ms{port}: {operation_name(step)}"]
    if isinstance(step, Process):
        frame = step.packet
        lines.append(f"      packet {step.dir}, {len(frame)} bytes: {dissect.summary(frame)}")
        header = ""
        for field in dissect.fields(frame):
            if field.header != header:
                header = field.header
                lines.append(f"        {header}, from byte {field.offset}:")
            lines[-1] += f" {field.name}={shown(field.value)}"
        return lines
    common = {"i", "t_ms", "port", "result", "stats", "flows", "epoch", "port_state"}
    arguments = {name: getattr(step, name) for name in step.__struct_fields__ if name not in common}
    return lines + [f"        {name} = {shown(value)}" for name, value in arguments.items()]


def _difference_lines(difference: Difference) -> list[str]:
    return [
        f"      {difference.path}",
        f"        expected {shown(difference.expected)}",
        f"        got      {shown(difference.got)}",
    ]


def _is_packet(difference: Difference) -> bool:
    return difference.path == "result.pkt" and isinstance(difference.expected, str) and isinstance(difference.got, str)


def _packet_lines(difference: Difference) -> list[str]:
    expected, got = binascii.unhexlify(difference.expected), binascii.unhexlify(difference.got)
    lines = [
        "      result.pkt",
        f"        expected {len(expected)} bytes: {dissect.summary(expected)}",
        f"        got      {len(got)} bytes: {dissect.summary(got)}",
    ]
    for field, wanted, found in dissect.field_differences(expected, got)[:SHOWN_DIFFERENCES]:
        lines.append(f"        {field}: expected {shown(wanted)}, got {shown(found)}")
    for offset, wanted_bytes, found_bytes in dissect.differing_bytes(expected, got)[:SHOWN_DIFFERENCES]:
        wanted, found = shown(wanted_bytes.hex()) or "nothing", shown(found_bytes.hex()) or "nothing"
        lines.append(f"        from byte {offset}: expected {wanted}, got {found}")
    return lines
