"""The runner: what a recording counts as, when it stops, and what the exit status says."""

import gzip
import json
from pathlib import Path

import pytest

from proofs.conformance import coverage
from proofs.conformance.engine import Engine
from proofs.conformance.recording import UnreadableRecording, read
from proofs.conformance.runner import Finding, Status, Summary, UnknownFeature, run, select
from proofs.units.conformance.playback import Playback

MUSEUM = coverage.RECORDINGS / "museum"
FIRST, SECOND, THIRD = (
    MUSEUM / f"m_{name}_v4.jsonl.gz" for name in ("negative-counters", "flow-gauge", "full-overwrite")
)


def wrong(path: Path) -> Engine:
    """An engine that is wrong about the first packet counter of a recording."""
    return Playback(read(path), {0: {"g1": {"stats": {"out_modified": 99}}}})


def right(path: Path) -> Engine:
    """An engine that is right about a recording."""
    return Playback(read(path))


def ran(files: list[Path], engines: list[Engine], stop_after: int | None = None) -> Summary:
    summary = Summary()
    supply = iter(engines)
    for _ in run(files, "reference", lambda: next(supply), summary, stop_after):
        pass
    return summary


def names(findings: list[Finding]) -> list[str]:
    return [finding.replay.recording.name for finding in findings]


def test_all_equal_is_exit_status_0() -> None:
    summary = ran([FIRST, SECOND], [right(FIRST), right(SECOND)])
    assert names(summary.of(Status.EQUAL)) == ["m_negative-counters_v4", "m_flow-gauge_v4"]
    assert summary.exit_code == 0


def test_a_difference_is_exit_status_1_and_the_others_are_still_replayed() -> None:
    summary = ran([FIRST, SECOND], [wrong(FIRST), right(SECOND)])
    assert names(summary.of(Status.DIFFERENT)) == ["m_negative-counters_v4"]
    assert names(summary.of(Status.EQUAL)) == ["m_flow-gauge_v4"]
    assert summary.exit_code == 1


def test_an_unreadable_file_is_exit_status_2_and_the_others_are_still_replayed(tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_text("{")
    summary = ran([torn, FIRST], [wrong(FIRST)])
    assert [fault.path for fault in summary.unreadable] == [torn]
    assert names(summary.of(Status.DIFFERENT)) == ["m_negative-counters_v4"]
    assert summary.exit_code == 2


def test_it_stops_after_the_given_number_of_recordings_that_differ() -> None:
    summary = ran([FIRST, SECOND, THIRD], [wrong(FIRST), wrong(SECOND), wrong(THIRD)], stop_after=2)
    assert names(summary.of(Status.DIFFERENT)) == ["m_negative-counters_v4", "m_flow-gauge_v4"]


def test_a_listed_recording_that_differs_is_not_yet_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(coverage.NOT_YET_COVERED, "reference", {"m_negative-counters_v4": "no counters yet"})
    summary = ran([FIRST, SECOND], [wrong(FIRST), right(SECOND)])
    [finding] = summary.of(Status.NOT_COVERED)
    assert finding.reason == "no counters yet"
    assert names(summary.of(Status.EQUAL)) == ["m_flow-gauge_v4"]
    assert summary.exit_code == 0


def test_a_listed_recording_that_is_equal_has_no_place_on_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(coverage.NOT_YET_COVERED, "reference", {"m_negative-counters_v4": "no counters yet"})
    summary = ran([FIRST], [right(FIRST)])
    assert names(summary.of(Status.LISTED_BUT_EQUAL)) == ["m_negative-counters_v4"]
    assert summary.exit_code == 1


def test_the_list_excuses_no_file_from_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(coverage.NOT_YET_COVERED, "reference", {"m_negative-counters_v4": "no counters yet"})
    copy = tmp_path / FIRST.name
    copy.write_bytes(FIRST.read_bytes())
    assert ran([copy], [wrong(FIRST)]).exit_code == 1


def test_only_recordings_with_a_feature_are_selected() -> None:
    assert select([FIRST, SECOND, THIRD], "flow-gauge", Summary()) == [SECOND]
    assert select([FIRST, SECOND, THIRD], None, Summary()) == [FIRST, SECOND, THIRD]


def test_an_unknown_feature_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownFeature, match=r"'teleport'; there are: .*flow-gauge.*museum.*negative-counters"):
        select([FIRST, SECOND], "teleport", Summary())


def test_an_unreadable_header_is_remembered_while_selecting(tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_text("{")
    summary = Summary()
    assert select([torn, SECOND], "flow-gauge", summary) == [SECOND]
    assert [fault.path for fault in summary.unreadable] == [torn]


def test_panics_unknown_members_and_missing_ends_are_summed_up(tmp_path: Path) -> None:
    with gzip.open(FIRST, "rt") as stream:
        lines = [json.loads(line) for line in stream]
    lines[2]["mood"] = "good"
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    panic = coverage.RECORDINGS / "panics" / "panic_tcp_seq_max_v4.jsonl.gz"
    summary = ran([cut, panic], [right(cut), right(panic)])
    assert summary.panics == 1
    assert list(summary.not_compared.values()) == [1]
    assert summary.unclosed == ["m_negative-counters_v4"]


def test_every_finding_is_yielded_as_it_is_made(tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    torn.write_text("{")
    kinds = [type(found) for found in run([torn, FIRST], "reference", lambda: right(FIRST), Summary())]
    assert kinds == [UnreadableRecording, Finding]
