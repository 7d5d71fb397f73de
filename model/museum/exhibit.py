"""What an exhibit of the museum is: a defect of the real OPTE, as a system that has it and a system that has not."""

from dataclasses import dataclass
from typing import Any

from model.language import System


@dataclass(frozen=True)
class Exhibit:
    """One defect that needs two threads, and what a search must say about it.

    Attributes:
        name: under which it is known.
        story: what happens, in a sentence.
        faulty: the system with the defect.
        sound: the system as `fine` or `mutex` has it.
        finds: how the finding of a search of `faulty` begins; empty when the defect is benign: every invariant holds,
            and the witnesses of `faulty` show that it does happen.
    """

    name: str
    story: str
    faulty: System[Any, Any]
    sound: System[Any, Any]
    finds: str
