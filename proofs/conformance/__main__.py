"""`python -m proofs.conformance`: replay recordings of OPTE and compare everything they recorded.

Exit status: 0 all equal, or explained by corrections; 1 something differs; 2 something could not be read or written.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from proofs.conformance import machine_report, recording, report
from proofs.conformance.attribution import Attribution
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.engines import (
    DEFAULT_DESIGN,
    Design,
    EngineName,
    EngineUnavailable,
    SemanticsName,
    engines_by_semantics,
)
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
    engine: Annotated[EngineName, typer.Option(help="Implementation to replay on.")] = EngineName.REFERENCE,
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
    only: Annotated[
        str | None, typer.Option(metavar="FEATURE", help="Only recordings whose header has this feature.")
    ] = None,
) -> None:
    """Replay recordings and compare everything they recorded; report each recording's first difference.

    Under the corrected semantics each difference is attributed to the corrections that explain it.

    Exit status: 0 all equal or explained, 1 something differs, 2 something could not be read or written.
    """
    try:
        by_semantics = engines_by_semantics(engine, design)
        summary = Summary()
        files = select(recording.find(paths or [RECORDINGS]), only, summary)
        json_output = machine_report.ReportFile(json_file) if json_file else None
    except (UnreadableRecording, UnknownFeature, EngineUnavailable) as fault:
        _refuse(str(fault))
    except OSError as error:
        _refuse(f"cannot write {json_file}: {error.strerror or error}")
    for unreadable in summary.unreadable:
        typer.echo(unreadable, err=True)
    with json_output or nullcontext() as output:
        with ReplayProgress(len(files)) as progress:
            attribution = Attribution(by_semantics, progress.step) if semantics is SemanticsName.CORRECT else None
            make_engine = partial(by_semantics, semantics.semantics)
            for found in run(files, engine.value, make_engine, summary, stop_after, progress.step, attribution):
                progress.recording()
                if isinstance(found, Finding):
                    print_finding(found)
                else:
                    typer.echo(found, err=True)
        print_summary(summary)
        if attribution is not None:
            print_corrections(attribution)
        left_out = len(files) - len(summary.findings) - sum(fault.path in files for fault in summary.unreadable)
        if left_out:
            typer.echo(f"stopped after {stop_after} recordings that differ; not replayed: {left_out}")
        if output:
            used_design = (design or DEFAULT_DESIGN).value if engine is EngineName.FASTPATH else None
            output.commit(machine_report.content(summary, engine.value, used_design, semantics.value))
    raise typer.Exit(summary.exit_code)


def print_finding(finding: Finding) -> None:
    """The line of one recording, and the account of its first difference."""
    if finding.status is Status.NOT_COVERED:
        typer.echo(f"not yet covered  {finding.replay.recording.name}: {finding.reason}")
        return
    if finding.status is Status.EXPLAINED:
        typer.echo(report.explained_line(finding.replay, finding.corrections))
        return
    typer.echo(report.line(finding.replay))
    if finding.status is Status.LISTED_BUT_EQUAL:
        typer.echo("      passes, take it off the list of recordings not yet covered (proofs/conformance/coverage.py)")
    if finding.status is Status.DIFFERENT:
        typer.echo(report.account(finding.replay))


def print_summary(summary: Summary) -> None:
    """Totals, and everything that was not compared."""
    typer.echo()
    for status in Status:
        findings = summary.of(status)
        if findings or status is Status.EQUAL:
            steps = sum(len(finding.replay.recording.steps) for finding in findings)
            typer.echo(f"{status.value}: {len(findings)} recordings, {steps:,} steps")
            if status is Status.NOT_COVERED:
                typer.echo("  " + ", ".join(finding.replay.recording.name for finding in findings))
    if summary.panics:
        typer.echo(
            f"recorded panics, not replayed: {summary.panics} (of a build with overflow checks; a release build wraps)"
        )
    for member, count in sorted(summary.not_compared.items()):
        typer.echo(f"not compared, because its meaning is not known: {member} ({count} times)")
    for name in summary.unclosed:
        typer.echo(f"does not end in a complete dump, perhaps cut short: {name}")
    if summary.unreadable:
        typer.echo(f"unreadable: {len(summary.unreadable)}")


def print_corrections(attribution: Attribution) -> None:
    """How many recordings each correction was needed for."""
    for name in Semantics.names():
        if attribution.counts[name]:
            typer.echo(f"  {name}: {attribution.counts[name]} recordings")


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(UNUSABLE)


if __name__ == "__main__":
    app()
