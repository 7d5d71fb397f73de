"""One piece of a campaign: a case, looked at with an effort and a seed. Jobs depend on nothing but themselves."""

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastpath.designs import Design
from proofs.interleavings.case import Case
from proofs.interleavings.finding import Effort, Finding, Manner, investigate
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.scenario import Scenario

_ROOT = Path(__file__).parents[3]
_SOURCES = ("fastpath", "reference", "proofs/interleavings")


@dataclass(frozen=True)
class Job:
    """What one process does in one go."""

    case: Case
    effort: Effort
    seed: int = 0

    @property
    def key(self) -> str:
        """A name, different for different jobs of a campaign."""
        return f"{self.case}/{self.seed}"


@dataclass(frozen=True)
class Done:
    """A job that has been done.

    Attributes:
        key: of the job.
        code: the identity of the code that did it.
        finding: what came of it.
    """

    key: str
    code: str
    finding: Finding


@dataclass(frozen=True)
class Lost:
    """A job that could not be done: why."""

    key: str
    why: str


def perform(job: Job) -> Done:
    """Do a job, in whichever process."""
    return Done(job.key, code_identity(), investigate(job.case, job.effort, job.seed))


def jobs_of(
    scenarios: Iterable[Scenario],
    designs: Sequence[Design],
    memories: Sequence[MemoryName],
    effort: Effort,
    seeds: int = 1,
) -> list[Job]:
    """A job for each scenario, each of these designs that it has, each memory model, and for chance each seed."""
    numbers = range(1, seeds + 1) if effort.manner is not Manner.SEARCH else (0,)
    return [
        Job(Case(scenario.name, design, memory), effort, seed)
        for scenario in scenarios
        for design in designs
        if design in (*scenario.designs, *scenario.broken)
        for memory in memories
        for seed in numbers
    ]


@functools.cache
def code_identity() -> str:
    """A hash of all sources that a result depends on: the fast path, the reference, the explorer and its scenarios."""
    digest = hashlib.sha256()
    for source in sorted(path for folder in _SOURCES for path in (_ROOT / folder).rglob("*.py")):
        if not source.name.startswith("test_"):
            digest.update(f"{source.relative_to(_ROOT)}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:20]
