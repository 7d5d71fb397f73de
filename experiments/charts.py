"""Figures of experiments: drawn from their data alone, in one style.

Marks are medians, whiskers span the quartiles. What others have published is hatched or dashed, and has none.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from experiments.experiment import Chart, Experiment, Measured, Rows
from experiments.figure import STYLE
from experiments.records import Record, replacing

_TITLE_WIDTH, _NOTE_WIDTH = 74, 118
_PANEL_INCHES, _HEIGHT_INCHES = 5.2, 4.6
_DIFFERENT_COLOURS = 6


def draw(experiment: Experiment, record: Record, folder: Path) -> list[Path]:
    """One file for each chart that has data, in `folder`; raises `InputError` when they cannot be written."""
    drawn = []
    rows = Rows([*record.rows.all, *experiment.known])
    for number, chart in enumerate(experiment.charts):
        if record.rows.where(chart.quantity):
            title = experiment.finding(record.rows) if number == 0 else ""
            path = folder / f"{experiment.name}{f'-{number + 1}' if number else ''}.svg"
            _draw(chart, rows.where(chart.quantity), experiment.known, title, _note(experiment, record), path)
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
    panels = _values(rows, chart.panel) if chart.panel else [""]
    with plt.style.context(STYLE), replacing(path) as unfinished:
        size = (max(8.0, _PANEL_INCHES * len(panels)), _HEIGHT_INCHES)
        figure, grid = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True)
        for axes, panel in zip(grid[0], panels, strict=True):
            chosen = [row for row in rows if not chart.panel or row.setting.get(chart.panel) == panel]
            _panel(axes, chart, chosen, known, _values(rows, chart.series))
            if panel:
                axes.set_title(f"{chart.panel}: {panel}", fontsize=11, fontweight="normal")
        unit = next((row.unit for row in rows if row.unit), "")
        grid[0][0].set_ylabel(f"{chart.quantity}, {unit}" if unit else chart.quantity)
        if chart.series:
            grid[0][-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title=chart.series)
        if title:
            figure.suptitle(textwrap.fill(title, _TITLE_WIDTH), x=0.01, ha="left", fontsize=13, fontweight="bold")
        figure.text(0.01, -0.02, note, fontsize=8.5, color="#555555", va="top")
        figure.savefig(unfinished, bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _panel(axes: Axes, chart: Chart, rows: Sequence[Measured], known: Sequence[Measured], names: Sequence[str]) -> None:
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
    _scales(axes, chart, places)


def _scales(axes: Axes, chart: Chart, places: Sequence[str]) -> None:
    axes.set_xlabel(chart.x)
    if chart.log_x:
        axes.set_xscale("log")
    if chart.log_y:
        axes.set_yscale("log")
    if not chart.lines:
        crowded = sum(map(len, places)) > 48
        axes.set_xticks(range(len(places)), places, rotation=35 if crowded else 0, ha="right" if crowded else "center")
    if not chart.log_y:
        axes.set_ylim(bottom=0)


def _whiskers(rows: Sequence[Measured]) -> list[list[float]]:
    spread = [(row.series.median, *row.series.quartiles) for row in rows]
    return [[median - low for median, low, _ in spread], [high - median for median, _, high in spread]]


def _values(rows: Sequence[Measured], variable: str | None) -> list[str]:
    """Those of a variable, in order of appearance; one empty value when there is no variable."""
    return list(dict.fromkeys(row.setting.get(variable, "") for row in rows)) if variable else [""]


def _number(text: str) -> float:
    """A value that stands along a numeric axis: "1,000" and "1,000 flows" are 1000."""
    return float(text.split(maxsplit=1)[0].replace(",", ""))
