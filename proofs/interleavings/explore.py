"""Every execution of a program, or one of each class of equivalent ones.

Plain search tries every actor and every option that it has at every point, depth first; runs are repeated from the
start. Reduced search is dynamic partial-order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson,
Sagonas: Optimal Dynamic Partial Order Reduction, POPL 2014, algorithm 1): it runs at least one member of
each class of runs that differ only in the order of accesses that do not conflict, and so reaches every
outcome. Its happens-before order is found with vector clocks over the accesses really made: a failed
compare-and-swap counts as a read, and so does a store of the value that is there.

Where a memory model leaves a choice, such as which store a load reads, an actor has options. An actor that is tried is
tried with all of them. A source set is a set of actors, for what comes later may add options (`access.conflict`); a
sleep set is one of actors with an option, for an access that was made with one option commutes with more than the same
access with another (`access.dependent`).

A thread that waits after a pause is disabled until another one changes a watched word. Its next access reads all
watched words, so it races with whatever changes them, before or after: each change may be the one that wakes it. It can
only be moved before a change if another one, independent of that, had woken it as well.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from proofs.interleavings.access import WRITES, Access, Mode, Wait, conflict, dependent, own_drain_and_load
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.report import Report, Search
from proofs.interleavings.scheduler import Scheduler
from proofs.interleavings.sharing import Sharing, acquaint, expand_schedules
from proofs.interleavings.states import explore_states
from proofs.interleavings.turn import Turn, thread_of

Clock = tuple[int, ...]
_MODES = tuple(Mode)


Choice = tuple[int, Hashable]
"""An actor, and the name of one of its options."""


@dataclass
class Node:
    """One point of the current run: what was chosen there, and what is still to be tried.

    `access`, `clock` and `own` describe the step that the chosen actor took: what it did, its vector
    clock, and its number among the actor's steps.
    """

    actor: int
    option: Hashable
    choices: dict[int, Sequence[Hashable]]
    backtrack: set[int]
    sleep: dict[Choice, Access]
    access: Access | None = None
    clock: Clock = ()
    own: int = 0

    @property
    def choice(self) -> Choice:
        """Who goes on, and how."""
        return self.actor, self.option

    @property
    def turn(self) -> Turn:
        """The choice as it stands in a schedule."""
        return Turn(self.actor, self.choices[self.actor].index(self.option))

    def awake(self) -> list[Choice]:
        """What is to be tried here and has not been."""
        return [
            (actor, option)
            for actor in sorted(self.backtrack, key=_threads_first)
            for option in self.choices.get(actor, ())
            if (actor, option) not in self.sleep
        ]

    @property
    def done(self) -> Access:
        """What the step did; only asked for when it has been taken."""
        assert self.access is not None
        return self.access


def explore(
    program: Program,
    search: Search = Search.REDUCED,
    most_executions: int = 1_000_000,
    most_seconds: float = 600.0,
    memory: MemoryName = MemoryName.SC,
    *,
    every_access: bool = False,
    started: Callable[..., Scheduler] = Scheduler,
) -> Report:
    """Run a program in every way that a memory model allows, until it fails or a limit is reached.

    `every_access`: also accesses to what threads do not share have turns in a reduced search (`sharing.py`). That makes
    the same runs with more steps: those of the compiled engine. `started` makes the scheduler of each run, as
    `Scheduler` does: one that looks at what is done, and does nothing else, may be given.
    """
    if search is Search.STATES:
        return explore_states(program, most_executions, most_seconds, memory, every_access=every_access)
    explorer = _Explorer(program, search, memory, most_executions, most_seconds, every_access=every_access)
    explorer.started = started
    return explorer.run()


def _threads_first(actor: int) -> tuple[bool, int]:
    return actor < 0, actor


class _Explorer:
    def __init__(
        self,
        program: Program,
        search: Search,
        memory: MemoryName,
        most_executions: int,
        most_seconds: float,
        *,
        every_access: bool,
    ) -> None:
        self._program = program
        self._memory = memory
        self._reduced = search is Search.REDUCED
        self._leaves_out = self._reduced and not every_access
        self._has_buffers = memory is MemoryName.TSO
        self._sharing = Sharing()
        self._most_executions = most_executions
        self._start = time.monotonic()
        self._most_seconds = most_seconds
        self._path: list[Node] = []
        self._touched: dict[int, dict[Mode, list[int]]] = {}
        self._clocks: list[list[Clock]] = []
        self._report = Report()
        self.started: Callable[..., Scheduler] = Scheduler

    def run(self) -> Report:
        if self._leaves_out:
            acquaint(self._program, self._memory, self._sharing)
        while self._report.counterexample is None:
            self._run_once()
            if self._sharing.has_grown:
                self._begin_anew()
            elif not self._to_next_choice():
                self._report.complete = self._report.counterexample is None
                break
            limits = (self._report.executions, time.monotonic() - self._start)
            if limits[0] >= self._most_executions or limits[1] >= self._most_seconds:
                break
        if self._leaves_out:
            expand_schedules(self._report, self._program, self._memory, self._sharing)
        self._report.seconds = time.monotonic() - self._start
        return self._report

    def _begin_anew(self) -> None:
        """What was explored took a word for private that is shared."""
        self._sharing.has_grown = False
        self._path, self._touched, self._clocks = [], {}, []
        self._report = Report(steps=self._report.steps)

    # --- one run ---

    def _run_once(self) -> None:
        options = (self._sharing.is_private,) if self._leaves_out else ()
        scheduler = self.started(self._program(), self._memory, *options)
        if not self._clocks:
            actors = 2 * len(scheduler.threads)  # each thread, and counted from the end its store buffer
            self._clocks = [[(0,) * actors] for _ in range(actors)]
        try:
            with scheduler:
                self._follow(scheduler)
        except Exception as error:
            if not self._sharing.has_grown:
                self._report.failure = error
                self._report.counterexample = self._schedule()
        self._report.steps += scheduler.steps

    def _schedule(self) -> tuple[Turn, ...]:
        return tuple(node.turn for node in self._path)

    def _follow(self, scheduler: Scheduler) -> None:
        """Repeat the path, then extend it to the end of the run."""
        for node in self._path[:-1]:
            scheduler.step(node.turn)
        if self._path:
            self._take(scheduler, self._path[-1])
        while choices := scheduler.choices():
            sleep = self._inherited_sleep()
            node = Node(0, 0, choices, set(choices), sleep)
            awake = node.awake()
            if not awake:
                self._report.redundant += 1
                return
            previous = self._path[-1].actor if self._path else awake[0][0]
            node.actor, node.option = next((choice for choice in awake if choice[0] == previous), awake[0])
            if self._reduced:
                node.backtrack = {node.actor}
            self._path.append(node)
            self._take(scheduler, node)
        if self._sharing.has_grown:
            return
        outcome = scheduler.finish()
        self._report.executions += 1
        if outcome not in self._report.outcomes:
            self._report.outcomes[outcome] = self._schedule()

    def _take(self, scheduler: Scheduler, node: Node) -> None:
        node.access = scheduler.step(node.turn)
        if self._reduced and not self._sharing.has_grown:
            self._find_races(len(self._path) - 1)

    def _inherited_sleep(self) -> dict[Choice, Access]:
        """What was tried before, and nothing since has concerned."""
        if not self._reduced or not self._path:
            return {}
        parent = self._path[-1]
        return {
            choice: access
            for choice, access in parent.sleep.items()
            if choice[0] != parent.actor
            and (
                not dependent(access, parent.done)
                or (thread_of(choice[0]) == thread_of(parent.actor) and own_drain_and_load(access, parent.done))
            )
        }

    def _to_next_choice(self) -> bool:
        """Go back to the last point with something left to try; False when there is none."""
        while self._path:
            node = self._path[-1]
            if node.access is not None:
                node.sleep[node.choice] = node.access
            self._forget(len(self._path) - 1)
            left = node.awake()
            if left:
                (node.actor, node.option), node.access = left[0], None
                return True
            self._path.pop()
        return False

    # --- races ---

    def _forget(self, index: int) -> None:
        node = self._path[index]
        if not self._reduced or not node.clock:
            return
        for location, mode in node.done.footprint():
            self._touched[location][mode].pop()
        self._clocks[node.actor].pop()
        node.clock = ()

    def _find_races(self, index: int) -> None:
        """Date the step just taken, and note for each race with it what else is to be tried."""
        node = self._path[index]
        access, actor = node.done, node.actor
        before = clock = self._clocks[actor][-1]
        for step in access.causes:
            clock = tuple(map(max, clock, self._path[step - 1].clock))
        for earlier in self._conflicting(access):
            other = self._path[earlier]
            if thread_of(other.actor) == thread_of(actor) and own_drain_and_load(other.done, access):
                continue
            if other.own > clock[other.actor]:
                if self._reversible(earlier, index):
                    self._try_reversed(earlier, index, clock)
                clock = tuple(map(max, clock, other.clock))
        node.own = before[actor] + 1
        node.clock = _with(clock, actor, node.own)
        self._clocks[actor].append(node.clock)
        for location, mode in access.footprint():
            self._touched.setdefault(location, {other: [] for other in _MODES})[mode].append(index)

    def _conflicting(self, access: Access) -> Iterable[int]:
        """Earlier steps that conflict with an access, latest first.

        Behind the last write to a location nothing need be looked at: the write comes after all of it. The drain of a
        store buffer does not come after its own thread's loads; there all is looked at.
        """
        found: set[int] = set()
        for location, mode in access.footprint():
            touched = self._touched.get(location)
            if touched is None:
                continue
            last_write = -1
            if not self._has_buffers:
                last_write = max(touched[write][-1] if touched[write] else -1 for write in WRITES)
            for other in _MODES:
                if touched[other] and conflict(other, mode):
                    found.update(takewhile(last_write.__le__, reversed(touched[other])))
        return sorted(found, reverse=True)

    def _after(self, earlier: int, later: int) -> bool:
        """Whether step `later` happens after step `earlier`."""
        first = self._path[earlier]
        return self._path[later].clock[first.actor] >= first.own

    def _reversible(self, earlier: int, index: int) -> bool:
        """Whether step `index` could be made without step `earlier` and what happens after that."""
        node = self._path[index]
        if not node.done.waits:
            return True
        return any(
            self._wakes(other, thread_of(node.actor), wait) and (other < earlier or not self._after(earlier, other))
            for wait in node.done.waits
            for steps in self._touched.get(wait.location, {}).values()
            for other in steps
        )

    def _wakes(self, step: int, thread: int, wait: Wait) -> bool:
        """Whether another thread has changed a watched location, by this step, after a thread had read it."""
        node = self._path[step]
        is_late = step >= wait.step and node.done.location == wait.location
        return is_late and node.done.changed and thread_of(node.actor) != thread

    def _try_reversed(self, earlier: int, index: int, clock: Clock) -> None:
        """At step `earlier`, make sure that the steps independent of it are also tried first."""
        independent = [step for step in range(earlier + 1, index) if not self._after(earlier, step)]
        node = self._path[earlier]
        seen: set[int] = set()
        first_steps: list[Choice] = []
        for position, step in enumerate(independent):
            actor, option = self._path[step].choice
            if actor not in seen:
                seen.add(actor)
                if not any(self._after(other, step) for other in independent[:position]):
                    first_steps.append((actor, option))
        actor, option = self._path[index].choice
        if actor not in seen and not any(clock[self._path[step].actor] >= self._path[step].own for step in independent):
            first_steps.append((actor, option))
        if not any(first[0] in node.backtrack or first in node.sleep for first in first_steps):
            node.backtrack.add(first_steps[0][0])


def _with(clock: Clock, actor: int, own: int) -> Clock:
    parts = list(clock)
    parts[actor] = own
    return tuple(parts)
