"""One mutant's trial: in a copy of the project, the cheapest tests first, until one fails.

A copy is private to its worker, so nothing outside it ever sees a fault. Tests run in processes of their own, with a
bound on time and memory: a fault may well loop for ever.
"""

import enum
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proofs.mutation.mutants import Mutant

COPIED = ("reference", "fastpath", "model", "experiments", "proofs", "pyproject.toml", "docs")
UNITS = "proofs/units"
RECORDINGS = "proofs/conformance/test_recordings.py::test_the_reference_reproduces_what_opte_did"

MOST_MEMORY_KIB = 8 * 1024 * 1024
LEAST_SECONDS = 60.0
SLOWDOWN = 6.0
"""A stage may take this many times as long as without a fault, and never less than `LEAST_SECONDS`."""

FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py)", re.MULTILINE)


class Verdict(enum.StrEnum):
    """What became of a mutant."""

    CAUGHT = "caught"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Trial:
    """A mutant's verdict, and the file of the test that failed first ("" when none did or none could say)."""

    verdict: Verdict
    caught_by: str = ""


class UnfitTests(Exception):
    """Tests fail without any fault, so they could not tell one; the message holds the end of their output."""

    def __init__(self, stage: str, output: str) -> None:
        super().__init__(f"{stage} fails in a copy without faults: mend the tests first\n{output[-2000:]}")


@dataclass
class Workplace:
    """A private copy of the project.

    Attributes:
        root: the copy's folder.
        seconds: how long each stage took without a fault, by name.
    """

    root: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def warm(self) -> None:
        """Run every stage without a fault, once: compiles what is imported, and measures.

        Raises:
            UnfitTests: a stage fails.
        """
        for name, tests in everything(self.root).items():
            started = time.monotonic()
            verdict, output = self._run(tests, 3600.0, write_bytecode=True)
            if verdict is not Verdict.SURVIVED:
                raise UnfitTests(name, output)
            self.seconds[name] = time.monotonic() - started

    def try_out(self, mutant: Mutant) -> Trial:
        """The verdict of the tests on one mutant."""
        with self._planted(mutant):
            for name, tests in stages(self.root, mutant.module).items():
                limit = max(LEAST_SECONDS, SLOWDOWN * self.seconds.get(name, 0.0))
                verdict, output = self._run(tests, limit)
                if verdict is not Verdict.SURVIVED:
                    failed = FAILED.search(output)
                    return Trial(verdict, failed.group(1) if failed else "")
        return Trial(Verdict.SURVIVED)

    @contextmanager
    def _planted(self, mutant: Mutant) -> Iterator[None]:
        path = self.root / mutant.module
        original, status = path.read_bytes(), path.stat()
        path.write_text(mutant.source, encoding="utf-8")
        try:
            yield
        finally:
            path.write_bytes(original)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # its compiled form is valid again

    def _run(self, tests: list[str], limit: float, write_bytecode: bool = False) -> tuple[Verdict, str]:
        pytest = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "--no-header",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            *tests,
        ]
        bounded = ["sh", "-c", f'ulimit -v {MOST_MEMORY_KIB}; exec "$@"', "sh", *pytest]
        environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutation"}
        if not write_bytecode:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        try:
            done = subprocess.run(
                bounded, cwd=self.root, env=environment, timeout=limit, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            return Verdict.TIMED_OUT, ""
        return Verdict.CAUGHT if done.returncode else Verdict.SURVIVED, done.stdout + done.stderr


def stages(root: Path, module: str) -> Mapping[str, list[str]]:
    """The tests of one module of the reference, by stage: its own file, the recordings, then all of the reference's."""
    return {**own_tests(root, module), **everything(root)}


def own_tests(root: Path, module: str) -> dict[str, list[str]]:
    """The test file named after the module, when there is one."""
    *folders, name = Path(module).with_suffix("").parts
    path = Path(UNITS, "_".join(folders), f"test_{name.strip('_')}.py")
    return {path.as_posix(): [path.as_posix()]} if (root / path).exists() else {}


def everything(root: Path) -> dict[str, list[str]]:
    """The stages common to all modules."""
    folders = sorted(path.relative_to(root).as_posix() for path in (root / UNITS).glob("reference*"))
    return {"recordings": [RECORDINGS], "units": folders}


@contextmanager
def workplace(project: Path) -> Iterator[Workplace]:
    """A copy of the project for one worker, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        root = Path(folder)
        for name in COPIED:
            source = project / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, root / name)
        yield Workplace(root)
