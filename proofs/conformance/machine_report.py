"""The machine-readable report of a run, written atomically."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from proofs.conformance.replay import Mismatch
from proofs.conformance.runner import Finding, Status, Summary
from proofs.conformance.steps import Plain, PortStep, operation_name


class ReportFile:
    """A file that appears complete or not at all: opened beside its target at once, renamed over it by `commit`.

    Raises OSError when the folder cannot be written to, before any work is done.
    """

    def __init__(self, target: Path) -> None:
        if target.is_dir():
            raise IsADirectoryError(f"{target} is a folder")
        self._target = target
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        self._stream = os.fdopen(descriptor, "wb")
        self._temporary = Path(name)

    def __enter__(self) -> ReportFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()
        self._temporary.unlink(missing_ok=True)

    def commit(self, content: Plain) -> None:
        """Write `content` as JSON and put the file in its place."""
        self._stream.write(msgspec.json.format(msgspec.json.encode(content, enc_hook=repr), indent=1) + b"\n")
        self._stream.close()
        self._temporary.chmod(0o644)
        self._temporary.replace(self._target)


def content(summary: Summary, engine: str, design: str | None, semantics: str) -> Plain:
    """The report: how it was run, totals, and one object per recording."""
    return {
        "engine": engine,
        "design": design,
        "semantics": semantics,
        "exit_code": summary.exit_code,
        "totals": {status.value: len(summary.of(status)) for status in Status},
        "steps_compared": sum(finding.replay.compared for finding in summary.findings),
        "recorded_panics_not_replayed": summary.panics,
        "recordings": [_finding(finding) for finding in summary.findings],
        "unreadable": [
            {"path": str(fault.path), "line": fault.line, "fault": fault.fault} for fault in summary.unreadable
        ],
        "members_not_compared": dict(summary.not_compared),
        "without_closing_dump": summary.unclosed,
    }


def _finding(finding: Finding) -> Plain:
    recording = finding.replay.recording
    return {
        "name": recording.name,
        "path": str(recording.path),
        "features": list(recording.header.features),
        "steps": len(recording.steps),
        "steps_compared": finding.replay.compared,
        "recorded_panics_not_replayed": finding.replay.panics,
        "status": finding.status.value,
        "reason": finding.reason,
        "explained_by": list(finding.corrections),
        "first_difference": _mismatch(finding.replay.mismatch),
    }


def _mismatch(mismatch: Mismatch | None) -> Plain | None:
    if mismatch is None:
        return None
    step = mismatch.step
    place: dict[str, Any] = {"step": None, "line": 1, "op": "set-up"}
    if step is not None:
        place = {"step": step.i, "line": step.i + 2, "op": operation_name(step), "t_ms": step.t_ms}
    if isinstance(step, PortStep):
        place["port"] = step.port
    return place | {
        "differences": [
            {"path": difference.path, "expected": difference.expected, "got": difference.got}
            for difference in mismatch.differences
        ],
        "result": mismatch.result,
    }
