"""Keeping a story: a recording in a folder, named after its content, complete or not there at all."""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def keep(folder: Path, lines: Callable[[str], list[bytes]]) -> Path:
    """Write a story, whose `lines` depend on its name, and return where; the same story gets the same name.

    Raises:
        OSError: the folder cannot be written to.
    """
    digest = hashlib.sha256(b"\n".join(lines(""))).hexdigest()
    name = f"difference_{digest[:12]}"
    target = folder / f"{name}.jsonl.gz"
    text = b"".join(line + b"\n" for line in lines(name))
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(gzip.compress(text, mtime=0))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target
