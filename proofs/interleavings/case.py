"""What is run: a scenario, perhaps with a fault, under a lock design and a memory model; and it as a short string.

The string of a case and a schedule says everything that a run depends on, such as
"hit beside expiry+last hit stored/fine/sc/a4b3": scenario and fault, design, memory model, schedule.
"""

from dataclasses import dataclass

from fastpath.designs import Design
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.schedule import Schedule, ScheduleError, from_text, to_text

FORM = "SCENARIO[+FAULT]/DESIGN/MEMORY/SCHEDULE"


@dataclass(frozen=True)
class Case:
    """A scenario and all that decides which program it is and what its threads may rely on."""

    scenario: str
    design: Design = Design.FINE
    memory: MemoryName = MemoryName.SC
    fault: str | None = None

    @property
    def found(self) -> Scenario:
        """The scenario. Raises UnknownNameError."""
        return scenario_named(self.scenario)

    def program(self) -> Program:
        """The program. Raises UnknownNameError."""
        return self.found.program(self.fault, self.design)

    def __str__(self) -> str:
        fault = f"+{self.fault}" if self.fault is not None else ""
        return f"{self.scenario}{fault}/{self.design.value}/{self.memory.value}"

    def replay_text(self, schedule: Schedule) -> str:
        """The string that replays a schedule of this case."""
        return f"{self}/{to_text(schedule)}"


def from_replay_text(text: str) -> tuple[Case, Schedule]:
    """The opposite of `Case.replay_text`. Raises ScheduleError; whether the names mean anything is not looked at."""
    parts = text.split("/")
    if len(parts) != FORM.count("/") + 1:
        raise ScheduleError(f"{text!r} does not say what to replay: write {FORM}")
    scenario, _, fault = parts[0].partition("+")
    try:
        design, memory = Design(parts[1]), MemoryName(parts[2])
    except ValueError as error:
        raise ScheduleError(f"{text!r}: {error}; write {FORM}") from error
    return Case(scenario, design, memory, fault or None), from_text(parts[3])
