"""From accesses to steps of grace (`model.protocols.grace`): a pair's records, and who still reads them.

The thing is what one watched entry is at the beginning: shown while a bucket names it, over when somebody writes to the
entry what it is to be next. Under sequential consistency store buffers are empty at once.
"""

from collections.abc import Iterator
from typing import Any

from fastpath import layout
from fastpath.memory import Ordering, Words
from model.protocols import grace
from model.protocols.finite import Compiled
from proofs.refinement.behaviour import Behaviour
from proofs.refinement.bucket_log import BucketLog
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
        initial = {grace.stage: lambda _thing: "shown", grace.visible: lambda _thing: True}
        self.behaviour = Behaviour(CODE, {grace.THREAD: threads, grace.THING: 1}, initial)

    def __call__(self, event: Event) -> None:
        """Take the steps for which an access stands. Raises NotABehaviour."""
        for step, *elements in self._steps(event):
            self.behaviour.take(step, *elements)

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
            looks = self._looks.behaviour.state
            if looks.believes[thread] == place.record and self._entry in looks.found[thread]:
                yield "find a thing", thread, _THING
        elif place.kind == "bucket" and event.stores and self._is_unlinked_by(event):
            yield "withdraw", _THING
            yield "withdrawal becomes visible", _THING
        elif place.kind == "entry" and place.record == self._entry and event.operation == "store":
            yield from self._writing(place.field)

    def _is_unlinked_by(self, event: Event) -> bool:
        return _entry_of(event.before) == self._entry and bool(self.behaviour.state.stage[_THING] == "shown")

    def _fence(self, thread: int) -> Iterator[tuple[Any, ...]]:
        state = self.behaviour.state
        if state.place[thread] == "announcing":
            yield "fence behind the announcement", thread
        elif state.stage[_THING] == "withdrawn":
            yield "fence behind the withdrawal", _THING

    def _announcement(self, event: Event, whose: int) -> Iterator[tuple[Any, ...]]:
        state = self.behaviour.state
        if event.stores:
            if event.after % 2:
                yield "announce", event.thread
                yield "announcement becomes visible", event.thread
            else:
                yield "leave", event.thread
        elif event.ordering is Ordering.ACQUIRE and state.stage[_THING] == "asking":
            yield "read an announcement", _THING, whose
            if all(self.behaviour.state.asked[_THING][other] or other == whose for other in self._threads):
                yield "begin to wait", _THING
                for other in self._threads:
                    if self.behaviour.state.answer[_THING][other] % 2 == 0:
                        yield "see that a thread is not inside", _THING, other
        elif event.ordering is Ordering.ACQUIRE and self._has_left(whose, event.after):
            yield "see that a thread is not inside", _THING, whose

    def _has_left(self, thread: int, announced: int) -> bool:
        state = self.behaviour.state
        return bool(state.stage[_THING] == "waiting" and state.answer[_THING][thread] != announced)

    def _writing(self, field: int) -> Iterator[tuple[Any, ...]]:
        """The record is written to: what it is next begins, unless it is only cleared of what it was."""
        if field != layout.PARTNER and self.behaviour.state.stage[_THING] not in ("shown", "fresh"):
            yield "end of grace", _THING
            yield "use again", _THING


def _entry_of(content: int) -> int:
    return content & int(layout.LOW_32)
