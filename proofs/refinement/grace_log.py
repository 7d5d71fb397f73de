"""From accesses to steps of grace (`model.protocols.grace`): a pair's records, and who still reads them.

The thing is what one watched entry is at the beginning: shown while a bucket names it, over when somebody writes to the
entry what it is to be next. Under sequential consistency store buffers are empty at once.
"""

from collections.abc import Iterator
from typing import Any

from fastpath import layout
from fastpath.memory import Ordering, Words
from model.protocols import grace
from model.protocols.finite import NONE, Compiled
from proofs.refinement.behaviour import Behaviour, NotABehaviour
from proofs.refinement.bucket_log import FIELDS, BucketLog
from proofs.refinement.event import Event, Places

CODE = Compiled(grace.grace)
_THING = 0


class GraceLog:
    """Replays accesses as steps of grace, for one entry that a bucket names at the beginning.

    `looks` says which entries look-ups have found: it must have been told of each access before.
    """

    def __init__(self, words: Words, threads: int, entry: int, looks: BucketLog) -> None:
        self._places = Places(words)
        self._threads = range(threads)
        self._entry = entry
        self._looks = looks
        self._owner = NONE
        self._next: set[int] = set()
        initial = {grace.stage: lambda _thing: "shown", grace.visible: lambda _thing: True}
        self.behaviour = Behaviour(CODE, {grace.THREAD: threads, grace.THING: 1}, initial)

    def __call__(self, event: Event) -> None:
        """Take the steps for which an access stands. Raises NotABehaviour."""
        for step, *elements in self._steps(event):
            self.behaviour.take(step, *elements)

    @property
    def _stage(self) -> str:
        return str(self.behaviour.state.stage[_THING])

    def _refusal(self, event: Event, reason: str) -> NotABehaviour:
        return NotABehaviour(f"{grace.grace.name}: thread {event.thread}: {reason}")

    def _steps(self, event: Event) -> Iterator[tuple[Any, ...]]:
        thread = event.thread
        if event.operation == "fence" and event.ordering is Ordering.FULL:
            yield from self._fence(thread)
        if event.place < 0:
            return
        place = self._places.of(event.place)
        if place.kind == "thread" and place.field == layout.ANNOUNCE:
            yield from self._announcement(event, place.record)
        elif place.kind == "bucket" and place.field == layout.VERSION and event.operation == "load":
            if event.ordering is not Ordering.ACQUIRE and self._looks.has_found(thread, self._entry):
                yield from self._finding(thread)
        elif place.kind == "bucket" and event.stores and self._is_unlinked_by(event):
            self._owner = thread
            yield "withdraw", _THING
            yield "withdrawal becomes visible", _THING
        elif place.kind == "entry" and place.record == self._entry:
            self._reading(event, place.field)
            if event.operation == "store":
                yield from self._writing(thread, place.field)

    def _finding(self, thread: int) -> Iterator[tuple[Any, ...]]:
        """The thing is found; or what the entry is next, once somebody has linked it again: that is not watched."""
        if self._stage == "fresh" and self._entry in self._looks.behaviour.state.names:
            self._next.add(thread)
        else:
            yield "find a thing", thread, _THING

    def _is_unlinked_by(self, event: Event) -> bool:
        return _entry_of(event.before) == self._entry and self._stage == "shown"

    def _fence(self, thread: int) -> Iterator[tuple[Any, ...]]:
        if self.behaviour.state.place[thread] == "announcing":
            yield "fence behind the announcement", thread
        elif self._stage == "withdrawn" and thread == self._owner:
            yield "fence behind the withdrawal", _THING

    def _announcement(self, event: Event, whose: int) -> Iterator[tuple[Any, ...]]:
        if event.stores:
            if event.after % 2:
                yield "announce", event.thread
                yield "announcement becomes visible", event.thread
            else:
                self._next.discard(event.thread)
                yield "leave", event.thread
            if whose != event.thread:
                raise self._refusal(event, f"it announces for thread {whose}")
        if event.after != self.behaviour.state.announced[whose]:
            raise self._refusal(event, f"the announcement of thread {whose} differs from the model's")
        if not event.stores and event.ordering is Ordering.ACQUIRE and event.thread == self._owner:
            yield from self._asking(event, whose)

    def _asking(self, event: Event, whose: int) -> Iterator[tuple[Any, ...]]:
        """Whoever has withdrawn the thing reads an announcement."""
        if self._stage in ("withdrawn", "asking"):
            yield "read an announcement", _THING, whose
            if all(self.behaviour.state.asked[_THING][other] or other == whose for other in self._threads):
                yield "begin to wait", _THING
                for other in self._threads:
                    if self.behaviour.state.answer[_THING][other] % 2 == 0:
                        yield "see that a thread is not inside", _THING, other
        elif self._has_left(whose, event.after):
            yield "see that a thread is not inside", _THING, whose

    def _has_left(self, thread: int, announced: int) -> bool:
        return self._stage == "waiting" and bool(self.behaviour.state.answer[_THING][thread] != announced)

    def _reading(self, event: Event, field: int) -> None:
        """Outside a look-up only who holds the thing reads the entry, or owns it.

        While it is shown, its counters and its life are also read under the slow lock, which is not told of here.
        """
        thread = event.thread
        if event.operation == "store" or event.ordering is Ordering.PLAIN:
            return
        if self._looks.behaviour.state.looks_at[thread] != NONE or (self._stage == "shown" and field not in FIELDS):
            return
        held = self.behaviour.state.holds[thread][_THING] or thread in self._next
        if not held and thread != self._owner and not self._looks.owns(thread, self._entry):
            raise self._refusal(event, f"word {field} of the entry is read by a thread that does not hold it")

    def _writing(self, thread: int, field: int) -> Iterator[tuple[Any, ...]]:
        """The record is written to: what it is next begins, unless it is only cleared of what it was."""
        if field != layout.PARTNER and self._stage not in ("shown", "fresh"):
            yield "end of grace", _THING
            yield "use again", _THING
            self._owner = thread


def _entry_of(content: int) -> int:
    return content & int(layout.LOW_32)
