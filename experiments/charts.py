"""Figures of experiments: drawn from their data alone, in one style.

Marks are medians, whiskers span the quartiles. What others have published is hatched or dashed, and has none.
"""

import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.experiment import Chart, Experiment, Measured, Rows
from experiments.figure import STYLE
from experiments.records import Record, replacing

_TITLE_WIDTH, _NOTE_WIDTH = 74, 118
_PANEL_INCHES, _HEIGHT_INCHES = 5.2, 4.6
_COLUMNS = 2
"""Panels beside each other; more go below."""
_WIDEST_NAMES = 48
"""Letters that stand beside each other along the axis of a panel that is alone."""
_DIFFERENT_COLOURS = 6


def draw(experiment: Experiment, record: Record, folder: Path) -> list[Path]:
    """One file for each chart that has data, in `folder`; raises `InputError` when they cannot be written."""
    drawn = []
    rows = Rows([*record.rows.all, *experiment.known])
    for number, chart in enumerate(experiment.charts):
        if chart.rows(record.rows):
            title = experiment.finding(record.rows) if number == 0 else ""
            path = folder / f"{experiment.name}{f'-{number + 1}' if number else ''}.svg"
            _draw(chart, chart.rows(rows), experiment.known, title, _note(experiment, record), path)
            drawn.append(path)
    return drawn


def _note(experiment: Experiment, record: Record) -> str:
    counts = sorted({len(row.samples) for row in record.rows.all})
    samples = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    dates = sorted(part.date for part in record.parts.values())
    efforts = ", ".join(dict.fromkeys(part.effort for part in record.parts.values()))
    loads = [part.machine.load for part in record.parts.values()]
    text = (
        f"{experiment.question} Medians of {samples} samples, whiskers from quartile to quartile. "
        f"{'; '.join(record.machines)}, load before {min(loads):.1f} to {max(loads):.1f}; "
        f"{dates[-1]:%Y-%m-%d}, {efforts}."
    )
    return textwrap.fill(text, _NOTE_WIDTH)


def _draw(chart: Chart, rows: Sequence[Measured], known: Sequence[Measured], title: str, note: str, path: Path) -> None:
    with plt.style.context(STYLE), replacing(path) as unfinished:
        figure = plot(chart, rows, known)
        if title:
            figure.suptitle(textwrap.fill(title, _TITLE_WIDTH), x=0.01, ha="left", fontsize=13, fontweight="bold")
        figure.text(0.01, -0.02, note, fontsize=8.5, color="#555555", va="top")
        figure.savefig(unfinished, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def plot(chart: Chart, rows: Sequence[Measured], known: Sequence[Measured]) -> Figure:
    """The figure without title and note: a panel for each value of the chart's variable, all with the same axis.

    `known` are those of the rows that others have published.
    """
    panels = _values(rows, chart.panel)
    columns, lines = min(len(panels), _COLUMNS), -(-len(panels) // _COLUMNS)
    size = (max(8.0, _PANEL_INCHES * columns), _HEIGHT_INCHES * lines)
    figure, grid = plt.subplots(lines, columns, figsize=size, squeeze=False, sharey=True)
    for unused in grid.flat[len(panels) :]:
        unused.set_axis_off()
    for axes, panel in zip(grid.flat, panels, strict=False):
        chosen = [row for row in rows if not chart.panel or row.setting.get(chart.panel) == panel]
        _panel(axes, chart, chosen, known, _values(rows, chart.series), alone=len(panels) == 1)
        if panel:
            axes.set_title(f"{chart.panel}: {panel}", fontsize=11, fontweight="normal")
    if not chart.log_y:
        # When all panels are drawn: it ends the search for limits of an axis that they share.
        grid[0][0].set_ylim(bottom=0)
    if chart.only:
        figure.supxlabel(", ".join(f"{name}: {value}" for name, value in chart.only.items()), fontsize=11)
    unit = next((row.unit for row in rows if row.unit), "")
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{chart.quantity}, {unit}" if unit else chart.quantity)
    if chart.series:
        # Of all panels: a series may be missing from some.
        pairs = itertools.chain(*(zip(*axes.get_legend_handles_labels(), strict=True) for axes in grid.flat))
        named = {label: handle for handle, label in pairs}
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        grid[0][-1].legend(named.values(), named.keys(), title=chart.series, **place)
    return figure


def _panel(
    axes: Axes,
    chart: Chart,
    rows: Sequence[Measured],
    known: Sequence[Measured],
    names: Sequence[str],
    *,
    alone: bool,
) -> None:
    places = _values(rows, chart.x)
    for number, name in enumerate(names):
        mine = [row for row in rows if not chart.series or row.setting.get(chart.series) == name]
        if not mine:
            continue
        published = mine[0] in known
        x = [_number(row.setting[chart.x]) if chart.lines else places.index(row.setting[chart.x]) for row in mine]
        y, whiskers = [row.series.median for row in mine], _whiskers(mine)
        colour = f"C{number % _DIFFERENT_COLOURS}"
        if chart.lines:
            look: dict[str, Any] = {"linestyle": "--" if published else "-", "marker": "o", "color": colour}
            axes.errorbar(x, y, None if published else whiskers, label=name, **look)
        else:
            width = 0.84 / len(names)
            left = [place + (number - (len(names) - 1) / 2) * width for place in x]
            bars: dict[str, Any] = (
                {"color": "white", "edgecolor": colour, "hatch": "///"} if published else {"color": colour}
            )
            axes.bar(left, y, width * 0.92, yerr=None if published else whiskers, label=name, **bars)
    if chart.base is not None:
        axes.axhline(chart.base, color="#777777", linewidth=1, linestyle=":")
    _scales(axes, chart, places, _WIDEST_NAMES if alone else _WIDEST_NAMES // _COLUMNS)


def _scales(axes: Axes, chart: Chart, places: Sequence[str], widest: int) -> None:
    axes.set_xlabel(chart.x)
    if chart.log_x:
        axes.set_xscale("log")
    if chart.log_y:
        axes.set_yscale("log")
    if not chart.lines:
        crowded = sum(map(len, places)) > widest
        axes.set_xticks(range(len(places)), places, rotation=35 if crowded else 0, ha="right" if crowded else "center")


def _whiskers(rows: Sequence[Measured]) -> list[list[float]]:
    spread = [(row.series.median, *row.series.quartiles) for row in rows]
    return [[median - low for median, low, _ in spread], [high - median for median, _, high in spread]]


def _values(rows: Sequence[Measured], variable: str | None) -> list[str]:
    """Those of a variable, in order of appearance; one empty value when there is no variable."""
    return list(dict.fromkeys(row.setting.get(variable, "") for row in rows)) if variable else [""]


def _number(text: str) -> float:
    """A value that stands along a numeric axis: "1,000" and "1,000 flows" are 1000."""
    return float(text.split(maxsplit=1)[0].replace(",", ""))
