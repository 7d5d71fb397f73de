"""What a shared access means when a kernel runs in plain CPython.

A compiled kernel reaches shared words through machine instructions. The same kernel run by the
interpreter reaches them through the `Memory` in force, chosen with `using`. The default acts on the
array at once. An explorer substitutes its own: to decide which thread goes next, to record
accesses, to keep a store in a buffer, or to answer a load with an older value.

Only shared accesses come here. Packet bytes and a thread's own variables are private.
"""

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = npt.NDArray[np.uint64]
"""Shared memory: one dimension, 64-bit words."""

MASK = (1 << 64) - 1


class Ordering(enum.Enum):
    """How an access is ordered with its neighbours, in the terms of C11; PLAIN is not atomic."""

    PLAIN = "plain"
    RELAXED = "relaxed"
    ACQUIRE = "acquire"
    RELEASE = "release"
    ACQUIRE_RELEASE = "acquire-release"
    FULL = "full"


class Memory:
    """Sequentially consistent memory without a scheduler: each access acts on the array at once.

    Accesses are indivisible only as long as no two interpreted kernels run in parallel threads.
    """

    def load(self, words: Words, index: SupportsIndex, ordering: Ordering) -> np.uint64:
        """Value of one word."""
        value: np.uint64 = words[index]
        return value

    def store(self, words: Words, index: SupportsIndex, value: int | np.uint64, ordering: Ordering) -> None:
        """Set one word, modulo 2**64."""
        words[index] = int(value) & MASK

    def update(
        self,
        words: Words,
        index: SupportsIndex,
        operation: Callable[[int], int],
        ordering: Ordering,
    ) -> np.uint64:
        """Replace one word by `operation` of it, modulo 2**64, indivisibly; the old value."""
        old: np.uint64 = words[index]
        words[index] = operation(int(old)) & MASK
        return old

    def compare_and_swap(
        self,
        words: Words,
        index: SupportsIndex,
        expected: int | np.uint64,
        desired: int | np.uint64,
        success: Ordering,
        failure: Ordering,
    ) -> bool:
        """Set one word to `desired` if it is `expected`, indivisibly; whether it was."""
        if int(words[index]) != int(expected) & MASK:
            return False
        words[index] = int(desired) & MASK
        return True

    def fence(self, ordering: Ordering) -> None:
        """Order this thread's accesses before and after."""

    def pause(self) -> None:
        """This thread waits in a loop for another thread's store."""

    def yield_thread(self) -> None:
        """This thread waits, longer, for another thread's store."""


current = Memory()
"""The memory in force; set by `using`."""


@contextmanager
def using(memory: Memory) -> Iterator[Memory]:
    """Run interpreted kernels against `memory` until the block ends."""
    global current  # noqa: PLW0603 - one memory is in force for the whole process
    previous, current = current, memory
    try:
        yield memory
    finally:
        current = previous
