"""The main job: a capture through the reference and all designs of the fast path, checked, measured and drawn.

`make run`, or `python -m experiments.main_job [--capture FILE --guest ADDRESS] [--output FOLDER] ...`.
Exit status: 0 when all agree, 1 for a difference, 2 for input that cannot be used.
"""

import datetime
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import track

from experiments import capture, report, scenario, throughput
from experiments.equality import Difference, differences
from experiments.errors import InputError
from experiments.forwarding import NotForwarded
from experiments.machine import describe
from experiments.many_flows import many_flows
from experiments.measure import TooNoisy
from experiments.replay import Setting
from experiments.results import results_folder
from experiments.run_files import Origin, write_run
from experiments.scenario import Scenario
from experiments.surroundings import Surroundings, surround, without_gateway
from experiments.throughput import Throughput
from experiments.traffic import Traffic, find_guest, observe
from fastpath import Design

DATA = Path(__file__).parent / "data"
BUNDLED_CAPTURE = DATA / "bundled.pcapng"
BUNDLED_GUEST = "10.0.0.5"
RESULTS = Path(__file__).parent.parent / "results"
SETTINGS = tuple(Setting(design, threads) for threads in (1, 2) for design in Design)
FRAME_LIMIT = 20_000
"""Frames of a capture that are used, unless more are asked for."""

FAILED, UNUSABLE = 1, 2

Item = TypeVar("Item")
console = Console(highlight=False, soft_wrap=True, markup=False)


class Disagreement(Exception):
    """The fast path differs from the reference; `str()` says where, in several lines."""


@dataclass(frozen=True)
class Job:
    """A capture, seen from one guest."""

    origin: Origin
    traffic: Traffic
    surroundings: Surroundings


def main(
    capture_file: Annotated[
        Path | None, typer.Option("--capture", help="A pcap or pcapng file recorded on Ethernet.")
    ] = None,
    guest: Annotated[str | None, typer.Option(help="The IPv4 or IPv6 address of the guest in it.")] = None,
    output: Annotated[Path, typer.Option(help="The folder that gets a dated folder of results.")] = RESULTS,
    limit: Annotated[int, typer.Option(min=1, help="Use no more than this many frames of the capture.")] = FRAME_LIMIT,
    seconds: Annotated[
        float, typer.Option(min=0, help="Measure settings, and then kinds of packet, no longer than this each.")
    ] = throughput.SECONDS,
) -> None:
    """Sends a capture through every port, checks that all agree, and measures how fast each is."""
    try:
        run(capture_file, guest, output, limit, seconds)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - one line as it is, never wrapped
        raise typer.Exit(UNUSABLE) from None
    except (Disagreement, NotForwarded, TooNoisy) as failure:
        print(f"error: {failure}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(FAILED) from None


def run(capture_file: Path | None, guest: str | None, output: Path, limit: int, seconds: float) -> None:
    """The job from beginning to end.

    Raises:
        InputError: what the user gave cannot be used.
        Disagreement, NotForwarded: the fast path does something else than the reference.
        TooNoisy: the machine is too busy to measure.
    """
    job = _prepare(capture_file, guest, limit)
    now = datetime.datetime.now().astimezone()
    machine = describe()
    with results_folder(output, now) as folder:
        replayed = scenario.build(job.traffic.sightings, job.surroundings, _progress("reference"))
        console.print(report.verdict_table(replayed))
        found = list(itertools.islice(_compare(replayed), report.DIFFERENCES_SHOWN))
        if found:
            raise Disagreement(report.difference_text(found))
        console.print(report.agreement_text(replayed, SETTINGS))
        measured = _measure(job, seconds)
        write_run(folder.path, job.origin, now, machine, replayed, measured)
    console.print(f"Results: {folder.final}")


def _measure(job: Job, seconds: float) -> Throughput | None:
    lasting = scenario.lasting(job.traffic.sightings)
    wide = many_flows(job.traffic.sightings, throughput.FLOWS)
    try:
        measured = throughput.measure(
            scenario.build(lasting, job.surroundings),
            SETTINGS,
            seconds,
            _progress("throughput"),
            scenario.build(wide, job.surroundings),
        )
    except throughput.NothingToForward:
        console.print("Nothing to measure: no packet of the capture is forwarded from the unified flow table.")
        return None
    console.print(report.throughput_table(measured))
    console.print(report.kinds_table(measured))
    return measured


def _prepare(capture_file: Path | None, guest: str | None, limit: int) -> Job:
    if capture_file is None:
        capture_file, guest = BUNDLED_CAPTURE, guest or BUNDLED_GUEST
    frames = list(itertools.islice(capture.read(capture_file), limit + 1))
    if len(frames) > limit:
        console.print(f"{capture_file}: only the first {limit:,} frames are used (--limit)")
        del frames[limit:]
    found = find_guest(frames, guest)
    traffic = observe(frames, found)
    surroundings = surround(found, traffic.sightings)
    job = Job(Origin.of(capture_file, len(frames)), without_gateway(traffic, surroundings), surroundings)
    console.print(report.scene_text(job.origin, job.traffic, surroundings))
    return job


def _compare(replayed: Scenario) -> Iterator[Difference]:
    for setting in SETTINGS:
        with console.status(f"equality: {setting}"):
            yield from differences(replayed, setting)


def _progress(title: str) -> Callable[[Iterable[Item]], Iterable[Item]]:
    return lambda items: track(items, description=title, console=console, transient=True)


if __name__ == "__main__":
    typer.run(main)
