"""An experiment's data: one JSON file, rewritten whole with every part that is done, so that a run can be resumed."""

import contextlib
import datetime
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from experiments.errors import InputError
from experiments.experiment import Measured, Rows
from experiments.machine import Machine

FOLDER: Final = "data"
FORMAT: Final = 1


@dataclass(frozen=True)
class Part:
    """What one part has given.

    Attributes:
        effort: its name.
        seed: of everything random in it.
        machine: on which it was measured, with versions and revision.
        sources: a name for the sources and libraries that were measured, changed or not since the revision.
        date: when it was done.
        seconds: that it took, compilation included.
        measured: the samples.
    """

    effort: str
    seed: int
    machine: Machine
    sources: str
    date: datetime.datetime
    seconds: float
    measured: list[Measured]


@dataclass
class Record:
    """All that is known about an experiment's answer.

    Attributes:
        experiment: its name.
        question, variables, method: what the experiment said of itself when it ran.
        parts: by name.
    """

    experiment: str
    question: str
    variables: dict[str, str]
    method: str
    parts: dict[str, Part] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def rows(self) -> Rows:
        """The samples of all parts."""
        return Rows(row for part in self.parts.values() for row in part.measured)

    @property
    def machines(self) -> list[str]:
        """Names of the machines, each once."""
        return list(dict.fromkeys(str(part.machine) for part in self.parts.values()))


def path_of(results: Path, name: str) -> Path:
    """Where an experiment's data are."""
    return results / FOLDER / f"{name}.json"


def load(results: Path, name: str) -> Record | None:
    """An experiment's data, or None when there are none. Raises `InputError` for a file that is none of ours."""
    path = path_of(results, name)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name another folder for results") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not data of an experiment ({error}); remove it, and run {name} again") from error


def save(results: Path, record: Record) -> None:
    """Replace an experiment's data, in one step. Raises `InputError` when they cannot be written."""
    path = path_of(results, record.experiment)
    with replacing(path) as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write in place of `path`, which changes only when the block succeeds. Raises `InputError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".unfinished-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            unfinished.chmod(0o644)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; use another --results") from error
