"""An array whose plain element accesses are shared accesses too.

Kernels use atomics for words that change under their readers. Words that a protocol keeps still, and the code behind
a miss, are read and written as array elements. Under a scheduler those must be observed as well: a protocol that does
not keep them still is what is looked for.
"""

from typing import Any, cast

import numpy as np

from fastpath import memory
from fastpath.memory import Ordering, Words
from proofs.interleavings.scheduler import Scheduler


class ObservedWords(np.ndarray[Any, np.dtype[np.uint64]]):
    """A view of an array whose elements are read and written through the scheduler, inside its threads.

    A slice is read and written word by word, and read as a copy.
    """

    def __getitem__(self, key: Any) -> Any:
        scheduler = _scheduler()
        if scheduler is None:
            return np.asarray(self)[key]
        if isinstance(key, slice):
            places = range(*key.indices(len(self)))
            return np.array([scheduler.load(self, place, Ordering.PLAIN) for place in places], np.uint64)
        return scheduler.load(self, key, Ordering.PLAIN)

    def __setitem__(self, key: Any, value: Any) -> None:
        scheduler = _scheduler()
        if scheduler is None:
            np.asarray(self)[key] = value
        elif isinstance(key, slice):
            places = range(*key.indices(len(self)))
            for place, word in zip(places, np.broadcast_to(value, len(places)), strict=True):
                scheduler.store(self, place, int(word), Ordering.PLAIN)
        else:
            scheduler.store(self, key, int(value), Ordering.PLAIN)


def observed(words: Words) -> Words:
    """The same memory, observed."""
    return cast(Words, words.view(ObservedWords))


def _scheduler() -> Scheduler | None:
    current = memory.current
    return current if isinstance(current, Scheduler) and current.is_running else None
