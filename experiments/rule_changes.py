"""What does a change of firewall rules cost hits? Hits of 1,000 flows beside up to a thousand changes a second.

`python -m experiments.rule_changes`. Another thread replaces all firewall rules at a steady rate, by turns with two
sets of which neither ends a flow. After a change the first packet of each flow is a miss that makes the flow anew
under the new rules, in compiled code: the port's counters say that every packet was a hit or such a miss.

Packets are sent in two ways: by a compiled loop around the production kernel, which comes back to Python only when a
frame must wait for the new rules, and by `Port.process_batch`, which is Python between two batches and so shares the
interpreter lock with the thread that changes the rules. Both undisturbed in the same rounds. The same hits are sent
beside a thread that burns its core: what stalls even then is the machine's doing.
"""

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments import machine
from experiments.beside import FLOWS, Driver, Hits, Window, quantiles, resampled
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.expiry_stalls import burning_loop
from experiments.measure import Series, interleaved
from experiments.packets import Stream
from experiments.replay import BATCH
from experiments.results import write_json
from experiments.sending import STOP, NotCompiled, Sender
from experiments.small_vpc import firewall_rules, new_port
from fastpath import Design, Port
from fastpath.designs import POLICIES
from fastpath.layout import LINE
from fastpath.memory import Words
from reference.vpc.firewall import FirewallRule

RATES: Final = (0, 10, 100, 1_000)
"""Changes a second."""
WARM_UP_ROUNDS: Final = 1
THREADS: Final = 3
LASTS: Final = 0.1
"""Seconds of a sample."""
_LIMIT: Final = 8_192
_NOW_MS: Final = 1_000_000
_IRRELEVANT: Final = "dir=in action=deny priority=10 protocol=TCP port=23"


class PortDriver:
    """Sends through `Port.process_batch`, batch by batch from Python."""

    def __init__(self, port: Port, stream: Stream, most_batches: int, *, patient: bool = False) -> None:
        """`most_batches`: of one call of `send`. `patient`: packets may be left to the reference."""
        self._port = port
        self._patient = patient
        self._stream = stream
        self._writer = Sender(port, stream, 1)
        self._stamps = np.full(most_batches + 1, 1, np.uint64)

    def send(self, batches: int, now_ms: int, *, signals: Words, meeting: int) -> Words:
        """The time of the beginning and of each batch's end; alone, it meets nobody. Raises `NotCompiled`."""
        signals[0] += np.uint64(meeting)
        port, batch, stamps, tickets = self._port, self._stream.batch, self._stamps, self._port.ticket
        stamps[0] = time.monotonic_ns()
        for number in range(batches):
            if signals[STOP] and stamps[number] >= signals[STOP]:
                batches = number
                break
            self._writer.send(1, now_ms, first=number, process=False)
            port.process_batch(batch, now_ms)
            stamps[number + 1] = time.monotonic_ns()
        if port.ticket != tickets and not self._patient:
            raise NotCompiled("a packet was left to the reference")
        return stamps[: batches + 1].copy()


DRIVERS: Final[dict[str, Callable[..., Driver]]] = {
    "compiled loop": Sender,
    "process_batch": PortDriver,
}


@dataclass(frozen=True)
class Setting:
    """How packets are sent, and how often the rules change in a second; None for a core that burns instead."""

    driver: str
    rate: int | None


class Ground:
    """A port, its hits, and a thread that changes its rules.

    Attributes:
        windows: of each setting, one a sample.
        changes: how many there really were, one number a sample.
    """

    def __init__(self, design: Design, drivers: list[str]) -> None:
        self._ports = {driver: new_port(POLICIES[design], _LIMIT, THREADS) for driver in drivers}
        patient = POLICIES[design].has_port_lock
        self._hits = {
            driver: Hits(port, _NOW_MS, functools.partial(DRIVERS[driver], patient=patient))
            for driver, port in self._ports.items()
        }
        self._rules = itertools.cycle([[*firewall_rules(), FirewallRule.parse(_IRRELEVANT)], firewall_rules()])
        self._scratch = np.zeros(LINE, np.uint64)
        self.windows: dict[Setting, list[Window]] = {}
        self.changes: dict[Setting, list[int]] = {}

    def packets_per_second(self, setting: Setting, lasts: float) -> float:
        """One sample. Raises `NotCompiled`."""
        port, made = self._ports[setting.driver], 0

        def disturb() -> None:
            nonlocal made
            if setting.rate is None:
                burning_loop()(int(lasts * 1e9), self._scratch)
            else:
                made = self._change(port, setting.rate, lasts)

        window = self._hits[setting.driver].beside(disturb)
        self._check(port)
        self.windows.setdefault(setting, []).append(window)
        self.changes.setdefault(setting, []).append(made)
        return window.packets_per_second

    def _change(self, port: Port, rate: int, lasts: float) -> int:
        """Change the rules at a rate; one that comes late does not make the next one early."""
        end = time.monotonic() + lasts
        if rate == 0:
            time.sleep(lasts)
            return 0
        made, due = 0, time.monotonic()
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            port.set_firewall_rules(next(self._rules))
            made += 1
            due = max(due + 1 / rate, time.monotonic())
        time.sleep(max(0.0, end - time.monotonic()))
        return made

    def _check(self, port: Port) -> None:
        counts: Any = port.flow_counts()
        if counts["uft"] != {"in": FLOWS, "out": FLOWS} or counts["firewall"]["count"] != FLOWS:
            raise NotCompiled(f"{FLOWS} flows should be in the tables, there are {counts}")


@dataclass(frozen=True)
class Result:
    """What hits do beside changes of rules.

    Attributes:
        packets_per_second: of each sample.
        to_undisturbed: the same in units of the undisturbed sample of the same round.
        changes_per_second: really made, in each sample.
        longest_ms: the longest batch of each sample, in milliseconds.
        quantiles_us: of all batches: median, p99, p99.9, p99.99, longest, in microseconds.
        resampled_us: the same by name, with their spread.
    """

    setting: Setting
    packets_per_second: list[float]
    to_undisturbed: list[float]
    changes_per_second: list[float]
    longest_ms: list[float]
    quantiles_us: list[float]
    resampled_us: dict[str, tuple[float, ...]]


def measure(
    design: Design,
    drivers: list[str],
    rates: tuple[int, ...],
    rounds: int,
    seconds: float,
    lasts: float = LASTS,
    advance: Callable[[Any], Any] = iter,
) -> list[Result]:
    """Every rate in turn; 0 must be one of them."""
    ground = Ground(design, drivers)
    settings = [Setting(driver, rate) for driver in drivers for rate in (*rates, None)]
    samplers = {setting: functools.partial(ground.packets_per_second, setting, lasts) for setting in settings}
    taken = interleaved(samplers, warm_up_rounds=WARM_UP_ROUNDS, rounds=rounds, seconds=seconds, advance=advance)
    found = []
    for setting, series in taken.items():
        windows, changes = ground.windows[setting][WARM_UP_ROUNDS:], ground.changes[setting][WARM_UP_ROUNDS:]
        calm = taken[Setting(setting.driver, 0)].samples
        ratios = [mine / undisturbed for mine, undisturbed in zip(series.samples, calm, strict=True)]
        longest = [window.longest for window in windows]
        made = [number / lasts for number in changes]
        spread = resampled(windows)
        found.append(Result(setting, list(series.samples), ratios, made, longest, quantiles(windows), spread))
    return found


def table_of(design: Design, results: list[Result]) -> Table:
    """The figures for reading."""
    table = Table(title=f"{design.value}: hits of {FLOWS:,} flows beside changes of rules, batches of {BATCH}")
    for heading in ("sent by", "changes/s"):
        table.add_column(heading, no_wrap=True)
    for heading in ("made", "million/s", "to undisturbed", "p50 us", "p99", "p99.9", "p99.99", "longest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        ratio, rate = Series(tuple(result.to_undisturbed)), result.setting.rate
        table.add_row(
            result.setting.driver,
            "burning" if rate is None else f"{rate:,}",
            f"{Series(tuple(result.changes_per_second)).median:,.0f}",
            f"{Series(tuple(result.packets_per_second)).median / 1e6:.1f}",
            "{:.2f}, {:.2f} {:.2f}".format(ratio.median, *ratio.quartiles),
            *(f"{value:,.0f}" for value in result.quantiles_us),
        )
    return table


_RATE, _STALL, _MADE = "hits to undisturbed", "a batch", "changes made"


def measure_part(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """A design, sent in both ways."""
    rates = effort.choose((0, 100), RATES, RATES)
    found = []
    for result in measure(
        Design(part), list(DRIVERS), rates, effort.rounds, effort.seconds, effort.choose(0.02, LASTS, LASTS), advance
    ):
        rate = "a burning core" if result.setting.rate is None else f"{result.setting.rate:,}"
        setting = {"design": part, "sent by": result.setting.driver, "changes a second": rate}
        found.append(Measured(_RATE, "", setting, tuple(result.to_undisturbed)))
        found.append(Measured(_MADE, "a second", setting, tuple(result.changes_per_second)))
        found += [
            Measured(_STALL, "microseconds", setting | {"quantile": name}, samples)
            for name, samples in result.resampled_us.items()
        ]
    return found


def finding(rows: Rows) -> str:
    """Throughput by design at 100 and 1,000 changes a second."""
    designs = list(dict.fromkeys(row.setting["design"] for row in rows.all))
    said = []
    for design in designs:
        kept = [
            rows.median(_RATE, design=design, sent_by="compiled loop", changes_a_second=rate)
            for rate in ("100", "1,000")
        ]
        said.append(" and ".join(f"{ratio:.2f}" for ratio in kept if ratio is not None) + f" under {design}")
    return f"At 100 and 1,000 changes of rules a second hits keep {'; '.join(said)} of their throughput"


EXPERIMENT: Final = Experiment(
    name="rule_changes",
    question="What does a change of firewall rules cost hits?",
    variables={
        "design": "mutex, pr585, rwlock, fine",
        "sent by": "a compiled loop around the production kernel; Port.process_batch, from Python",
        "changes a second": "0, 10, 100, 1,000 wanted; as many as are made are in the table",
        "quantile": "of the time that a batch of 256 takes, to the longest",
    },
    method="Another thread replaces all firewall rules at a steady rate, by turns with two sets of which neither ends "
    "a flow. After a change the first packet of each of 1,000 flows makes the flow anew under the new rules: in "
    "compiled code under fine, in the reference under a port lock. Undisturbed in the same rounds, and beside a core "
    "that burns.",
    parts=tuple(design.value for design in Design),
    measure=measure_part,
    charts=(
        Chart(_RATE, x="changes a second", series="design", panel="sent by", base=1.0),
        Chart(
            _STALL,
            x="quantile",
            series="changes a second",
            panel="design",
            log_y=True,
            only={"sent by": "compiled loop"},
        ),
    ),
    finding=finding,
)


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Samples of each setting.")] = 15,
    seconds: Annotated[float, typer.Option(min=0, help="Measure each design no longer than this.")] = 60.0,
    design: Annotated[list[Design] | None, typer.Option(help="Designs; fine and mutex by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the data to this file as JSON.")] = None,
) -> None:
    """Measures what changes of rules do to hits."""
    console = Console()
    found = {}
    for chosen in design or [Design.FINE, Design.MUTEX]:
        results = measure(
            chosen,
            list(DRIVERS),
            RATES,
            rounds,
            seconds,
            advance=lambda items: track(items, console=console, transient=True),
        )
        console.print(table_of(chosen, results))
        found[chosen.value] = results
    if output:
        write_json(output, {"machine": machine.describe(), "results": found})


if __name__ == "__main__":
    typer.run(main)
