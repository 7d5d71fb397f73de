"""Threads as automata that runs have taught: what a thread asks for in each local state, and where the answer leads.

How a thread goes on depends on nothing but its local state (`local_state.py`) and what it reads. So a run need not be
repeated to know what its threads do next: `Recording` runs the production functions, as any scheduler does, and notes
each local state, what is asked for there, and the answer. `recalled.py` goes on from there.
"""

import enum
import sys
from collections import ChainMap
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from proofs.interleavings.local_state import LocalStates, change_state
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Instance
from proofs.interleavings.request import HISTORY, Request
from proofs.interleavings.scheduler import Scheduler, Thread

_SKIPPED = ("proofs.interleavings.remembered", "proofs.interleavings.scheduler", "fastpath.memory")
"""Modules whose frames are no part of a thread."""

_ANOTHER = np.zeros(0, np.uint64)
"""Stands for the array that a word lies in, which is another one in each run."""


class NotDeterminedError(RuntimeError):
    """A thread does something else in a local state than it did there before: it depends on what is not in that."""


class Kind(enum.Enum):
    """What a thread does in a local state."""

    ACCESS = "access"
    MARK = "mark"
    PAUSE = "pause"
    END = "end"


@dataclass(eq=False)
class Place:
    """A local state of a thread: what it asks for, and by what it reads the local states that follow.

    Attributes:
        number: different for each; the same in all runs.
        kind: None as long as no run has come here.
        request: what is asked for, but for arrays and moments.
        asked: what of that is the same in all runs.
        same: another place that has turned out to be this one.
        left: what is left here, if that can be compared: behind a lock that is given back; of the thread, at its end.
    """

    number: int
    kind: Kind | None = None
    request: Request | None = None
    asked: Hashable = None
    following: dict[Hashable, "Place"] = field(default_factory=dict)
    same: "Place | None" = None
    left: Hashable = None

    @property
    def behind(self) -> Hashable:
        """Where a lock is given back here, what whoever takes it next sees behind it."""
        return self.number if self.left is None else self.left


class Automata:
    """What is known of all threads of a program."""

    def __init__(self, threads: int) -> None:
        self._count = 0
        self._known: dict[Hashable, Place] = {}
        self.initial = [self._new() for _ in range(threads)]

    def __len__(self) -> int:
        """Places that were ever made."""
        return self._count

    def _new(self) -> Place:
        self._count += 1
        return Place(self._count)

    def after(self, place: Place, seen: Hashable) -> Place:
        """Where a thread gets to by what it has read."""
        following = place.following.get(seen)
        if following is None:
            following = place.following[seen] = self._new()
        return found(following)

    def recognised(self, place: Place, state: Hashable) -> Place:
        """A place of which nothing is known yet, or another one in the same local state."""
        known = found(self._known.setdefault(state, place))
        if known is not place:
            place.same = known
        return known


def found(place: Place) -> Place:
    """The place that stands for it."""
    while place.same is not None:
        place = place.same
    return place


class Guard:
    """What lies behind locks, and is no word.

    Threads touch it only while they hold the lock. So it is a function of the local state in which a lock was given
    back last: who takes the lock reads, as it were, either that, or what has been left there where that can be compared
    (`Instance.guarded`), which in many local states is the same.
    """

    def __init__(self, locks: range) -> None:
        """`locks` are the locations of the locks."""
        self._locks = locks
        self._left: dict[int, Hashable] = {}

    def copy(self) -> "Guard":
        """An equal one that changes independently."""
        copy = Guard(self._locks)
        copy._left = self._left.copy()
        return copy

    def has(self, location: int) -> bool:
        """Whether that is one of the locks."""
        return location in self._locks

    def behind(self, lock: int) -> Hashable:
        """What is behind a lock, as who takes it would see it."""
        return self._left.get(lock)

    def key(self) -> Hashable:
        """What decides what is found behind the locks."""
        return tuple(sorted(self._left.items()))

    def seen(self, place: Place, request: Request, value: object) -> Hashable:
        """What a thread learns by an access that it has made in a place, with what is behind a lock that it took."""
        seen = seen_by(request, value)
        if request.location in self._locks:
            if request.operation == "store":
                self._left[request.location] = place.behind
            elif seen is True:
                return seen, self.behind(request.location)
        return seen


def seen_by(request: Request, value: object) -> Hashable:
    """What a thread learns from an access: of a compare-and-swap only whether it has swapped."""
    if request.operation == "compare-and-swap":
        assert request.change is not None
        return request.change(int(value)) is not None  # type: ignore[call-overload]
    return int(value) if request.operation in ("load", "update") else None  # type: ignore[call-overload]


def _described(request: Request) -> Hashable:
    return (*request[:2], request.ordering, request.failure, request.value, request.note, change_state(request.change))


def _of_no_run(request: Request | None) -> Request | None:
    """A request without what belongs to a run, so that this can be forgotten."""
    if request is None:
        return None
    return request._replace(words=None if request.words is None else _ANOTHER, moment=None)


class Recording(Scheduler):
    """A run that is noted."""

    def __init__(
        self,
        instance: Instance,
        model: MemoryName,
        is_private: Callable[[int, Request], bool],
        automata: Automata,
    ) -> None:
        super().__init__(instance, model, is_private)
        arrays: dict[int, Hashable] = {key: array.name for key, array in self._arrays.by_identity.items()}
        shared = ChainMap(arrays, instance.named)
        self._automata = automata
        self._guard = Guard(self.guards)
        self._local = [LocalStates(shared, _SKIPPED) for _ in self.threads]
        self._past: list[Hashable] = [("start", number) for number in range(len(self.threads))]
        self._inside: set[int] = set()
        self.places = list(automata.initial)

    def _arrive(self, kind: Kind, request: Request | None = None) -> None:
        """The running thread is about to do something."""
        assert self._running is not None
        number = self._running.number
        place = found(self.places[number])
        asked = None if request is None else _described(request)
        self._local[number].note(sys._getframe(), self._past[number])
        if place.kind is None:
            place = self._automata.recognised(place, (number, kind, asked, self._local[number].state()))
        self.places[number] = place
        if place.kind is None:
            place.kind, place.request, place.asked = kind, _of_no_run(request), asked
        elif place.kind is not kind or place.asked != asked:
            raise NotDeterminedError(f"thread {number}: {request} where it did {place.request}")

    def _look_behind(self, request: Request) -> None:
        """Where the running thread is about to give a lock back, note what is behind it."""
        if self._instance.guarded is None or request.location not in self.guards or request.operation != "store":
            return
        assert self._running is not None
        place = self.places[self._running.number]
        left = self._instance.guarded()
        if place.left not in (None, left):
            raise NotDeterminedError(f"thread {self._running.number} leaves something else behind {request}")
        place.left = left

    def _leave(self, seen: Hashable) -> None:
        assert self._running is not None
        number = self._running.number
        place = self.places[number]
        self._past[number] = (place.number, seen)
        self.places[number] = self._automata.after(place, seen)

    def _access(self, request: Request) -> Any:
        assert self._running is not None
        if self._running.number in self._inside:
            return super()._access(request)
        self._arrive(Kind.ACCESS, request)
        self._look_behind(request)
        value = super()._access(request)
        self._leave(self._guard.seen(self.places[self._running.number], request, value))
        return value

    def pause(self) -> None:
        """As the base class."""
        if self._running is not None:
            self._begin(Kind.PAUSE)
            super().pause()
            self._end()

    def mark(self, operation: str, note: str, result: Hashable = None) -> Any:
        """As the base class."""
        assert self._running is not None
        if operation == "return":
            self._local[self._running.number].results += ((note, result),)
        self._begin(Kind.MARK, Request(operation, HISTORY, note=note))
        moment = super().mark(operation, note, result)
        self._end()
        return moment

    def _begin(self, kind: Kind, request: Request | None = None) -> None:
        """What is done next may be an access, or several; it is noted as one step."""
        assert self._running is not None
        self._arrive(kind, request)
        self._inside.add(self._running.number)

    def _end(self) -> None:
        assert self._running is not None
        self._inside.discard(self._running.number)
        self._leave(None)

    def _resume(self, thread: Thread) -> None:
        super()._resume(thread)
        if thread.greenlet.dead:
            place, left = found(self.places[thread.number]), self._left(thread)
            if place.kind is None and left is not None:
                place = self._automata.recognised(place, (thread.number, Kind.END, left))
            if place.kind not in (None, Kind.END) or place.left not in (None, left):
                raise NotDeterminedError(f"thread {thread.number} ends and leaves {left} where it did otherwise")
            self.places[thread.number] = place
            place.kind, place.left = Kind.END, left

    def _left(self, thread: Thread) -> Hashable:
        """What is left of a thread that has ended, besides what is in memory and behind locks; None if not known."""
        return self._local[thread.number].left(None if self.guards else thread.body, thread.result)
