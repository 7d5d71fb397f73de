"""Reading, writing and waiting from compiled loops, without the interpreter: read(2), write(2), poll(2).

Each call is plain Python when interpreted, and the C library's function when compiled.
"""

import os
import select
from typing import Any, Final

from llvmlite import ir
from numba import types

from fastpath.layout import Index
from fastpath.lowering import Frame, lowers_to
from fastpath.memory import Words

FAILED: Final = -1
"""Nothing to read, or no room: the descriptors are non-blocking."""
_POLLIN: Final = 1
_EVENTS_SHIFT: Final = 32
_BYTE, _INT, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _function(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: list[ir.Type]) -> Any:
    return builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(result, arguments), name)


def _transfer(name: str) -> Any:
    def emit(builder: ir.IRBuilder, descriptor: ir.Value, frames: ir.Value, at: ir.Value, length: ir.Value) -> Any:
        callee = _function(builder, name, _WORD, [_INT, frames.type, _WORD])
        return builder.call(callee, [builder.trunc(descriptor, _INT), builder.gep(frames, [at]), length])

    return emit


def _wait(builder: ir.IRBuilder, descriptor: ir.Value, scratch: ir.Value, milliseconds: ir.Value) -> Any:
    """`scratch` becomes a `struct pollfd`: descriptor, wanted events, events that came."""
    low = builder.and_(descriptor, ir.Constant(_WORD, 0xFFFF_FFFF))
    builder.store(builder.or_(low, ir.Constant(_WORD, _POLLIN << _EVENTS_SHIFT)), scratch)
    callee = _function(builder, "poll", _INT, [scratch.type, _WORD, _INT])
    ready = builder.call(callee, [scratch, ir.Constant(_WORD, 1), builder.trunc(milliseconds, _INT)])
    return builder.sext(ready, _WORD)


@lowers_to(_transfer("read"), types.int64)
def read(descriptor: Index, frames: Frame, at: Index, length: Index) -> Index:
    """Read one frame of at most `length` bytes to `frames[at:]`; its length, or `FAILED`."""
    try:
        return os.readv(int(descriptor), [frames[at : at + length].data])
    except OSError:
        return FAILED


@lowers_to(_transfer("write"), types.int64)
def write(descriptor: Index, frames: Frame, at: Index, length: Index) -> Index:
    """Write one frame; `length`, or `FAILED`."""
    try:
        return os.write(int(descriptor), frames[at : at + length].data)
    except OSError:
        return FAILED


@lowers_to(_wait, types.int64)
def wait_readable(descriptor: Index, scratch: Words, milliseconds: Index) -> Index:  # noqa: ARG001 - for compiled code
    """Wait until there is something to read, or so long; whether there is. `scratch`: a word of the thread's own."""
    return len(select.select([int(descriptor)], [], [], int(milliseconds) / 1e3)[0])
