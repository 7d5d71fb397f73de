"""One mutant's trial: in a copy of the project, the cheapest tests first, until one fails.

A copy is private to its worker, so nothing outside it ever sees a fault. Tests run in processes of their own, with a
bound on time and memory: a fault may well loop for ever.
"""

import enum
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from proofs.mutation.mutants import Mutant

COPIED = ("reference", "fastpath", "model", "experiments", "proofs", "pyproject.toml", "docs")
UNITS = "proofs/units"
RECORDINGS = "proofs/conformance/test_recordings.py::test_the_reference_reproduces_what_opte_did"

MOST_MEMORY_KIB = 8 * 1024 * 1024
MOST_SECONDS = 30 * 60
"""Bound on the time of one stage by the clock, for faults that wait."""

MOST_CPU_SECONDS = {"recordings": 200, "units": 400}
MOST_CPU_SECONDS_OF_OWN_TESTS = 60
"""Bounds on computing time, several times what is needed without a fault; other work on the machine does not matter."""

OUT_OF_CPU_TIME = (-signal.SIGXCPU, -signal.SIGKILL)

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


@dataclass(frozen=True)
class Workplace:
    """A private copy of the project in the folder `root`."""

    root: Path

    def warm(self) -> None:
        """Run every stage without a fault, once; what is imported is compiled for all that follow.

        Raises:
            UnfitTests: a stage fails.
        """
        for name, tests in everything(self.root).items():
            verdict, output = self._run(name, tests, write_bytecode=True)
            if verdict is not Verdict.SURVIVED:
                raise UnfitTests(name, output)

    def try_out(self, mutant: Mutant) -> Trial:
        """The verdict of the tests on one mutant."""
        with self._planted(mutant):
            for name, tests in stages(self.root, mutant.module).items():
                verdict, output = self._run(name, tests)
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

    def _run(self, stage: str, tests: list[str], write_bytecode: bool = False) -> tuple[Verdict, str]:
        quiet = ("-xq", "--no-header", "--tb=no", "-p", "no:cacheprovider")
        limits = f"ulimit -v {MOST_MEMORY_KIB}; ulimit -t {MOST_CPU_SECONDS.get(stage, MOST_CPU_SECONDS_OF_OWN_TESTS)}"
        bounded = ["sh", "-c", f'{limits}; exec "$@"', "sh", sys.executable, "-m", "pytest", *quiet, *tests]
        environment = {**os.environ, "HYPOTHESIS_PROFILE": "mutation"}
        if not write_bytecode:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        try:
            done = subprocess.run(
                bounded,
                cwd=self.root,
                env=environment,
                timeout=MOST_SECONDS,
                capture_output=True,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict.TIMED_OUT, ""
        if done.returncode in OUT_OF_CPU_TIME:
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
    """A copy of the project, or of another copy, for one worker; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        root = Path(folder)
        for name in COPIED:
            source = project / name
            if source.is_dir():
                shutil.copytree(source, root / name)
            else:
                shutil.copy2(source, root / name)
        yield Workplace(root)
