"""LLVM code as it runs: made machine code in this process and called, to see that a counterexample is one."""
# mypy: disallow-untyped-calls=False

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import binding
from numba import types

from proofs.smt.llvm.reader import without_wrapper


class NativeCode:
    """The one function of a module of a kernel.

    Mutants may loop for ever or write anywhere: run only what a proof has found to differ within its arrays.
    """

    def __init__(self, text: str) -> None:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        module = binding.parse_assembly(without_wrapper(text))
        (function,) = [found for found in module.functions if not found.is_declaration]
        machine = binding.Target.from_default_triple().create_target_machine(opt=0)
        self._engine = binding.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        self._address = self._engine.get_function_address(function.name)

    def call(self, arguments: Sequence[Any], result: types.Type) -> list[int]:
        """What the function returns for numbers, truth values and arrays, which it may change."""
        room = (ctypes.c_uint64 * 8)()
        passed: list[Any] = [ctypes.addressof(room), 0]
        kinds: list[Any] = [ctypes.c_void_p, ctypes.c_void_p]
        for argument in arguments:
            given, kind = _flattened(argument)
            passed += given
            kinds += kind
        function = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(self._address)
        function(*passed)
        if isinstance(result, types.NoneType):
            return []
        if isinstance(result, types.BaseTuple):
            return [int(word) for word in room[: len(result)]]
        return [room[0] & 1 if isinstance(result, types.Boolean) else int(room[0])]


def _flattened(argument: Any) -> tuple[list[Any], list[Any]]:
    """An argument as numba hands it over, and its types in C."""
    if isinstance(argument, np.ndarray):
        shape = [argument.size, argument.itemsize, argument.ctypes.data, argument.size, argument.itemsize]
        whole = ctypes.c_int64
        return [None, None, *shape], [ctypes.c_void_p, ctypes.c_void_p, whole, whole, ctypes.c_void_p, whole, whole]
    if isinstance(argument, bool | np.bool_):
        return [bool(argument)], [ctypes.c_bool]
    if isinstance(argument, np.int64):
        return [int(argument)], [ctypes.c_int64]
    return [int(argument)], [ctypes.c_uint64]
