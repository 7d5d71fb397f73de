"""The file that a campaign grows in: one line of JSON a finished job, behind a first line that says what made them.

Lines are appended by one system call each and reach the disk before the next job is handed out, so that whatever ends
a campaign leaves a file that the next one goes on with. A last line without an end was being written: it is dropped.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proofs.interleavings.campaign.job import Done, code_identity
from proofs.interleavings.finding import Effort

_FORMAT = 1


class ResultsFileError(ValueError):
    """A results file that cannot be gone on with; the message names the fix."""


@dataclass(frozen=True)
class Header:
    """What all results of a file have in common."""

    effort: Effort
    code: str
    form: int = _FORMAT


class ResultsFile:
    """The results so far, and where further ones go."""

    def __init__(self, descriptor: int, done: dict[str, Done]) -> None:
        self._descriptor = descriptor
        self.done = done
        """Finished jobs by key."""

    def add(self, done: Done) -> None:
        """Keep a result, for good when this returns."""
        _append(self._descriptor, msgspec.json.encode(done))
        self.done[done.key] = done


@contextmanager
def opened(path: Path, effort: Effort) -> Iterator[ResultsFile]:
    """A results file, new or to be gone on with.

    Raises ResultsFileError when it was made with other code or another effort, is none, or is being written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Header(effort, code_identity())
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResultsFileError(f"{path} is being written to by another campaign: name another file") from error
        lines = _whole_lines(path, descriptor)
        if not lines:
            _append(descriptor, msgspec.json.encode(header))
        done = _read(path, lines, header) if lines else {}
        yield ResultsFile(descriptor, done)
    finally:
        os.close(descriptor)


def _whole_lines(path: Path, descriptor: int) -> list[bytes]:
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.ftruncate(descriptor, len(whole))
    return whole.splitlines()


def _read(path: Path, lines: list[bytes], expected: Header) -> dict[str, Done]:
    fix = f"name another file with --results, or remove {path}"
    try:
        header = msgspec.json.decode(lines[0], type=Header)
        results = [msgspec.json.decode(line, type=Done) for line in lines[1:]]
    except msgspec.MsgspecError as error:
        raise ResultsFileError(f"{path} holds no results of a campaign ({error}): {fix}") from error
    for what in ("form", "code", "effort"):
        here, there = getattr(expected, what), getattr(header, what)
        if here != there:
            raise ResultsFileError(f"{path} was made with another {what} ({there}, now {here}): {fix}")
    return {done.key: done for done in results}


def _append(descriptor: int, line: bytes) -> None:
    content = line + b"\n"
    if os.write(descriptor, content) != len(content):
        raise OSError("a result could not be written as a whole: is the disk full?")
    os.fsync(descriptor)
