"""Shared words, packet bytes and processor hints: the only file that speaks LLVM.

Every function here is plain Python with a second life. A compiled kernel that calls it gets exactly the machine instruction named in
its docstring, without bounds check, negative indices or reference counts. The same kernel run by the interpreter executes the body:
shared words go through the `fastpath.memory.Memory` in force, so that an explorer can schedule each access; packet bytes are private to
a thread and are touched directly. Both lives return equal values for equal arguments.

Words are one-dimensional uint64 arrays, frames one-dimensional uint8 arrays; an index counts elements and may be any integer type.
Values are unsigned 64-bit and wrap around. Inside a kernel keep both operands of an operator unsigned (`np.uint64`): numba turns a mixture
of signed and unsigned into a float. Orderings are those of C11; each caller states why it needs the one it takes.
"""

import inspect
import platform
import sys
from collections.abc import Callable
from typing import Any, SupportsIndex, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import make_array

from fastpath import memory
from fastpath.memory import MASK, Ordering, Words

Frame: TypeAlias = npt.NDArray[np.uint8]
"""Packet bytes, private to the thread that works on them."""

Value: TypeAlias = int | np.uint64
_Function = TypeVar("_Function", bound=Callable[..., Any])
_Emit: TypeAlias = Callable[..., Any]

_BIT, _BYTE, _INT32, _WORD, _DOUBLE_WORD = (ir.IntType(bits) for bits in (1, 8, 32, 64, 128))
_BYTE_POINTER = _BYTE.as_pointer()
_PARAMETER_TYPES = {Words: types.Array(types.uint64, 1, "C"), Frame: types.Array(types.uint8, 1, "C")}


# --- from a plain function to instructions ---


def _lowers_to(emit: _Emit, result: types.Type = types.uint64) -> Callable[[_Function], _Function]:
    """Compile calls of the decorated function to what `emit(builder, *arguments)` builds.

    An array argument arrives as the address of its first element, an integer as a 64-bit value.
    """

    def register(function: _Function) -> _Function:
        parameters = inspect.signature(function).parameters.values()

        def result_type(*arguments: types.Type) -> types.Type:
            for parameter, argument in zip(parameters, arguments, strict=True):
                expected = _PARAMETER_TYPES.get(parameter.annotation)
                fits = isinstance(argument, types.Integer) if expected is None else _is_view(argument, expected)
                if not fits:
                    wanted = expected or "an integer"
                    raise TypingError(f"{function.__name__}: {parameter.name} is {argument}, must be {wanted}")
            return result

        result_type.__signature__ = inspect.Signature(list(parameters))  # type: ignore[attr-defined]
        type_callable(function)(lambda context: result_type)

        @lower_builtin(function, *[types.Any] * len(parameters))  # type: ignore[untyped-decorator]
        def lower(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            values = [
                make_array(kind)(context, builder, value).data
                if isinstance(kind, types.Array)
                else context.cast(builder, value, kind, types.uint64)
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            built = emit(builder, *values)
            return context.get_dummy_value() if result is types.void else built

        return function

    return register


def _is_view(argument: types.Type, expected: types.Array) -> bool:
    shape = (expected.dtype, expected.ndim, expected.layout)
    return isinstance(argument, types.Array) and (argument.dtype, argument.ndim, argument.layout) == shape


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: Any) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    callee = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(callee, arguments)


def _atomic_load(ordering: str) -> _Emit:
    return lambda builder, words, index: builder.load_atomic(builder.gep(words, [index]), ordering, 8)


def _atomic_store(ordering: str) -> _Emit:
    return lambda builder, words, index, value: builder.store_atomic(value, builder.gep(words, [index]), ordering, 8)


def _atomic_update(operation: str, ordering: str) -> _Emit:
    return lambda builder, words, index, value: builder.atomic_rmw(
        operation, builder.gep(words, [index]), value, ordering
    )


def _compare_exchange(success: str, failure: str) -> _Emit:
    return lambda builder, words, index, expected, desired: builder.extract_value(
        builder.cmpxchg(builder.gep(words, [index]), expected, desired, success, failure), 1
    )


def _prefetch(for_writing: bool) -> _Emit:
    """All cache levels; `locality` 3 keeps the line in the nearest one."""
    write, locality, data = (ir.Constant(_INT32, value) for value in (int(for_writing), 3, 1))
    return lambda builder, array, index: _call(
        builder,
        "llvm.prefetch.p0",
        ir.VoidType(),
        builder.bitcast(builder.gep(array, [index]), _BYTE_POINTER),
        write,
        locality,
        data,
    )


def _spin_hint(builder: ir.IRBuilder) -> None:
    if platform.machine() in ("x86_64", "AMD64"):
        _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
    elif platform.machine() in ("aarch64", "arm64"):
        _call(builder, "llvm.aarch64.hint", ir.VoidType(), ir.Constant(_INT32, 1))


def _unaligned_load(bits: int, order: str) -> _Emit:
    kind = ir.IntType(bits)

    def emit(builder: ir.IRBuilder, frames: Any, offset: Any) -> Any:
        value = builder.load(builder.bitcast(builder.gep(frames, [offset]), kind.as_pointer()), align=1)
        value = builder.bswap(value) if order != sys.byteorder and bits > 8 else value
        return builder.zext(value, _WORD) if bits < 64 else value

    return emit


def _unaligned_store(bits: int, order: str) -> _Emit:
    kind = ir.IntType(bits)

    def emit(builder: ir.IRBuilder, frames: Any, offset: Any, value: Any) -> None:
        value = builder.trunc(value, kind) if bits < 64 else value
        value = builder.bswap(value) if order != sys.byteorder and bits > 8 else value
        builder.store(value, builder.bitcast(builder.gep(frames, [offset]), kind.as_pointer()), align=1)

    return emit


def _memmove(
    builder: ir.IRBuilder, destination: Any, destination_offset: Any, source: Any, source_offset: Any, length: Any
) -> None:
    target, origin = builder.gep(destination, [destination_offset]), builder.gep(source, [source_offset])
    _call(builder, "llvm.memmove.p0.p0.i64", ir.VoidType(), target, origin, length, ir.Constant(_BIT, 0))


def _folded_product(builder: ir.IRBuilder, left: Any, right: Any) -> Any:
    product = builder.mul(builder.zext(left, _DOUBLE_WORD), builder.zext(right, _DOUBLE_WORD))
    high = builder.trunc(builder.lshr(product, ir.Constant(_DOUBLE_WORD, 64)), _WORD)
    return builder.xor(builder.trunc(product, _WORD), high)


# --- shared words ---


@_lowers_to(_atomic_load("monotonic"))
def load_relaxed(words: Words, index: SupportsIndex) -> np.uint64:
    """`mov`: the word's value, without ordering."""
    return memory.current.load(words, index, Ordering.RELAXED)


@_lowers_to(_atomic_load("acquire"))
def load_acquire(words: Words, index: SupportsIndex) -> np.uint64:
    """`mov` (`ldar` on Arm): the word's value; no later access moves before it."""
    return memory.current.load(words, index, Ordering.ACQUIRE)


@_lowers_to(lambda builder, words, index: builder.load(builder.gep(words, [index])))
def load_plain(words: Words, index: SupportsIndex) -> np.uint64:
    """`mov`, not atomic: for a word that a protocol keeps from being written meanwhile."""
    return memory.current.load(words, index, Ordering.PLAIN)


@_lowers_to(_atomic_store("monotonic"), types.void)
def store_relaxed(words: Words, index: SupportsIndex, value: Value) -> None:
    """`mov`: set the word, without ordering."""
    memory.current.store(words, index, value, Ordering.RELAXED)


@_lowers_to(_atomic_store("release"), types.void)
def store_release(words: Words, index: SupportsIndex, value: Value) -> None:
    """`mov` (`stlr` on Arm): set the word; no earlier access moves after it."""
    memory.current.store(words, index, value, Ordering.RELEASE)


@_lowers_to(lambda builder, words, index, value: builder.store(value, builder.gep(words, [index])), types.void)
def store_plain(words: Words, index: SupportsIndex, value: Value) -> None:
    """`mov`, not atomic: for a word that a protocol gives to this thread alone."""
    memory.current.store(words, index, value, Ordering.PLAIN)


@_lowers_to(_compare_exchange("acq_rel", "acquire"), types.boolean)
def compare_and_swap(words: Words, index: SupportsIndex, expected: Value, desired: Value) -> bool:
    """`lock cmpxchg`: set the word if it is `expected`; whether it was. Acquire and release; acquire alone when it was not."""
    return memory.current.compare_and_swap(
        words, index, expected, desired, Ordering.ACQUIRE_RELEASE, Ordering.ACQUIRE
    )


@_lowers_to(_compare_exchange("monotonic", "monotonic"), types.boolean)
def compare_and_swap_relaxed(words: Words, index: SupportsIndex, expected: Value, desired: Value) -> bool:
    """`lock cmpxchg`: set the word if it is `expected`; whether it was. Without ordering."""
    return memory.current.compare_and_swap(words, index, expected, desired, Ordering.RELAXED, Ordering.RELAXED)


@_lowers_to(_atomic_update("add", "acq_rel"))
def fetch_add(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """`lock xadd` (`lock add` if the result is unused): add, with acquire and release; the old value."""
    return memory.current.update(words, index, lambda old: old + int(value), Ordering.ACQUIRE_RELEASE)


@_lowers_to(_atomic_update("add", "monotonic"))
def fetch_add_relaxed(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """`lock xadd` (`lock add` if the result is unused): add, without ordering; the old value."""
    return memory.current.update(words, index, lambda old: old + int(value), Ordering.RELAXED)


@_lowers_to(_atomic_update("umax", "monotonic"))
def fetch_max_relaxed(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """A `lock cmpxchg` loop on x86-64: raise the word to at least `value`, without ordering; the old value."""
    return memory.current.update(words, index, lambda old: max(old, int(value) & MASK), Ordering.RELAXED)


@_lowers_to(_atomic_update("xchg", "acquire"))
def exchange_acquire(words: Words, index: SupportsIndex, value: Value) -> np.uint64:
    """`xchg`: set the word, with acquire; the old value."""
    return memory.current.update(words, index, lambda old: int(value), Ordering.ACQUIRE)


@_lowers_to(lambda builder: builder.fence("acquire"), types.void)
def fence_acquire() -> None:
    """No instruction on x86-64: earlier loads stay before every later access."""
    memory.current.fence(Ordering.ACQUIRE)


@_lowers_to(lambda builder: builder.fence("release"), types.void)
def fence_release() -> None:
    """No instruction on x86-64: every earlier access stays before later stores."""
    memory.current.fence(Ordering.RELEASE)


@_lowers_to(lambda builder: builder.fence("seq_cst"), types.void)
def fence_full() -> None:
    """`mfence` or an equal `lock or`: every earlier access stays before every later one, also a store before a load."""
    memory.current.fence(Ordering.FULL)


# --- hints ---


@_lowers_to(_spin_hint, types.void)
def pause() -> None:
    """`pause` (`yield` on Arm): a waiting loop gives the core's other thread room."""
    memory.current.pause()


@_lowers_to(lambda builder: _call(builder, "sched_yield", _INT32), types.void)
def yield_thread() -> None:
    """`sched_yield` of the C library: a long wait gives the core to another thread."""
    memory.current.yield_thread()


@_lowers_to(_prefetch(for_writing=False), types.void)
def prefetch(words: Words, index: SupportsIndex) -> None:
    """`prefetcht0`: ask for the word's cache line. Reads nothing, so any index is safe."""


@_lowers_to(_prefetch(for_writing=True), types.void)
def prefetch_write(words: Words, index: SupportsIndex) -> None:
    """`prefetchw` where the processor has it: ask for the word's cache line in order to write it."""


@_lowers_to(_prefetch(for_writing=False), types.void)
def prefetch_bytes(frames: Frame, offset: SupportsIndex) -> None:
    """`prefetcht0`: ask for the cache line of a packet byte."""


# --- packet bytes: any alignment, network order (be) or little-endian (le) ---


def _load_bytes(frames: Frame, offset: SupportsIndex, length: int, order: str) -> np.uint64:
    start = int(offset)
    return np.uint64(int.from_bytes(frames[start : start + length].tobytes(), order))  # type: ignore[arg-type]


def _store_bytes(frames: Frame, offset: SupportsIndex, value: Value, length: int, order: str) -> None:
    start, kept = int(offset), int(value) & ((1 << 8 * length) - 1)
    frames[start : start + length] = np.frombuffer(kept.to_bytes(length, order), np.uint8)  # type: ignore[arg-type]


@_lowers_to(_unaligned_load(8, "big"))
def load_u8(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movzx`: one byte."""
    return _load_bytes(frames, offset, 1, "big")


@_lowers_to(_unaligned_load(16, "big"))
def load_be16(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movbe`, or a load and a byte swap: two bytes in network order."""
    return _load_bytes(frames, offset, 2, "big")


@_lowers_to(_unaligned_load(32, "big"))
def load_be32(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movbe`, or a load and `bswap`: four bytes in network order."""
    return _load_bytes(frames, offset, 4, "big")


@_lowers_to(_unaligned_load(64, "big"))
def load_be64(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`movbe`, or a load and `bswap`: eight bytes in network order."""
    return _load_bytes(frames, offset, 8, "big")


@_lowers_to(_unaligned_load(64, "little"))
def load_le64(frames: Frame, offset: SupportsIndex) -> np.uint64:
    """`mov`: eight bytes, least significant first."""
    return _load_bytes(frames, offset, 8, "little")


@_lowers_to(_unaligned_store(8, "big"), types.void)
def store_u8(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`mov`: the low byte of `value`."""
    _store_bytes(frames, offset, value, 1, "big")


@_lowers_to(_unaligned_store(16, "big"), types.void)
def store_be16(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`movbe`, or a rotation and a store: the low two bytes of `value` in network order."""
    _store_bytes(frames, offset, value, 2, "big")


@_lowers_to(_unaligned_store(32, "big"), types.void)
def store_be32(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`movbe`, or `bswap` and a store: the low four bytes of `value` in network order."""
    _store_bytes(frames, offset, value, 4, "big")


@_lowers_to(_unaligned_store(64, "big"), types.void)
def store_be64(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`movbe`, or `bswap` and a store: `value` in network order."""
    _store_bytes(frames, offset, value, 8, "big")


@_lowers_to(_unaligned_store(64, "little"), types.void)
def store_le64(frames: Frame, offset: SupportsIndex, value: Value) -> None:
    """`mov`: `value`, least significant byte first."""
    _store_bytes(frames, offset, value, 8, "little")


@_lowers_to(_memmove, types.void)
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


@_lowers_to(_folded_product)
def multiply_mix(left: Value, right: Value) -> np.uint64:
    """`mul` and `xor`: the two halves of the 128-bit product folded together, the mixing step of wyhash (Wang Yi, 2019)."""
    product = (int(left) & MASK) * (int(right) & MASK)
    return np.uint64((product ^ product >> 64) & MASK)


@_lowers_to(lambda builder, value, count: _call(builder, "llvm.fshl.i64", _WORD, value, value, count))
def rotate_left(value: Value, count: Value) -> np.uint64:
    """`rol`: rotate by `count` modulo 64 bits."""
    kept, shift = int(value) & MASK, int(count) % 64
    return np.uint64((kept << shift | kept >> (64 - shift)) & MASK)
