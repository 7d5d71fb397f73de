"""Shared words, packet bytes and processor hints: the vocabulary of every kernel.

Every function here is plain Python with a second life. A compiled kernel that calls it gets exactly
the machine instruction named in its docstring, without bounds check, negative indices or reference
counts. The same kernel run by the interpreter executes the body: shared words go through the
`fastpath.memory.Memory` in force, so that an explorer can schedule each access; packet bytes are
private to a thread and are touched directly. Both lives return equal values for equal arguments.

Words are one-dimensional uint64 arrays, frames one-dimensional uint8 arrays, both contiguous; an
index counts elements and may be any integer type. Values are unsigned 64-bit and wrap around.
Inside a kernel keep both operands of an operator unsigned (`np.uint64`): numba turns a mixture of
signed and unsigned into a float. Orderings are those of C11; each caller says why it needs the one
it takes.
"""

from typing import SupportsIndex, TypeAlias

import numpy as np

from fastpath import lowering, memory
from fastpath.lowering import BOOLEAN, NOTHING, Frame, lowers_to
from fastpath.memory import MASK, Ordering, Words

Value: TypeAlias = int | np.uint64


# --- shared words ---


@lowers_to(lowering.atomic_load("monotonic"))
def load_relaxed(words: Words, index: SupportsIndex) -> np.uint64:
    """`mov`: the word's value, without ordering."""
    return memory.current.load(words, index, Ordering.RELAXED)


@lowers_to(lowering.atomic_load("acquire"))
def load_acquire(words: Words, index: SupportsIndex) -> np.uint64:
    """`mov` (`ldar` on Arm): the word's value; no later access moves before it."""
    return memory.current.load(words, index, Ordering.ACQUIRE)


@lowers_to(lowering.plain_load)
def load_plain(words: Words, index: SupportsIndex) -> np.uint64:
    """`mov`, not atomic: for a word that a protocol keeps from being written meanwhile."""
    return memory.current.load(words, index, Ordering.PLAIN)


@lowers_to(lowering.atomic_store("monotonic"), NOTHING)
def store_relaxed(words: Words, index: SupportsIndex, value: Value) -> None:
    """`mov`: set the word, without ordering."""
    memory.current.store(words, index, value, Ordering.RELAXED)


@lowers_to(lowering.atomic_store("release"), NOTHING)
def store_release(words: Words, index: SupportsIndex, value: Value) -> None:
    """`mov` (`stlr` on Arm): set the word; no earlier access moves after it."""
    memory.current.store(words, index, value, Ordering.RELEASE)


@lowers_to(lowering.plain_store, NOTHING)
def store_plain(words: Words, index: SupportsIndex, value: Value) -> None:
    """`mov`, not atomic: for a word that a protocol gives to this thread alone."""
    memory.current.store(words, index, value, Ordering.PLAIN)


@lowers_to(lowering.compare_exchange("acq_rel", "acquire"), BOOLEAN)
def compare_and_swap(words: Words, index: SupportsIndex, expected: Value, desired: Value) -> bool:
    """`lock cmpxchg`: set the word if it is `expected`; whether it was.

    Acquire and release; acquire alone when it was not.
    """
    return memory.current.compare_and_swap(words, index, expected, desired, Ordering.ACQUIRE_RELEASE, Ordering.ACQUIRE)


@lowers_to(lowering.compare_exchange("monotonic", "monotonic"), BOOLEAN)
def compare_and_swap_relaxed(words: Words, index: SupportsIndex, expected: Value, desired: Value) -> bool:
    """`lock cmpxchg`: set the word if it is `expected`, without ordering; whether it was."""
    return memory.current.compare_and_swap(words, index, expected, desired, Ordering.RELAXED, Ordering.RELAXED)


@lowers_to(lowering.atomic_update("add", "acq_rel"))
def fetch_add(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """`lock xadd` (`lock add` if the result is unused): add, with acquire and release; the old value."""
    return memory.current.update(words, index, lambda old: old + int(value), Ordering.ACQUIRE_RELEASE)


@lowers_to(lowering.atomic_update("add", "monotonic"))
def fetch_add_relaxed(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """`lock xadd` (`lock add` if the result is unused): add, without ordering; the old value."""
    return memory.current.update(words, index, lambda old: old + int(value), Ordering.RELAXED)


@lowers_to(lowering.atomic_update("umax", "monotonic"))
def fetch_max_relaxed(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """A `lock cmpxchg` loop on x86-64: raise the word to at least `value`; the old value.

    Without ordering.
    """
    return memory.current.update(words, index, lambda old: max(old, int(value) & MASK), Ordering.RELAXED)


@lowers_to(lowering.atomic_update("xchg", "acquire"))
def exchange_acquire(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """`xchg`: set the word, with acquire; the old value."""
    return memory.current.update(words, index, lambda _old: int(value), Ordering.ACQUIRE)


@lowers_to(lowering.fence("acquire"), NOTHING)
def fence_acquire() -> None:
    """No instruction on x86-64: earlier loads stay before every later access."""
    memory.current.fence(Ordering.ACQUIRE)


@lowers_to(lowering.fence("release"), NOTHING)
def fence_release() -> None:
    """No instruction on x86-64: every earlier access stays before later stores."""
    memory.current.fence(Ordering.RELEASE)


@lowers_to(lowering.fence("seq_cst"), NOTHING)
def fence_full() -> None:
    """`mfence` or an equal `lock or`: every earlier access stays before every later one.

    The only fence that keeps an earlier store before a later load.
    """
    memory.current.fence(Ordering.FULL)


# --- hints ---


@lowers_to(lowering.spin_hint, NOTHING)
def pause() -> None:
    """`pause` (`yield` on Arm): a waiting loop gives the core's other thread room."""
    memory.current.pause()


@lowers_to(lowering.sched_yield, NOTHING)
def yield_thread() -> None:
    """`sched_yield` of the C library: a long wait gives the core to another thread."""
    memory.current.yield_thread()


@lowers_to(lowering.prefetch(for_writing=False), NOTHING)
def prefetch(words: Words, index: SupportsIndex) -> None:
    """`prefetcht0`: ask for the word's cache line. Reads nothing, so any index is safe."""


@lowers_to(lowering.prefetch(for_writing=True), NOTHING)
def prefetch_write(words: Words, index: SupportsIndex) -> None:
    """`prefetchw` where there is one: ask for the word's cache line in order to write it."""


@lowers_to(lowering.prefetch(for_writing=False), NOTHING)
def prefetch_bytes(frames: Frame, offset: SupportsIndex) -> None:
    """`prefetcht0`: ask for the cache line of a packet byte."""


# --- packet bytes: any alignment, network order (be) or little-endian (le) ---


def _load_bytes(frames: Frame, offset: SupportsIndex, length: int, order: str) -> np.uint64:
    start = int(offset)
    return np.uint64(int.from_bytes(frames[start : start + length].tobytes(), order))  # type: ignore[arg-type]


def _store_bytes(frames: Frame, offset: SupportsIndex, value: Value, length: int, order: str) -> None:
    start, kept = int(offset), int(value) & ((1 << 8 * length) - 1)
    frames[start : start + length] = np.frombuffer(kept.to_bytes(length, order), np.uint8)  # type: ignore[arg-type]


@lowers_to(lowering.unaligned_load(8, "big"))
def load_u8(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movzx`: one byte."""
    return _load_bytes(frames, offset, 1, "big")


@lowers_to(lowering.unaligned_load(16, "big"))
def load_be16(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movbe`, or a load and a byte swap: two bytes in network order."""
    return _load_bytes(frames, offset, 2, "big")


@lowers_to(lowering.unaligned_load(32, "big"))
def load_be32(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movbe`, or a load and `bswap`: four bytes in network order."""
    return _load_bytes(frames, offset, 4, "big")


@lowers_to(lowering.unaligned_load(64, "big"))
def load_be64(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movbe`, or a load and `bswap`: eight bytes in network order."""
    return _load_bytes(frames, offset, 8, "big")


@lowers_to(lowering.unaligned_load(64, "little"))
def load_le64(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`mov`: eight bytes, least significant first."""
    return _load_bytes(frames, offset, 8, "little")


@lowers_to(lowering.unaligned_store(8, "big"), NOTHING)
def store_u8(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`mov`: the low byte of `value`."""
    _store_bytes(frames, offset, value, 1, "big")


@lowers_to(lowering.unaligned_store(16, "big"), NOTHING)
def store_be16(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`movbe`, or a rotation and a store: the low two bytes of `value` in network order."""
    _store_bytes(frames, offset, value, 2, "big")


@lowers_to(lowering.unaligned_store(32, "big"), NOTHING)
def store_be32(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`movbe`, or `bswap` and a store: the low four bytes of `value` in network order."""
    _store_bytes(frames, offset, value, 4, "big")


@lowers_to(lowering.unaligned_store(64, "big"), NOTHING)
def store_be64(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`movbe`, or `bswap` and a store: `value` in network order."""
    _store_bytes(frames, offset, value, 8, "big")


@lowers_to(lowering.unaligned_store(16, "little"), NOTHING)
def store_le16(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`mov`: the low two bytes of `value`, least significant first."""
    _store_bytes(frames, offset, value, 2, "little")


@lowers_to(lowering.unaligned_store(32, "little"), NOTHING)
def store_le32(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`mov`: the low four bytes of `value`, least significant first."""
    _store_bytes(frames, offset, value, 4, "little")


@lowers_to(lowering.unaligned_store(64, "little"), NOTHING)
def store_le64(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`mov`: `value`, least significant byte first."""
    _store_bytes(frames, offset, value, 8, "little")


@lowers_to(lowering.memmove, NOTHING)
def copy_bytes(
    destination: Frame,
    destination_offset: SupportsIndex,
    source: Frame,
    source_offset: SupportsIndex,
    length: SupportsIndex,
) -> None:
    """`memmove`, vector moves for a constant length: copy bytes; the two ranges may overlap."""
    target, origin, count = int(destination_offset), int(source_offset), int(length)
    destination[target : target + count] = source[origin : origin + count]


# --- arithmetic that Python operators lack ---


@lowers_to(lowering.folded_product)
def multiply_mix(left: Value, right: Value) -> np.uint64:
    """`mul` and `xor`: the two halves of the 128-bit product folded together.

    The mixing step of wyhash (Wang Yi, 2019).
    """
    product = (int(left) & MASK) * (int(right) & MASK)
    return np.uint64((product ^ product >> 64) & MASK)


@lowers_to(lowering.rotation)
def rotate_left(value: Value, count: Value) -> np.uint64:
    """`rol`: rotate by `count` modulo 64 bits."""
    kept, shift = int(value) & MASK, int(count) % 64
    return np.uint64((kept << shift | kept >> (64 - shift)) & MASK)
