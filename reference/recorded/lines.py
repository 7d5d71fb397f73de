"""The lines of a recording: JSON Lines, plain or gzip (told apart by content, not by name)."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
NO_HEADER = "the file is empty, a header line is needed"


class UnreadableRecording(Exception):
    """The input is not a recording: `path`, `line` (from 1; 0 if none was reached) and `fault` say where and why."""

    def __init__(self, path: Path, line: int, fault: str) -> None:
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {fault}")
        self.path = path
        self.line = line
        self.fault = fault


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1; raises `UnreadableRecording` for every failure to read."""
    number = 0
    try:
        with path.open("rb") as raw:
            compressed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if compressed else raw
            for line in stream:
                number += 1
                yield number, line
    except EOFError:
        raise UnreadableRecording(path, number + 1, "the gzip data ends early (truncated file)") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableRecording(path, number + 1, f"the gzip data is damaged: {error}") from None
    except OSError as error:
        raise UnreadableRecording(path, number, error.strerror or str(error)) from None
