"""Runs of the production functions that show a search of states what it does not know."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.remembered import Automata, NotDeterminedError, Place, Recording, found
from proofs.interleavings.request import Request
from proofs.interleavings.turn import Turn, buffer_of, thread_of


class Shown(NamedTuple):
    """What a run has shown.

    Attributes:
        turns: all that were taken.
        places: the local states in which its threads ended up.
        outcome: what came of it, if it went on to its end.
        has_held: whether a thread was held on the way, because it went round in vain.
        failure: how it failed.
    """

    turns: Sequence[Turn]
    places: Sequence[Place] = ()
    outcome: Hashable = None
    has_held: bool = False
    failure: Exception | None = None

    def has_come_to(self, places: Sequence[Place]) -> bool:
        """Whether its threads have ended up in these local states."""
        return list(map(found, self.places)) == list(map(found, places))


class Runs:
    """Runs of a program, all of which teach the same automata."""

    def __init__(
        self, program: Program, memory: MemoryName, is_private: Callable[[int, Request], bool], automata: Automata
    ) -> None:
        self._program = program
        self._memory = memory
        self._is_private = is_private
        self._automata = automata

    def shown(self, turns: Iterable[Turn], *, goes_on: bool) -> Shown | None:
        """What a run shows that takes some turns and, where it `goes_on`, others up to its end.

        None when a thread is held, because it would go round in vain: what comes of these turns comes of fewer.
        """
        taken: list[Turn] = []
        try:
            run = Recording(self._program(), self._memory, self._is_private, self._automata)
            with run:
                for turn in turns:
                    if not run.can_take(turn):
                        return None
                    taken.append(turn)
                    run.step(turn)
                while goes_on and (enabled := run.enabled()):
                    taken.append(Turn(_next(taken[-1].actor if taken else 0, enabled)))
                    run.step(taken[-1])
                return Shown(taken, run.places, run.finish() if goes_on else None, run.has_held)
        except NotDeterminedError:
            raise
        except Exception as error:
            return Shown(taken, failure=error)


def _next(last: int, enabled: Sequence[int]) -> int:
    """Who goes on: the last one; or the store buffer that it waits for, or the thread of that buffer; or another."""
    thread = thread_of(last)
    return next((actor for actor in (last, buffer_of(thread), thread) if actor in enabled), enabled[0])
