"""From accesses to steps of the versioned bucket (`model.protocols.bucket`)."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

import numpy as np

from fastpath import layout
from fastpath.memory import Ordering, Words
from model.protocols import bucket
from model.protocols.finite import NONE, Compiled
from proofs.refinement.behaviour import Behaviour, NotABehaviour
from proofs.refinement.event import Event, Place, Places

CODE = Compiled(bucket.bucket)
FIELDS = (*range(layout.KEY, layout.KEY + layout.KEY_WORDS), layout.BINDING, layout.ACTION, layout.REWRITE)
"""The words of an entry that are read under its bucket's version."""
_SLOTS = int(layout.SLOTS)
_LOW = int(layout.LOW_32)


class BucketLog:
    """Replays accesses as steps of the versioned bucket. Entry 0 is no entry.

    `found_before` says which entries a thread has found before the log begins.
    """

    def __init__(self, words: Words, threads: int, found_before: Mapping[int, Set[int]] | None = None) -> None:
        self._found_before = found_before or {}
        self._looked_at_odd: dict[int, int] = {}
        self._unvalidated: set[int] = set()
        self._places = places = Places(words)
        plain = np.asarray(words)

        def slot(number: int) -> int:
            return int(plain[places.index("bucket", number // _SLOTS, 1 + number % _SLOTS)])

        self.behaviour = Behaviour(
            CODE,
            {
                bucket.THREAD: threads,
                bucket.BUCKET: places.buckets,
                bucket.SLOT: places.buckets * _SLOTS,
                bucket.ENTRY: places.entries,
                bucket.FIELD: len(FIELDS),
            }
            | {bucket.VALUE: 0},
            {
                bucket.home: lambda number: number // _SLOTS,
                bucket.version: lambda at: int(plain[places.index("bucket", at, layout.VERSION)]) if at != NONE else 0,
                bucket.names: lambda number: _entry(slot(number)),
                bucket.says: lambda at, part: int(plain[places.index("entry", max(at, 0), FIELDS[part])]),
            },
        )

    def __call__(self, event: Event) -> None:
        """Take the steps for which an access stands. Raises NotABehaviour."""
        for step, *elements in self._steps(event):
            self.behaviour.take(step, *elements)
        if event.place >= 0:
            self._compare(event, self._places.of(event.place))

    def _compare(self, event: Event, place: Place) -> None:
        """Whether the word that was accessed has the model's value now."""
        state = self.behaviour.state
        if place.kind == "bucket" and place.field == layout.VERSION:
            self._agree(event, event.after, state.version[place.record])
        elif place.kind == "bucket" and place.field <= _SLOTS:
            self._agree(event, _entry(event.after), state.names[place.record * _SLOTS + place.field - 1])
        elif place.kind == "entry" and place.field in FIELDS:
            self._agree(event, event.after, state.says[place.record][FIELDS.index(place.field)])

    def _agree(self, event: Event, value: int, expected: int) -> None:
        if value != expected:
            place = self._places.of(event.place)
            raise self._refusal(event, f"{place} is {value} after a {event.operation}, in the model {expected}")

    def _refusal(self, event: Event, reason: str) -> NotABehaviour:
        return NotABehaviour(f"{bucket.bucket.name}: thread {event.thread}: {reason}")

    def _steps(self, event: Event) -> Iterator[tuple[Any, ...]]:
        thread, state = event.thread, self.behaviour.state
        if event.operation == "call" and event.note.startswith("find"):
            self._unvalidated.add(thread)
        elif event.operation == "return" and event.note.startswith("find"):
            yield "return what was found", thread, max(state.believes[thread], state.looks_at[thread])
            if thread in self._unvalidated:
                raise self._refusal(event, "a look-up returns that has found no version unchanged")
        if event.place < 0:
            return
        place = self._places.of(event.place)
        if place.kind == "bucket" and place.field == layout.VERSION:
            yield from self._version(event, place.record)
        elif place.kind == "bucket" and place.field <= _SLOTS:
            yield from self._slot(event, place)
        elif place.kind == "entry" and place.field in FIELDS:
            yield from self._word(event, place)

    def _version(self, event: Event, at: int) -> Iterator[tuple[Any, ...]]:
        thread, state = event.thread, self.behaviour.state
        if event.operation == "load" and event.ordering is Ordering.ACQUIRE:
            self._looked_at_odd.pop(thread, None)
            if event.after % 2 == 0:
                yield "read the version", thread, at
            else:
                self._looked_at_odd[thread] = at
        elif event.operation == "load":
            if state.looks_at[thread] == at:
                same = event.after == state.noted[thread]
                yield ("find the same version", thread, at) if same else ("find another version", thread)
                if same:
                    self._unvalidated.discard(thread)
        elif event.operation == "compare-and-swap":
            if event.changed:
                yield "lock the bucket", thread, at
        elif event.after % 2:
            raise self._refusal(event, "an odd version is stored: a lock is a swap")
        else:
            yield "unlock the bucket", thread, at

    def _slot(self, event: Event, place: Place) -> Iterator[tuple[Any, ...]]:
        """A slot is read under the bucket's version, or by whoever has the bucket.

        Whoever goes by a hint reads it under an odd version, too: that does not count as read.
        """
        thread, state, at = event.thread, self.behaviour.state, place.record
        number = at * _SLOTS + place.field - 1
        if event.stores:
            yield "write a slot", thread, number, _entry(event.after)
        elif state.looks_at[thread] == at:
            yield "read a slot", thread, number
        elif state.owner[at] != thread and self._looked_at_odd.get(thread) != at:
            raise self._refusal(event, f"a slot of bucket {at} is read without its version, or its lock")

    def _word(self, event: Event, place: Place) -> Iterator[tuple[Any, ...]]:
        thread, state, entry = event.thread, self.behaviour.state, place.record
        part = FIELDS.index(place.field)
        if event.stores:
            yield "write a word", thread, entry, part, event.after
        elif event.operation == "load" and event.ordering is not Ordering.PLAIN:
            at = state.looks_at[thread]
            slots = range(max(at, 0) * _SLOTS, (max(at, 0) + 1) * _SLOTS)
            through = next((s for s in slots if state.met[thread][s] and state.found[thread][s] == entry), slots[0])
            if at != NONE or not self._is_at_hand(thread, entry):
                yield "read a word", thread, through, entry, part

    def _is_at_hand(self, thread: int, entry: int) -> bool:
        """Whether a thread may read an entry outside a look-up: all buckets that name it are the thread's.

        Or the thread has found it by a look-up: what it may then rely on is `grace_log.py`'s part.
        """
        found = self.has_found(thread, entry) or entry in self._found_before.get(thread, ())
        return found or self.owns(thread, entry)

    def owns(self, thread: int, entry: int) -> bool:
        """Whether a thread has all buckets that name an entry, at least one."""
        state = self.behaviour.state
        owners = {state.owner[number // _SLOTS] for number, each in enumerate(state.names) if each == entry}
        return owners == {thread}

    def has_found(self, thread: int, entry: int) -> bool:
        """Whether a thread's last look-up has found an entry: read it whole, through a slot of what it believes."""
        state = self.behaviour.state
        at = state.believes[thread]
        slots = range(at * _SLOTS, (at + 1) * _SLOTS) if at != NONE else range(0)
        named = any(state.met[thread][s] and state.found[thread][s] == entry for s in slots)
        return named and all(state.read[thread][entry][part] for part in range(len(FIELDS)))


def _entry(content: int) -> int:
    return content & _LOW or NONE
