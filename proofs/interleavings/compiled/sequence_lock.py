"""Programs for both engines on a sequence lock: the textbook one beside a counter, and one to measure speed with."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.compiled.kernel_program import KernelProgram, Rows

_NOTHING, _ONE, _TWO = np.uint64(0), np.uint64(1), np.uint64(2)
_WRITTEN, _SWAPPED = np.uint64(1), np.uint64(2)

VERSION: Final = 0
LEFT: Final = 1
RIGHT: Final = 2
COUNTER: Final = 3


def sequence_lock(modules: Interpreted, locked: bool = True) -> KernelProgram:
    """Two writers of two words under a sequence lock, each then counting by compare-and-swap, beside one reader.

    A writer that finds the lock taken leaves it; a reader that was disturbed reads nothing. With `locked` False the
    writers take the lock by a load and a store, so that they can write at once and a read can be torn.
    """
    atomics: Any = modules.module("fastpath.atomics")
    write, read = _write(modules, locked), _read(modules)
    load_relaxed, compare_and_swap = atomics.load_relaxed, atomics.compare_and_swap

    def writer(words: Words, mine: Words) -> None:
        if write(words):
            mine[0] = _WRITTEN
        count = load_relaxed(words, COUNTER)
        if compare_and_swap(words, COUNTER, count, count + _ONE):
            mine[0] |= _SWAPPED

    def reader(words: Words, mine: Words) -> None:
        mine[0], mine[1] = read(words)

    def whole(_words: Words, rows: Rows) -> bool:
        return bool(rows[2, 0] == rows[2, 1])

    return KernelProgram(np.zeros(4, np.uint64), [writer, writer, reader], whole, results=2, kept=[VERSION, COUNTER])


def writing_readers(modules: Interpreted) -> KernelProgram:
    """Three threads that write under a sequence lock and then read: about 25 turns."""
    write, read = _write(modules, locked=True), _read(modules)

    def both(words: Words, mine: Words) -> None:
        write(words)
        mine[0], mine[1] = read(words)

    def whole(_words: Words, rows: Rows) -> bool:
        return bool(rows[0, 0] == rows[0, 1] and rows[1, 0] == rows[1, 1] and rows[2, 0] == rows[2, 1])

    return KernelProgram(np.zeros(3, np.uint64), [both, both, both], whole, results=2)


def _write(modules: Interpreted, locked: bool) -> Callable[[Words], bool]:
    atomics: Any = modules.module("fastpath.atomics")
    load_relaxed, store_relaxed, store_release = atomics.load_relaxed, atomics.store_relaxed, atomics.store_release
    compare_and_swap, fence_release = atomics.compare_and_swap, atomics.fence_release

    def write(words: Words) -> bool:
        """Whether the lock was free."""
        version = load_relaxed(words, VERSION)
        if version & _ONE != _NOTHING:
            return False
        if not locked:
            store_relaxed(words, VERSION, version + _ONE)
        elif not compare_and_swap(words, VERSION, version, version + _ONE):
            return False
        # Readers that see any of the coming stores must also see the odd version.
        fence_release()
        store_relaxed(words, LEFT, load_relaxed(words, LEFT) + _ONE)
        store_relaxed(words, RIGHT, load_relaxed(words, RIGHT) + _ONE)
        store_release(words, VERSION, version + _TWO)
        return True

    kernel: Callable[[Words], bool] = _kernel(modules, write)
    return kernel


def _read(modules: Interpreted) -> Callable[[Words], tuple[np.uint64, np.uint64]]:
    atomics: Any = modules.module("fastpath.atomics")
    load_relaxed, load_acquire, fence_acquire = atomics.load_relaxed, atomics.load_acquire, atomics.fence_acquire

    def read(words: Words) -> tuple[np.uint64, np.uint64]:
        """Both words as they stood together, or nothing."""
        version = load_acquire(words, VERSION)
        left, right = load_relaxed(words, LEFT), load_relaxed(words, RIGHT)
        # The fence keeps the reads above before the second look at the version.
        fence_acquire()
        if version & _ONE != _NOTHING or load_relaxed(words, VERSION) != version:
            return _NOTHING, _NOTHING
        return left, right

    kernel: Callable[[Words], tuple[np.uint64, np.uint64]] = _kernel(modules, read)
    return kernel


def _kernel(modules: Interpreted, function: Any) -> Any:
    """A building block, compiled or not as the modules are."""
    compiler: Any = modules.module("fastpath.compiler")
    return compiler.kernel(function)
