"""How the search itself is compiled: as the fast path's kernels, into a cache of its own."""

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, Final, TypeVar, cast

import numba

from fastpath.code_cache import SharedCodeCache
from fastpath.compiler import OPTIONS

_Function = TypeVar("_Function", bound=Callable[..., Any])

SOURCES: Final = Path(__file__).parent
"""What enters the search besides the fast path: its sources name the folder of its compiled code."""


def part(function: _Function) -> _Function:
    """A building block of the search, or a loop that Python calls once for many runs."""
    return _compiled(function, inlined=False)


def hot_part(function: _Function) -> _Function:
    """A building block that every step or every run needs, inlined into what calls it."""
    return _compiled(function, inlined=True)


def _compiled(function: _Function, inlined: bool) -> _Function:
    dispatcher = numba.njit(**OPTIONS, forceinline=inlined)(function)
    dispatcher._cache = SharedCodeCache(cast(FunctionType, function), SOURCES)
    return cast(_Function, dispatcher)
