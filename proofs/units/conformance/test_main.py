"""The command line: exit statuses, one-line errors, and the machine-readable report."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proofs.conformance.__main__ import app
from proofs.conformance.coverage import RECORDINGS

SMALL = RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz"
OTHER = RECORDINGS / "museum" / "m_flow-gauge_v4.jsonl.gz"
PANIC = RECORDINGS / "panics" / "panic_tcp_seq_max_v4.jsonl.gz"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def differing(tmp_path: Path) -> Path:
    """A recording that claims another hash for its first packet."""
    return changed(SMALL, tmp_path / "differing.jsonl")


def changed(path: Path, target: Path) -> Path:
    with gzip.open(path, "rt") as stream:
        lines: list[Any] = [json.loads(line) for line in stream]
    next(line for line in lines if line.get("op") == "process")["result"]["l4_hash"] = 1
    target.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return target


def assert_refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stdout == ""


def test_equal_recordings_give_a_line_each_and_a_total() -> None:
    result = invoke(SMALL, OTHER, PANIC)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert [line.split()[:2] for line in lines[:3]] == [
        ["pass", "m_negative-counters_v4"],
        ["pass", "m_flow-gauge_v4"],
        ["pass", "panic_tcp_seq_max_v4"],
    ]
    assert "equal: 3 recordings, 23 steps" in lines
    assert any(line.startswith("recorded panics, not replayed: 1 ") for line in lines)


def test_a_difference_is_reported_at_length_and_ends_with_1(differing: Path) -> None:
    result = invoke(differing, OTHER)
    assert result.exit_code == 1
    assert "DIFF  m_negative-counters_v4" in result.stdout
    assert "result.l4_hash\n        expected 1\n        got      " in result.stdout
    assert "pass  m_flow-gauge_v4" in result.stdout
    assert "different: 1 recordings, 6 steps" in result.stdout


def test_stop_after_counts_recordings_that_differ(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        changed(SMALL, tmp_path / f"{name}.jsonl")
    result = invoke("--stop-after", 2, tmp_path)
    assert result.stdout.count("DIFF") == 2


def test_only_selects_by_feature() -> None:
    result = invoke("--only", "flow-gauge", RECORDINGS / "museum")
    assert result.exit_code == 0
    assert "equal: 1 recordings, 11 steps" in result.stdout


def test_an_unknown_feature_is_refused_with_the_known_ones() -> None:
    assert_refused(invoke("--only", "teleport", SMALL, OTHER), "teleport", "negative-counters", "flow-gauge")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert_refused(invoke(tmp_path / "nothing"), "nothing", "no such file or folder")


def test_a_truncated_recording_is_named_with_its_line_and_the_rest_is_replayed(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(SMALL.read_bytes()[:-100])
    result = invoke(cut, OTHER)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{cut}:")
    assert "truncated" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "pass  m_flow-gauge_v4" in result.stdout
    assert "unreadable: 1" in result.stdout


def test_the_reference_has_no_lock_design() -> None:
    assert_refused(invoke("--design", "fine", SMALL), "--design fine", "reference")


@pytest.mark.parametrize("arguments", [["--engine", "opte"], ["--stop-after", "0"], ["--semantics", "new"], ["--no"]])
def test_wrong_options_are_refused(arguments: list[str]) -> None:
    result = invoke(*arguments, SMALL)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_the_machine_readable_report_says_what_the_lines_say(tmp_path: Path, differing: Path) -> None:
    target = tmp_path / "report.json"
    torn = tmp_path / "torn.jsonl"
    torn.write_text("{")
    result = invoke("--json", target, differing, OTHER, torn)
    report = json.loads(target.read_text())
    assert result.exit_code == report["exit_code"] == 2
    assert report["engine"] == "reference"
    assert report["semantics"] == "upstream"
    assert report["totals"]["equal"] == report["totals"]["different"] == 1
    first, second = report["recordings"]
    assert (first["name"], first["status"]) == ("m_negative-counters_v4", "different")
    assert first["first_difference"]["op"] == "process"
    [difference] = first["first_difference"]["differences"]
    assert difference["path"] == "result.l4_hash"
    assert difference["expected"] == 1
    assert (second["status"], second["first_difference"]) == ("equal", None)
    [unreadable] = report["unreadable"]
    assert (unreadable["path"], unreadable["line"]) == (str(torn), 1)
    assert list(tmp_path.glob(".report*")) == []


def test_an_existing_report_stays_when_the_run_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("before")
    assert invoke("--json", target, tmp_path / "nothing").exit_code == 2
    assert target.read_text() == "before"


@pytest.mark.parametrize("target", ["missing/report.json", "."])
def test_a_report_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path, target: str) -> None:
    assert_refused(invoke("--json", tmp_path / target, SMALL), "cannot write", str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "status"), [([SMALL], 0), (["--only", "teleport", SMALL], 2), (["missing.jsonl"], 2)]
)
def test_the_process_ends_with_the_exit_status_and_no_traceback(arguments: list[object], status: int) -> None:
    command = [sys.executable, "-m", "proofs.conformance", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=RECORDINGS.parents[2])
    assert done.returncode == status
    assert "Traceback" not in done.stderr + done.stdout
