"""The command line: exit statuses, the report, the kept recording and the command that replays it."""

import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proofs.conformance.__main__ import app as conformance
from proofs.conformance.recording import read
from proofs.differential.__main__ import app

FAULTY = f"exec:{shlex.quote(sys.executable)} -m proofs.units.differential.faulty_engine OtherHash"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])


def test_no_difference_is_reported_with_the_number_of_stories_and_steps_and_the_seed(tmp_path: Path) -> None:
    result = invoke("--right", "reference", "--examples", 5, "--seed", 11, "--output", tmp_path)
    assert result.exit_code == 0
    assert result.stdout.startswith("no difference in 5 stories, ")
    assert "(seed 11)" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_an_external_engine_is_shrunk_to_a_short_story_kept_reported_and_replayed(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    result = invoke("--right", FAULTY, "--seed", 1, "--output", folder)
    assert result.exit_code == 1
    [kept] = folder.iterdir()
    assert "result.l4_hash\n        expected " in result.stdout
    assert f"file {kept}, line " in result.stdout
    [command] = [line.removeprefix("replay it with: ") for line in result.stdout.splitlines() if "replay it" in line]
    arguments = shlex.split(command)
    assert arguments[:3] == ["python", "-m", "proofs.conformance"]
    again = CliRunner().invoke(conformance, arguments[3:])
    assert again.exit_code == 1
    assert "result.l4_hash" in again.stdout
    assert CliRunner().invoke(conformance, [str(kept)]).exit_code == 0
    assert len(read(kept).steps) <= 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--right", "opte"], "no engine is called 'opte'"),
        (["--right", "exec:./no-such-engine"], "cannot be started"),
        (["--right", "exec:sleep 60", "--timeout", "0.2"], "header of story: no answer within 0.2 s"),
        (["--right", "reference", "--output", "{file}"], "cannot write to"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    file = tmp_path / "file"
    file.touch()
    options = {"--output": str(tmp_path), "--examples": "2", "--seed": "1"}
    options |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    result = invoke(*(text.format(file=file) for pair in options.items() for text in pair))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr
    assert result.stdout == ""
