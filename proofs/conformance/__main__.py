"""`python -m proofs.conformance`: replay recordings of OPTE and compare everything they recorded.

Exit status: 0 all equal, or explained by corrections; 1 something differs; 2 something could not be read or written,
or the engine failed.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, NoReturn, TextIO

import typer

from proofs.conformance import machine_report, recording, report
from proofs.conformance.attribution import Attribution
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.engine import EngineFailed
from proofs.conformance.engines import (
    DEFAULT_DESIGN,
    Design,
    EngineChoice,
    EngineName,
    EngineUnavailable,
    SemanticsName,
)
from proofs.conformance.external import SECONDS_TO_ANSWER
from proofs.conformance.progress import ReplayProgress
from proofs.conformance.recording import UnreadableRecording
from proofs.conformance.runner import Finding, Status, Summary, UnknownFeature, run, select
from reference.semantics import Semantics

UNUSABLE = 2

app = typer.Typer(add_completion=False)


@app.command()
def main(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings (.jsonl, plain or gzip) or folders of them; default: those in the repository."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="reference, fastpath, or exec:COMMAND for another program (docs/external-engines.md).")
    ] = EngineName.REFERENCE.value,
    design: Annotated[Design | None, typer.Option(help="Lock design of the fast path; default: fine.")] = None,
    semantics: Annotated[
        SemanticsName, typer.Option(help="As recorded, or without upstream's defects.")
    ] = SemanticsName.UPSTREAM,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write a machine-readable report.")
    ] = None,
    stop_after: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after N recordings that differ.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long another program may take for each answer.")
    ] = SECONDS_TO_ANSWER,
    only: Annotated[
        str | None, typer.Option(metavar="FEATURE", help="Only recordings whose header has this feature.")
    ] = None,
) -> None:
    """Replay recordings and compare everything they recorded; report each recording's first difference.

    Under the corrected semantics each difference is attributed to the corrections that explain it.

    Exit status: 0 all equal or explained, 1 something differs, 2 something could not be read or written, or the engine
    failed.
    """
    try:
        choice = EngineChoice(engine, semantics, design, timeout)
        make_engine = choice.factory()
        summary = Summary()
        files = select(recording.find(paths or [RECORDINGS]), only, summary)
        json_output = machine_report.ReportFile(json_file) if json_file else None
    except (UnreadableRecording, UnknownFeature, EngineUnavailable) as fault:
        _refuse(str(fault))
    except OSError as error:
        _refuse(f"cannot write {json_file}: {error.strerror or error}")
    for unreadable in summary.unreadable:
        _say(str(unreadable), sys.stderr)
    with json_output or nullcontext() as output:
        with ReplayProgress(len(files)) as progress:
            by_semantics = choice.by_semantics() if semantics is SemanticsName.CORRECT else None
            attribution = Attribution(by_semantics, progress.step) if by_semantics is not None else None
            try:
                for found in run(files, engine, make_engine, summary, stop_after, progress.step, attribution):
                    progress.recording()
                    if isinstance(found, Finding):
                        print_finding(found)
                    else:
                        _say(str(found), sys.stderr)
            except EngineFailed as failure:
                _refuse(str(failure))
        print_summary(summary)
        if attribution is not None:
            print_corrections(attribution)
        left_out = len(files) - len(summary.findings) - sum(fault.path in files for fault in summary.unreadable)
        if left_out:
            _say(f"stopped after {stop_after} recordings that differ; not replayed: {left_out}")
        if output:
            used_design = (design or DEFAULT_DESIGN).value if engine == EngineName.FASTPATH else None
            output.commit(machine_report.content(summary, engine, used_design, semantics.value))
    raise typer.Exit(summary.exit_code)


def print_finding(finding: Finding) -> None:
    """The line of one recording, and the account of its first difference."""
    if finding.status is Status.NOT_COVERED:
        _say(f"not yet covered  {finding.replay.recording.name}: {finding.reason}")
        return
    if finding.status is Status.EXPLAINED:
        _say(report.explained_line(finding.replay, finding.corrections))
        return
    _say(report.line(finding.replay))
    if finding.status is Status.LISTED_BUT_EQUAL:
        _say("      passes, take it off the list of recordings not yet covered (proofs/conformance/coverage.py)")
    if finding.status is Status.DIFFERENT:
        _say(report.account(finding.replay))


def print_summary(summary: Summary) -> None:
    """Totals, and everything that was not compared."""
    _say("")
    for status in Status:
        findings = summary.of(status)
        if findings or status is Status.EQUAL:
            steps = sum(len(finding.replay.recording.steps) for finding in findings)
            _say(f"{status.value}: {len(findings)} recordings, {steps:,} steps")
            if status is Status.NOT_COVERED:
                _say("  " + ", ".join(finding.replay.recording.name for finding in findings))
    if summary.panics:
        _say(
            f"recorded panics, not replayed: {summary.panics} (of a build with overflow checks; a release build wraps)"
        )
    for member, count in sorted(summary.not_compared.items()):
        _say(f"not compared, because its meaning is not known: {member} ({count} times)")
    for name in summary.unclosed:
        _say(f"does not end in a complete dump, perhaps cut short: {name}")
    if summary.unreadable:
        _say(f"unreadable: {len(summary.unreadable)}")


def _say(text: str, stream: TextIO | None = None) -> None:
    """Write one text to stdout, or another stream, as it stands now: the progress bar puts itself in its place."""
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def print_corrections(attribution: Attribution) -> None:
    """How many recordings each correction was needed for."""
    for name in Semantics.names():
        if attribution.counts[name]:
            _say(f"  {name}: {attribution.counts[name]} recordings")


def _refuse(message: str) -> NoReturn:
    _say(str(message), sys.stderr)
    raise typer.Exit(UNUSABLE)


if __name__ == "__main__":
    app()
