"""A clock that compiled loops can read, so that they note when each batch was done without coming back to Python."""

import time
from typing import Any, Final

import numpy as np
from llvmlite import ir

from fastpath.lowering import lowers_to
from fastpath.memory import Words

_NANOSECONDS: Final = 1_000_000_000
_WORD, _INT = ir.IntType(64), ir.IntType(32)


def _read(builder: ir.IRBuilder, scratch: ir.Value) -> Any:
    """`clock_gettime(CLOCK_MONOTONIC, scratch)`, in nanoseconds."""
    kind = ir.FunctionType(_INT, [_INT, scratch.type])
    callee = builder.module.globals.get("clock_gettime") or ir.Function(builder.module, kind, "clock_gettime")
    builder.call(callee, [ir.Constant(_INT, time.CLOCK_MONOTONIC), scratch])
    seconds, rest = (builder.load(builder.gep(scratch, [ir.Constant(_WORD, word)])) for word in range(2))
    return builder.add(builder.mul(seconds, ir.Constant(_WORD, _NANOSECONDS)), rest)


@lowers_to(_read)
def nanoseconds(scratch: Words) -> np.uint64:  # noqa: ARG001 - of use to compiled code only
    """The time since some moment in the past; always rising. `scratch`: two words of the calling thread's own."""
    return np.uint64(time.clock_gettime_ns(time.CLOCK_MONOTONIC))
