"""Kernels without the compiler: the same text, plain functions, seeded faults that cannot miss."""

import types

import pytest

from fastpath import atomics, tcp
from fastpath.interpreted import Interpreted, SourceNotFoundError, interpreted, replace_once

KERNELS = [name for name, value in vars(tcp).items() if hasattr(value, "py_func")]


def _home(value: object) -> str | None:
    return value.__module__ if isinstance(value, types.FunctionType) else None


def test_kernels_are_plain_functions_of_the_same_code() -> None:
    module = interpreted("fastpath.tcp")
    assert KERNELS
    for name in KERNELS:
        plain, kernel = getattr(module, name), getattr(tcp, name)
        assert type(plain) is types.FunctionType
        assert plain.__code__ == kernel.py_func.__code__


def test_each_call_makes_a_private_copy() -> None:
    first, second = interpreted("fastpath.tcp"), interpreted("fastpath.tcp")
    assert getattr(first, KERNELS[0]) is not getattr(second, KERNELS[0])


def test_the_atomics_are_shared_so_that_one_memory_is_in_force() -> None:
    assert interpreted("fastpath.atomics") is atomics


def test_a_rewrite_reaches_a_module_that_another_one_imports() -> None:
    def marked(source: str) -> str:
        return source + "\nSEEDED = True\n"

    module = interpreted("fastpath.uft", {"fastpath.hash_table": marked})
    borrowed = [value for value in vars(module).values() if _home(value) == "fastpath.hash_table"]
    assert borrowed
    assert all(function.__globals__["SEEDED"] for function in borrowed)


def test_a_rewrite_must_occur_exactly_once() -> None:
    source = "one two one"
    assert replace_once("two", "2")(source) == "one 2 one"
    for text in ("one", "three"):
        with pytest.raises(SourceNotFoundError, match="exactly once"):
            replace_once(text, "")(source)


def test_a_substitute_stands_for_a_module_outside_the_package() -> None:
    pretended = types.ModuleType("threading")
    pretended.local = pretended.Lock = object  # type: ignore[attr-defined]
    modules = Interpreted(substitutes={"threading": pretended})
    assert vars(modules.module("fastpath.slow_path"))["threading"] is pretended
