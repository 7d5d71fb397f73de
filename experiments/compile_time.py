"""How long a process that uses the fast path waits for the compiler: with nothing in the cache, and with everything.

`python -m experiments.compile_time`. Each figure is a process of its own, from its start to its end, imports included;
`first_packets.Part` says what it does. The cache is a temporary folder, new for each part, and so is Python's cache of
bytecode. Processor time is what a stopwatch would show on an idle machine: the compiler has one thread.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.first_packets import Part
from experiments.machine import describe

TITLES: Final = {
    Part.ONE: "a port's first packet",
    Part.FOUR: "a first packet under each design",
    Part.ALL: "a capture under each design, and all else that ports do",
}
MEGABYTE: Final = 1_000_000
LONGEST_SECONDS: Final = 1_800
"""More than any part takes, on a machine with company."""


@dataclass(frozen=True)
class Span:
    """What a process took, in seconds: from its start to its end, and of processors."""

    elapsed: float
    processor: float

    def __str__(self) -> str:
        return f"{self.elapsed:.1f} ({self.processor:.1f})"


@dataclass(frozen=True)
class Start:
    """A part measured: with an empty cache, again with what that left there, and how many bytes that is."""

    part: Part
    cold: Span
    warm: Span
    cache_bytes: int


def measure(part: Part) -> Start:
    """Run a part twice with one new cache. Raises `subprocess.SubprocessError` when it fails."""
    with tempfile.TemporaryDirectory() as name:
        compiled, bytecode = Path(name, "compiled"), Path(name, "bytecode")
        environment = os.environ | {"LOCKSTEP_CACHE": str(compiled), "PYTHONPYCACHEPREFIX": str(bytecode)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        cold, warm = _run(part, environment), _run(part, environment)
        size = sum(path.stat().st_size for path in compiled.rglob("*") if path.is_file())
    return Start(part, cold, warm, size)


def _run(part: Part, environment: Mapping[str, str]) -> Span:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "experiments.first_packets", part.value]
    subprocess.run(command, env=environment, timeout=LONGEST_SECONDS, check=True)
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return Span(end - start, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


_QUANTITY: Final = "from start to end"


def measure_part(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One part, cold once or twice: it takes minutes."""
    starts = [measure(Part[part]) for _ in advance(range(effort.choose(1, 1, 2)))]
    found = []
    for cache in ("nothing", "everything"):
        spans = [start.cold if cache == "nothing" else start.warm for start in starts]
        setting = {"process": Part[part].value, "in the cache": cache}
        found.append(Measured(_QUANTITY, "seconds", setting, tuple(span.elapsed for span in spans)))
        found.append(Measured("processor time", "seconds", setting, tuple(span.processor for span in spans)))
    return found


def finding(rows: Rows) -> str:
    """The least part, cold and warm."""
    cold, warm = (
        rows.median(_QUANTITY, process=rows.all[0].setting["process"], in_the_cache=cache)
        for cache in ("nothing", "everything")
    )
    return f"A port's first packet waits {cold or 0:.0f} s for the compiler, {warm or 0:.1f} s with a warm cache"


EXPERIMENT: Final = Experiment(
    name="compile_time",
    question="How long does a process that uses the fast path wait for the compiler?",
    variables={"process": "; ".join(part.value for part in Part), "in the cache": "nothing; everything"},
    method="Processes of their own, from start to end, imports included, with a new folder for compiled code; the "
    "second one finds what the first has left. Processor time is what a stopwatch would show on an idle machine.",
    parts=tuple(part.name for part in Part),
    measure=measure_part,
    charts=(Chart(_QUANTITY, x="process", series="in the cache", log_y=True),),
    finding=finding,
    smoke=(Part.ONE.name,),
    quick=(Part.ONE.name,),
)


def main(
    part: Annotated[list[Part] | None, typer.Option(help="What to measure; all by default.")] = None,
) -> None:
    """Measures cold and warm starts and prints them."""
    console = Console()
    table = Table(title=f"Seconds elapsed (and of processors), {describe()}")
    table.add_column("process")
    for heading in ("nothing cached", "all cached", "cache, MB"):
        table.add_column(heading, justify="right")
    for start in _measured(part or list(Part), console):
        table.add_row(TITLES[start.part], str(start.cold), str(start.warm), f"{start.cache_bytes / MEGABYTE:.1f}")
    console.print(table)


def _measured(parts: list[Part], console: Console) -> Iterator[Start]:
    for part in parts:
        with console.status(TITLES[part]):
            yield measure(part)


if __name__ == "__main__":
    typer.run(main)
