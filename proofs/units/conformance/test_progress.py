"""Progress: plain lines on a pipe, now and then; a bar on a terminal."""

import sys

import pytest

from proofs.conformance import progress
from proofs.conformance.progress import ReplayProgress


def test_plain_lines_say_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with ReplayProgress(3) as shown:
        for _ in range(512):
            shown.step()
        shown.recording()
        for _ in range(1000):
            shown.step()
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[0] == "0 of 3 recordings, 256 steps"
    assert lines[-1] == "1 of 3 recordings, 1,280 steps"


def test_a_short_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ReplayProgress(1) as shown:
        for _ in range(512):
            shown.step()
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with ReplayProgress(2) as shown:
        for _ in range(256):
            shown.step()
        shown.recording()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "256 steps" in captured.err
