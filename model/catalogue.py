"""Every system by name: the configurations that must hold, and the faulty ones whose fault must be found."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from model.designs import fine, mutex
from model.designs.seeded import SEEDED
from model.language import System
from model.museum import EXHIBITS
from model.search import Outcome, Result

CONFIGURATIONS: Mapping[str, System[Any, Any]] = MappingProxyType(dict([*fine.systems(), *mutex.systems()]))
"""What must hold: every scenario under every design."""


@dataclass(frozen=True)
class Faulty:
    """A system that is broken on purpose.

    Attributes:
        sentence: what is broken.
        system: in which it is.
        finds: how the finding of a search begins; empty for a benign fault, under which every invariant holds.
    """

    sentence: str
    system: System[Any, Any]
    finds: str

    def found_by(self, result: Result[Any, Any]) -> bool:
        """Whether a search of the system says what it must."""
        if not self.finds:
            return result.outcome is Outcome.HELD
        return result.outcome in (Outcome.BROKEN, Outcome.DEADLOCK) and result.finding.startswith(self.finds)


FAULTS: Mapping[str, Faulty] = MappingProxyType(
    {fault.value: Faulty(fault.sentence, seeded.system(), seeded.finds) for fault, seeded in SEEDED.items()}
)
"""The seeded faults of the designs, by name."""

MUSEUM: Mapping[str, Faulty] = MappingProxyType(
    {name: Faulty(exhibit.story, exhibit.faulty, exhibit.finds) for name, exhibit in EXHIBITS.items()}
)
"""The defects of the real OPTE that need two threads, by name."""
