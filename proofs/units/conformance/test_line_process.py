"""A process asked in lines: whatever it does, there is an answer or a fault in time, and it is reaped."""

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from proofs.conformance import line_process
from proofs.conformance.line_process import LineProcess, ProcessFault

ECHO = "import sys\nfor line in sys.stdin: print(line.strip()[::-1], flush=True)"


def command(program: str) -> str:
    """The command that runs a Python program; `-S` and `-E` make it start fast."""
    return shlex.join([sys.executable, "-I", "-S", "-c", program])


@pytest.fixture(name="started")
def every_process_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that a test starts; in the end every one must have been reaped."""
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    yield started
    assert all(process.returncode is not None for process in started)


def fault_of(program: str, question: bytes = b"ping", timeout: float = 20.0) -> str:
    """What is said about a program that does not answer one question as it should, up to its orderly end."""
    with pytest.raises(ProcessFault) as caught:
        ask_once(program, question, timeout)
    return str(caught.value)


def ask_once(program: str, question: bytes, timeout: float) -> None:
    with LineProcess(command(program), timeout) as process:
        process.ask(question)
        process.finish()


@pytest.mark.usefixtures("started")
def test_questions_are_answered_one_by_one() -> None:
    with LineProcess(command(ECHO), 20.0) as process:
        assert process.ask(b"abc") == b"cba"
        assert process.ask(b"") == b""
        process.finish()
        assert process.is_reaped


@pytest.mark.usefixtures("started")
def test_a_long_question_and_a_long_answer_do_not_lock_each_other_up() -> None:
    question = b"ab" * 1_000_000
    with LineProcess(command(ECHO), 20.0) as process:
        assert process.ask(question) == question[::-1]


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("raise SystemExit(3)", "exited with status 3 without"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL without"),
        ("input(); print('one\\ntwo', flush=True); input()", "wrote more than one line as its last answer: 'two"),
        ("input(); print('one', flush=True); raise SystemExit(4)", "exited with status 4"),
        ("input(); print('half', end='', flush=True)", "exited with status 0 without an answer"),
    ],
)
def test_a_broken_process_is_a_fault(program: str, fault: str) -> None:
    assert fault in fault_of(program)


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        "import os, time; os.fork(); time.sleep(60)",
    ],
    ids=["silent", "ignores SIGTERM", "with a child"],
)
def test_a_silent_process_is_given_up_in_time(program: str) -> None:
    began = time.monotonic()
    assert fault_of(program, timeout=0.3) == "no answer within 0.3 s"
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("started")
def test_a_process_that_does_not_read_is_given_up_in_time() -> None:
    assert "within 0.3 s" in fault_of("import time; time.sleep(60)", question=bytes(1 << 20), timeout=0.3)


@pytest.mark.usefixtures("started")
def test_a_process_that_stays_when_its_input_ends_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_process, "SECONDS_TO_EXIT", 0.3)
    assert "did not exit" in fault_of("import time; input(); print('one', flush=True); time.sleep(60)")


@pytest.mark.usefixtures("started")
def test_endless_output_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_process, "LONGEST_LINE", 1 << 16)
    assert "without a line end" in fault_of("while True: print('x' * 4096, end='')")


@pytest.mark.parametrize(
    ("words", "fault"),
    [("", "empty"), ("'open", "not well quoted"), ("./no-such-program --flag", "cannot be started: No such file")],
)
def test_a_command_that_is_none_is_a_fault(words: str, fault: str) -> None:
    with pytest.raises(ProcessFault, match=fault):
        LineProcess(words, 1.0)
