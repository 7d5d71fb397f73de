"""Replaying many recordings, and what came of it as a whole."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from proofs.conformance.attribution import Attribution
from proofs.conformance.coverage import reason_not_covered
from proofs.conformance.engine import Engine
from proofs.conformance.recording import UnreadableRecording, read, read_header
from proofs.conformance.replay import Replay, replay


class Status(enum.Enum):
    """What a recording counts as."""

    EQUAL = "equal"
    EXPLAINED = "different, explained by corrections"
    DIFFERENT = "different"
    NOT_COVERED = "not yet covered"
    LISTED_BUT_EQUAL = "listed as not yet covered, but equal"


class UnknownFeature(Exception):
    """No recording has the feature asked for; the message names those there are."""

    def __init__(self, feature: str, known: Iterable[str]) -> None:
        super().__init__(f"no recording here has the feature {feature!r}; there are: {', '.join(sorted(known))}")


@dataclass(frozen=True)
class Finding:
    """One recording's replay and its standing.

    Attributes:
        reason: why, when it is on the list of those not yet covered.
        corrections: the flags of the semantics that explain its differences.
    """

    replay: Replay
    status: Status
    reason: str | None = None
    corrections: tuple[str, ...] = ()


@dataclass
class Summary:
    """Everything found so far. `unreadable` are inputs that could not be replayed at all."""

    findings: list[Finding] = field(default_factory=list)
    unreadable: list[UnreadableRecording] = field(default_factory=list)

    def of(self, status: Status) -> list[Finding]:
        """The findings of one status."""
        return [finding for finding in self.findings if finding.status is status]

    @property
    def panics(self) -> int:
        """Recorded panics, which are not replayed."""
        return sum(finding.replay.panics for finding in self.findings)

    @property
    def not_compared(self) -> Counter[str]:
        """Members of the recordings that were not compared, because their meaning is not known, with counts."""
        total: Counter[str] = Counter()
        for finding in self.findings:
            total += finding.replay.recording.unknown
        return total

    @property
    def unclosed(self) -> list[str]:
        """Recordings that do not end in a complete dump, so that they may have been cut short."""
        recordings = [finding.replay.recording for finding in self.findings]
        return [recording.name for recording in recordings if not recording.is_closed]

    @property
    def exit_code(self) -> int:
        """0: all equal or explained; 1: something differs, or is wrongly listed; 2: something could not be read."""
        if self.unreadable:
            return 2
        return 1 if self.of(Status.DIFFERENT) or self.of(Status.LISTED_BUT_EQUAL) else 0


def select(files: Iterable[Path], feature: str | None, summary: Summary) -> list[Path]:
    """The files whose header has `feature` (all when None); unreadable headers go to the summary.

    Raises:
        UnknownFeature: no header has it.
    """
    if feature is None:
        return list(files)
    known: set[str] = set()
    chosen: list[Path] = []
    for path in files:
        try:
            features = read_header(path).features
        except UnreadableRecording as fault:
            summary.unreadable.append(fault)
            continue
        known.update(features)
        if feature in features:
            chosen.append(path)
    if not chosen and not summary.unreadable:
        raise UnknownFeature(feature, known)
    return chosen


def run(
    files: Iterable[Path],
    engine_name: str,
    make_engine: Callable[[], Engine],
    summary: Summary,
    stop_after: int | None = None,
    on_step: Callable[[], None] | None = None,
    attribution: Attribution | None = None,
) -> Iterator[Finding | UnreadableRecording]:
    """Replay each file on a fresh engine, adding to `summary`; stop after `stop_after` recordings that differ.

    With an attribution, a difference that it explains does not count as one.

    Raises:
        EngineFailed: the engine could not go on.
    """
    for path in files:
        try:
            recording = read(path)
        except UnreadableRecording as fault:
            summary.unreadable.append(fault)
            yield fault
            continue
        with make_engine() as engine:
            done = replay(recording, engine, on_step)
        reason = reason_not_covered(engine_name, path, recording.name)
        corrections: tuple[str, ...] | None = None
        if reason is not None:
            status = Status.LISTED_BUT_EQUAL if done.equal else Status.NOT_COVERED
        elif done.equal:
            status = Status.EQUAL
        else:
            corrections = attribution.explain(recording, done) if attribution is not None else None
            status = Status.DIFFERENT if corrections is None else Status.EXPLAINED
        finding = Finding(done, status, reason, corrections or ())
        summary.findings.append(finding)
        yield finding
        if stop_after is not None and len(summary.of(Status.DIFFERENT)) >= stop_after:
            return
