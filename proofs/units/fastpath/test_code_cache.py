"""The cache of compiled code: named by everything that enters it, shared by processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

from fastpath import code_cache

PROGRAM = """
import sys
import numpy as np
from fastpath import checksum, tcp
from fastpath.code_cache import SharedCodeCache
found = []
load = SharedCodeCache.load_overload
def observed(self, sig, target_context):
    code = load(self, sig, target_context)
    found.append(code is not None)
    return code
SharedCodeCache.load_overload = observed
from fastpath.compiler import entry_point
@entry_point
def twice(value):
    return value + value
assert twice(np.uint64(21)) == 42
assert twice(1.5) == 3.0
print(*found)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def start(program: Path, folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"LOCKSTEP_CACHE": str(folder), "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen([sys.executable, str(program)], env=environment, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.strip()


def test_a_second_process_finds_what_the_first_compiled(program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    assert result(start(program, folder)) == "False False"
    assert result(start(program, folder)) == "True True"


def test_processes_that_compile_at_once_leave_a_whole_cache(program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    processes = [start(program, folder) for _ in range(2)]
    for process in processes:
        result(process)
    assert result(start(program, folder)) == "True True"


def test_the_folder_is_named_by_the_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    name = code_cache.folder.__wrapped__().name
    assert name == code_cache.folder.__wrapped__().name
    monkeypatch.setattr(config, "SLP_VECTORIZE", "changed")
    assert name != code_cache.folder.__wrapped__().name
