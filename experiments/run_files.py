"""What a run of the main job leaves in its folder: the figures as data, the figure as a picture, the frames sent."""

import datetime
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from experiments.capture import Frame, pcapng
from experiments.equality import COMPARED
from experiments.figure import throughput_bars
from experiments.machine import Machine
from experiments.measure import Series
from experiments.replay import HASH_SEED, Setting
from experiments.results import write_json
from experiments.scenario import Scenario
from experiments.throughput import REPETITIONS, WARM_UP_ROUNDS, Throughput
from fastpath import Design
from reference import Direction
from reference.verdict import Drop, DropCause, LayerDrop, Modified, ParseError, ProcessError, Verdict

UNDERLAY_INTERFACE = "underlay"
NOTICEABLE = 1.05
"""Ratio below which two medians are called equal."""


@dataclass(frozen=True)
class Origin:
    """Where a run's traffic comes from."""

    name: str
    sha256: str
    frames: int

    @classmethod
    def of(cls, path: Path, frames: int) -> "Origin":
        """The capture file, of which `frames` frames are used."""
        with path.open("rb") as stream:
            return cls(path.name, hashlib.file_digest(stream, "sha256").hexdigest(), frames)


def write_run(
    folder: Path,
    origin: Origin,
    now: datetime.datetime,
    machine: Machine,
    replayed: Scenario,
    measured: Throughput | None,
) -> None:
    """A run that agreed: `run.json`, `underlay.pcapng` and, if there was something to measure, the figure."""
    write_json(folder / "run.json", _record(origin, now, machine, replayed, measured))
    write_underlay(folder / "underlay.pcapng", replayed)
    if measured is not None:
        samples = len(next(iter(measured.by_setting.values())).samples)
        throughput_bars(
            folder / "throughput.png",
            _by_design(measured),
            title=finding(measured),
            note=(
                f"Hits of the unified flow table: {packets_text(measured)} of {origin.name}, both directions, parse to "
                "finished frame.\n"
                f"Medians of {samples} samples, whiskers from quartile to quartile. {machine}, load {machine.load:.1f} "
                f"before, {now:%Y-%m-%d}."
            ),
        )


def write_underlay(path: Path, replayed: Scenario) -> None:
    """What left the port on the underlay side, at the times it was recorded, as a capture."""
    with path.open("wb") as stream:
        writer = pcapng.Writer(stream, application="lockstep experiments.main_job")
        for step in replayed.steps:
            if step.direction is Direction.OUT and isinstance(step.verdict, Modified):
                packet = step.verdict.packet
                writer.write(Frame(step.timestamp_ns, UNDERLAY_INTERFACE, packet, len(packet)))


def _record(
    origin: Origin, now: datetime.datetime, machine: Machine, replayed: Scenario, measured: Throughput | None
) -> dict[str, object]:
    surroundings = replayed.surroundings
    return {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine,
        "capture": origin,
        "guest": {"mac": surroundings.guest.mac.hex(":"), "addresses": list(map(str, surroundings.guest.addresses))},
        "firewall_rules": surroundings.firewall_rules,
        "packets": len(replayed.steps),
        "verdicts": [
            {"verdict": text, "direction": direction, "packets": packets}
            for (text, direction), packets in sorted(verdict_counts(replayed).items())
        ],
        "compared": COMPARED,
        "hash_seed": HASH_SEED,
        "throughput": None if measured is None else _throughput_record(measured),
    }


def _throughput_record(measured: Throughput) -> dict[str, object]:
    return {
        "packets_by_kind": measured.packets,
        "conversations": measured.conversations,
        "forwarded_but_not_measured": measured.not_measured,
        "warm_up_rounds": WARM_UP_ROUNDS,
        "repetitions_per_sample": REPETITIONS,
        "restoring_ns_a_frame_by_threads": measured.restoring_ns,
        "settings": [
            {
                "design": setting.design.value,
                "threads": setting.threads,
                "packets_per_second": _series_record(series),
                "scaling": measured.scaling(setting),
                "ns_a_packet_and_thread": measured.nanoseconds(setting),
            }
            for setting, series in measured.by_setting.items()
        ],
        "kinds": [
            {"kind": kind, "packets_per_second": _series_record(series)} for kind, series in measured.by_kind.items()
        ],
    }


def _series_record(series: Series) -> dict[str, object]:
    return {
        "median": series.median,
        "quartiles": series.quartiles,
        "extremes": series.extremes,
        "samples": series.samples,
    }


def _by_design(measured: Throughput) -> dict[str, dict[int, Series]]:
    by_design: dict[str, dict[int, Series]] = {}
    for setting, series in measured.by_setting.items():
        by_design.setdefault(setting.design.value, {})[setting.threads] = series
    return by_design


def finding(measured: Throughput) -> str:
    """The figure's title: what the medians at the greatest number of threads say, whichever way.

    `fine` is compared with `rwlock`, which does the same work under a port lock.
    """
    threads = max(setting.threads for setting in measured.by_setting)
    fine, locked = (measured.by_setting[Setting(design, threads)].median for design in (Design.FINE, Design.RWLOCK))
    on_threads = f"on {_threads(threads)}"
    if fine > locked * NOTICEABLE:
        return f"Without the port lock, {fine / locked:.1f} times the packets {on_threads}"
    if locked > fine * NOTICEABLE:
        return f"The port lock forwards {locked / fine:.1f} times the packets {on_threads}"
    return f"With and without the port lock, equally many packets {on_threads}"


def verdict_counts(replayed: Scenario) -> Counter[tuple[str, str]]:
    """Packets by verdict, as text, and direction."""
    return Counter((_verdict_text(step.verdict), step.direction.value) for step in replayed.steps)


def _verdict_text(verdict: Verdict) -> str:
    match verdict:
        case Drop(reason=LayerDrop(layer, why)):
            return f"drop: {layer}, {why.value}"
        case Drop(reason=DropCause() as cause):
            return f"drop: {cause.value}"
        case ParseError() | ProcessError():
            return f"{type(verdict).__name__}: {verdict.error}"
        case _:
            return type(verdict).__name__.lower()


def packets_text(measured: Throughput) -> str:
    """How much of the capture was measured."""
    return f"{measured.captured:,} packets of {measured.conversations:,} flows"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
