"""The programs of `generated.py` for both engines: their operations as data that one kernel carries out."""

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.compiled.kernel_program import Build, KernelProgram, Rows
from proofs.units.interleavings.generated import VARIABLES, WEAK, generated_code

MOST_OPERATIONS: Final = 5
_FIELDS: Final = 4
_NAMES = sorted(set(WEAK))
LOAD, STORE, ADD, SWAP, COPY, IF, WAIT = (
    _NAMES.index(kind) + 1 for kind in ("load", "store", "add", "swap", "copy", "if", "wait")
)
RELAXED_LOAD, RELAXED_STORE, RELAXED_ADD, RELAXED_SWAP, FULL_FENCE, ACQUIRE_FENCE, RELEASE_FENCE = (
    _NAMES.index(kind) + 1
    for kind in (
        *("relaxed load", "relaxed store", "relaxed add", "relaxed swap"),
        *("full fence", "acquire fence", "release fence"),
    )
)
"""0 stands behind the last operation."""
_NOTHING, _ONE = np.uint64(0), np.uint64(1)


def generated_kernels(seed: int, weak: bool = False) -> Build:
    """The program of `generated_program(seed, weak)`; a thread's results are 1 more than what it saw, then 0."""
    code = generated_code(seed, weak)
    private = []
    for operations in code:
        words = [
            word
            for kind, variable, value, other in operations
            for word in (_NAMES.index(kind) + 1, variable, value, other)
        ]
        private.append(words + [0] * (_FIELDS * (MOST_OPERATIONS + 1) - len(words)))

    def build(modules: Interpreted) -> KernelProgram:
        return KernelProgram(
            words=np.zeros(VARIABLES, np.uint64),
            threads=[_body(modules)] * len(code),
            check=_anything,
            results=MOST_OPERATIONS,
            private=private,
            kept=range(VARIABLES),
            may_wait_forever=True,
        )

    return build


def _anything(_words: Words, _rows: Rows) -> bool:
    return True


@functools.cache
def _body(modules: Interpreted) -> Callable[[Words, Words], None]:  # noqa: C901, PLR0915 - a branch for each operation
    atomics: Any = modules.module("fastpath.atomics")
    load_acquire, store_release, fetch_add = atomics.load_acquire, atomics.store_release, atomics.fetch_add
    compare_and_swap, pause = atomics.compare_and_swap, atomics.pause
    load_relaxed, store_relaxed, add_relaxed = atomics.load_relaxed, atomics.store_relaxed, atomics.fetch_add_relaxed
    swap_relaxed, fence_full = atomics.compare_and_swap_relaxed, atomics.fence_full
    fence_acquire, fence_release = atomics.fence_acquire, atomics.fence_release

    def body(words: Words, mine: Words) -> None:  # noqa: C901, PLR0912 - a branch for each operation
        seen, last = 0, _NOTHING
        at = MOST_OPERATIONS
        while mine[at] != _NOTHING:
            kind, value = np.int64(mine[at]), mine[at + 2]
            variable, other = np.int64(mine[at + 1]), np.int64(mine[at + 3])
            at += _FIELDS
            sees = True
            if kind == LOAD:
                last = load_acquire(words, variable)
            elif kind == ADD:
                last = fetch_add(words, variable, value)
            elif kind == SWAP:
                last = _ONE if compare_and_swap(words, variable, value - _ONE, value) else _NOTHING
            elif kind == RELAXED_LOAD:
                last = load_relaxed(words, variable)
            elif kind == RELAXED_ADD:
                last = add_relaxed(words, variable, value)
            elif kind == RELAXED_SWAP:
                last = _ONE if swap_relaxed(words, variable, value - _ONE, value) else _NOTHING
            elif kind == WAIT:
                last = _NOTHING
                while load_acquire(words, variable) == _NOTHING:
                    if load_acquire(words, other) != _NOTHING:
                        break
                    last += _ONE
                    pause()
            else:
                sees = False
                if kind == STORE:
                    store_release(words, variable, value)
                elif kind == COPY:
                    store_release(words, variable, last)
                elif kind == RELAXED_STORE:
                    store_relaxed(words, variable, value)
                elif kind == FULL_FENCE:
                    fence_full()
                elif kind == ACQUIRE_FENCE:
                    fence_acquire()
                elif kind == RELEASE_FENCE:
                    fence_release()
                elif load_acquire(words, variable) != _NOTHING:
                    store_release(words, other, value)
            if sees:
                mine[seen] = last + _ONE
                seen += 1

    return body
