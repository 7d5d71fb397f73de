"""What one sees while guests talk: rates, drops, stalls, tables, and what has succeeded."""

import time
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from experiments.live.cable import Count
from experiments.live.network import Network, Worker
from experiments.live.trial import Step, Trial

TABLE_SECONDS: Final = 1.0
"""Between two looks at the flow tables, each of which is a slow operation of the port."""
_STEPS_SHOWN: Final = 18


class View:
    """A picture of a network and its trial, anew each time it is asked for."""

    def __init__(self, network: Network, trial: Trial) -> None:
        self._network = network
        self._trial = trial
        self._before = [worker.counters.copy() for worker in network.workers]
        self._then = time.monotonic()
        self._flows = [""] * len(network.workers)
        self._flows_then = 0.0

    def picture(self) -> RenderableType:
        """Rates since the last picture, and everything else as it is now."""
        now = time.monotonic()
        spent, self._then = max(now - self._then, 1e-3), now
        if now - self._flows_then > TABLE_SECONDS:
            self._flows, self._flows_then = self._count_flows(), now
        title = f"{self._network.path.name} between the guests"
        table = Table("guest", title=title, title_justify="left")
        for heading in ("frames/s", "Gbit/s", "dropped", "lost", "reference", "longest batch", "flows in its port"):
            table.add_column(heading, justify="right")
        for worker, flows in zip(self._network.workers, self._flows, strict=True):
            table.add_row(*self._row(worker, spent), flows)
        return Group(table, steps_table(self._trial.steps[-_STEPS_SHOWN:]), Text(f"now: {self._trial.now}"))

    def _row(self, worker: Worker, spent: float) -> list[str]:
        counted, before = worker.counters.copy(), self._before[worker.number]
        worker.counters[Count.LONGEST] = 0
        self._before[worker.number] = counted
        frames, size = (float(counted[field] - before[field]) / spent for field in (Count.WRITTEN, Count.BYTES))
        return [
            str(worker.number),
            f"{frames:,.0f}",
            f"{size * 8e-9:.2f}",
            *(f"{int(counted[field]):,}" for field in (Count.DROPPED, Count.LOST, Count.SLOW)),
            f"{float(counted[Count.LONGEST]) / 1e6:.2f} ms",
        ]

    def _count_flows(self) -> list[str]:
        ports = self._network.path.ports
        if not ports:
            return [""] * len(self._network.workers)
        found: list[Any] = [port.flow_counts() for port in ports]
        return [f"{counts['uft']['out']} out, {counts['uft']['in']} in, {counts['tcp']} TCP" for counts in found]


def steps_table(steps: list[Step]) -> Table:
    """What has succeeded."""
    table = Table("design", "what", "outcome", title="Done", title_justify="left")
    table.add_column("s", justify="right")
    for step in steps:
        table.add_row(step.design, step.name, step.outcome, f"{step.seconds:.1f}")
    return table
