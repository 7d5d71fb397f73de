"""From accesses to steps of the paired install (`model.protocols.pairs`).

Which two entries a thread has in hand is known from the keys that it reads, by plain accesses, before it locks
(`uft.install`, `uft.remove`); a miss reads none, and says which it has (`commit.link`). What is written into records
that nobody can reach may have been written before the log begins: these steps are taken when the thread begins to
lock.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastpath import layout
from fastpath.memory import Ordering, Words
from model.protocols import pairs
from model.protocols.finite import NONE, Compiled
from proofs.refinement.behaviour import Behaviour, NotABehaviour
from proofs.refinement.event import Event, Places

CODE = Compiled(pairs.pairs)
_SLOTS = int(layout.SLOTS)
_LOW = int(layout.LOW_32)

Candidates = tuple[int, int]
"""The two buckets of a key."""


class PairsLog:
    """Replays accesses as steps of the paired install.

    `candidates` gives the two buckets of the key of each entry that was written before the log begins; `in_hand` the
    entries that a thread is about to link, where it does not read their keys.
    """

    def __init__(
        self,
        words: Words,
        threads: int,
        candidates: Mapping[int, Candidates],
        in_hand: Mapping[int, tuple[int, int]] | None = None,
    ) -> None:
        self._words = np.asarray(words)
        self._places = places = Places(words)
        self._read: dict[int, list[int]] = {thread: [] for thread in range(threads)}
        self._declared = in_hand or {}
        keys: dict[bytes, int] = {}
        self._keys = {entry: keys.setdefault(self._key(entry), len(keys)) for entry in candidates}
        buckets = {self._keys[entry]: both for entry, both in candidates.items()}
        linked = {
            entry: at
            for at in range(places.buckets)
            for slot in range(1, _SLOTS + 1)
            if (entry := int(self._words[places.index("bucket", at, slot)]) & _LOW)
        }
        sizes = {pairs.THREAD: threads, pairs.BUCKET: places.buckets, pairs.ENTRY: places.entries}
        self.behaviour = Behaviour(
            CODE,
            sizes | {pairs.KEY: len(keys)},
            {
                pairs.rank: lambda at: at,
                pairs.one: lambda key: buckets[key][0],
                pairs.two: lambda key: buckets[key][1],
                pairs.free: lambda entry: entry > 0,
                pairs.makings: 0,
            },
        )
        self._install_at_the_beginning(linked)

    def _install_at_the_beginning(self, linked: dict[int, int]) -> None:
        """What is linked when the log begins was installed by a thread before."""
        done: set[int] = set()
        for entry in linked:
            other = self._partner(entry)
            if other in linked and entry not in done:
                done |= {entry, other}
                self._take(self._begin(0, entry, other))
                for bucket in sorted({*self._four(0)}):
                    self._take([("lock the next bucket", 0, bucket)])
                self._take([("have all buckets", 0), ("see that the keys are absent", 0)])
                self._take([("link a half", 0, each, linked[each]) for each in (entry, other)])
                self._take([("begin to unlock", 0), *(("unlock a bucket", 0, at) for at in {*self._four(0)})])
                self._take([("finish", 0)])
        self.behaviour.steps.clear()

    def __call__(self, event: Event) -> None:
        """Take the steps for which an access stands. Raises NotABehaviour."""
        if event.place >= 0:
            self._take(self._steps(event))

    def _take(self, steps: Any) -> None:
        for step, *elements in steps:
            self.behaviour.take(step, *elements)

    def _steps(self, event: Event) -> Iterator[tuple[Any, ...]]:
        thread, place = event.thread, self._places.of(event.place)
        if place.kind == "entry" and place.field == layout.KEY and event.operation == "load":
            if event.ordering is Ordering.PLAIN:
                self._read[thread] = [*self._read[thread][-1:], place.record]
        elif place.kind == "bucket" and place.field == layout.VERSION and event.stores:
            yield from self._version(event, place.record)
        elif place.kind == "bucket" and event.stores:
            yield from self._slot(event, place.record)
        elif place.kind == "entry" and place.field == layout.PARTNER and event.stores:
            other = event.after & _LOW
            if other:
                yield "name the partner", thread, place.record, other
            elif self.behaviour.state.phase[thread] != "idle":
                yield "forget the partner", thread, place.record
            elif self.behaviour.state.place[place.record] != NONE:
                raise self._refusal(thread, f"it clears the partner of entry {place.record}, which is linked")

    def _version(self, event: Event, at: int) -> Iterator[tuple[Any, ...]]:
        thread, state = event.thread, self.behaviour.state
        if event.operation == "store" and event.after % 2:
            raise self._refusal(thread, "an odd version is stored: a lock is a swap")
        if event.operation == "compare-and-swap":
            if state.phase[thread] == "idle":
                yield from self._begin(thread, *self._in_hand(thread))
            yield "lock the next bucket", thread, at
            if all(self.behaviour.state.owner[each] == thread for each in self._four(thread)):
                yield "have all buckets", thread
            return
        if state.phase[thread] == "changing":
            yield "begin to unlock", thread
        yield "unlock a bucket", thread, at
        if all(self.behaviour.state.owner[each] != thread for each in self._four(thread)):
            yield "finish", thread
            self._compare(thread)

    def _compare(self, thread: int) -> None:
        """After a commit: whether linked entries name in memory the partners that they have in the model."""
        state = self.behaviour.state
        for entry in range(self._places.entries):
            named = self._partner(entry) or NONE
            if state.place[entry] != NONE and named != state.partner[entry]:
                raise self._refusal(thread, f"entry {entry} names {named}, in the model {state.partner[entry]}")

    def _refusal(self, thread: int, reason: str) -> NotABehaviour:
        return NotABehaviour(f"{pairs.pairs.name}: thread {thread}: {reason}")

    def _slot(self, event: Event, at: int) -> Iterator[tuple[Any, ...]]:
        thread, entry = event.thread, event.after & _LOW
        if not entry:
            yield "unlink a half", thread, event.before & _LOW
            return
        if self.behaviour.state.phase[thread] == "changing" and not self.behaviour.state.absent[thread]:
            yield "see that the keys are absent", thread
        yield "link a half", thread, entry, at

    def _begin(self, thread: int, entry: int, other: int) -> Iterator[tuple[Any, ...]]:
        """From taking the records, or finding the pair, up to the first lock."""
        if self.behaviour.state.place[entry] != NONE:
            yield "begin to remove", thread, entry, other
            return
        yield "take two records", thread, entry, other
        yield "write a half", thread, entry, self._keys[entry]
        yield "write a half", thread, other, self._keys[other]
        if self._partner(entry) == other:
            yield "name the partner", thread, entry, other
            yield "name the partner", thread, other, entry
        yield "begin to install", thread

    def _in_hand(self, thread: int) -> Sequence[int]:
        read = self._declared.get(thread, self._read[thread])
        if len(read) != 2:
            raise self._refusal(thread, "it locks buckets of keys that it has not read")
        return read

    def _four(self, thread: int) -> list[int]:
        state = self.behaviour.state
        keys = [state.key[entry] for entry in (state.first[thread], state.second[thread])]
        return [bucket for key in keys for bucket in (state.one[key], state.two[key])]

    def _key(self, entry: int) -> bytes:
        at = self._places.index("entry", entry, layout.KEY)
        return self._words[at : at + layout.KEY_WORDS].tobytes()

    def _partner(self, entry: int) -> int:
        return int(self._words[self._places.index("entry", entry, layout.PARTNER)]) & _LOW
