"""One access of the fast path as it was recorded, and which word of the arena it touched."""

from typing import NamedTuple

import numpy as np

from fastpath import layout
from fastpath.memory import Ordering, Words


class Event(NamedTuple):
    """An access that has been made, or a call or return of an operation.

    Attributes:
        operation: "load", "store", "update", "compare-and-swap", "fence", "call" or "return".
        place: index of the word in the arena; -1 if it touches no word of it.
        before: the word's value before the access; of a load, the value read.
        after: its value then.
        note: of calls and returns, which operation.
    """

    thread: int
    operation: str
    place: int = -1
    ordering: Ordering = Ordering.RELAXED
    before: int = 0
    after: int = 0
    note: str = ""

    @property
    def stores(self) -> bool:
        """Whether it has stored something."""
        return self.operation == "store" or (self.operation in ("update", "compare-and-swap") and self.changed)

    @property
    def changed(self) -> bool:
        """Whether the word has another value now."""
        return self.before != self.after


class Place(NamedTuple):
    """A word of the arena: which record it belongs to, and its number in that."""

    kind: str
    record: int
    field: int


class Places:
    """Words of an arena by index."""

    def __init__(self, words: Words) -> None:
        plain = np.asarray(words)
        self.buckets = int(plain[layout.BUCKET_MASK]) + 1
        self.entries = int(plain[layout.ENTRY_COUNT])
        starts = {
            "flow": (layout.FLOWS_AT, layout.FLOW_WORDS),
            "entry": (layout.ENTRIES_AT, layout.ENTRY_WORDS),
            "bucket": (layout.BUCKETS_AT, layout.BUCKET_WORDS),
            "thread": (layout.THREADS_AT, layout.THREAD_WORDS),
        }
        self._regions = sorted(((int(plain[at]), int(size), kind) for kind, (at, size) in starts.items()), reverse=True)

    def of(self, index: int) -> Place:
        """The word at an index; of kind "other" if no protocol speaks of it."""
        for start, size, kind in self._regions:
            if index >= start:
                return Place(kind, *divmod(index - start, size))
        return Place("other", 0, index)

    def index(self, kind: str, record: int, field: int) -> int:
        """The index of a word."""
        start, size = next((start, size) for start, size, each in self._regions if each == kind)
        return start + record * size + field
