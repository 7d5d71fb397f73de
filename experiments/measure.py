"""Measuring: interleaved rounds, a warm-up that does not count, the median and how far the samples spread.

Configurations that are to be compared are measured in turn, one sample of each per round. What disturbs the machine
for a while then disturbs all of them, not the one that happened to be measured.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Configuration = TypeVar("Configuration")

LEAST_ROUNDS = 2
"""A spread needs two samples."""


_TRIES = 5


class TooNoisy(Exception):
    """The machine is too busy for a figure that means something."""


@dataclass(frozen=True)
class Series:
    """Samples of one quantity, in the order they were taken. At least two."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the samples lies below the first, a quarter above the second."""
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return first, third

    @property
    def extremes(self) -> tuple[float, float]:
        """Least and greatest sample."""
        return min(self.samples), max(self.samples)


def interleaved(
    samplers: Mapping[Configuration, Callable[[], float]],
    *,
    warm_up_rounds: int,
    rounds: int,
    seconds: float,
    advance: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> dict[Configuration, Series]:
    """One sample of each configuration per round, each round in the opposite order of the one before.

    Ends after `rounds`, or with the first round that ends later than `seconds` after the start; `LEAST_ROUNDS` are
    taken in any case. `advance` may wrap the rounds to show progress.
    """
    order = list(samplers)
    for _ in range(warm_up_rounds):
        for configuration in order:
            samplers[configuration]()
    samples: dict[Configuration, list[float]] = {configuration: [] for configuration in order}
    deadline = time.monotonic() + seconds
    for number in advance(range(rounds)):
        if number >= LEAST_ROUNDS and time.monotonic() > deadline:
            break
        for configuration in order:
            samples[configuration].append(samplers[configuration]())
        order.reverse()
    return {configuration: Series(tuple(taken)) for configuration, taken in samples.items()}


def least(sampler: Callable[[], float]) -> Callable[[], float]:
    """A sampler of the least of several samples: for an overhead that is short, and that a disturbance would bury."""
    return lambda: min(sampler() for _ in range(_TRIES))


def beyond(series: Series, overhead: Series) -> Series:
    """How much longer each sample took than the least sample of its overhead, measured alone in the same rounds.

    The least, because whatever else the machine did makes overhead longer, never shorter: so what is taken off is no
    more than each sample really spent on it, and a disturbance makes a figure worse, not better.

    Raises:
        TooNoisy: a sample took no longer than its overhead alone.
    """
    least, shortest = overhead.extremes[0], series.extremes[0]
    if shortest <= least:
        raise TooNoisy(
            f"a sample took {shortest:.3g} s, its overhead alone at least {least:.3g} s: try a quieter machine"
        )
    return Series(tuple(sample - least for sample in series.samples))
