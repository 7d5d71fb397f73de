"""How much memory does a flow take? Resident memory of a port with a million two-way flows.

`python -m experiments.memory`. A process of its own for each kind of flow: everything is compiled and has run once,
then resident memory is read (`/proc/self/smaps_rollup`), a port is made, compiled misses begin a million flows, both
halves of each, and memory is read again. What a flow takes is the difference, shared parts of the port included,
divided by the flows. Linux only.
"""

import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from experiments import machine
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.packets import Stream, Traffic, new_flows
from experiments.replay import BATCH
from experiments.results import write_json
from experiments.sending import NotCompiled, Sender
from experiments.small_vpc import new_port
from fastpath import Design, Port
from fastpath.designs import POLICIES
from reference.packet.protocol import IpProtocol

FLOWS: Final = 1_000_000
KINDS: Final = (IpProtocol.UDP, IpProtocol.TCP)
_NOW_MS: Final = 1_000_000
_KILOBYTE: Final = 1_024


@dataclass(frozen=True)
class Result:
    """What flows of a kind take.

    Attributes:
        protocol: of the flows.
        flows: how many.
        bytes: resident memory that came with the port and the flows.
        reserved: bytes of the port's arena, resident or not.
    """

    protocol: str
    flows: int
    bytes: int
    reserved: int

    @property
    def bytes_per_flow(self) -> float:
        """Of both halves, with a share of everything else."""
        return self.bytes / self.flows


def resident() -> int:
    """Bytes of resident memory of this process."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * _KILOBYTE
    raise OSError("/proc/self/smaps_rollup does not say how much memory is resident")


def measure(protocol: IpProtocol, flows: int) -> Result:
    """Flows of a protocol, in a process of their own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_here, (protocol, flows))


def measure_here(protocol: IpProtocol, flows: int) -> Result:
    """The same in this process. Raises `NotCompiled`."""
    packets = -(-flows // BATCH) * BATCH
    begin(new_port(POLICIES[Design.FINE], BATCH, 1), protocol, BATCH)
    before = resident()
    port = new_port(POLICIES[Design.FINE], packets, 1)
    begin(port, protocol, packets)
    after = resident()
    return Result(protocol.name, packets, after - before, port.words.nbytes)


def begin(port: Port, protocol: IpProtocol, flows: int) -> None:
    """Begin flows; forgets what sent them. Raises `NotCompiled` unless all are there with both halves."""
    for first in range(0, flows, BATCH * 100):
        count = min(BATCH * 100, flows - first)
        Sender(port, Stream(Traffic(protocol=protocol), new_flows(first, count)), count // BATCH).send(
            count // BATCH, _NOW_MS
        )
    counts: Any = port.flow_counts()
    connections = flows if protocol is IpProtocol.TCP else 0
    if counts["uft"] != {"in": flows, "out": flows} or counts["tcp"] != connections:
        raise NotCompiled(f"{flows} flows should be in the tables, there are {counts}")


def table_of(results: list[Result]) -> Table:
    """The figures for reading."""
    table = Table(title="Resident memory of a port with two-way flows")
    for heading in ("flows", "number", "million bytes", "bytes a flow"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            result.protocol, f"{result.flows:,}", f"{result.bytes / 1e6:,.0f}", f"{result.bytes_per_flow:,.0f}"
        )
    return table


_BYTES: Final = "memory of a flow"
UPSTREAM_BYTES: Final = 7_300
"""Of OPTE, by the project's own measurement of its release build."""


def measure_part(part: str, effort: Effort, _advance: Advance) -> list[Measured]:
    """One protocol. Memory does not vary: one sample."""
    result = measure(IpProtocol[part], effort.choose(20_000, FLOWS, FLOWS))
    setting = {"flows": part, "number": f"{result.flows:,}"}
    return [
        Measured(_BYTES, "bytes", setting, (result.bytes_per_flow,)),
        Measured("memory of all", "million bytes", setting, (result.bytes / 1e6,)),
    ]


def finding(rows: Rows) -> str:
    """Bytes of each kind."""
    said = " and ".join(f"a {row.setting['flows']} flow {row.samples[0]:,.0f}" for row in rows.where(_BYTES))
    return f"In both directions together {said} bytes; OPTE's take some {UPSTREAM_BYTES:,}"


EXPERIMENT: Final = Experiment(
    name="memory",
    question="How much memory does a two-way flow take?",
    variables={"flows": "UDP and TCP", "number": "a million"},
    method="Resident memory of a process of its own, before a port is made and after compiled misses have begun the "
    "flows, everything compiled and run before; divided by the flows.",
    parts=tuple(protocol.name for protocol in KINDS),
    measure=measure_part,
    charts=(Chart(_BYTES, x="flows"),),
    finding=finding,
    smoke=("UDP",),
)


def main(
    flows: Annotated[int, typer.Option(min=BATCH, help="How many.")] = FLOWS,
    output: Annotated[Path | None, typer.Option(help="Write the data to this file as JSON.")] = None,
) -> None:
    """Measures how much memory flows take."""
    console = Console()
    results = []
    for protocol in KINDS:
        with console.status(f"beginning {flows:,} {protocol.name} flows"):
            results.append(measure(protocol, flows))
    console.print(table_of(results))
    if output:
        write_json(output, {"machine": machine.describe(), "results": results})


if __name__ == "__main__":
    typer.run(main)
