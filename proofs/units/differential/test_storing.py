"""Keeping a story: the name follows from the content, and a recording is there complete or not at all."""

import gzip
from pathlib import Path

import pytest

from proofs.differential.storing import keep


def lines(name: str) -> list[bytes]:
    return [b'{"name":"' + name.encode() + b'"}', b'{"i":0}']


def test_a_story_is_kept_under_the_name_in_its_header(tmp_path: Path) -> None:
    path = keep(tmp_path, lines)
    header, step = gzip.decompress(path.read_bytes()).splitlines()
    assert header == b'{"name":"' + path.name.removesuffix(".jsonl.gz").encode() + b'"}'
    assert step == b'{"i":0}'


def test_the_same_story_is_kept_once_and_another_beside_it(tmp_path: Path) -> None:
    first, again = keep(tmp_path, lines), keep(tmp_path, lines)
    other = keep(tmp_path, lambda name: [*lines(name), b'{"i":1}'])
    assert first == again != other
    assert set(tmp_path.iterdir()) == {first, other}


def test_a_folder_that_cannot_be_written_to_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        keep(tmp_path / "missing", lines)
