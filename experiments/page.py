"""The page: what every experiment asked, found and measured, on one sheet that needs no server and no network.

Figures are embedded, tables stand beside them on a wide screen and below on a narrow one.
"""

import base64
import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from experiments import charts
from experiments.experiment import Experiment, Measured
from experiments.records import Record, load, replacing

PAGE: Final = "index.html"
FIGURES: Final = "figures"

_STYLE: Final = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 110rem; padding: 1.5rem clamp(.8rem, 3vw, 3rem); color: #222; background: #fff;
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { margin: 0 0 .3rem; } h2 { margin: 0; font-size: 1.3rem; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: 1rem 0; }
a { color: #0072b2; }
section { border-top: 1px solid #ccc; padding: 1.5rem 0; }
.question { font-style: italic; margin: .1rem 0 .4rem; }
.beside { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.2rem; align-items: start; }
@media (min-width: 75rem) { .beside { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } }
figure { margin: 0; } figure img { width: 100%; height: auto; margin-bottom: 1rem; }
.table { overflow: auto; max-height: 46rem; border: 1px solid #ddd; }
table { border-collapse: collapse; font-size: .82rem; width: 100%; }
th, td { padding: .22rem .6rem; text-align: left; white-space: nowrap; border-bottom: 1px solid #eee; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding: .5rem .6rem .2rem; }
thead th { position: sticky; top: 0; background: #f4f4f4; }
details { margin: .5rem 0; font-size: .9rem; } summary { cursor: pointer; color: #0072b2; }
.missing { color: #a33; }
"""


def write(results: Path, experiments: Sequence[Experiment]) -> Path:
    """Draw every figure and write the page; raises `InputError` for data or a folder that cannot be used."""
    sections = [_section(results, experiment) for experiment in experiments]
    links = "".join(f'<a href="#{each.name}">{html.escape(each.name.replace("_", " "))}</a>' for each in experiments)
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lockstep: experiments</title><style>{_STYLE}</style></head><body>"
        "<h1>Lockstep: experiments</h1><p>Every figure is drawn from the data beside this page. Medians, with "
        f"quartiles in brackets. Compare only what was measured on one machine.</p><nav>{links}</nav>\n"
        + "\n".join(sections)
        + "\n</body></html>\n"
    )
    page = results / PAGE
    with replacing(page) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return page


def _section(results: Path, experiment: Experiment) -> str:
    record = load(results, experiment.name)
    title = experiment.name.replace("_", " ")
    if record is None or not record.rows.all:
        body = f'<p class="missing">Not measured yet: <code>python -m experiments run {experiment.name}</code></p>'
    else:
        title = experiment.finding(record.rows)
        drawn = charts.draw(experiment, record, results / FIGURES)
        figures = "".join(_image(path, title) for path in drawn)
        rows = [*record.rows.all, *experiment.known]
        body = (
            f'<div class="beside"><figure>{figures}</figure>'
            f'<div class="table" tabindex="0">{"".join(_tables(rows))}</div></div>{_provenance(record)}'
        )
    variables = "".join(
        f"<li><b>{html.escape(name)}</b>: {html.escape(values)}</li>" for name, values in experiment.variables.items()
    )
    return (
        f'<section id="{experiment.name}"><h2>{html.escape(title)}</h2>'
        f'<p class="question">{html.escape(experiment.question)}</p>'
        f"<details><summary>Method and variables</summary><p>{html.escape(experiment.method)}</p>"
        f"<ul>{variables}</ul></details>{body}</section>"
    )


def _image(path: Path, title: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(title)}">'


def _tables(rows: Sequence[Measured]) -> Iterator[str]:
    """A table for each quantity and set of variables."""
    for quantity, unit, variables in dict.fromkeys((row.quantity, row.unit, tuple(row.setting)) for row in rows):
        head = "".join(f"<th>{html.escape(name)}</th>" for name in variables)
        head += '<th class="number">median</th><th class="number">quartiles</th><th class="number">samples</th>'
        mine = [row for row in rows if (row.quantity, row.unit, tuple(row.setting)) == (quantity, unit, variables)]
        title = html.escape(f"{quantity}, {unit}" if unit else quantity)
        lines = "".join(map(_line, mine))
        yield f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _line(row: Measured) -> str:
    low, high = row.series.quartiles
    varies = len(row.samples) > 1
    numbers = [shown(row.series.median), f"({shown(low)}, {shown(high)})" if varies else "", str(len(row.samples))]
    cells = "".join(f"<td>{html.escape(word)}</td>" for word in row.setting.values())
    cells += "".join(f'<td class="number">{number}</td>' for number in numbers)
    return f"<tr>{cells}</tr>"


def shown(value: float) -> str:
    """A number with as many digits as matter."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.3g}"


def _provenance(record: Record) -> str:
    lines = "".join(
        f"<li>{html.escape(name)}: {html.escape(part.effort)}, {part.date:%Y-%m-%d %H:%M} UTC, {part.seconds:.0f} s, "
        f"seed {part.seed}, {html.escape(str(part.machine))}, {html.escape(part.machine.system)}, "
        f"{html.escape(part.machine.python)}, load {part.machine.load}, "
        f"revision {html.escape(part.machine.revision or 'unknown')}, "
        f"{html.escape(', '.join(f'{key} {version}' for key, version in part.machine.packages.items()))}</li>"
        for name, part in record.parts.items()
    )
    return f"<details><summary>Machine, versions, dates</summary><ul>{lines}</ul></details>"
