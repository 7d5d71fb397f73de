"""The report file: complete or not there, and nothing left behind."""

import json
from pathlib import Path

import pytest

from proofs.conformance.compare import ABSENT, Difference
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.machine_report import ReportFile, content
from proofs.conformance.recording import read
from proofs.conformance.replay import Mismatch, Replay
from proofs.conformance.runner import Finding, Status, Summary


def test_the_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    with ReportFile(target) as output:
        assert not target.exists()
        output.commit({"x": 1})
    assert json.loads(target.read_text()) == {"x": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ReportFile(tmp_path / "report.json"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/report.json", ""])
def test_a_place_that_cannot_be_written_to_is_an_error_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r".*"):
        ReportFile(tmp_path / name)


def test_values_without_json_of_their_own_are_written_as_text(tmp_path: Path) -> None:
    recording = read(RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz")
    step = recording.steps[2]
    mismatch = Mismatch(step, (Difference("result.pkt", "00", ABSENT),), {"kind": "drop"})
    summary = Summary([Finding(Replay(recording, 2, 0, mismatch), Status.DIFFERENT)])
    target = tmp_path / "report.json"
    with ReportFile(target) as output:
        output.commit(content(summary, "fastpath", "fine", "upstream"))
    [found] = json.loads(target.read_text())["recordings"]
    assert found["first_difference"]["port"] == "g1"
    assert found["first_difference"]["line"] == 4
    assert found["first_difference"]["differences"] == [{"path": "result.pkt", "expected": "00", "got": "absent"}]
