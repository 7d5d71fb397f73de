"""What a new flow costs by how full the tables are, and when they are full and another flow has to go."""

import functools
import struct
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.packets import Stream, Traffic, new_flows
from experiments.replay import BATCH
from experiments.sending import NotCompiled, Sender
from experiments.small_vpc import new_port
from fastpath import Design
from fastpath.designs import POLICIES
from reference.direction import Direction

TENTHS: Final = 10
_FULL: Final = "full"
_BEGIN_MS: Final = 1_000_000
_LATER_MS: Final = 30_000
"""Until the next batch begins flows, in a full table: flows that had no packet for so long may be evicted."""
_PORTS_AT: Final = 34
_ANOTHER_PORT: Final = 9
_QUANTITY: Final = "a new flow"


class Ground:
    """A port whose tables are filled, batch by batch, and some flows beyond."""

    def __init__(self, design: Design, batches: int) -> None:
        """`batches`: for which there is room, a multiple of `TENTHS`."""
        self._batches = batches
        self._port = new_port(POLICIES[design], batches * BATCH, 1)
        self._sender = Sender(self._port, Stream(Traffic(), new_flows(0, batches * BATCH)), batches, patient=True)

    def fill(self, beyond: int) -> tuple[list[float], float]:
        """Microseconds a flow: by tenths, and of so many beyond. Raises `NotCompiled` for another table size."""
        port = self._port
        port.reset()
        port.start()
        stamps = self._sender.send(self._batches, _BEGIN_MS).astype(np.int64)
        self._check()
        frames = [_first_packet(port_number) for port_number in range(1, 1 + beyond)]
        start = time.perf_counter_ns()
        for frame in frames:
            port.process(Direction.OUT, frame, _BEGIN_MS + _LATER_MS)
        spent = time.perf_counter_ns() - start
        self._check()
        spans = np.diff(stamps).reshape(TENTHS, -1).mean(axis=1) / BATCH / 1e3
        return spans.tolist(), spent / beyond / 1e3

    def _check(self) -> None:
        counts: Any = self._port.flow_counts()
        flows = self._batches * BATCH
        if counts["uft"] != {"in": flows, "out": flows} or counts["firewall"]["count"] != flows:
            raise NotCompiled(f"{flows} flows should be in the tables, there are {counts}")


def _first_packet(source_port: int) -> bytes:
    """Of a flow that no stream has."""
    frame = Traffic().frame
    return frame[:_PORTS_AT] + struct.pack(">HH", source_port, _ANOTHER_PORT) + frame[_PORTS_AT + 4 :]


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design. A full table looks at all its entries for each new flow, so that it is small."""
    compiled = not POLICIES[Design(part)].has_port_lock
    batches = effort.choose(TENTHS, TENTHS, 4 * TENTHS) if compiled else TENTHS
    ground = Ground(Design(part), batches)
    taken = [ground.fill(effort.choose(4, 32, 128)) for _ in advance(range(effort.choose(1, 3, 10)))]
    places: dict[str, Callable[[tuple[list[float], float]], float]] = {
        f"{10 * tenth}-{10 * tenth + 10} %": functools.partial(_of_tenth, tenth) for tenth in range(TENTHS)
    }
    places[_FULL] = lambda sample: sample[1]
    return [
        Measured(
            _QUANTITY,
            "microseconds",
            {"design": part, "tables": place, "room for": f"{batches * BATCH:,} flows"},
            tuple(map(chosen, taken)),
        )
        for place, chosen in places.items()
    ]


def _of_tenth(tenth: int, sample: tuple[list[float], float]) -> float:
    return sample[0][tenth]


def finding(rows: Rows) -> str:
    """By design: the last tenth to the first ones, and a full table."""
    said = []
    for design in dict.fromkeys(row.setting["design"] for row in rows.all):
        mine = rows.where(_QUANTITY, design=design)
        early, late, full = mine[1].series.median, mine[-2].series.median, mine[-1].series.median
        said.append(f"{early:,.2f} to {late:,.2f} us, {full:,.0f} us once it is full, under {design}")
    return f"A new flow takes, while the table fills, {'; '.join(said)}"


EXPERIMENT: Final = Experiment(
    name="occupancy",
    question="What does a new flow cost by how full the tables are?",
    variables={
        "design": "mutex, whose misses are the reference's, and fine",
        "room for": "so many flows in each table",
        "tables": "by tenths of their limit, and full, so that each new flow evicts another one",
    },
    method="UDP flows begin in batches of 256 until every table is at its limit, and some more half a minute "
    "later, one by one. Table sizes are checked at both ends. A full table is the reference's business under every "
    "design: it compares all its entries for each flow that comes in.",
    parts=("mutex", "fine"),
    measure=measure,
    charts=(Chart(_QUANTITY, x="tables", series="design", log_y=True),),
    finding=finding,
)
