"""How kernels are compiled: four decorators, one set of options.

`@kernel` makes a building block that is always inlined, `@called_kernel` one that stays a call within the code of
its caller, `@cold_kernel` a block that stays a call to code of its own,
`@entry_point` a function that Python calls once for many packets. All four run without the
interpreter lock, reference counts and bounds checks, and are kept in the cache of
`fastpath.code_cache`. The plain function stays reachable as `py_func`; `fastpath.interpreted` runs
whole modules of kernels without the compiler.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from fastpath.dispatcher import CalledKernel, ColdKernel, InlinedKernel, StandingKernel

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
    return cast(_Function, InlinedKernel(function, targetoptions=_options(inlined=True)))


def called_kernel(function: _Function) -> _Function:
    """A building block with many callers, part of the code of each: a call there, without what it does not need."""
    return cast(_Function, CalledKernel(function, targetoptions=_options(inlined=False)))


def cold_kernel(function: _Function) -> _Function:
    """A building block off the hot path: a call, and compiled once for all its callers."""
    return cast(_Function, ColdKernel(function, targetoptions=_options(inlined=False)))


def entry_point(function: _Function) -> _Function:
    """A function that Python calls, once for many packets; other threads run meanwhile."""
    return cast(_Function, StandingKernel(function, targetoptions=_options(inlined=False)))


def _options(*, inlined: bool) -> dict[str, Any]:
    return {**OPTIONS, "nopython": True, "forceinline": inlined}
