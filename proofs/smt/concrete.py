"""Calling kernels with plain numbers, so that compiled, uncompiled and symbolic runs can be compared."""

from collections.abc import Callable
from typing import Any

import numpy as np


def on_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with integers as its arguments and results, whether it is compiled or not.

    A kernel takes `np.uint64` and, compiled, hands back Python integers, which would come in again as signed ones.
    Truth values and arrays go in as they are.
    """

    def call(*arguments: Any) -> Any:
        return _number(function(*map(_word, arguments)))

    return call


def _word(value: Any) -> Any:
    return np.uint64(value) if type(value) is int else value


def _number(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_number, value))
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return int(value)
