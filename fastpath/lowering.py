"""How a plain function becomes machine instructions: the LLVM side of `fastpath.atomics`.

`lowers_to` registers a Python function with numba, so that a compiled kernel that calls it gets
what an emitter builds with llvmlite instead of a call. `fastpath.atomics` is made with it; so are the clock of
measurements and the system calls of live guests.
"""
# mypy: disallow-untyped-calls=False

import inspect
import platform
import sys
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.base import BaseContext
from numba.core.errors import TypingError
from numba.core.typing.templates import Signature
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import make_array

from fastpath.memory import Words

Frame: TypeAlias = npt.NDArray[np.uint8]
"""Packet bytes, private to the thread that works on them."""

Emitter: TypeAlias = Callable[..., Any]
"""Builds the instructions of one operation: takes a builder, then one LLVM value an argument."""

_Function = TypeVar("_Function", bound=Callable[..., Any])

_BIT, _BYTE, _INT32, _WORD, _DOUBLE_WORD = (ir.IntType(bits) for bits in (1, 8, 32, 64, 128))
_BYTE_POINTER = _BYTE.as_pointer()
_ARRAYS = {Words: (types.uint64, 1, "C"), Frame: (types.uint8, 1, "C")}
"""What an array parameter must be: element type, dimensions, layout."""

WORD, BOOLEAN, NOTHING = types.uint64, types.boolean, types.void
"""What an operation may return."""


def lowers_to(emit: Emitter, result: types.Type = WORD) -> Callable[[_Function], _Function]:
    """Compile calls of the decorated function to what `emit(builder, *arguments)` builds.

    An array argument arrives as the address of its first element, an integer as a 64-bit value.
    A call with anything else is numba's TypingError, naming the parameter.
    """

    def register(function: _Function) -> _Function:
        parameters = inspect.signature(function).parameters.values()

        def result_type(*arguments: types.Type) -> types.Type:
            for parameter, argument in zip(parameters, arguments, strict=True):
                _check(function.__name__, parameter, argument)
            return result

        vars(result_type)["__signature__"] = inspect.Signature(list(parameters))
        type_callable(function)(lambda _context: result_type)

        @lower_builtin(function, *[types.Any] * len(parameters))
        def lower(
            context: BaseContext,
            builder: ir.IRBuilder,
            signature: Signature,
            arguments: list[ir.Value],
        ) -> ir.Value:
            values = [
                make_array(kind)(context, builder, value).data
                if isinstance(kind, types.Array)
                else context.cast(builder, value, kind, types.uint64)
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            built = emit(builder, *values)
            return context.get_dummy_value() if result is NOTHING else built

        return function

    return register


def _check(function: str, parameter: inspect.Parameter, argument: types.Type) -> None:
    expected = _ARRAYS.get(parameter.annotation)
    if expected is None:
        fits = isinstance(argument, types.Integer)
    else:
        fits = isinstance(argument, types.Array) and (argument.dtype, argument.ndim, argument.layout) == expected
    if not fits:
        wanted = "an integer" if expected is None else f"a contiguous array of {expected[0]}"
        raise TypingError(f"{function}: {parameter.name} is {argument}, must be {wanted}")


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    callee = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(callee, arguments)


def plain_load(builder: ir.IRBuilder, words: ir.Value, index: ir.Value) -> ir.Value:
    """`load`: not atomic, may be moved, merged or repeated."""
    return builder.load(builder.gep(words, [index]))


def plain_store(builder: ir.IRBuilder, words: ir.Value, index: ir.Value, value: ir.Value) -> None:
    """`store`: not atomic, may be moved or merged."""
    builder.store(value, builder.gep(words, [index]))


def atomic_load(ordering: str) -> Emitter:
    """`load atomic`."""
    return lambda builder, words, index: builder.load_atomic(builder.gep(words, [index]), ordering, 8)


def atomic_store(ordering: str) -> Emitter:
    """`store atomic`."""
    return lambda builder, words, index, value: builder.store_atomic(value, builder.gep(words, [index]), ordering, 8)


def atomic_update(operation: str, ordering: str) -> Emitter:
    """`atomicrmw`: the old value."""
    return lambda builder, words, index, value: builder.atomic_rmw(
        operation, builder.gep(words, [index]), value, ordering
    )


def compare_exchange(success: str, failure: str) -> Emitter:
    """`cmpxchg`: whether the word was as expected."""
    return lambda builder, words, index, expected, desired: builder.extract_value(
        builder.cmpxchg(builder.gep(words, [index]), expected, desired, success, failure), 1
    )


def fence(ordering: str) -> Emitter:
    """`fence`."""
    return lambda builder: builder.fence(ordering)


def prefetch(for_writing: bool) -> Emitter:
    """`llvm.prefetch` of data into the nearest cache."""
    nearest, data = ir.Constant(_INT32, 3), ir.Constant(_INT32, 1)
    write = ir.Constant(_INT32, int(for_writing))

    def emit(builder: ir.IRBuilder, array: ir.Value, index: ir.Value) -> None:
        address = builder.bitcast(builder.gep(array, [index]), _BYTE_POINTER)
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), address, write, nearest, data)

    return emit


def spin_hint(builder: ir.IRBuilder) -> None:
    """The processor's hint for a waiting loop; nothing where there is none."""
    if platform.machine() in {"x86_64", "AMD64"}:
        _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
    elif platform.machine() in {"aarch64", "arm64"}:
        _call(builder, "llvm.aarch64.hint", ir.VoidType(), ir.Constant(_INT32, 1))


def sched_yield(builder: ir.IRBuilder) -> None:
    """A call of the C library's `sched_yield`."""
    _call(builder, "sched_yield", _INT32)


def unaligned_load(bits: int, order: str) -> Emitter:
    """`load` of bytes at any address, extended to a word."""
    kind, swap = ir.IntType(bits), order != sys.byteorder and bits > 8

    def emit(builder: ir.IRBuilder, frames: ir.Value, offset: ir.Value) -> ir.Value:
        address = builder.bitcast(builder.gep(frames, [offset]), kind.as_pointer())
        value = builder.load(address, align=1)
        value = builder.bswap(value) if swap else value
        return builder.zext(value, _WORD) if bits < 64 else value

    return emit


def unaligned_store(bits: int, order: str) -> Emitter:
    """`store` of a word's low bytes at any address."""
    kind, swap = ir.IntType(bits), order != sys.byteorder and bits > 8

    def emit(builder: ir.IRBuilder, frames: ir.Value, offset: ir.Value, value: ir.Value) -> None:
        address = builder.bitcast(builder.gep(frames, [offset]), kind.as_pointer())
        value = builder.trunc(value, kind) if bits < 64 else value
        builder.store(builder.bswap(value) if swap else value, address, align=1)

    return emit


def memmove(
    builder: ir.IRBuilder,
    destination: ir.Value,
    destination_offset: ir.Value,
    source: ir.Value,
    source_offset: ir.Value,
    length: ir.Value,
) -> None:
    """`llvm.memmove`."""
    target = builder.gep(destination, [destination_offset])
    origin = builder.gep(source, [source_offset])
    ordinary = ir.Constant(_BIT, 0)
    _call(builder, "llvm.memmove.p0.p0.i64", ir.VoidType(), target, origin, length, ordinary)


def folded_product(builder: ir.IRBuilder, left: ir.Value, right: ir.Value) -> ir.Value:
    """`mul` in 128 bits, then the exclusive or of the halves."""
    product = builder.mul(builder.zext(left, _DOUBLE_WORD), builder.zext(right, _DOUBLE_WORD))
    high = builder.trunc(builder.lshr(product, ir.Constant(_DOUBLE_WORD, 64)), _WORD)
    return builder.xor(builder.trunc(product, _WORD), high)


def rotation(builder: ir.IRBuilder, value: ir.Value, count: ir.Value) -> ir.Value:
    """`llvm.fshl` of a value with itself."""
    return _call(builder, "llvm.fshl.i64", _WORD, value, value, count)
