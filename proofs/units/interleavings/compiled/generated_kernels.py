"""The programs of `generated.py` for both engines: their operations as data that one kernel carries out."""

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.compiled.kernel_program import Build, KernelProgram, Rows
from proofs.units.interleavings.generated import STRONG, VARIABLES, generated_code

MOST_OPERATIONS: Final = 5
_FIELDS: Final = 4
_NAMES = sorted(set(STRONG))
LOAD, STORE, ADD, SWAP, COPY, IF, WAIT = (
    _NAMES.index(kind) + 1 for kind in ("load", "store", "add", "swap", "copy", "if", "wait")
)
"""0 stands behind the last operation."""
_NOTHING, _ONE = np.uint64(0), np.uint64(1)


def generated_kernels(seed: int) -> Build:
    """The program of `generated_program(seed)`; each thread's results are 1 more than what it saw, then 0."""
    code = generated_code(seed)
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
def _body(modules: Interpreted) -> Callable[[Words, Words], None]:  # noqa: C901 - a branch for each operation
    atomics: Any = modules.module("fastpath.atomics")
    load_acquire, store_release, fetch_add = atomics.load_acquire, atomics.store_release, atomics.fetch_add
    compare_and_swap, pause = atomics.compare_and_swap, atomics.pause

    def body(words: Words, mine: Words) -> None:
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
                elif load_acquire(words, variable) != _NOTHING:
                    store_release(words, other, value)
            if sees:
                mine[seen] = last + _ONE
                seen += 1

    return body
