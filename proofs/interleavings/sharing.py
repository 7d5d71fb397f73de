"""Which words threads really share: of the others an access needs no turn.

A word that one thread alone touches, or that nobody changes, conflicts with nothing: an access to it commutes with all
that other threads do, and to choose when it is made is to choose nothing. Which words are shared is not known
beforehand. So a search takes all for private, notes who touches what in all its runs together, and begins anew when a
word turns out to be shared after all. The last search, which meets no such word, has looked at every conflict there is:
were there a run with another, take the shortest prefix up to its second access; what comes before has no conflict among
words taken for private, so it is a prefix of a run that was explored, up to the order of what commutes, and there the
second access was made too.

A schedule names turns, and should mean the same whatever a search has found out: `expanded` adds those that a search
has left out.
"""

import contextlib
import random
from collections.abc import Iterable
from typing import Final

from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.report import Report
from proofs.interleavings.request import HISTORY, Request
from proofs.interleavings.scheduler import Scheduler
from proofs.interleavings.turn import Turn, buffer_of, thread_of

_RUNS_IN_VAIN: Final = 12
"""So many that have shown nothing new are enough of them."""
_ACQUAINTING_RUNS: Final = 200
_SWITCHES: Final = 0.1
"""How often such a run goes on with another thread, at each turn."""


class Sharing:
    """What is known of the words of a program: who reads and who changes them.

    Attributes:
        has_grown: whether a word taken for private has turned out to be shared. What was explored before says little.
    """

    def __init__(self) -> None:
        self.has_grown = False
        self._shared = {HISTORY}
        self._readers: dict[int, int] = {}
        self._writers: dict[int, int] = {}

    def is_private(self, thread: int, request: Request) -> bool:
        """Whether an access, which is about to be made, touches what no other thread has touched so far."""
        location = request.location
        if location in self._shared:
            return False
        if request.operation == "load":
            self._readers[location] = self._readers.get(location, 0) | 1 << thread
        else:
            self._writers[location] = self._writers.get(location, 0) | 1 << thread
        writers = self._writers.get(location, 0)
        everybody = writers | self._readers.get(location, 0)
        if writers and everybody & everybody - 1:
            self._shared.add(location)
            self.has_grown = True
            return False
        return True

    def knows_as_private(self, location: int) -> bool:
        """Whether a word is private as far as is known."""
        return location not in self._shared


def acquaint(program: Program, memory: MemoryName, sharing: Sharing) -> None:
    """Let runs, chosen by fixed seeds, show what is shared, until several have shown nothing new.

    To find out late costs a search all that it has done.
    """
    seed = in_vain = 0
    while in_vain < _RUNS_IN_VAIN and seed < _ACQUAINTING_RUNS:
        sharing.has_grown = False
        _run_by_chance(program, memory, sharing, seed)
        in_vain = 0 if sharing.has_grown else in_vain + 1
        seed += 1
    sharing.has_grown = False


def _run_by_chance(program: Program, memory: MemoryName, sharing: Sharing, seed: int) -> None:
    chance = random.Random(seed)
    with contextlib.suppress(Exception):  # a run that fails has shown something too; the search will come to it
        scheduler = Scheduler(program(), memory, sharing.is_private)
        with scheduler:
            actor = chance.choice(scheduler.enabled())
            while choices := scheduler.choices():
                if actor not in choices or chance.random() < _SWITCHES:
                    actor = chance.choice(list(choices))
                scheduler.step(Turn(actor, chance.randrange(len(choices[actor]))))


def expanded(program: Program, schedule: Iterable[Turn], memory: MemoryName, sharing: Sharing) -> tuple[Turn, ...]:
    """The same run with a turn for each access, private ones included; they come as soon as their thread has gone on.

    Where a step fails, the schedule ends with it.
    """
    expansion = _Expansion(Scheduler(program(), memory), sharing)
    try:
        with expansion.scheduler:
            for turn in schedule:
                expansion.take(turn)
    except Exception:
        return tuple(expansion.taken)
    return tuple(expansion.taken)


def expand_schedules(report: Report, program: Program, memory: MemoryName, sharing: Sharing) -> None:
    """Let all schedules of a report have a turn for each access."""
    if report.counterexample is not None:
        report.counterexample = expanded(program, report.counterexample, memory, sharing)
    report.outcomes = {
        outcome: expanded(program, schedule, memory, sharing) for outcome, schedule in report.outcomes.items()
    }


class _Expansion:
    """A run in which private accesses have turns, led by a schedule in which they have none."""

    def __init__(self, scheduler: Scheduler, sharing: Sharing) -> None:
        self.scheduler = scheduler
        self.taken: list[Turn] = []
        self._sharing = sharing
        self._started: set[int] = set()

    def take(self, turn: Turn) -> None:
        """Take a turn of the schedule, and what its thread does by itself before and after."""
        thread = thread_of(turn.actor)
        if thread not in self._started:
            self._started.add(thread)
            self._run_private(thread)
        self._step(turn)
        if turn.actor >= 0:
            self._run_private(thread)
        while self._drain_private(thread):
            pass

    def _step(self, turn: Turn) -> None:
        self.taken.append(turn)
        self.scheduler.step(turn)

    def _drain_private(self, thread: int) -> bool:
        front = self.scheduler.next_drained(thread)
        if front is None or not self._sharing.knows_as_private(front):
            return False
        self._step(Turn(buffer_of(thread)))
        return True

    def _run_private(self, thread: int) -> None:
        """Make the private accesses that come next, as a thread does that has just gone on."""
        while True:
            following = self.scheduler.next_immediate(thread)
            if following is not None and self._sharing.knows_as_private(following):
                self._step(Turn(thread))
            elif not self._drain_private(thread):
                return
