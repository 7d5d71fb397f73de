"""What was measured on what: the machine and the versions, so that a figure can be judged and repeated."""

import importlib.metadata
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

_REPOSITORY = Path(__file__).parent.parent
_PACKAGES = ("numba", "llvmlite", "numpy")


@dataclass(frozen=True)
class Machine:
    """The machine and the software of a run.

    `load` is the mean number of runnable processes in the minute before: a sign of company on the machine.
    """

    processor: str
    cores: int
    system: str
    python: str
    packages: dict[str, str]
    revision: str
    load: float

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.processor}, {cores}"


def describe() -> Machine:
    """This machine, now."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        revision=_revision(),
        load=round(os.getloadavg()[0], 2),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _revision() -> str:
    """The commit, with "+" when tracked files differ from it; "" outside a repository."""
    try:
        words = ["git", "-C", str(_REPOSITORY), "describe", "--always", "--dirty=+", "--exclude=*"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
