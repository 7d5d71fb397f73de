"""Failing schedules kept as data: a file each, which says how to replay it and what it showed.

`python -m proofs.interleavings run SCENARIO --fault FAULT --store FOLDER` writes one; those in `FOLDER` are replayed by
a test. A schedule names steps, and the source that makes them changes: one that does not show its failure any more
although the fault is still one is to be found anew by the same command.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proofs.interleavings.case import Case, from_replay_text
from proofs.interleavings.schedule import Run, Schedule, replay

FOLDER = Path(__file__).parent / "counterexamples"


@dataclass(frozen=True)
class Counterexample:
    """A schedule under which a case fails, and the name of the exception that it fails with."""

    case: Case
    schedule: Schedule
    failure: str

    @property
    def name(self) -> str:
        """The file's name: what it is about, in the letters that any file system takes."""
        return re.sub(r"[^a-z0-9]+", "-", str(self.case).lower()).strip("-") + ".json"

    def run(self) -> Run:
        """Replay it on the source with the fault; as far as it can be, where the source has changed."""
        return replay(self.case.program(), self.schedule, strict=False, memory=self.case.memory)

    def run_on_production(self) -> Run:
        """Replay it on the source without the fault, under `fine`."""
        return replay(self.case.found.program(), self.schedule, strict=False, memory=self.case.memory)

    def store(self, folder: Path) -> Path:
        """Write it; the file."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / self.name
        content = {"replay": self.case.replay_text(self.schedule), "failure": self.failure}
        file.write_text(json.dumps(content, indent=2) + "\n")
        return file


def stored(folder: Path = FOLDER) -> Iterator[Counterexample]:
    """All that a folder holds. Raises ScheduleError where a file is no counterexample."""
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text())
        case, schedule = from_replay_text(content["replay"])
        yield Counterexample(case, schedule, content["failure"])
