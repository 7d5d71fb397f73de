"""How much a search is to run, and what it has found."""

import enum
from collections.abc import Hashable
from dataclasses import dataclass, field

from proofs.interleavings.turn import Turn


class Search(enum.Enum):
    """How much is run."""

    PLAIN = "plain"
    """Every order of all accesses."""
    REDUCED = "reduced"
    """One run of each class of equivalent ones (`explore.py`)."""
    STATES = "states"
    """Every state once (`states.py`)."""


@dataclass
class Report:
    """What a search found.

    Attributes:
        executions: runs that reached their end.
        redundant: runs given up because an equivalent one had been run already; where states are told apart, steps
            that led to one which was known.
        steps: scheduling points of all runs, repeated prefixes included; where states are told apart, the steps
            between them.
        states: different states, where they are told apart.
        outcomes: a schedule for each outcome.
        counterexample: the schedule of the first failing run, or None.
        failure: what failed there.
        complete: whether nothing was left to run.
        seconds: time taken.
    """

    executions: int = 0
    redundant: int = 0
    steps: int = 0
    states: int = 0
    outcomes: dict[Hashable, tuple[Turn, ...]] = field(default_factory=dict)
    counterexample: tuple[Turn, ...] | None = None
    failure: Exception | None = None
    complete: bool = False
    seconds: float = 0.0
