"""`threading` for interpreted code under a scheduler: locks whose waiting is seen, and thread-local storage.

A lock is a word; taking it is a compare-and-swap, waiting for it a pause. So lock operations are scheduling points, and
threads that wait for each other are a deadlock that the explorer reports.
"""

from types import ModuleType
from typing import Any

import numpy as np
from greenlet import getcurrent, greenlet

from fastpath.atomics import compare_and_swap, pause, store_release
from fastpath.memory import Words
from proofs.interleavings.made_of import Opaque

_FREE, _HELD = np.uint64(0), np.uint64(1)
_MOST_LOCKS = 8


class Lock:
    """As `threading.Lock`, in one word."""

    def __init__(self, words: Words, index: int) -> None:
        self._words = words
        self._index = index
        self._holder: greenlet | None = None

    @property
    def is_mine(self) -> bool:
        """Whether the running thread has the lock."""
        return self._holder is getcurrent()

    def __enter__(self) -> bool:
        """Take the lock, waiting while another thread has it."""
        while not compare_and_swap(self._words, self._index, _FREE, _HELD):
            pause()
        self._holder = getcurrent()
        return True

    def __exit__(self, *_error: object) -> None:
        """Give the lock back."""
        self._holder = None
        store_release(self._words, self._index, _FREE)


class Local(Opaque):
    """As `threading.local`, for greenlets."""

    def __init__(self) -> None:
        object.__setattr__(self, "_values", {})

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_values")[getcurrent(), name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        object.__getattribute__(self, "_values")[getcurrent(), name] = value


class Threading(ModuleType):
    """Stands for the module `threading`; `words` holds the locks made since `renew`."""

    def __init__(self) -> None:
        super().__init__("threading")
        self.local = Local
        self.words: Words
        self.renew()

    def renew(self) -> None:
        """Forget all locks: a new run begins."""
        self.words = np.zeros(_MOST_LOCKS, np.uint64)
        self._made = 0

    def Lock(self) -> Lock:  # noqa: N802 - the name that is stood for
        """A new lock."""
        self._made += 1
        return Lock(self.words, self._made - 1)
