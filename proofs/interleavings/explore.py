"""Every interleaving of a program, or one of each class of equivalent ones.

Plain search tries every thread at every point, depth first; runs are repeated from the start. Reduced
search is dynamic partial-order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson,
Sagonas: Optimal Dynamic Partial Order Reduction, POPL 2014, algorithm 1): it runs at least one member of
each class of runs that differ only in the order of accesses that do not conflict, and so reaches every
outcome. Its happens-before order is found with vector clocks over the accesses really made: a failed
compare-and-swap counts as a read.

A thread that waits after a pause is disabled until a watched word changes. Its next access reads all
watched words, so it races with whatever changed them; it can only be moved before a change if another
change, independent of that one, had woken it as well.
"""

import enum
import time
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from proofs.interleavings.access import Access, Mode, Wait, conflict, dependent
from proofs.interleavings.program import Program
from proofs.interleavings.scheduler import Scheduler


class Search(enum.Enum):
    """How much is run."""

    PLAIN = "plain"
    REDUCED = "reduced"


@dataclass
class Report:
    """What a search found.

    Attributes:
        executions: runs that reached their end.
        redundant: runs given up because an equivalent one had been run already.
        steps: scheduling points of all runs, repeated prefixes included.
        outcomes: a schedule for each outcome.
        counterexample: the schedule of the first failing run, or None.
        failure: what failed there.
        complete: whether nothing was left to run.
        seconds: time taken.
    """

    executions: int = 0
    redundant: int = 0
    steps: int = 0
    outcomes: dict[Hashable, tuple[int, ...]] = field(default_factory=dict)
    counterexample: tuple[int, ...] | None = None
    failure: Exception | None = None
    complete: bool = False
    seconds: float = 0.0


Clock = tuple[int, ...]
_MODES = tuple(Mode)


@dataclass
class Node:
    """One point of the current run: what was chosen there, and what is still to be tried.

    `access`, `clock` and `own` describe the step that the chosen thread took: what it did, its vector
    clock, and its number among the thread's steps.
    """

    thread: int
    enabled: list[int]
    backtrack: set[int]
    sleep: dict[int, Access]
    access: Access | None = None
    clock: Clock = ()
    own: int = 0

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
) -> Report:
    """Run a program in every interleaving, until one fails or a limit is reached."""
    return _Explorer(program, search, most_executions, most_seconds).run()


class _Explorer:
    def __init__(self, program: Program, search: Search, most_executions: int, most_seconds: float) -> None:
        self._program = program
        self._reduced = search is Search.REDUCED
        self._most_executions = most_executions
        self._start = time.monotonic()
        self._most_seconds = most_seconds
        self._path: list[Node] = []
        self._touched: dict[int, dict[Mode, list[int]]] = {}
        self._clocks: list[list[Clock]] = []
        self._report = Report()

    def run(self) -> Report:
        report = self._report
        while report.counterexample is None:
            self._run_once()
            if not self._to_next_choice():
                report.complete = report.counterexample is None
                break
            limits = (report.executions, time.monotonic() - self._start)
            if limits[0] >= self._most_executions or limits[1] >= self._most_seconds:
                break
        report.seconds = time.monotonic() - self._start
        return report

    # --- one run ---

    def _run_once(self) -> None:
        scheduler = Scheduler(self._program())
        if not self._clocks:
            self._clocks = [[(0,) * len(scheduler.threads)] for _ in scheduler.threads]
        try:
            with scheduler:
                self._follow(scheduler)
        except Exception as error:
            self._report.failure = error
            self._report.counterexample = tuple(node.thread for node in self._path)
        self._report.steps += scheduler.steps

    def _follow(self, scheduler: Scheduler) -> None:
        """Repeat the path, then extend it to the end of the run."""
        for node in self._path[:-1]:
            scheduler.step(node.thread)
        if self._path:
            self._take(scheduler, self._path[-1])
        while enabled := scheduler.enabled():
            sleep = self._inherited_sleep()
            awake = [thread for thread in enabled if thread not in sleep]
            if not awake:
                self._report.redundant += 1
                return
            previous = self._path[-1].thread if self._path else awake[0]
            thread = previous if previous in awake else awake[0]
            backtrack = {thread} if self._reduced else set(enabled)
            self._path.append(Node(thread, enabled, backtrack, sleep))
            self._take(scheduler, self._path[-1])
        outcome = scheduler.finish()
        self._report.executions += 1
        self._report.outcomes.setdefault(outcome, tuple(node.thread for node in self._path))

    def _take(self, scheduler: Scheduler, node: Node) -> None:
        node.access = scheduler.step(node.thread)
        if self._reduced:
            self._find_races(len(self._path) - 1)

    def _inherited_sleep(self) -> dict[int, Access]:
        """Threads whose next access was tried before, and which nothing since has concerned."""
        if not self._reduced or not self._path:
            return {}
        parent = self._path[-1]
        return {thread: access for thread, access in parent.sleep.items() if not dependent(access, parent.done)}

    def _to_next_choice(self) -> bool:
        """Go back to the last point with something left to try; False when there is none."""
        while self._path:
            node = self._path[-1]
            if node.access is not None:
                node.sleep[node.thread] = node.access
            self._forget(len(self._path) - 1)
            left = sorted(node.backtrack - node.sleep.keys())
            if left:
                node.thread, node.access = left[0], None
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
        self._clocks[node.thread].pop()
        node.clock = ()

    def _find_races(self, index: int) -> None:
        """Date the step just taken, and note for each race with it what else is to be tried."""
        node = self._path[index]
        access, thread = node.done, node.thread
        before = clock = self._clocks[thread][-1]
        for earlier in self._conflicting(access):
            other = self._path[earlier]
            if other.own > clock[other.thread]:
                if self._reversible(earlier, access):
                    self._try_reversed(earlier, index, clock)
                clock = tuple(map(max, clock, other.clock))
        node.own = before[thread] + 1
        node.clock = (*clock[:thread], node.own, *clock[thread + 1 :])
        self._clocks[thread].append(node.clock)
        for location, mode in access.footprint():
            self._touched.setdefault(location, {other: [] for other in _MODES})[mode].append(index)

    def _conflicting(self, access: Access) -> Iterable[int]:
        """Earlier steps that conflict with an access, latest first.

        Behind the last write to a location nothing need be looked at: the write comes after all of it.
        """
        found: set[int] = set()
        for location, mode in access.footprint():
            touched = self._touched.get(location)
            if touched is None:
                continue
            last_write = touched[Mode.WRITE][-1] if touched[Mode.WRITE] else -1
            for other in _MODES:
                if conflict(mode, other):
                    found.update(takewhile(last_write.__le__, reversed(touched[other])))
        return sorted(found, reverse=True)

    def _after(self, earlier: int, later: int) -> bool:
        """Whether step `later` happens after step `earlier`."""
        first = self._path[earlier]
        return self._path[later].clock[first.thread] >= first.own

    def _reversible(self, earlier: int, access: Access) -> bool:
        """Whether an access could be made without step `earlier` and what happens after it."""
        if not access.waits:
            return True
        return any(
            self._wakes(other, wait) and (other < earlier or not self._after(earlier, other))
            for wait in access.waits
            for steps in self._touched.get(wait.location, {}).values()
            for other in steps
        )

    def _wakes(self, step: int, wait: Wait) -> bool:
        """Whether a step changed a watched location after it was read."""
        done = self._path[step].done
        return step >= wait.step and done.changed and done.location == wait.location

    def _try_reversed(self, earlier: int, index: int, clock: Clock) -> None:
        """At step `earlier`, make sure that the steps independent of it are also tried first."""
        independent = [step for step in range(earlier + 1, index) if not self._after(earlier, step)]
        node = self._path[earlier]
        seen: set[int] = set()
        first_steps: list[int] = []
        for position, step in enumerate(independent):
            thread = self._path[step].thread
            if thread not in seen:
                seen.add(thread)
                if not any(self._after(other, step) for other in independent[:position]):
                    first_steps.append(thread)
        thread = self._path[index].thread
        if thread not in seen and not any(
            clock[self._path[step].thread] >= self._path[step].own for step in independent
        ):
            first_steps.append(thread)
        if not any(first in node.backtrack or first in node.sleep for first in first_steps):
            node.backtrack.add(first_steps[0])
