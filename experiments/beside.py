"""Hits beside something else: what a disturbance does to the batches under way.

One thread sends packets of established flows from a compiled loop that notes when each batch was done; another one
carries out the disturbance meanwhile. What counts are the batches that overlap with the disturbance, the first and
the last one whole.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from experiments.experiment import SEED
from experiments.measure import TooNoisy
from experiments.packets import Stream, Traffic, turns
from experiments.replay import BATCH
from experiments.sending import NotCompiled, new_signals, stop
from fastpath import Port
from fastpath.memory import Words

FLOWS: Final = 1_000
PERIOD: Final = 4 * FLOWS
"""Batches until a stream begins anew: each flow has been hit 1,024 times then."""
MOST_BATCHES: Final = 400_000
_HEAD_START: Final = 0.002
_LONGEST_START: Final = 30.0
"""Seconds that a thread may take to begin, on a machine with company."""
QUANTILES: Final = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "longest": 1.0}
_DRAWS: Final = 20


class Driver(Protocol):
    """Sends batches of a stream through a port until it is told to stop (`sending.Sender`)."""

    def send(self, batches: int, now_ms: int, *, signals: Words, meeting: int) -> Words:
        """The time of the beginning and of each batch's end, in nanoseconds.

        `meeting`: how many threads begin at the same moment, counted in word 0 of `signals`.
        """


@dataclass(frozen=True)
class Window:
    """The batches that overlap with a disturbance: how long each took, in nanoseconds."""

    spans: npt.NDArray[np.int64]

    @property
    def packets_per_second(self) -> float:
        """Throughput."""
        return float(len(self.spans) * BATCH * 1e9 / self.spans.sum())

    @property
    def longest(self) -> float:
        """The longest batch, in milliseconds."""
        return float(self.spans.max()) / 1e6


class Hits:
    """Flows of a port, established by compiled misses, and the thread that sends their packets."""

    def __init__(self, port: Port, now_ms: int, driver: Callable[[Port, Stream, int], Driver]) -> None:
        """Begin the flows. `driver`: how packets are sent."""
        self._port = port
        self._now_ms = now_ms
        self._pool = ThreadPoolExecutor(1)
        self._driver = driver(port, Stream(Traffic(), turns(0, FLOWS, PERIOD * BATCH)), MOST_BATCHES)
        self._pool.submit(self._driver.send, PERIOD, now_ms, signals=new_signals(), meeting=1).result()

    def beside(self, disturb: Callable[[], None]) -> Window:
        """Send while `disturb` runs in the calling thread.

        Raises:
            NotCompiled: not every packet was counted as a hit or a miss.
            TooNoisy: the sending thread got no core meanwhile.
        """
        before, signals = self._counted(), new_signals()
        running = self._pool.submit(self._driver.send, MOST_BATCHES, self._now_ms, signals=signals, meeting=1)
        self._await_beginning(signals, running)
        time.sleep(_HEAD_START)
        start = time.monotonic_ns()
        try:
            disturb()
        finally:
            end = time.monotonic_ns()
            stop(signals, end)
            stamps = running.result().astype(np.int64)
        if len(stamps) > MOST_BATCHES:
            raise NotCompiled("the packets came to an end before the disturbance did")
        counted, sent = self._counted() - before, (len(stamps) - 1) * BATCH
        if counted != sent:
            raise NotCompiled(f"{sent} packets were sent, {counted} counted as hits and misses")
        window = overlapping(stamps, start, end)
        if not len(window.spans):
            raise TooNoisy("no batch was sent during a disturbance: the machine is too busy to measure")
        return window

    @staticmethod
    def _await_beginning(signals: Words, running: Future[Words]) -> None:
        """Return when the sending thread runs, or has ended."""
        deadline = time.monotonic() + _LONGEST_START
        while not signals[0] and not running.done() and time.monotonic() < deadline:
            time.sleep(_HEAD_START)

    def _counted(self) -> int:
        statistics: Any = self._port.statistics()
        return int(statistics["out_uft_hit"]) + int(statistics["out_uft_miss"])


def overlapping(stamps: npt.NDArray[np.int64], start: int, end: int) -> Window:
    """The batches between the stamps that overlap with the time from `start` to `end`."""
    first, last = np.searchsorted(stamps, [start, end])
    return Window(np.diff(stamps[max(int(first) - 1, 0) : int(last) + 1]))


def resampled(windows: list[Window]) -> dict[str, tuple[float, ...]]:
    """Quantiles of all batches together, in microseconds, with their spread.

    The spread is that of quantiles of as many windows, drawn with replacement (bootstrap): one window alone has too
    few batches for the last ones.
    """
    random = np.random.default_rng(SEED)
    draws = [random.integers(len(windows), size=len(windows)) for _ in range(_DRAWS)]
    drawn = np.array([quantiles([windows[number] for number in numbers]) for numbers in draws])
    return {name: tuple(drawn[:, place].tolist()) for place, name in enumerate(QUANTILES)}


def quantiles(windows: list[Window]) -> list[float]:
    """Of all batches together: median, p99, p99.9, p99.99 and the longest, in microseconds."""
    spans = np.concatenate([window.spans for window in windows])
    return [float(value) / 1e3 for value in np.quantile(spans, list(QUANTILES.values()))]
