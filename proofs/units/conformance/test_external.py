"""External engines: the example one is equal to the reference, and a broken one gives one line that names the step."""

import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from proofs.conformance.__main__ import app
from proofs.conformance.coverage import RECORDINGS

SMALL = RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz"
OTHER = RECORDINGS / "museum" / "m_v2p-outlived_v4.jsonl.gz"
EXAMPLE = f"exec:{shlex.quote(sys.executable)} -m proofs.conformance.example_engine"

BROKEN = """
import sys, time
from proofs.conformance import example_engine
answer = example_engine.Told.answer_to_step
def faulty(told, step):
    if step["i"] == 2:
        {fault}
    return answer(told, step)
example_engine.Told.answer_to_step = faulty
example_engine.serve(sys.stdin.buffer, sys.stdout.buffer)
"""


def invoke(engine: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["--engine", engine, *map(str, arguments)])


def broken(fault: str) -> str:
    """An engine that answers as the example does, but at step 2 does something else."""
    return "exec:" + shlex.join([sys.executable, "-c", BROKEN.format(fault=fault)])


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])


def test_the_example_engine_reproduces_recordings() -> None:
    result = invoke(EXAMPLE, SMALL, OTHER)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "equal: 2 recordings, 23 steps" in result.stdout


def test_a_different_answer_is_a_difference_and_no_failure() -> None:
    result = invoke(broken('return answer(told, step) | {"epoch": 77}'), SMALL)
    assert result.exit_code == 1
    assert "epoch: expected 6, got 77" in result.stdout


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("raise SystemExit(7)", "step 2 (process): exited with status 7 without an answer"),
        ("time.sleep(60)", "step 2 (process): no answer within 3 s"),
        ("print('debugging', flush=True)", "step 2 (process): the answer is malformed: JSON is malformed"),
        ("return 17", "step 2 (process): the answer is malformed: Expected `object`, got `int`"),
        ("return {'i': 2}", "step 2 (process): the answer is malformed: Object missing required field `result`"),
        ("return {'i': 2, 'result': {}}", "step 2 (process): the answer is malformed: `result` has no member `kind`"),
        ("return {'i': 1, 'result': {'kind': 'ok'}}", "step 2 (process): the answer is about step 1"),
    ],
    ids=["crashed", "silent", "chatty", "not an object", "without a result", "without a kind", "out of step"],
)
def test_a_broken_engine_gives_one_line_that_names_the_step(fault: str, words: str) -> None:
    result = invoke(broken(fault), "--timeout", 3, SMALL)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr
    assert result.stderr.startswith("exec:")


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("exec:", "start: the command is empty"),
        ("exec:./no-such-engine", "start: cannot be started: No such file"),
        (f"exec:{shlex.quote(sys.executable)} -c pass", "header of m_negative-counters_v4: exited with status 0"),
        ("opte", "no engine is called 'opte'; there are reference, fastpath and exec:COMMAND"),
    ],
)
def test_an_engine_that_is_none_is_refused(engine: str, words: str) -> None:
    result = invoke(engine, SMALL)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr


def test_a_lock_design_belongs_to_the_fast_path() -> None:
    result = invoke(EXAMPLE, "--design", "fine", SMALL)
    assert result.exit_code == 2
    assert "--design fine belongs to --engine fastpath" in result.stderr
