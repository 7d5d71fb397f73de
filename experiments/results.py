"""A run's folder: complete or not there at all."""

import contextlib
import datetime
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from experiments.errors import InputError


@dataclass(frozen=True)
class ResultsFolder:
    """A folder under way: written at `path`, found at `final` afterwards."""

    path: Path
    final: Path


@contextlib.contextmanager
def results_folder(root: Path, now: datetime.datetime) -> Iterator[ResultsFolder]:
    """A folder to write into during the block; when the block succeeds it becomes a folder of `root` named after `now`.

    The folder is made at once, so that a place which cannot be written is found before the work begins, and renamed at
    the end; if the block raises, nothing stays behind.

    Raises:
        InputError: the folder cannot be made or written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=root))
        try:
            folder = ResultsFolder(unfinished, _new_name(root, now))
            yield folder
            unfinished.chmod(0o755)
            unfinished.replace(folder.final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        problem = f"output folder: {root} cannot be written: {error.strerror or error}"
        raise InputError(f"{problem}; name another with --output") from error


def _new_name(root: Path, now: datetime.datetime) -> Path:
    """A name that does not exist yet: the date and time, numbered when that is taken."""
    name = now.strftime("%Y-%m-%dT%H-%M-%S")
    candidates = (root / (name + suffix) for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(candidate for candidate in candidates if not candidate.exists())


def write_json(path: Path, value: Any) -> None:
    """Writes dataclasses, mappings and lists as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
