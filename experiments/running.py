"""Running experiments: part by part, each kept when it is done, so that a run can be interrupted and resumed."""

import datetime
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from experiments import machine, records
from experiments.experiment import SEED, Effort, Experiment
from experiments.records import Part, Record
from fastpath import code_cache


def run(
    experiment: Experiment,
    effort: Effort,
    results: Path,
    console: Console,
    *,
    again: bool = False,
    parts: Iterable[str] = (),
) -> Record:
    """Measure the parts that are not there yet with at least this effort and of this revision.

    Args:
        experiment: which.
        effort: how much.
        results: the folder of all experiments' results.
        console: where progress is shown.
        again: measure parts anew that are there.
        parts: only these.

    Raises:
        InputError: the data there cannot be read, or none can be written.
    """
    known = records.load(results, experiment.name)
    record = Record(experiment.name, experiment.question, dict(experiment.variables), experiment.method)
    if known is not None:
        record = replace(record, parts={name: known.parts[name] for name in experiment.parts if name in known.parts})
    here = machine.describe()
    for name in [part for part in experiment.parts_for(effort) if part in (set(parts) or {part})]:
        if not again and name in record.parts and _serves(record.parts[name], effort):
            console.print(f"{experiment.name}: {name}: measured {record.parts[name].date:%Y-%m-%d %H:%M}, kept")
            continue
        start = time.monotonic()
        measured = experiment.measure(name, effort, _progress(f"{experiment.name}: {name}", console))
        seconds = round(time.monotonic() - start, 1)
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        record.parts[name] = Part(effort.value, SEED, here, sources(), now, seconds, measured)
        record.parts = {part: record.parts[part] for part in experiment.parts if part in record.parts}
        records.save(results, record)
        console.print(f"{experiment.name}: {name}: {seconds:.0f} s")
    return record


def _serves(part: Part, effort: Effort) -> bool:
    """Whether a part need not be measured: same sources and processor, no less effort."""
    order = [member.value for member in Effort]
    return part.sources == sources() and order.index(part.effort) >= order.index(effort.value)


def sources() -> str:
    """A name for the sources, the libraries and the processor that a figure depends on."""
    return code_cache.folder(Path(__file__).parent).name


def _progress(title: str, console: Console) -> Any:
    def advance(items: Iterable[Any]) -> Iterator[Any]:
        yield from track(items, description=title, console=console, transient=True)

    return advance
