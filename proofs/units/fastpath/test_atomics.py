"""Each atomic, byte access and hint: one instruction compiled, the same value interpreted."""

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import TypingError

from fastpath import atomics
from fastpath.compiler import OPTIONS

WORDS = 8
FRAME = 48

word_values = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**32, 2**63, 2**64 - 1]))
indices = st.integers(0, WORDS - 1)


@dataclass(frozen=True)
class Operation:
    """One function of `fastpath.atomics`, and what it must become.

    `arguments` are an example call: "words" and "frames" stand for the two arrays.
    """

    name: str
    arguments: tuple[str | int, ...]
    llvm: str
    x86: str

    @property
    def function(self) -> Callable[..., Any]:
        """The operation itself."""
        operation: Callable[..., Any] = getattr(atomics, self.name)
        return operation


OPERATIONS = (
    Operation("load_relaxed", ("words", 1), r"load atomic i64, .* monotonic, align 8", r"movq"),
    Operation("load_acquire", ("words", 1), r"load atomic i64, .* acquire, align 8", r"movq"),
    Operation("load_plain", ("words", 1), r"load i64, .* align 8", r"movq"),
    Operation("store_relaxed", ("words", 1, 2), r"store atomic i64 .* monotonic", r"movq"),
    Operation("store_release", ("words", 1, 2), r"store atomic i64 .* release", r"movq"),
    Operation("store_plain", ("words", 1, 2), r"store i64 .* align 8", r"movq"),
    Operation(
        "compare_and_swap",
        ("words", 1, 2, 3),
        r"cmpxchg .* acq_rel acquire",
        r"lock\s+cmpxchgq",
    ),
    Operation(
        "compare_and_swap_relaxed",
        ("words", 1, 2, 3),
        r"cmpxchg .* monotonic monotonic",
        r"lock\s+cmpxchgq",
    ),
    Operation("fetch_add", ("words", 1, 2), r"atomicrmw add .* acq_rel", r"lock\s+xaddq"),
    Operation("fetch_add_relaxed", ("words", 1, 2), r"atomicrmw add .* monotonic", r"lock\s+xaddq"),
    Operation("fetch_max_relaxed", ("words", 1, 2), r"(atomicrmw umax|cmpxchg) .* monotonic", r"lock\s+cmpxchgq"),
    Operation("exchange_acquire", ("words", 1, 2), r"atomicrmw xchg .* acquire", r"xchgq"),
    Operation("fence_acquire", (), r"fence acquire", r"#MEMBARRIER"),
    Operation("fence_release", (), r"fence release", r"#MEMBARRIER"),
    Operation("fence_full", (), r"fence seq_cst", r"mfence|lock\s+or[lq]"),
    Operation("pause", (), r"call void @llvm\.(x86\.sse2\.pause|aarch64\.hint)", r"\bpause\b"),
    Operation("yield_thread", (), r"call i32 @sched_yield", r"sched_yield"),
    Operation("prefetch", ("words", 1), r"@llvm\.prefetch.* i32 0, i32 3, i32 1", r"prefetcht0"),
    Operation(
        "prefetch_write",
        ("words", 1),
        r"@llvm\.prefetch.* i32 1, i32 3, i32 1",
        r"prefetch(w|t0)",
    ),
    Operation("prefetch_bytes", ("frames", 1), r"@llvm\.prefetch.* i32 0, i32 3, i32 1", r"prefetcht0"),
    Operation("load_u8", ("frames", 3), r"load i8, .* align 1", r"movz"),
    Operation("load_be16", ("frames", 3), r"load i16, .* align 1", r"r[ol][lr]w|movbew|bswap"),
    Operation("load_be32", ("frames", 3), r"load i32, .* align 1", r"bswapl|movbel"),
    Operation("load_be64", ("frames", 3), r"load i64, .* align 1", r"bswapq|movbeq"),
    Operation("load_le64", ("frames", 3), r"load i64, .* align 1", r"movq"),
    Operation("store_u8", ("frames", 3, 5), r"store i8 .* align 1", r"movb"),
    Operation("store_be16", ("frames", 3, 5), r"store i16 .* align 1", r"r[ol][lr]w|movbew|bswap"),
    Operation("store_be32", ("frames", 3, 5), r"store i32 .* align 1", r"bswapl|movbel"),
    Operation("store_be64", ("frames", 3, 5), r"store i64 .* align 1", r"bswapq|movbeq"),
    Operation("store_le16", ("frames", 3, 5), r"store i16 .* align 1", r"movw"),
    Operation("store_le32", ("frames", 3, 5), r"store i32 .* align 1", r"movl"),
    Operation("store_le64", ("frames", 3, 5), r"store i64 .* align 1", r"movq"),
    Operation("copy_bytes", ("frames", 3, "frames", 5, 16), r"@llvm\.memmove", r"memmove"),
    Operation("multiply_mix", (5, 7), r"mul .*i128|mul nuw i128", r"mul[xq]"),
    Operation("rotate_left", (5, 7), r"@llvm\.fshl\.i64", r"rol[xq]|rorx"),
)
by_name = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@cache
def compiled(function: Callable[..., Any]) -> Any:
    """A compiled call of `function` and nothing else, never from the cache of compiled code."""

    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return numba.njit(**OPTIONS)(call)


def arguments_of(operation: Operation) -> tuple[Any, ...]:
    arrays = {"words": np.zeros(WORDS, np.uint64), "frames": np.zeros(FRAME, np.uint8)}
    return tuple(
        arrays[argument] if isinstance(argument, str) else np.uint64(argument) for argument in operation.arguments
    )


def body(listing: str, opening: str) -> str:
    """The compiled function alone: numba lists its wrapper for the interpreter beside it."""
    parts = re.split(opening, listing, flags=re.MULTILINE)
    return "\n".join(part for part in parts[1:] if not re.search(r"cpython|cfunc", part.partition("\n")[0]))


def instructions(operation: Operation) -> tuple[str, str]:
    dispatcher = compiled(operation.function)
    dispatcher(*arguments_of(operation))
    signature = dispatcher.signatures[-1]
    llvm = body(dispatcher.inspect_llvm(signature), r"^define ")
    assembly = body(dispatcher.inspect_asm(signature), r"^(?=_ZN\S+:)")
    return llvm, assembly


def test_every_operation_is_in_the_table() -> None:
    public = {
        name
        for name, value in vars(atomics).items()
        if callable(value) and getattr(value, "__module__", "") == "fastpath.atomics"
    }
    assert {operation.name for operation in OPERATIONS} == {name for name in public if not name.startswith("_")}


@by_name
def test_lowers_to_the_llvm_instruction_with_its_ordering(operation: Operation) -> None:
    llvm, _ = instructions(operation)
    assert re.search(operation.llvm, llvm), llvm


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86-64 instructions")
@by_name
def test_becomes_the_x86_instruction(operation: Operation) -> None:
    _, assembly = instructions(operation)
    assert re.search(operation.x86, assembly), assembly


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names x86-64 instructions")
@pytest.mark.parametrize(
    "name",
    ["load_relaxed", "load_acquire", "store_relaxed", "store_release", "fence_acquire"],
)
def test_costs_no_locked_instruction_on_x86(name: str) -> None:
    operation = next(entry for entry in OPERATIONS if entry.name == name)
    _, assembly = instructions(operation)
    assert assembly
    assert not re.search(r"\block\b|mfence|xchg", assembly), assembly


@pytest.mark.parametrize("name", ["load_acquire", "store_release", "fetch_add"])
@pytest.mark.parametrize("element", [np.int64, np.uint32])
def test_words_of_another_type_are_refused(name: str, element: type) -> None:
    operation = next(entry for entry in OPERATIONS if entry.name == name)
    wrong: npt.NDArray[Any] = np.zeros(WORDS, element)
    with pytest.raises(TypingError, match=r"words is .*, must be a contiguous array of uint64"):
        compiled(operation.function)(wrong, *arguments_of(operation)[1:])


def both(function: Callable[..., Any], array: Sequence[int], element: type, arguments: tuple[int, ...]) -> None:
    """Run interpreted and compiled on equal arrays: equal results, equal arrays afterwards."""
    outcomes = []
    for call in (function, compiled(function)):
        memory: npt.NDArray[Any] = np.array(array, element)
        result = call(memory, *map(np.uint64, arguments))
        outcomes.append((None if result is None else int(result), memory.tolist()))
    assert outcomes[0] == outcomes[1]


@given(
    array=st.lists(word_values, min_size=WORDS, max_size=WORDS),
    index=indices,
    value=word_values,
)
def test_word_accesses_agree_interpreted_and_compiled(array: list[int], index: int, value: int) -> None:
    for load in (atomics.load_relaxed, atomics.load_acquire, atomics.load_plain):
        both(load, array, np.uint64, (index,))
    for change in (
        atomics.store_relaxed,
        atomics.store_release,
        atomics.store_plain,
        atomics.fetch_add,
        atomics.fetch_add_relaxed,
        atomics.fetch_max_relaxed,
        atomics.exchange_acquire,
    ):
        both(change, array, np.uint64, (index, value))


@given(
    array=st.lists(word_values, min_size=WORDS, max_size=WORDS),
    index=indices,
    expected=word_values,
    desired=word_values,
    matching=st.booleans(),
)
def test_compare_and_swap_agrees_interpreted_and_compiled(
    array: list[int], index: int, expected: int, desired: int, matching: bool
) -> None:
    expected = array[index] if matching else expected
    for function in (atomics.compare_and_swap, atomics.compare_and_swap_relaxed):
        both(function, array, np.uint64, (index, expected, desired))


@given(frame=st.binary(min_size=FRAME, max_size=FRAME), offset=st.integers(0, FRAME - 8))
def test_byte_loads_agree_interpreted_and_compiled(frame: bytes, offset: int) -> None:
    for width, name in ((1, "u8"), (2, "be16"), (4, "be32"), (8, "be64")):
        function = getattr(atomics, f"load_{name}")
        both(function, list(frame), np.uint8, (offset,))
        loaded = function(np.frombuffer(frame, np.uint8), offset)
        assert int(loaded) == int.from_bytes(frame[offset : offset + width], "big")
    both(atomics.load_le64, list(frame), np.uint8, (offset,))


@given(offset=st.integers(0, FRAME - 8), value=word_values)
def test_byte_stores_agree_interpreted_and_compiled(offset: int, value: int) -> None:
    frame = list(range(FRAME))
    for width, name in ((1, "u8"), (2, "be16"), (4, "be32"), (8, "be64")):
        function = getattr(atomics, f"store_{name}")
        both(function, frame, np.uint8, (offset, value))
        stored = np.array(frame, np.uint8)
        function(stored, offset, value)
        frame_after = frame.copy()
        frame_after[offset : offset + width] = (value % 256**width).to_bytes(width, "big")
        assert stored.tolist() == frame_after
    both(atomics.store_le16, frame, np.uint8, (offset, value))
    both(atomics.store_le32, frame, np.uint8, (offset, value))
    both(atomics.store_le64, frame, np.uint8, (offset, value))


@given(
    frame=st.binary(min_size=FRAME, max_size=FRAME),
    target=st.integers(0, FRAME),
    origin=st.integers(0, FRAME),
    length=st.integers(0, FRAME),
)
def test_overlapping_copies_agree_interpreted_and_compiled(frame: bytes, target: int, origin: int, length: int) -> None:
    length = min(length, FRAME - max(target, origin))
    moved = []
    for call in (atomics.copy_bytes, compiled(atomics.copy_bytes)):
        memory = np.frombuffer(frame, np.uint8).copy()
        call(memory, target, memory, origin, length)
        moved.append(memory.tobytes())
    expected = frame[:target] + frame[origin : origin + length] + frame[target + length :]
    assert moved == [expected, expected]


@given(left=word_values, right=word_values)
def test_arithmetic_agrees_interpreted_and_compiled(left: int, right: int) -> None:
    for function in (atomics.multiply_mix, atomics.rotate_left):
        interpreted = function(np.uint64(left), np.uint64(right))
        assert int(interpreted) == int(compiled(function)(np.uint64(left), np.uint64(right)))
    assert int(atomics.multiply_mix(left, 0)) == 0
    assert int(atomics.rotate_left(atomics.rotate_left(left, right), 64 - right % 64)) == left


@pytest.mark.parametrize("index_type", [np.int32, np.uint32, np.int64, np.uint64, int])
def test_an_index_may_be_any_integer_type(index_type: type) -> None:
    words = np.arange(WORDS, dtype=np.uint64)
    assert compiled(atomics.load_relaxed)(words, index_type(5)) == 5
    assert atomics.load_relaxed(words, index_type(5)) == 5
