"""A log to be changed by hand: the first execution of a scenario, kept access by access, and replayed later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from fastpath.memory import Words
from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.explore import explore
from proofs.refinement.event import Event, Places
from proofs.refinement.recorder import Log, Recorder
from proofs.refinement.replays import REPLAYED


@dataclass
class Recorded:
    """The words at the beginning, and what was done to them.

    Attributes:
        name: of the scenario.
        words: the arena at the beginning.
        threads: how many.
        events: all that happened, in order.
    """

    name: str
    words: Words = field(default_factory=lambda: np.zeros(0, np.uint64))
    threads: int = 0
    events: list[Event] = field(default_factory=list)

    @property
    def places(self) -> Places:
        """The words by index."""
        return Places(self.words)

    def replay(self, events: Iterable[Event], untold: Sequence[Event] = ()) -> None:
        """Replay events as the scenario's protocols have it. Raises NotABehaviour.

        `untold` are made, but no log is told of them.
        """
        words = self.words.copy()
        logs = [log for log, _ in REPLAYED[self.name].watch(words, self.threads)]
        for event in events:
            if event.stores and event.place >= 0:
                words[event.place] = event.after
            for log in logs:
                if not any(event is each for each in untold):
                    log(event)


def first_execution(name: str) -> Recorded:
    """Record the first execution of a scenario: thread 0 goes as far as it can, then thread 1."""
    kept = Recorded(name)

    def logs(words: Words, threads: int) -> Sequence[Log]:
        kept.words, kept.threads = np.array(words), threads
        return [kept.events.append]

    explore(scenario_named(name).program(), most_executions=1, started=partial(Recorder, logs))
    return kept
