"""`python -m proofs.differential`: search for a story in which two engines differ.

Exit status: 0 none was found, 1 one was found and kept, 2 an engine or the output folder cannot be used.
"""

import secrets
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from proofs.conformance import report
from proofs.conformance.engine import EngineFailed
from proofs.conformance.engines import EngineChoice, EngineUnavailable, SemanticsName
from proofs.conformance.external import SECONDS_TO_ANSWER
from proofs.conformance.recording import read
from proofs.conformance.replay import Replay
from proofs.differential.search import Found, Search, Tally
from proofs.differential.storing import keep

FOUND, UNUSABLE = 1, 2
SECONDS_BETWEEN_LINES = 5.0
ENGINES = "reference, fastpath, or exec:COMMAND for another program (docs/external-engines.md)"

app = typer.Typer(add_completion=False)


@app.command()
def main(
    right: Annotated[str, typer.Option(help=f"The engine on trial: {ENGINES}.")],
    left: Annotated[str, typer.Option(help="The engine whose answers are written down.")] = "reference",
    semantics: Annotated[SemanticsName, typer.Option(help="What both are to follow.")] = SemanticsName.UPSTREAM,
    examples: Annotated[int, typer.Option(min=1, metavar="N", help="How many stories to invent.")] = 500,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="S", help="The same seed invents the same stories; default: any.")
    ] = None,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where a story that differs is kept.")] = Path(
        "differences"
    ),
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long another program may take for each answer.")
    ] = SECONDS_TO_ANSWER,
) -> None:
    """Invent stories and let both engines live through them; shrink the first difference and keep it as a recording.

    Exit status: 0 none was found, 1 one was found and kept, 2 an engine or the output folder cannot be used.
    """
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    try:
        makers = [EngineChoice(name, semantics, None, timeout).factory() for name in (left, right)]
        output.mkdir(parents=True, exist_ok=True)
        search = Search(makers[0], makers[1], _Progress())
        found = search.run(examples, seed)
        if found is None:
            _say(f"no difference in {search.tally.stories:,} stories, {search.tally.steps:,} steps (seed {seed})")
            return
        path = keep(output, found.lines)
    except (EngineUnavailable, EngineFailed) as fault:
        _refuse(str(fault))
    except OSError as error:
        _refuse(f"cannot write to {output}: {error.strerror or error}")
    _tell(found, path)
    command = ["python", "-m", "proofs.conformance", "--engine", right, "--semantics", semantics.value, str(path)]
    tried = f"{search.tally.stories:,} stories, {search.tally.steps:,} steps, shrinking included (seed {seed})"
    _say(f"\na difference, after {tried}\nreplay it with: {shlex.join(command)}")
    raise typer.Exit(FOUND)


class _Progress:
    """A line on standard error every few seconds."""

    def __init__(self) -> None:
        self._shown_at = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        if time.monotonic() - self._shown_at >= SECONDS_BETWEEN_LINES:
            self._shown_at = time.monotonic()
            typer.echo(f"{tally.stories:,} stories, {tally.steps:,} steps", err=True)


def _tell(found: Found, path: Path) -> None:
    """The runner's report about the story as it is kept."""
    kept = Replay(read(path), found.replay.compared, 0, found.replay.mismatch)
    if found.failure:
        _say(f"DIFF  {kept.recording.name}, {len(kept.recording.steps)} steps: {found.failure}")
    else:
        _say(f"{report.line(kept)}\n{report.account(kept)}")
    if not found.repeats:
        _say("this story did not differ every time it was tried: an engine depends on more than the story")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(UNUSABLE)


if __name__ == "__main__":
    app()
