"""Does expiry hold up hits? Hits of 1,000 flows while 100,000 others are looked at, and none or all of them expire.

`python -m experiments.expiry_stalls`. One thread sends batches of 256 from a compiled loop; another one calls
`Port.expire`: again and again where nothing expires, once where everything does. In the same rounds the same hits
undisturbed, and beside a thread that does nothing but burn its core: what stalls even then is the machine's doing, the
noise floor. All flows were begun by compiled misses, and all packets are decided by compiled code: the port's
counters say so after each sample.
"""

import enum
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numba
import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments import machine
from experiments.beside import FLOWS, Hits, Window, quantiles, resampled
from experiments.clock import nanoseconds
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.measure import Series, interleaved
from experiments.packets import Stream, Traffic, new_flows
from experiments.replay import BATCH
from experiments.results import write_json
from experiments.sending import NotCompiled, Sender
from experiments.small_vpc import new_port
from fastpath import Design
from fastpath.compiler import OPTIONS
from fastpath.designs import POLICIES
from fastpath.layout import LINE
from fastpath.memory import Words

OTHERS: Final = 391
"""Batches of other flows: 100,096 flows."""
WARM_UP_ROUNDS: Final = 2
THREADS: Final = 3
_FIRST_OTHER: Final = 10 * FLOWS
_OLD_MS: Final = 1_000_000
_NONE_DUE_MS: Final = _OLD_MS + 30_000
_ALL_DUE_MS: Final = _OLD_MS + 60_000
_HITS_MS: Final = 2_000_000
_LASTS: Final = 0.05
"""Seconds of the disturbances that go on for as long as one likes."""


class Beside(enum.Enum):
    """What the other thread does."""

    NOTHING = "undisturbed"
    BURNING = "a burning core"
    """The noise floor."""
    NONE = "none expired"
    ALL = "all expired"


class Ground:
    """A port with the hits' flows and the others."""

    def __init__(self, design: Design, others: int) -> None:
        """`others`: batches of them. Under a port lock the reference begins all flows."""
        patient = POLICIES[design].has_port_lock
        self._others = others
        self._port = new_port(POLICIES[design], _FIRST_OTHER + others * BATCH, THREADS)
        self._hits = Hits(self._port, _HITS_MS, functools.partial(Sender, patient=patient))
        stream = Stream(Traffic(), new_flows(_FIRST_OTHER, others * BATCH))
        self._sender = Sender(self._port, stream, others, patient=patient)
        self._scratch = np.zeros(LINE, np.uint64)
        self._disturbances: dict[Beside, Callable[[], None]] = {
            Beside.NOTHING: lambda: time.sleep(_LASTS),
            Beside.BURNING: self._burn,
            Beside.NONE: self._expire_none,
            Beside.ALL: lambda: self._port.expire(_ALL_DUE_MS),
        }
        self.windows: dict[Beside, list[Window]] = {beside: [] for beside in Beside}
        self._begin_others()

    def packets_per_second(self, beside: Beside) -> float:
        """One sample; the window is kept. Raises `NotCompiled`."""
        window = self._hits.beside(self._disturbances[beside])
        self.windows[beside].append(window)
        if beside is Beside.ALL:
            self._check(FLOWS)
            self._begin_others()
        self._check(FLOWS + self._others * BATCH)
        return window.packets_per_second

    def _begin_others(self) -> None:
        self._sender.send(self._others, _OLD_MS)

    def _burn(self) -> None:
        burning_loop()(int(_LASTS * 1e9), self._scratch)

    def _expire_none(self) -> None:
        deadline = time.monotonic() + _LASTS
        while time.monotonic() < deadline:
            self._port.expire(_NONE_DUE_MS)

    def _check(self, flows: int) -> None:
        counts: Any = self._port.flow_counts()
        if counts["uft"] != {"in": flows, "out": flows} or counts["firewall"]["count"] != flows:
            raise NotCompiled(f"{flows} flows should be in the tables, there are {counts}")


@functools.cache
def burning_loop() -> Any:
    """A compiled loop that does nothing for so many nanoseconds."""

    def burn(lasts: int, scratch: Words) -> None:
        end = nanoseconds(scratch) + np.uint64(lasts)
        while nanoseconds(scratch) < end:
            pass

    return numba.njit(**OPTIONS)(burn)


@dataclass(frozen=True)
class Result:
    """What hits do beside something.

    Attributes:
        packets_per_second: of each sample.
        to_undisturbed: the same in units of the undisturbed sample of the same round.
        longest_ms: the longest batch of each sample, in milliseconds.
        quantiles_us: of all batches: median, p99, p99.9, p99.99, longest, in microseconds.
        resampled_us: the same by name, with their spread.
        batches: how many.
    """

    beside: Beside
    packets_per_second: list[float]
    to_undisturbed: list[float]
    longest_ms: list[float]
    quantiles_us: list[float]
    resampled_us: dict[str, tuple[float, ...]]
    batches: int


def measure(
    design: Design,
    rounds: int,
    seconds: float,
    others: int = OTHERS,
    advance: Callable[[Any], Any] = iter,
) -> list[Result]:
    """Every disturbance in turn."""
    ground = Ground(design, others)
    samplers = {beside: functools.partial(ground.packets_per_second, beside) for beside in Beside}
    taken = interleaved(samplers, warm_up_rounds=WARM_UP_ROUNDS, rounds=rounds, seconds=seconds, advance=advance)
    found = []
    for beside, series in taken.items():
        windows = ground.windows[beside][WARM_UP_ROUNDS:]
        ratios = [mine / calm for mine, calm in zip(series.samples, taken[Beside.NOTHING].samples, strict=True)]
        longest = [window.longest for window in windows]
        count = sum(len(window.spans) for window in windows)
        spread = resampled(windows)
        found.append(Result(beside, list(series.samples), ratios, longest, quantiles(windows), spread, count))
    return found


def table_of(design: Design, results: list[Result]) -> Table:
    """The figures for reading."""
    table = Table(title=f"{design.value}: hits of {FLOWS:,} flows beside expiry, batches of {BATCH}")
    table.add_column("beside", no_wrap=True)
    for heading in ("million/s", "to undisturbed", "p50 us", "p99", "p99.9", "p99.99", "longest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        ratio = Series(tuple(result.to_undisturbed))
        table.add_row(
            result.beside.value,
            f"{Series(tuple(result.packets_per_second)).median / 1e6:.1f}",
            "{:.2f}, {:.2f} {:.2f}".format(ratio.median, *ratio.quartiles),
            *(f"{value:,.0f}" for value in result.quantiles_us),
        )
    return table


FEW: Final = 40
"""Batches of other flows where the reference begins them anew for each sample: 10,240 flows."""
QUICK: Final = 8
_MANY: Final = "fine, 100,096 flows"
_RATE, _STALL = "hits to undisturbed", "a batch"


def measure_part(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """A design beside 10,240 flows, or `fine` beside ten times as many."""
    design = Design(part.partition(",")[0])
    others = effort.choose(2, QUICK, FEW) if part != _MANY else OTHERS
    found = []
    for result in measure(design, effort.rounds, effort.seconds, others, advance):
        setting = {"design": part, "beside": result.beside.value}
        found.append(Measured(_RATE, "", setting, tuple(result.to_undisturbed)))
        found += [
            Measured(_STALL, "microseconds", setting | {"quantile": name}, samples)
            for name, samples in result.resampled_us.items()
        ]
    return found


def finding(rows: Rows) -> str:
    """Throughput and the longest batch where everything expires."""
    designs = list(dict.fromkeys(row.setting["design"] for row in rows.all))
    said = []
    for design in designs:
        ratio = rows.median(_RATE, design=design, beside=Beside.ALL.value)
        longest = rows.median(_STALL, design=design, beside=Beside.ALL.value, quantile="longest")
        said.append(
            f"{ratio or 0:.2f} of their throughput, with batches of up to {(longest or 0) / 1e3:.1f} ms ({design})"
        )
    return f"While everything else expires, hits keep {'; '.join(said)}"


EXPERIMENT: Final = Experiment(
    name="expiry_stalls",
    question="Does expiry hold up hits?",
    variables={
        "design": "all with 10,240 flows that expire, 2,048 in a quick run; fine also with 100,096",
        "beside": "; ".join(beside.value for beside in Beside),
        "quantile": "of the time that a batch of 256 takes, to the longest",
    },
    method="One thread sends hits of 1,000 flows from a compiled loop that notes when each batch was done; another one "
    "calls Port.expire, again and again where nothing expires, once where everything does. What a burning core does to "
    "hits is the machine's doing: the noise floor. Under a port lock the reference begins all flows, which is why they "
    "are fewer. Spreads of quantiles are resampled.",
    parts=("mutex", "pr585", "rwlock", "fine", _MANY),
    measure=measure_part,
    charts=(
        Chart(_STALL, x="quantile", series="beside", panel="design", log_y=True),
        Chart(_RATE, x="beside", series="design", base=1.0),
    ),
    finding=finding,
    smoke=("fine",),
)


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Samples of each disturbance.")] = 30,
    seconds: Annotated[float, typer.Option(min=0, help="Measure each design no longer than this.")] = 60.0,
    design: Annotated[list[Design] | None, typer.Option(help="Designs; fine and mutex by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the data to this file as JSON.")] = None,
) -> None:
    """Measures what expiry does to hits."""
    console = Console()
    found = {}
    for chosen in design or [Design.FINE, Design.MUTEX]:
        results = measure(chosen, rounds, seconds, advance=lambda items: track(items, console=console, transient=True))
        console.print(table_of(chosen, results))
        found[chosen.value] = results
    if output:
        write_json(output, {"machine": machine.describe(), "results": found})


if __name__ == "__main__":
    typer.run(main)
