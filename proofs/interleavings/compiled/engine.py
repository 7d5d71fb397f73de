"""The compiled engine as Python calls it: prepare a program, search, report.

The report is that of `proofs.interleavings.explore`. A search gives the interpreter a look at the clock, and at an
interrupt, every few thousand runs.
"""
# mypy: disallow-untyped-calls=False

import functools
import random
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from fastpath.compiler import OPTIONS
from proofs.interleavings.compiled import state as at
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.chance import wander, wander_by_priority
from proofs.interleavings.compiled.kernel_program import Build, CheckFailedError, KernelProgram, Outcome, Rows
from proofs.interleavings.compiled.observed import observed_words_at, rows_at, words_at
from proofs.interleavings.compiled.outcomes import CALLED
from proofs.interleavings.compiled.search import explore_runs
from proofs.interleavings.compiled.state import MOST_OUTCOMES, MOST_STEPS, THREAD_BITS, Status, new_search
from proofs.interleavings.compiled.switch import (
    BEGIN,
    CONSTANT_BYTES,
    CONSTANT_FIRST,
    CONTROL,
    STACK_WORDS,
    TURNS,
    Operation,
    UnavailableError,
    routines,
)
from proofs.interleavings.compiled.view_search import explore_view_runs
from proofs.interleavings.data_race import DataRaceError
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.progress import DeadlockError
from proofs.interleavings.report import Report
from proofs.interleavings.report import Search as Scope
from proofs.interleavings.scheduler import ConstantChangedError, EndlessRunError, NotEnabledError
from proofs.interleavings.turn import Turn

_RUNS_AT_ONCE: Final = 4096
TURNS_UNDER_SC: Final = sum(1 << operation for operation in Operation if operation != Operation.FENCE)
"""Operations that wait for a turn: under sequential consistency a fence needs none."""
EVERY_TURN: Final = sum(1 << operation for operation in Operation)
"""Under release and acquire the search is told of every operation, and decides which is local."""
_CANARY: Final = 0x5AFE_57AC_5AFE_57AC


class OutOfRoomError(RuntimeError):
    """A program needs more room than the engine's arrays have: nothing was decided."""


_FAILURES: Final = {
    Status.CHECK_FAILED: CheckFailedError("the check at the end of the run fails"),
    Status.DEADLOCK: DeadlockError("threads wait for a change that nobody will make"),
    Status.ENDLESS: EndlessRunError("a run does not end within the steps there is room for"),
    Status.OUTSIDE: LookupError("a kernel touches a word that the program does not declare shared"),
    Status.CONSTANT_CHANGED: ConstantChangedError("a word that was declared constant was written"),
    Status.DATA_RACE: DataRaceError("a plain access conflicts with another thread's, and nothing orders the two"),
    Status.NOT_ENABLED: NotEnabledError("a run could not be repeated: it depends on something besides its schedule"),
}


class Room(NamedTuple):
    """The memory of one search."""

    searches: npt.NDArray[np.void]
    stacks: Rows


class Engine:
    """A program, compiled, with room for a search. Raises UnavailableError where it cannot run.

    One engine searches at a time in a process; another one may follow.
    """

    def __init__(
        self,
        build: Build,
        modules: Instrumented | None = None,
        most_steps: int = MOST_STEPS,
        most_outcomes: int = MOST_OUTCOMES,
    ) -> None:
        self._begin_at = routines()[BEGIN]
        self.program = build(modules or Instrumented())
        self._room = most_steps, most_outcomes
        rows = self.program.private_rows.shape
        self._bodies = [_thread(body, len(self.program.words), rows[1]) for body in self.program.threads]
        self._check = _check(self.program.check, len(self.program.words), rows)

    def explore(
        self,
        scope: Scope = Scope.REDUCED,
        most_executions: int = 10_000_000_000,
        most_seconds: float = 600.0,
        memory: MemoryName = MemoryName.SC,
    ) -> Report:
        """Every interleaving, or one of each equivalence class, until one fails or a limit is reached.

        Raises UnavailableError for x86-TSO and for states, which the plain engine alone knows.
        """
        if scope is Scope.STATES:
            raise UnavailableError("the compiled engine tells no states apart: search plain or reduced")
        if memory is MemoryName.TSO:
            raise UnavailableError("the compiled engine knows --memory sc and ra, not tso")
        explore = explore_runs if memory is MemoryName.SC else explore_view_runs
        room = self.prepare(scope, memory=memory)
        return self._search(room, lambda runs: explore(room.searches, runs), most_executions, most_seconds)

    def wander(self, runs: int, seed: int = 1, most_seconds: float = 600.0) -> Report:
        """Runs with a fair draw at each step, until one fails. Never complete."""
        room = self.prepare(Scope.PLAIN, seed)
        return self._search(room, lambda most: wander(room.searches, most), runs, most_seconds)

    def wander_by_priority(self, runs: int, depth: int, seed: int = 1, most_seconds: float = 600.0) -> Report:
        """Runs by PCT for faults that need `depth` ordered steps, until one fails. Never complete."""
        if not 1 <= depth <= at.MOST_CHANGES + 1:
            raise ValueError(f"depth {depth}: PCT is for 1 to {at.MOST_CHANGES + 1} ordered steps")
        room = self.prepare(Scope.PLAIN, seed)
        return self._search(room, lambda most: wander_by_priority(room.searches, most, depth), runs, most_seconds)

    def prepare(self, scope: Scope = Scope.REDUCED, seed: int = 1, memory: MemoryName = MemoryName.SC) -> Room:
        """Memory for one search, which is then the one in force."""
        room = Room(new_search(self.program), np.zeros((len(self._bodies), STACK_WORDS), np.uint64))
        search, state = room.searches[0], room.searches[0]["state"]
        state[at.TURNS_MASK] = TURNS_UNDER_SC if memory is MemoryName.SC else EVERY_TURN
        state[at.REDUCED] = scope is Scope.REDUCED
        state[at.STEPS_ALLOWED], state[at.OUTCOMES_ALLOWED] = self._room
        state[at.CHECK_AT], state[at.BEGIN_AT] = self._check.address, self._begin_at
        state[at.CONTROL_AT], state[at.STACKS_AT] = CONTROL.ctypes.data, room.stacks.ctypes.data
        search["bodies"][: len(self._bodies)] = [body.address for body in self._bodies]
        search["random"] = random.Random(seed).randrange(1, 1 << 64)
        room.stacks[:, 0] = _CANARY
        CONTROL[CONSTANT_FIRST] = search["shared"].ctypes.data + 8 * self.program.constant.start
        CONTROL[CONSTANT_BYTES] = 8 * len(self.program.constant)
        return room

    def _search(self, room: Room, run: Callable[[int], None], most_runs: int, most_seconds: float) -> Report:
        begin, search, report = time.monotonic(), room.searches[0], Report()
        state, runs = search["state"], 0
        while state[at.STATUS] == Status.MORE and runs < most_runs and time.monotonic() - begin < most_seconds:
            try:
                run(min(_RUNS_AT_ONCE, most_runs - runs))
            finally:
                CONTROL[TURNS] = 0
            runs = int(state[at.EXECUTIONS] + state[at.REDUNDANT])
            _add_outcomes(self.program, search, report)
            if report.failure is not None:
                break
        if not (room.stacks[:, 0] == _CANARY).all():
            raise OutOfRoomError("a thread has overrun its stack")
        if report.failure is None:
            _conclude(search, report)
        report.seconds = time.monotonic() - begin
        return report


@functools.lru_cache(maxsize=64)
def _thread(body: Callable[..., None], words: int, private: int) -> Any:
    """A thread's function as the scheduler calls it: of the addresses of shared and private words."""
    compiled = numba.njit(**OPTIONS)(body)

    @numba.cfunc(types.void(types.int64, types.int64), **_PLAIN)
    def thread(shared: Any, own: Any) -> None:
        compiled(observed_words_at(shared, words), words_at(own, private))

    return thread


@functools.lru_cache(maxsize=64)
def _check(check: Callable[..., bool], words: int, shape: tuple[int, ...]) -> Any:
    """The check as the search calls it: of the addresses of shared words and all private ones."""
    compiled = numba.njit(**OPTIONS)(check)
    threads, width = shape

    @numba.cfunc(types.int64(types.int64, types.int64), **_PLAIN)
    def checked(shared: Any, private: Any) -> int:
        return 1 if compiled(words_at(shared, words), rows_at(private, threads, width)) else 0

    return checked


_PLAIN: Final = {key: value for key, value in OPTIONS.items() if key in {"_nrt", "boundscheck", "error_model"}}


def _add_outcomes(program: KernelProgram, search: Any, report: Report) -> None:
    """Add what is new; at the first outcome that the program cannot explain, the report is that of its run."""
    for number in range(len(report.outcomes), int(search["state"][at.OUTCOMES])):
        length, steps, executions, redundant = map(int, search["births"][number])
        schedule = _turns(search["schedules"][number, :length])
        outcome = _outcome(program, search["records"][number].tolist())
        try:
            if program.explain is not None and not outcome.waiting:
                program.explain(outcome)
        except AssertionError as error:
            report.failure, report.counterexample = error, schedule
            report.executions, report.redundant, report.steps = executions - 1, redundant, steps
            return
        report.outcomes[outcome] = schedule


def _conclude(search: Any, report: Report) -> None:
    """How the search stands, or ended."""
    state, status = search["state"], Status(int(search["state"][at.STATUS]))
    if status.name.startswith("TOO_MANY"):
        raise OutOfRoomError(f"the search has no room: {status.name.lower().replace('_', ' ')}")
    report.executions, report.redundant = int(state[at.EXECUTIONS]), int(state[at.REDUNDANT])
    report.steps = int(state[at.STEPS_BEFORE] + state[at.STEPS])
    report.complete = status is Status.COMPLETE
    if status in _FAILURES:
        report.failure = _FAILURES[status]
        report.counterexample = _turns(search["schedule"][: state[at.STEPS]])


def _turns(threads: Rows) -> tuple[Turn, ...]:
    """A schedule: a byte a step, which holds the thread and its option."""
    return tuple(Turn(step & (1 << THREAD_BITS) - 1, step >> THREAD_BITS) for step in threads.tolist())


def _outcome(program: KernelProgram, record: list[int]) -> Outcome:
    threads, results = len(program.threads), program.results
    waiting, rest = record[0], record[1:]
    if waiting:
        return Outcome(waiting=tuple(thread for thread in range(threads) if waiting >> thread & 1))
    rows = [tuple(rest[results * row : results * (row + 1)]) for row in range(threads)]
    rest = rest[results * threads :]
    kept, rest = tuple(rest[: len(program.kept)]), rest[len(program.kept) :]
    calls = tuple(
        tuple(
            tuple(word >> 8 * thread & 0x7F for thread in range(threads))
            for word in rest[results * row : results * (row + 1)]
            if word & int(CALLED)
        )
        for row in range(threads if program.marked else 0)
    )
    return Outcome(tuple(rows), kept, calls)
