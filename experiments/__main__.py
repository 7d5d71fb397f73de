"""The experiments' command: `python -m experiments list|run NAME|all|figures`.

Exit status: 0, or 1 when something was measured that cannot be right, or 2 for what the user must change, or 130 when
interrupted.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from experiments import page, records, running
from experiments.errors import CannotRun, InputError
from experiments.experiment import Effort, Experiment
from experiments.hit_speed import NotHit
from experiments.live.network import NotChanged
from experiments.measure import TooNoisy
from experiments.recording.programs import RecordingError
from experiments.registry import experiment, experiments
from experiments.sending import NotCompiled

RESULTS: Final = Path(__file__).parent.parent / "results"
FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130
FAILURES: Final = (NotCompiled, NotHit, TooNoisy, NotChanged, RecordingError)
"""What a measurement ends with that cannot be right."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True, markup=False)

Results = Annotated[Path, typer.Option(help="The folder of data, figures and page.")]
Quick = Annotated[bool, typer.Option("--quick", help="A few seconds a part: the tendency, not figures to quote.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="Only show that it works; the figures mean nothing.")]
Again = Annotated[bool, typer.Option("--again", help="Measure anew what is there already.")]


@app.command(name="list")
def list_all(results: Results = RESULTS) -> None:
    """Say what is asked, and what is answered already."""
    table = Table("experiment", "question", "measured")
    with _complaints():
        for each in experiments():
            record = records.load(results, each.name)
            done = ", ".join(f"{name} ({part.effort})" for name, part in record.parts.items()) if record else ""
            table.add_row(each.name, each.question, done)
    console.print(table)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="As `list` shows it.")],
    part: Annotated[list[str] | None, typer.Option(help="Only this part; may be given several times.")] = None,
    quick: Quick = False,
    smoke: Smoke = False,
    again: Again = False,
    results: Results = RESULTS,
) -> None:
    """Measure one experiment; what is measured already is kept. Then draw it."""
    with _complaints():
        chosen = experiment(name)
        if unknown := set(part or ()) - set(chosen.parts):
            raise InputError(f"{name} has no part {', '.join(unknown)}: choose from {', '.join(chosen.parts)}")
        record = running.run(chosen, _effort(quick, smoke), results, console, again=again, parts=part or ())
        console.print(f"{chosen.finding(record.rows)}.\n{page.write(results, experiments())}")


@app.command(name="all")
def run_all(quick: Quick = False, smoke: Smoke = False, again: Again = False, results: Results = RESULTS) -> None:
    """Measure everything that is not measured yet, then draw. May be interrupted, and resumed by the same command."""
    failed: list[str] = []
    with _complaints():
        every = experiments()
        for number, each in enumerate(every, start=1):
            console.rule(f"{number} of {len(every)}: {each.name}")
            _run_on(each, _effort(quick, smoke), results, again, failed)
        console.print(f"{page.write(results, every)}")
    if failed:
        print("error: not measured: " + "; ".join(failed), file=sys.stderr)  # noqa: T201 - one plain line
        raise typer.Exit(FAILED)


def _run_on(each: Experiment, effort: Effort, results: Path, again: bool, failed: list[str]) -> None:
    """Run an experiment; one that fails does not keep the others from being measured."""
    try:
        running.run(each, effort, results, console, again=again)
    except CannotRun as missing:
        console.print(f"{each.name}: left out: {missing}")
    except FAILURES as failure:
        console.print(f"{each.name}: {failure}")
        failed.append(f"{each.name}: {failure}")


@app.command()
def figures(results: Results = RESULTS) -> None:
    """Draw all figures and the page anew, from the data that are there."""
    with _complaints():
        console.print(f"{page.write(results, experiments())}")


def _effort(quick: bool, smoke: bool) -> Effort:
    return Effort.SMOKE if smoke else Effort.QUICK if quick else Effort.FULL


@contextmanager
def _complaints() -> Iterator[None]:
    """Say in one line what is wrong, and end with the status that tells whose mistake it is."""
    try:
        yield
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - one plain line, never wrapped
        raise typer.Exit(UNUSABLE) from None
    except FAILURES as failure:
        print(f"error: {failure}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where this one ended", file=sys.stderr)  # noqa: T201
        raise typer.Exit(INTERRUPTED) from None


if __name__ == "__main__":
    app()
