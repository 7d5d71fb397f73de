"""Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 5.0


class ReplayProgress:
    """Counts recordings and steps, and shows both. Use as a context manager; `console` prints above the bar."""

    def __init__(self, recordings: int) -> None:
        self._recordings = recordings
        self._done = 0
        self._steps = 0
        self._shown_at = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            # Lines for stdout go above the bar only where both are the terminal; a redirected stdout stays what it is.
            lines_pass_here = sys.stdout.isatty()
            self._bar = Progress(
                *columns, console=Console(stderr=True), transient=True, redirect_stdout=lines_pass_here
            )
            self._task = self._bar.add_task("recordings", total=recordings)

    def __enter__(self) -> ReplayProgress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def step(self) -> None:
        """One step done."""
        self._steps += 1
        if self._steps % 256 == 0:
            self._show()

    def recording(self) -> None:
        """One recording done."""
        self._done += 1
        if self._bar:
            self._bar.update(self._task, completed=self._done)

    def _show(self) -> None:
        if self._bar:
            self._bar.update(self._task, description=f"{self._steps:,} steps")
        elif time.monotonic() - self._shown_at >= SECONDS_BETWEEN_LINES:
            self._shown_at = time.monotonic()
            typer.echo(f"{self._done} of {self._recordings} recordings, {self._steps:,} steps", err=True)
