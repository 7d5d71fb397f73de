"""Recording costs production nothing: a compiled kernel is its accesses to memory, and calls nobody who looks on."""

import ctypes
import re
from typing import Any

import numpy as np
import pytest
from numba import types

from fastpath import hash_table, memory
from fastpath.atomics import load_relaxed, store_relaxed, store_release
from fastpath.compiler import entry_point
from fastpath.interpreted import interpreted
from fastpath.layout import ONE, VERSION, Index
from fastpath.memory import Memory, Ordering, Words

_WORDS = types.Array(types.uint64, 1, "C")
_SIGNATURE = (_WORDS, types.int64)


class _Counting(Memory):
    """Counts loads."""

    loads = 0

    def load(self, words: Any, index: Any, ordering: Ordering) -> np.uint64:
        self.loads += 1
        return super().load(words, index, ordering)


def _hook() -> None:
    """What somebody might have called at each access."""


_HOOK = ctypes.CFUNCTYPE(None)(_hook)


@entry_point
def _hooked(words: Words, bucket: Index) -> None:
    """As `unlock_bucket`, but that it calls a hook."""
    _HOOK()
    store_release(words, bucket + VERSION, load_relaxed(words, bucket + VERSION) + ONE)


@entry_point
def _read_twice(words: Words, bucket: Index) -> None:
    """As `unlock_bucket`, but that it counts in a word of its own, as an inlined hook would."""
    store_relaxed(words, 7, load_relaxed(words, 7) + ONE)
    store_release(words, bucket + VERSION, load_relaxed(words, bucket + VERSION) + ONE)


def _instructions(kernel: Any, signature: tuple[Any, ...] = _SIGNATURE) -> list[str]:
    """What a kernel does to memory, and what it calls: LLVM's instructions, made by the kernel's own compiler.

    Compiled now, by the options of production: numba does not show code that comes from the cache. The wrapper through
    which Python calls the code is left out.
    """
    library = vars(kernel)["_compiler"].compile(signature, None).library
    functions = re.split(r"^define ", library.get_llvm_str(), flags=re.MULTILINE)[1:]
    (body,) = (text.split("\n}")[0] for text in functions if "cpython" not in text.partition("(")[0])
    lines = [line.partition("=")[2] or line for line in body.splitlines()[1:]]
    found = re.compile(r"(?:tail |notail |musttail )?(call|invoke|load|store|atomicrmw|cmpxchg|fence)\b")
    return [line.strip() for line in lines if found.match(line.strip())]


def _kinds(instructions: list[str]) -> list[str]:
    """Of each instruction its name and ordering, without addresses and values."""
    words = "call|invoke|load|store|atomicrmw|cmpxchg|fence|atomic|monotonic|acquire|release|acq_rel|seq_cst"
    return [" ".join(re.findall(rf"(?<![%@.\w])(?:{words})(?![.\w])", line)) for line in instructions]


_UNLOCK = ["load atomic monotonic", "store atomic release", "store"]
"""The version is read and written; the last one says that nothing was raised."""


def test_a_compiled_kernel_accesses_words_and_calls_nothing_also_while_somebody_looks_on() -> None:
    with memory.using(_Counting()):
        kernel: Any = hash_table.unlock_bucket
        assert _kinds(_instructions(kernel.entry_point)) == _UNLOCK


@pytest.mark.parametrize("kernel", [_hooked, _read_twice], ids=["called", "inlined"])
def test_a_kernel_with_a_hook_is_told_from_one_without(kernel: Any) -> None:
    assert _kinds(_instructions(kernel)) != _UNLOCK


def test_a_hook_is_seen_as_a_call() -> None:
    assert any("call" in each for each in _kinds(_instructions(_hooked)))


@pytest.mark.slow
def test_a_compiled_look_up_calls_nothing_but_instructions() -> None:
    find: Any = hash_table.find
    done = _instructions(find.entry_point, (_WORDS, _WORDS, types.int64, types.uint64))
    calls = [each for each in done if re.search(r"\b(call|invoke)\b", each)]
    assert all(re.search(r"@llvm\.|asm", each) for each in calls), calls
    assert {"load atomic acquire", "load atomic monotonic", "fence acquire"} <= set(_kinds(done))


def test_a_compiled_kernel_does_not_reach_the_memory_in_force_and_the_interpreted_one_does() -> None:
    words = np.zeros(8, np.uint64)
    words[0] = 1
    counting = _Counting()
    with memory.using(counting):
        hash_table.unlock_bucket(words, 0)
        assert (counting.loads, int(words[0])) == (0, 2)
        interpreted("fastpath.hash_table").unlock_bucket(words, 0)
        assert (counting.loads, int(words[0])) == (1, 3)
