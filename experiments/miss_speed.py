"""How many flows can begin in a second, UDP or TCP: both halves installed with the first packet, in compiled code.

`python -m experiments.miss_speed`. Batches of 256 first packets, each of a flow of its own, through the production
kernel: to a neighbour in the VPC without translation, to the internet from an external address of the guest's own, and
from a neighbour. On an empty table and on one that holds half a million flows already; on one thread, and on two with
flows of their own. Between two samples the table is brought back to what it was: emptied by a reset, or by expiry
of the flows that the sample has begun. What writing the packets takes is measured in the same rounds, and the least
of it taken off.

After each sample the port's own counters must say that every packet was a miss, and that so many flows are in the
unified table in both directions and in the firewall.
"""

import functools
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments import machine
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.measure import Series, beyond, interleaved, least
from experiments.packets import Stream, Traffic, Way, new_flows
from experiments.replay import BATCH
from experiments.results import write_json
from experiments.sending import NotCompiled, Sender, new_signals
from experiments.small_vpc import new_port
from fastpath import Design
from fastpath.designs import POLICIES
from reference.packet.protocol import IpProtocol

BATCHES: Final = 200
"""Of one thread in one sample: some 50,000 flows."""
LIMIT: Final = 1_200_000
"""Flows for which every table has room."""
IN_TABLE: Final = (0, 500_000)
THREADS: Final = 2
WARM_UP_ROUNDS: Final = 2
_SAMPLE_MS: Final = 1_000_000
_LATER_MS: Final = 10_000_000
"""When flows of a sample, and those that stay, have their packets."""
_LIFETIME_MS: Final = 60_000


@dataclass(frozen=True)
class Setting:
    """What is measured together.

    Attributes:
        design: of the port.
        way: where the packets come from and go to.
        in_table: how many flows are there before.
        threads: how many begin flows at once, each its own.
        protocol: of the flows that begin; of TCP the first packet is a SYN, and what begins a connection.
        apart: each thread has a port of its own, so that they share nothing but the machine.
    """

    design: Design
    way: Way
    in_table: int
    threads: int
    protocol: IpProtocol = IpProtocol.UDP
    apart: bool = False


_APART: Final = ", a port each"


class Ground:
    """A port with flows that stay, for samples of all settings that have it in common."""

    def __init__(self, design: Design, in_table: int, *, patient: bool = False) -> None:
        """`patient`: the reference may begin the flows that stay."""
        self.port = new_port(POLICIES[design], LIMIT, THREADS + 1)
        self.in_table = in_table
        if in_table:
            packets = -(-in_table // BATCH) * BATCH
            sender = Sender(self.port, Stream(Traffic(), new_flows(0, packets)), packets // BATCH, patient=patient)
            sender.send(packets // BATCH, _LATER_MS)
            self.in_table = packets
        self._missed = self._misses()

    def clear(self) -> None:
        """Bring the table back to what it was before a sample."""
        if self.in_table:
            self.port.expire(_SAMPLE_MS + _LIFETIME_MS)
        else:
            self.port.reset()
            self.port.start()
        self._check(self.in_table)

    def check(self, begun: int, connections: int = 0) -> None:
        """Raises `NotCompiled` unless as many packets have missed since the last check, and begun flows."""
        missed, self._missed = self._missed, self._misses()
        if self._missed - missed != begun:
            raise NotCompiled(f"{self._missed - missed} packets were misses, not {begun}")
        self._check(self.in_table + begun, connections)

    def _check(self, flows: int, connections: int = 0) -> None:
        counts: Any = self.port.flow_counts()
        counted = counts["uft"]["in"], counts["uft"]["out"], counts["firewall"]["count"], counts["tcp"]
        if counted != (flows, flows, flows, connections):
            raise NotCompiled(f"{flows} flows and {connections} connections should be in the tables: {counted}")

    def _misses(self) -> int:
        statistics: Any = self.port.statistics()
        return int(statistics["in_uft_miss"]) + int(statistics["out_uft_miss"])


class Meter:
    """A setting, ready to be sampled."""

    def __init__(self, setting: Setting, grounds: list[Ground], batches: int, pool: ThreadPoolExecutor) -> None:
        """`grounds`: one for all threads, or one for each. `pool`: of the threads that send, `THREADS` of them."""
        self._grounds = grounds
        self._batches = batches
        self._pool = pool
        packets = batches * BATCH
        self._is_tcp = setting.protocol is IpProtocol.TCP
        patient = POLICIES[setting.design].has_port_lock
        self._senders = [
            Sender(
                grounds[number % len(grounds)].port,
                Stream(Traffic(setting.way, setting.protocol), new_flows(LIMIT + number * packets, packets)),
                batches,
                patient=patient,
            )
            for number in range(setting.threads)
        ]

    def seconds(self, process: bool) -> float:
        """From the start of the first thread to the end of the last. Raises `NotCompiled`."""
        signals, threads = new_signals(), len(self._senders)
        running = [
            self._pool.submit(sender.send, self._batches, _SAMPLE_MS, process=process, signals=signals, meeting=threads)
            for sender in self._senders
        ]
        stamps = [future.result() for future in running]
        if process:
            begun = threads // len(self._grounds) * self._batches * BATCH
            for ground in self._grounds:
                ground.check(begun, begun if self._is_tcp else 0)
                ground.clear()
        return float(max(taken[-1] for taken in stamps) - min(taken[0] for taken in stamps)) / 1e9


def settings_of(
    designs: list[Design], ways: list[Way], in_table: list[int], protocol: IpProtocol = IpProtocol.UDP
) -> list[Setting]:
    """Each on one thread and on two; where tables are empty, on two with a port each as well."""
    threads = range(1, THREADS + 1)
    shared = [Setting(*chosen, protocol) for chosen in itertools.product(designs, ways, in_table, threads)]
    return shared + [replace(both, apart=True) for both in shared if both.threads == THREADS and not both.in_table]


def measure(
    settings: list[Setting],
    rounds: int,
    seconds: float,
    batches: int = BATCHES,
    advance: Callable[[Any], Any] = iter,
) -> dict[Setting, Series]:
    """New flows a second for each setting, of all its threads together. Raises `NotCompiled` or `TooNoisy`."""
    wanted = {(one.design, one.in_table, port) for one in settings for port in range(one.threads if one.apart else 1)}
    grounds = {(design, in_table, port): Ground(design, in_table) for design, in_table, port in wanted}
    samplers: dict[tuple[Setting, bool], Callable[[], float]] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for setting in settings:
            ports = range(setting.threads if setting.apart else 1)
            mine = [grounds[setting.design, setting.in_table, port] for port in ports]
            meter = Meter(setting, mine, batches, pool)
            samplers[setting, True] = functools.partial(meter.seconds, True)
            samplers[setting, False] = least(functools.partial(meter.seconds, False))
        taken = interleaved(samplers, warm_up_rounds=WARM_UP_ROUNDS, rounds=rounds, seconds=seconds, advance=advance)
    found = {}
    for setting in settings:
        flows = batches * BATCH * setting.threads
        spent = beyond(taken[setting, True], taken[setting, False])
        found[setting] = Series(tuple(flows / seconds for seconds in spent.samples))
    return found


@dataclass(frozen=True)
class Result:
    """A setting and its figures, as data: flows a second, and in units of one thread's in the same rounds."""

    setting: Setting
    flows_per_second: list[float]
    to_one_thread: list[float]


def results_of(measured: dict[Setting, Series]) -> list[Result]:
    """What was measured, with ratios round by round."""
    found = []
    for setting, series in measured.items():
        alone = measured[replace(setting, threads=1, apart=False)]
        ratios = [both / one for both, one in zip(series.samples, alone.samples, strict=True)]
        found.append(Result(setting, list(series.samples), ratios))
    return found


def table_of(results: list[Result]) -> Table:
    """The figures for reading."""
    table = Table(title="New flows a second, both halves installed, in thousands; batches of 256")
    for heading in ("design", "way", "there", "threads"):
        table.add_column(heading, no_wrap=True)
    for heading in ("median", "quartiles", "most", "to one thread"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        setting, flows = result.setting, Series(tuple(rate / 1e3 for rate in result.flows_per_second))
        ratio = Series(tuple(result.to_one_thread))
        table.add_row(
            setting.design.value,
            setting.way.value,
            f"{setting.in_table:,}",
            _threads(setting),
            f"{flows.median:,.0f}",
            "{:,.0f} {:,.0f}".format(*flows.quartiles),
            f"{flows.extremes[1]:,.0f}",
            "" if setting.threads == 1 else "{:.2f}, {:.2f} {:.2f}".format(ratio.median, *ratio.quartiles),
        )
    return table


def _threads(setting: Setting) -> str:
    return f"{setting.threads}{_APART}" if setting.apart else str(setting.threads)


_RATE, _GAIN = "new flows", "two threads to one"
_PARTS: Final = {
    "mutex": (Design.MUTEX, 0, IpProtocol.UDP),
    "pr585": (Design.PR585, 0, IpProtocol.UDP),
    "rwlock": (Design.RWLOCK, 0, IpProtocol.UDP),
    "fine": (Design.FINE, 0, IpProtocol.UDP),
    "fine, 500,000 flows there": (Design.FINE, 500_000, IpProtocol.UDP),
    "fine, TCP": (Design.FINE, 0, IpProtocol.TCP),
}


def measure_part(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """A design on a table that is empty or not; one batch a sample where the reference begins flows."""
    design, in_table, protocol = _PARTS[part]
    slow = POLICIES[design].has_port_lock
    ways = [Way.NEIGHBOUR] if slow or effort is Effort.SMOKE else list(Way)
    settings = settings_of([design], ways, [in_table], protocol)
    batches = 1 if slow else effort.choose(2, BATCHES, BATCHES)
    found = []
    for result in results_of(measure(settings, effort.rounds, effort.seconds, batches, advance)):
        setting = {"design": part, "way": result.setting.way.value, "threads": _threads(result.setting)}
        rates = tuple(rate / 1e3 for rate in result.flows_per_second)
        found.append(Measured(_RATE, "thousand a second", setting, rates))
        if result.setting.threads > 1:
            found.append(Measured(_GAIN, "", setting, tuple(result.to_one_thread)))
    return found


def finding(rows: Rows) -> str:
    """One thread's rate and two threads' gain, by design."""
    said = []
    for part in dict.fromkeys(row.setting["design"] for row in rows.all):
        rate = rows.median(_RATE, design=part, way=Way.NEIGHBOUR.value, threads="1")
        gain, most = (
            rows.median(_GAIN, design=part, way=Way.NEIGHBOUR.value, threads=threads)
            for threads in (str(THREADS), f"{THREADS}{_APART}")
        )
        apart = f" ({most:.1f} with a port each)" if most else ""
        said.append(f"{rate or 0:,.0f} thousand under {part}, times {gain or 0:.1f} on two threads{apart}")
    return f"New flows a second, UDP if not said otherwise, both halves installed: {'; '.join(said)}"


EXPERIMENT: Final = Experiment(
    name="miss_speed",
    question="How many flows can begin in a second?",
    variables={
        "design": "all on an empty table, fine also on one that holds 500,000 flows, and with TCP connections",
        "way": "; ".join(way.value for way in Way),
        "threads": "1 and 2, each with flows of its own; on empty tables also 2 with a port each, which share nothing "
        "but the machine",
    },
    method="Batches of 256 first packets, each of a flow of its own, both halves installed with it: by compiled "
    "code under fine, by the reference under a port lock. Between two samples the table is brought back to what it "
    "was. The port's counters say after each that all packets were misses and all flows are there. What writing the "
    "packets takes is taken off.",
    parts=tuple(_PARTS),
    measure=measure_part,
    charts=(
        Chart(_RATE, x="way", series="design", panel="threads", log_y=True),
        Chart(_GAIN, x="way", series="design", panel="threads", base=1.0),
    ),
    finding=finding,
    smoke=("fine",),
)


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Samples of each setting.")] = 20,
    seconds: Annotated[float, typer.Option(min=0, help="Measure no longer than this.")] = 120.0,
    design: Annotated[list[Design] | None, typer.Option(help="Designs; all by default.")] = None,
    flows: Annotated[list[int] | None, typer.Option(help="Flows in the table before.")] = None,
    tcp: Annotated[bool, typer.Option(help="TCP connections in place of UDP flows.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the data to this file as JSON.")] = None,
) -> None:
    """Measures how many flows can begin in a second."""
    console = Console()
    protocol = IpProtocol.TCP if tcp else IpProtocol.UDP
    settings = settings_of(design or list(Design), list(Way), flows or list(IN_TABLE), protocol)
    measured = measure(settings, rounds, seconds, advance=lambda items: track(items, console=console, transient=True))
    results = results_of(measured)
    console.print(table_of(results))
    if output:
        write_json(output, {"machine": machine.describe(), "results": results})


if __name__ == "__main__":
    typer.run(main)
