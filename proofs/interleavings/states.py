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

Of each state a digest is kept (hash compaction: Stern and Dill, CHARME 1995), so that millions fit into memory. Of
states in which there is but one way to go on, as of most, only one in a while is kept. And not every actor is tried in
every state: where the others cannot get in the way of some, those are enough (`persistent.py`).
"""

import itertools
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from proofs.interleavings.alone import Footprint, alone
from proofs.interleavings.digest import digest
from proofs.interleavings.endless import Edge, endless, reads_what_is_old
from proofs.interleavings.memory_model import MemoryName, Progress
from proofs.interleavings.persistent import InOneMemory, PersistentSets
from proofs.interleavings.program import Program
from proofs.interleavings.recalled import Recalled, Saved, UnknownStepError
from proofs.interleavings.remembered import Automata, NotDeterminedError, found
from proofs.interleavings.report import Report
from proofs.interleavings.request import Request
from proofs.interleavings.schedule import to_text
from proofs.interleavings.scheduler import NotEnabledError
from proofs.interleavings.sharing import Sharing, acquaint, expand_schedules
from proofs.interleavings.showing import Runs, Shown
from proofs.interleavings.turn import Turn, thread_of
from proofs.interleavings.view_alone import LeftOut, may_touch
from proofs.interleavings.view_persistent import WithViews

_MOST_TRIES: Final = 2
"""To do what is not known yet: once in vain, and once after a run."""
_KEPT_OF: Final = 8
"""Of so many states in which there is one way to go on, about one is kept."""
_LONGEST_WAY: Final = 64
"""So many turns lead from one state that is kept to the next, at the most."""


@dataclass
class _Visit:
    """A state on the way to the current one, and what is still to be tried there.

    Attributes:
        number: of the state.
        saved: the state itself.
        depth: how many turns have led there.
        enabled: who could step.
        left: turns that are still to be taken.
        withheld: turns that need not be, unless a circle leads back here.
        footprints: what threads would touch alone, as far as that is known.
    """

    number: int
    saved: Saved
    depth: int
    enabled: frozenset[int]
    left: list[Turn]
    withheld: list[Turn]
    footprints: dict[int, Footprint | None]

    def take_all(self) -> None:
        """Those that were withheld are to be taken as well."""
        self.left, self.withheld = self.withheld + self.left, []


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
        self._runs = Runs(program, memory, self._is_private, self._automata)
        self._begin()

    def _begin(self) -> None:
        self._sharing.has_grown = False
        self._left_out = LeftOut()
        self._report = Report()
        self._numbers: dict[bytes, int] = {}
        self._edges: list[list[Edge]] = []
        self._under_way: set[int] = set()
        self._has_cycles = False
        self._here: _Visit | None = None
        self._way: list[_Visit] = []
        self._turns: list[Turn] = []
        self._shown: dict[bytes, Shown] = {}

    def run(self) -> Report:
        if self._leaves_out:
            acquaint(self._program, self._memory, self._sharing)
        while True:
            try:
                self._search()
            except _SharingHasGrownError:
                self._begin()
                continue
            if not (self._report.complete and self._left_out.has_turned_up()):
                break
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
        self._machine = machine
        self._persistent = self._persistent_sets()
        self._arrive(*self._ways_on())
        while self._way and self._report.failure is None:
            if self._is_limited():
                return
            visit = self._way[-1]
            del self._turns[visit.depth :]
            if visit.left:
                self._try(visit, visit.left.pop())
            else:
                self._way.pop()
                self._under_way.discard(visit.number)
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

    def _try(self, visit: _Visit, turn: Turn) -> None:
        """Take a turn from a state, and go on as long as there is one way to do so."""
        if self._here is not visit:
            self._return_to(visit, self._turns)
        self._here = None
        enabled, goes_round = visit.enabled, False
        while True:
            if not self._step(visit, turn):
                self._try_others(visit, goes_round, enabled)
                return
            goes_round |= self._machine.has_gone_round
            choices, turns, withheld = self._ways_on()
            if len(turns) != 1 or self._is_kept(turn, len(self._turns) - visit.depth):
                break
            enabled &= choices
            turn = turns[0]
        self._lead(visit, (choices, turns, withheld), goes_round, enabled)

    def _lead(
        self,
        visit: _Visit,
        ways_on: tuple[frozenset[int], list[Turn], list[Turn]],
        goes_round: bool,
        enabled: frozenset[int],
    ) -> None:
        """Note that a state leads to the one that the machine is in."""
        taken = tuple(self._turns[visit.depth :])
        number, is_new = self._arrive(*ways_on)
        self._edges[visit.number].append(Edge(taken, number, goes_round, enabled))
        if not is_new and number in self._under_way:
            # Round a circle nobody may be put off for ever; as a rule a run has shown such a circle before.
            self._has_cycles = True
            visit.take_all()

    def _try_others(self, visit: _Visit, goes_round: bool, enabled: frozenset[int]) -> None:
        """The last turn, on the way from a state, cannot be taken; then others are not put off because of it."""
        if self._report.failure is not None:
            return
        self._turns.pop()
        if len(self._turns) == visit.depth:
            visit.take_all()
            return
        self._return_to(visit, self._turns)
        choices, turns, withheld = self._ways_on()
        self._lead(visit, (choices, turns + withheld, []), goes_round, enabled)

    def _is_kept(self, turn: Turn, distance: int) -> bool:
        """Whether a state with one way to go on is kept; if so, others that come here find it.

        Where a thread has gone round it is: a circle is to be closed before a run would hold who goes round in vain.
        """
        place = found(self._machine.places[thread_of(turn.actor)])
        by_chance = place.number % _KEPT_OF == 0 or distance == _LONGEST_WAY
        return not self._leaves_out or by_chance or self._machine.has_gone_round

    def _return_to(self, visit: _Visit, turns: Sequence[Turn]) -> None:
        """Bring the machine to where it is after some turns that lead through a state."""
        self._machine.restore(visit.saved)
        self._persistent.footprints = visit.footprints.copy()
        for turn in turns[visit.depth :]:
            self._persistent.note(turn.actor, self._machine.step(turn))

    def _step(self, visit: _Visit, turn: Turn) -> bool:
        """Let the machine take a turn, after a run that shows what comes of it if that is needed; False if nothing."""
        self._turns.append(turn)
        for _ in range(_MOST_TRIES):
            try:
                self._persistent.note(turn.actor, self._machine.step(turn))
            except UnknownStepError:
                shown = self._run(self._turns, goes_on=True)
                self._raise_if_sharing_has_grown()
                if shown is None or self._report.failure is not None:
                    return False
                self._return_to(visit, self._turns[:-1])
                self._follow(shown, len(self._turns) - 1)
            except AssertionError as error:
                self._show(error)
                return False
            else:
                self._raise_if_sharing_has_grown()
                self._report.steps += 1
                return True
        raise NotDeterminedError(f"a run has not shown what thread {turn.actor} does after {to_text(self._turns)}")

    def _show(self, error: AssertionError) -> None:
        """What fails without a run has to fail in one."""
        self._run(self._turns, goes_on=False)
        self._raise_if_sharing_has_grown()
        if self._report.failure is None:
            raise NotDeterminedError(f"no run shows what was expected: {error}") from error

    def _ways_on(self) -> tuple[frozenset[int], list[Turn], list[Turn]]:
        """Who can step; the turns that are to be taken, the last one first; and those that need not be."""
        choices = self._machine.choices()
        last = self._turns[-1].actor if self._turns else 0
        enough: Collection[int] = choices
        if self._leaves_out and len(choices) > 1:
            enough = self._persistent.enough(self._machine, choices, thread_of(last))
        turns = [Turn(actor, option) for actor, options in choices.items() for option in range(len(options))]
        turns.sort(key=lambda turn: (turn.actor == last, -turn.option))
        withheld = [turn for turn in turns if turn.actor not in enough]
        return frozenset(choices), [turn for turn in turns if turn.actor in enough], withheld

    def _persistent_sets(self) -> PersistentSets:
        if self._memory is MemoryName.RA:
            return WithViews(lambda thread: may_touch(self._machine, thread, self._left_out))
        return InOneMemory(self._alone)

    def _alone(self, thread: int, progress: Progress) -> Footprint | None:
        """What a thread of the machine would touch alone, after a run that shows it if that is needed."""
        for _ in range(_MOST_TRIES):
            try:
                return alone(self._machine, thread, progress)
            except UnknownStepError:
                shown = self._run((*self._turns, Turn(thread)), goes_on=True)
                self._raise_if_sharing_has_grown()
                if shown is None or self._report.failure is not None:
                    break
                self._follow(shown, len(self._turns))
        return None

    def _follow(self, shown: Shown, start: int) -> None:
        """Note the last state of a run, from turn `start` of which the machine is: no other run to it is needed.

        A thread that was held there has turns for private accesses which it has not got here: then nothing is noted.
        """
        if shown.has_held and len(shown.turns) > start:
            return
        saved = self._machine.saved()
        try:
            for turn in shown.turns[start:]:
                self._machine.step(turn)
        except (NotEnabledError, UnknownStepError):
            self._machine.restore(saved)
            return
        if not shown.has_come_to(self._machine.places):
            raise NotDeterminedError(f"a thread is elsewhere after {to_text(shown.turns)} than was recalled")
        end = self._shown.setdefault(digest(self._machine.key()), shown)
        if end.outcome != shown.outcome:
            raise NotDeterminedError(f"{to_text(shown.turns)} and {to_text(end.turns)} end in one state, but not alike")
        self._machine.restore(saved)

    def _arrive(self, enabled: frozenset[int], turns: list[Turn], withheld: list[Turn]) -> tuple[int, bool]:
        """The number of the state that the machine is in, and whether it is new; then it is the next to go on from."""
        key = digest(self._machine.key())
        known = self._numbers.get(key)
        if known is not None:
            self._report.redundant += 1
            return known, False
        number = self._numbers[key] = len(self._numbers)
        self._edges.append([])
        if not turns:
            self._end(key)
            return number, True
        footprints = self._persistent.footprints.copy()
        self._here = _Visit(number, self._machine.saved(), len(self._turns), enabled, turns, withheld, footprints)
        self._way.append(self._here)
        self._under_way.add(number)
        return number, True

    def _end(self, key: bytes) -> None:
        """All threads have ended, or wait for ever: what comes of that a run shows, if none has done so."""
        if key not in self._shown:
            shown = self._run(self._turns, goes_on=True)
            self._raise_if_sharing_has_grown()
            if shown is None or self._report.failure is not None:
                return
            self._follow(shown, len(self._turns))
            if shown.has_held and shown.has_come_to(self._machine.places):
                self._shown.setdefault(key, shown)
            if key not in self._shown:
                raise NotDeterminedError(f"a run does not end as was recalled after {to_text(self._turns)}")
        self._report.executions += 1
        self._report.outcomes.setdefault(self._shown[key].outcome, tuple(self._shown[key].turns))

    # --- runs ---

    def _is_private(self, thread: int, request: Request) -> bool:
        return self._leaves_out and self._sharing.is_private(thread, request)

    def _knows_as_private(self, location: int) -> bool:
        return self._leaves_out and self._sharing.knows_as_private(location)

    def _raise_if_sharing_has_grown(self) -> None:
        if self._sharing.has_grown:
            raise _SharingHasGrownError

    def _run(self, turns: Iterable[Turn], *, goes_on: bool) -> Shown | None:
        """Make a run, as `Runs.shown`; if it fails, so does the search."""
        shown = self._runs.shown(turns, goes_on=goes_on)
        if shown is not None and shown.failure is not None:
            self._raise_if_sharing_has_grown()
            self._report.failure, self._report.counterexample = shown.failure, tuple(shown.turns)
        return shown

    def _look_for_livelocks(self) -> None:
        """Go round each circle that looks endless, until a run says what it is."""
        if not self._has_cycles:
            return
        for circle in endless(self._edges):
            if circle.goes_round and (machine := self._started()) is not None and reads_what_is_old(machine, circle):
                continue
            # A thread that goes round in vain while others could step is held: then it is no fair run.
            self._run(itertools.chain(circle.way, itertools.cycle(circle.turns)), goes_on=False)
            if self._report.failure is not None:
                self._report.complete = False
                return
