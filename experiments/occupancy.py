"""What a new flow costs by how full the tables are, and when they are full and another flow has to go."""

import functools
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

TENTHS: Final = 10
_FULL: Final = "full"
_BEGIN_MS: Final = 1_000_000
_LATER_MS: Final = 30_000
"""Until the next batch begins flows, in a full table: flows that had no packet for so long may be evicted."""
_QUANTITY: Final = "a new flow"


class Ground:
    """A port whose tables are filled, batch by batch, and one batch beyond."""

    def __init__(self, design: Design, batches: int) -> None:
        """`batches`: for which there is room, a multiple of `TENTHS`."""
        self._batches = batches
        self._port = new_port(POLICIES[design], batches * BATCH, 1)
        stream = Stream(Traffic(), new_flows(0, (batches + 1) * BATCH))
        self._sender = Sender(self._port, stream, batches + 1, patient=True)

    def fill(self) -> tuple[list[float], float]:
        """Microseconds a flow, by tenths, and beyond the last. Raises `NotCompiled` when a table has another size."""
        port = self._port
        port.reset()
        port.start()
        stamps = self._sender.send(self._batches, _BEGIN_MS).astype(np.int64)
        self._check()
        beyond = self._sender.send(1, _BEGIN_MS + _LATER_MS, first=self._batches).astype(np.int64)
        self._check()
        spans = np.diff(stamps).reshape(TENTHS, -1).mean(axis=1) / BATCH / 1e3
        return spans.tolist(), float(beyond[1] - beyond[0]) / BATCH / 1e3

    def _check(self) -> None:
        counts: Any = self._port.flow_counts()
        flows = self._batches * BATCH
        if counts["uft"] != {"in": flows, "out": flows} or counts["firewall"]["count"] != flows:
            raise NotCompiled(f"{flows} flows should be in the tables, there are {counts}")


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design. A full table looks at all its entries for each new flow, so that it is small."""
    compiled = not POLICIES[Design(part)].has_port_lock
    batches = effort.choose(TENTHS, TENTHS, 4 * TENTHS) if compiled else TENTHS
    ground = Ground(Design(part), batches)
    taken = [ground.fill() for _ in advance(range(effort.choose(1, 3, 10)))]
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
    method="UDP flows begin in batches of 256 until every table is at its limit, and one batch more half a minute "
    "later. Table sizes are checked at both ends. A full table is the reference's business under every design: it "
    "compares all its entries for each flow that comes in.",
    parts=("mutex", "fine"),
    measure=measure,
    charts=(Chart(_QUANTITY, x="tables", series="design", log_y=True),),
    finding=finding,
)
