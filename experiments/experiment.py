"""What an experiment is: a question, what is varied, how it is answered, and how the answer is shown.

Each experiment is a file of this package with one `EXPERIMENT`. `registry.py` knows them all, `running.py` runs them
and keeps their data, `charts.py` and `page.py` draw from the data alone.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from experiments.measure import Series

SEED: Final = 435
"""Of everything random in an experiment: orders of flows, tables' secrets, resampling."""

Advance: TypeAlias = Callable[[Iterable[Any]], Iterable[Any]]
"""Wraps the rounds of a measurement to show progress."""


class Effort(enum.Enum):
    """How much is done for an answer.

    Attributes:
        rounds: samples of each setting, at most.
        seconds: of a part's rounds, at most; two rounds are taken in any case.
    """

    rounds: int
    seconds: float

    SMOKE = "smoke", 2, 0.0
    """As little as shows that the experiment works; its figures mean nothing."""
    QUICK = "quick", 8, 1.5
    """A few seconds a part: the tendency."""
    FULL = "full", 30, 40.0
    """What is worth quoting."""

    def __new__(cls, name: str, rounds: int, seconds: float) -> "Effort":
        """A member by its name alone, with its numbers as attributes."""
        member = object.__new__(cls)
        member._value_, member.rounds, member.seconds = name, rounds, seconds
        return member

    def choose(self, smoke: Any, quick: Any, full: Any) -> Any:
        """The argument for this effort."""
        return {Effort.SMOKE: smoke, Effort.QUICK: quick, Effort.FULL: full}[self]


@dataclass(frozen=True)
class Measured:
    """Samples of one quantity in one setting.

    Attributes:
        quantity: what was measured, in words.
        unit: of the samples; "" for ratios and counts.
        setting: the variables, by name, and their values, as text.
        samples: in the order they were taken; at least two, unless the quantity cannot vary.
    """

    quantity: str
    unit: str
    setting: dict[str, str]
    samples: tuple[float, ...]

    @property
    def series(self) -> Series:
        """The samples with their middle and spread. A quantity that cannot vary has none."""
        return Series(self.samples if len(self.samples) > 1 else self.samples * 2)


class Rows:
    """What was measured, to be asked for by quantity and setting."""

    def __init__(self, measured: Iterable[Measured]) -> None:
        self.all = tuple(measured)

    def where(self, quantity: str, **setting: str) -> list[Measured]:
        """Those of a quantity whose variables have these values; names with spaces are written with underscores."""
        wanted = {name.replace("_", " "): value for name, value in setting.items()}
        return [row for row in self.all if row.quantity == quantity and wanted.items() <= row.setting.items()]

    def median(self, quantity: str, **setting: str) -> float | None:
        """The middle sample of the first such row; None when there is none."""
        found = self.where(quantity, **setting)
        return found[0].series.median if found else None


@dataclass(frozen=True)
class Chart:
    """How rows of one quantity become a figure.

    Attributes:
        quantity: which rows.
        x: the variable along the axis.
        series: the variable that has colours, if any.
        panel: the variable that has a plot of its own for each value, if any.
        only: variables of which one value alone is drawn; the table beside has all.
        lines: whether values along the axis are numbers, joined by lines; bars otherwise.
        log_x, log_y: logarithmic axes.
        base: a value to compare with, drawn as a line.
    """

    quantity: str
    x: str
    series: str | None = None
    panel: str | None = None
    lines: bool = False
    log_x: bool = False
    log_y: bool = False
    base: float | None = None
    only: Mapping[str, str] = field(default_factory=dict)

    def rows(self, rows: Rows) -> list[Measured]:
        """Those that are drawn."""
        return [row for row in rows.where(self.quantity) if self.only.items() <= row.setting.items()]


Measure: TypeAlias = Callable[[str, Effort, Advance], list[Measured]]
"""Measures one part with some effort."""


@dataclass(frozen=True)
class Experiment:
    """A question and how it is answered.

    Attributes:
        name: as it is called on the command line; the name of its module too.
        question: in one sentence.
        variables: what is varied, by name, and its values in words.
        method: how the answer is got, and what is held against mistakes.
        parts: what can be measured apart from the rest. Each is kept as soon as it is done.
        measure: does it.
        charts: the figures.
        finding: what the data say, in one sentence.
        known: what others have published, to stand beside; never measured here.
        smoke, quick: the parts of which less than a full run is made, if not all.
    """

    name: str
    question: str
    variables: Mapping[str, str]
    method: str
    parts: tuple[str, ...]
    measure: Measure
    charts: tuple[Chart, ...]
    finding: Callable[[Rows], str]
    known: tuple[Measured, ...] = ()
    smoke: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()

    def parts_for(self, effort: Effort) -> tuple[str, ...]:
        """Those that a run of this effort has; a smoke test has the last one, unless it says otherwise."""
        return effort.choose(self.smoke or self.parts[-1:], self.quick or self.parts, self.parts)  # type: ignore[no-any-return]
