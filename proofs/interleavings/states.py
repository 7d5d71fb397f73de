"""A search that knows where it has been: every state of a program, each once.

A run that comes to a state in which another has been adds nothing (stateful search: Holzmann, The model checker SPIN,
1997; Godefroid, Partial-order methods, 1996, on why that is something else than giving up equivalent runs). What
decides the future is the local state of each thread, as `local_state.py` defines it, and the memory; a memory model
says what of itself still counts (`MemoryModel.key`). The past counts in so far as it shows at the end: of operations,
which had returned before which was called.

Threads cannot be put back into a state. But what one does next is a function of its local state and of what it reads,
which a few runs teach; from then on the search goes from state to state without running anything (`recalled.py`). A run
of the production functions is made where nobody knows how a thread goes on, for each last state, which gives the
outcome and the verdict, and for each failure: none is reported that such a run has not shown. Each of these runs checks
as well that its threads end up in the local states that were recalled.

Of each state a digest is kept (hash compaction: Stern and Dill, CHARME 1995), so that millions fit into memory.
Every actor is tried with every option in every state: there is no reduction, and none is needed where two threads
of n steps have at most n * n states for each combination of what they have read.
"""

import hashlib
import itertools
import marshal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proofs.interleavings.endless import Edge, endless
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.recalled import Recalled, Saved, UnknownStepError
from proofs.interleavings.remembered import Automata, NotDeterminedError, Place, Recording, found
from proofs.interleavings.report import Report
from proofs.interleavings.request import Request
from proofs.interleavings.schedule import to_text
from proofs.interleavings.scheduler import NotEnabledError
from proofs.interleavings.sharing import Sharing, acquaint, expand_schedules
from proofs.interleavings.turn import Turn

_WITHOUT_REFERENCES: Final = 2
"""A version of `marshal` whose output depends on nothing but the value."""
_MOST_TRIES: Final = 2
"""To do what is not known yet: once in vain, and once after a run."""


@dataclass
class _Visit:
    """A state on the way to the current one, and what is still to be tried there."""

    number: int
    saved: Saved
    left: list[Turn]


class _SharingHasGrownError(Exception):
    """What was explored took a word for private that is shared."""


def explore_states(
    program: Program,
    most_executions: int,
    most_seconds: float,
    memory: MemoryName,
    *,
    every_access: bool = False,
) -> Report:
    """Come to every state of a program, until it fails or a limit is reached; see `explore`."""
    return _States(program, memory, most_executions, most_seconds, every_access=every_access).run()


class _States:
    def __init__(
        self,
        program: Program,
        memory: MemoryName,
        most_executions: int,
        most_seconds: float,
        *,
        every_access: bool,
    ) -> None:
        self._program = program
        self._memory = memory
        self._leaves_out = not every_access
        self._sharing = Sharing()
        self._most_executions = most_executions
        self._most_seconds = most_seconds
        self._start = time.monotonic()
        # What threads do in their local states is the same whatever words are taken for private.
        self._automata = Automata(len(self._program().threads))
        self._begin()

    def _begin(self) -> None:
        self._sharing.has_grown = False
        self._report = Report()
        self._numbers: dict[bytes, int] = {}
        self._edges: list[list[Edge]] = []
        self._under_way: set[int] = set()
        self._has_cycles = False
        self._here: _Visit | None = None
        self._way: list[_Visit] = []
        self._turns: list[Turn] = []

    def run(self) -> Report:
        if self._leaves_out:
            acquaint(self._program, self._memory, self._sharing)
        while True:
            try:
                self._search()
                break
            except _SharingHasGrownError:
                self._begin()
        report = self._report
        if report.complete:
            self._look_for_livelocks()
        report.states = len(self._numbers)
        if self._leaves_out:
            expand_schedules(report, self._program, self._memory, self._sharing)
        report.seconds = time.monotonic() - self._start
        return report

    # --- from state to state ---

    def _search(self) -> None:
        machine = self._started()
        if machine is None:
            return
        self._arrive(machine)
        while self._way and self._report.failure is None:
            if self._is_limited():
                return
            visit = self._way[-1]
            if visit.left:
                self._try(machine, visit, visit.left.pop())
            else:
                self._way.pop()
                self._under_way.discard(visit.number)
                del self._turns[-1:]
        self._report.complete = self._report.failure is None

    def _is_limited(self) -> bool:
        seconds = time.monotonic() - self._start
        return self._report.executions >= self._most_executions or seconds >= self._most_seconds

    def _started(self) -> Recalled | None:
        """The initial state; None where that fails."""
        for _ in range(_MOST_TRIES):
            machine = Recalled(self._program(), self._memory, self._is_private, self._knows_as_private, self._automata)
            try:
                machine.start()
            except UnknownStepError:
                self._run((), goes_on=True)
            except AssertionError as error:
                self._show(error)
            else:
                return machine
            self._raise_if_sharing_has_grown()
            if self._report.failure is not None:
                return None
        raise NotDeterminedError("a run has not shown how threads begin")

    def _try(self, machine: Recalled, visit: _Visit, turn: Turn) -> None:
        """Take a turn from a state."""
        self._turns.append(turn)
        if self._step(machine, visit, turn):
            self._report.steps += 1
            number, is_new = self._arrive(machine)
            self._edges[visit.number].append(Edge(turn, number, machine.has_gone_round))
            if not is_new:
                self._has_cycles |= number in self._under_way
                self._report.redundant += 1
        if len(self._way) <= len(self._turns):
            self._turns.pop()

    def _step(self, machine: Recalled, visit: _Visit, turn: Turn) -> bool:
        """Bring the machine to where a turn leads, after a run that shows it if that is needed; False if nowhere."""
        for _ in range(_MOST_TRIES):
            if self._here is not visit:
                machine.restore(visit.saved)
            self._here = None
            try:
                machine.step(turn)
            except UnknownStepError:
                if not self._run(self._turns, goes_on=True):
                    return False
            except AssertionError as error:
                self._show(error)
            else:
                self._raise_if_sharing_has_grown()
                return True
            self._raise_if_sharing_has_grown()
            if self._report.failure is not None:
                return False
        raise NotDeterminedError(f"a run has not shown what thread {turn.actor} does after {to_text(self._turns)}")

    def _show(self, error: AssertionError) -> None:
        """What fails without a run has to fail in one."""
        self._run(self._turns, goes_on=False)
        if self._report.failure is None and not self._sharing.has_grown:
            raise NotDeterminedError(f"no run shows what was expected: {error}") from error

    def _arrive(self, machine: Recalled) -> tuple[int, bool]:
        """The number of the state that the machine is in, and whether it is new; then it is the next to go on from."""
        key = _digest(machine.key())
        known = self._numbers.get(key)
        if known is not None:
            return known, False
        number = self._numbers[key] = len(self._numbers)
        self._edges.append([])
        choices = machine.choices()
        if not choices:
            self._run(self._turns, goes_on=False, places=machine.places)
            return number, True
        turns = [Turn(actor, option) for actor, options in choices.items() for option in range(len(options))]
        last = self._turns[-1].actor if self._turns else 0
        turns.sort(key=lambda turn: (turn.actor == last, -turn.option))  # the last one is tried first
        self._here = _Visit(number, machine.saved(), turns)
        self._way.append(self._here)
        self._under_way.add(number)
        return number, True

    # --- runs ---

    def _is_private(self, thread: int, request: Request) -> bool:
        return self._leaves_out and self._sharing.is_private(thread, request)

    def _knows_as_private(self, location: int) -> bool:
        return self._leaves_out and self._sharing.knows_as_private(location)

    def _raise_if_sharing_has_grown(self) -> None:
        if self._sharing.has_grown:
            raise _SharingHasGrownError

    def _run(self, turns: Iterable[Turn], *, goes_on: bool, places: Sequence[Place] | None = None) -> bool:
        """Make a run; where it `goes_on`, beyond the turns, for what it teaches. To those places, it is a whole one.

        False when a thread is held, because it would go round in vain: what comes of these turns comes of fewer.
        """
        taken: list[Turn] = []
        try:
            run = Recording(self._program(), self._memory, self._is_private, self._automata)
            with run:
                for turn in turns:
                    taken.append(turn)
                    run.step(turn)
                if places is not None and list(map(found, run.places)) != list(map(found, places)):
                    raise NotDeterminedError(f"a thread is elsewhere after {to_text(taken)} than was recalled")
                while goes_on and (choices := run.choices()):
                    last = taken[-1].actor if taken else 0
                    taken.append(Turn(last if last in choices else next(iter(choices))))
                    run.step(taken[-1])
                if places is None:
                    return True
                outcome = run.finish()
        except NotDeterminedError:
            raise
        except NotEnabledError:
            return False
        except Exception as error:
            self._raise_if_sharing_has_grown()
            self._report.failure, self._report.counterexample = error, tuple(taken)
        else:
            self._raise_if_sharing_has_grown()
            self._report.executions += 1
            self._report.outcomes.setdefault(outcome, tuple(taken))
        return True

    def _look_for_livelocks(self) -> None:
        """Go round each circle that looks endless, until a run says what it is."""
        if not self._has_cycles:
            return
        for circle in endless(self._edges):
            # A thread that goes round in vain while others could step is held: then it is no fair run.
            self._run(itertools.chain(circle.way, itertools.cycle(circle.turns)), goes_on=False)
            if self._report.failure is not None:
                self._report.complete = False
                return


def _digest(key: Any) -> bytes:
    """What is kept of a key: 128 bits, in which no two of a search are alike but by a chance of some 2 ** -80."""
    return hashlib.blake2b(marshal.dumps(key, _WITHOUT_REFERENCES), digest_size=16).digest()
