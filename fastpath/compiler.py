"""How kernels are compiled: three decorators, one set of options.

`@kernel` makes a building block that is always inlined, `@cold_kernel` a block that stays a call,
`@entry_point` a function that Python calls once for many packets. All three run without the
interpreter lock, reference counts and bounds checks, and are kept in the cache of
`fastpath.code_cache`. The plain function stays reachable as `py_func`; `fastpath.interpreted` runs
whole modules of kernels without the compiler.
"""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar, cast

import numba

from fastpath.code_cache import SharedCodeCache

_Function = TypeVar("_Function", bound=Callable[..., Any])

OPTIONS: Mapping[str, Any] = {
    "nogil": True,
    "_nrt": False,
    "boundscheck": False,
    "error_model": "numpy",
}
"""numba options of every kernel. Without `_nrt=False`, calls count references of their arrays."""


def kernel(function: _Function) -> _Function:
    """A building block, always inlined into what calls it."""
    return _compiled(function, inlined=True)


def cold_kernel(function: _Function) -> _Function:
    """A building block off the hot path, a call unless the optimiser thinks better of it."""
    return _compiled(function, inlined=False)


def entry_point(function: _Function) -> _Function:
    """A function that Python calls, once for many packets; other threads run meanwhile."""
    return _compiled(function, inlined=False)


def _compiled(function: _Function, inlined: bool) -> _Function:
    dispatcher = numba.njit(**OPTIONS, forceinline=inlined)(function)
    dispatcher._cache = SharedCodeCache(cast(FunctionType, function))
    return cast(_Function, dispatcher)
