"""Recording costs production nothing: compiled kernels are the same instructions, whoever looks on."""

from typing import Any

import numpy as np
from numba import njit, types

from fastpath import hash_table, memory
from fastpath.interpreted import interpreted
from fastpath.memory import Memory, Ordering

_WORDS = types.Array(types.uint64, 1, "C")
_SIGNATURE = (_WORDS, types.int64)


class _Counting(Memory):
    """Counts loads."""

    loads = 0

    def load(self, words: Any, index: Any, ordering: Ordering) -> np.uint64:
        self.loads += 1
        return super().load(words, index, ordering)


def _assembly() -> str:
    """The machine code of a kernel, compiled now."""
    kernel: Any = hash_table.unlock_bucket
    compiled = njit(_SIGNATURE)(kernel.py_func)
    text: str = compiled.inspect_asm(_SIGNATURE)
    return "\n".join(line for line in text.splitlines() if line.startswith("\t") and not line.startswith("\t."))


def _instructions(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()]


def test_compiled_code_is_the_same_whatever_memory_is_in_force() -> None:
    plain = _assembly()
    with memory.using(_Counting()):
        watched = _assembly()
    assert _instructions(plain) == _instructions(watched)


def test_a_compiled_kernel_does_not_reach_the_memory_in_force_and_the_interpreted_one_does() -> None:
    words = np.zeros(8, np.uint64)
    words[0] = 1
    counting = _Counting()
    with memory.using(counting):
        hash_table.unlock_bucket(words, 0)
        assert (counting.loads, int(words[0])) == (0, 2)
        interpreted("fastpath.hash_table").unlock_bucket(words, 0)
        assert (counting.loads, int(words[0])) == (1, 3)
