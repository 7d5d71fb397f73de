"""What a run leaves behind is what happened, and others can read it."""

import functools
import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scapy.contrib.geneve import GENEVE
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from experiments import capture
from experiments.machine import Machine
from experiments.measure import Series
from experiments.replay import Setting
from experiments.run_files import Origin, finding, write_run, write_underlay
from experiments.scenario import Scenario
from experiments.throughput import Throughput
from fastpath import Design
from proofs.units.experiments.frames import BUNDLED, bundled, scenario_of
from reference import Direction, Modified

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
MACHINE = Machine("a processor", 2, "Linux", "CPython", {"numba": "1"}, "abc", 0.5)
GENEVE_PORT = 6081
OUTER = 14 + 40
"""Bytes before the outer UDP header."""


@functools.cache
def scenario() -> Scenario:
    return scenario_of(bundled())


def throughput(fine: float, locked: float) -> Throughput:
    """Made-up medians, in packets a second on two threads."""
    medians = {
        Setting(Design.RWLOCK, 1): 10e6,
        Setting(Design.FINE, 1): 11e6,
        Setting(Design.RWLOCK, 2): locked,
        Setting(Design.FINE, 2): fine,
    }
    by_setting = {setting: Series((0.9 * median, median, 1.1 * median)) for setting, median in medians.items()}
    return Throughput(by_setting, {"UDP/IPv4 out": Series((1e7, 2e7))}, {1: 10.0, 2: 11.0}, {"UDP/IPv4 out": 7}, 3, 1)


def write(folder: Path, measured: Throughput | None) -> dict[str, object]:
    write_run(folder, Origin.of(BUNDLED, len(bundled())), NOW, MACHINE, scenario(), measured)
    record: dict[str, object] = json.loads((folder / "run.json").read_text())
    return record


def test_the_record_tells_what_was_run_where_and_how_it_went(tmp_path: Path) -> None:
    record = write(tmp_path, throughput(20e6, 8e6))
    assert record["date"] == "2026-03-01T12:30:15+00:00"
    assert record["packets"] == len(scenario().steps)
    assert record["guest"] == {"mac": "a8:40:25:fa:fa:37", "addresses": ["10.0.0.5", "fd00::5"]}
    verdicts = record["verdicts"]
    assert isinstance(verdicts, list)
    assert sum(verdict["packets"] for verdict in verdicts) == len(scenario().steps)
    measured = record["throughput"]
    assert isinstance(measured, dict)
    fine = next(setting for setting in measured["settings"] if (setting["design"], setting["threads"]) == ("fine", 2))
    assert fine["packets_per_second"]["median"] == 20e6
    assert fine["scaling"] == pytest.approx(20 / 11)
    assert fine["ns_a_packet_and_thread"] == pytest.approx(100)


def test_the_figure_is_a_picture(tmp_path: Path) -> None:
    write(tmp_path, throughput(20e6, 8e6))
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_a_run_without_a_measurement_has_no_figure(tmp_path: Path) -> None:
    assert write(tmp_path, None)["throughput"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "underlay.pcapng"]


@pytest.mark.parametrize(
    ("fine", "locked", "title"),
    [
        (20e6, 8e6, "Without the port lock, 2.5 times the packets on 2 threads"),
        (8e6, 20e6, "The port lock forwards 2.5 times the packets on 2 threads"),
        (10e6, 10.1e6, "With and without the port lock, equally many packets on 2 threads"),
    ],
)
def test_the_title_says_what_was_found_whichever_way(fine: float, locked: float, title: str) -> None:
    assert finding(throughput(fine, locked)) == title


def test_the_underlay_capture_holds_what_left_the_port_and_when(tmp_path: Path) -> None:
    write_underlay(tmp_path / "underlay.pcapng", scenario())
    sent = [step for step in scenario().steps if step.direction is Direction.OUT and isinstance(step.verdict, Modified)]
    frames = list(capture.read(tmp_path / "underlay.pcapng"))
    assert [frame.data for frame in frames] == [
        step.verdict.packet for step in sent if isinstance(step.verdict, Modified)
    ]
    assert [frame.timestamp_ns for frame in frames] == [step.timestamp_ns for step in sent]
    assert {frame.interface for frame in frames} == {"underlay"}


def test_scapy_dissects_every_underlay_frame_to_its_end() -> None:
    seen: Counter[str] = Counter()
    for step in scenario().steps:
        if step.direction is Direction.OUT and isinstance(step.verdict, Modified):
            frame = Ether(step.verdict.packet)
            assert frame[IPv6].plen == frame[UDP].len == len(step.verdict.packet) - OUTER
            assert frame[UDP].dport == GENEVE_PORT
            inner = frame[GENEVE].payload
            assert isinstance(inner, Ether)
            assert inner.payload.name in ("IP", "IPv6")
            transport = inner.payload.payload
            assert not isinstance(transport, Raw)
            seen[str(transport.name).split()[0]] += 1
    assert {"TCP", "UDP", "ICMP", "ICMPv6"} <= seen.keys()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark: apt-get install tshark")
def test_wireshark_has_no_complaint_about_the_underlay_capture(tmp_path: Path) -> None:
    """Zero UDP checksums over IPv6 are what tunnels may send (RFC 6935); Wireshark accepts them when told so."""
    write_underlay(tmp_path / "underlay.pcapng", scenario())
    command = ["tshark", "-r", str(tmp_path / "underlay.pcapng"), "-o", "udp.ignore_ipv6_zero_checksum:TRUE"]
    checks = [word for name in ("ip", "tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    complaint = "_ws.malformed || _ws.expert.severity == error || !geneve"
    done = subprocess.run([*command, *checks, "-Y", complaint], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == ""


def test_a_series_of_equal_samples_has_no_whiskers(tmp_path: Path) -> None:
    same = throughput(10e6, 10e6)
    flat = replace(same, by_setting={setting: Series((1e7, 1e7)) for setting in same.by_setting})
    write(tmp_path, flat)
    assert (tmp_path / "throughput.png").stat().st_size > 10_000
