"""Where the code of kernels is kept while they are compiled, and how it comes together.

numba makes a library of machine code of every function, with all that it calls linked in: what is inlined along a chain
of ten kernels is optimised ten times and becomes machine code ten times. Here a kernel that is part of its callers
stays as it was lowered (`InlinedCode`) and is linked once into each library that machine code is made of
(`MachineCode`); and such a library does not contain another one that it calls, but finds it when it is loaded.
"""
# mypy: disallow-untyped-calls=False, disallow-subclassing-any=False

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from numba.core.codegen import CodeLibrary, CPUCodegen, JITCodeLibrary
from numba.core.environment import lookup_environment

_ENVIRONMENT = "_ZN08NumbaEnv"
_WITHOUT_VECTORS: dict[str, Any] = {"loop_vectorize": False, "slp_vectorize": False}

standing: weakref.WeakKeyDictionary[CodeLibrary, Callable[[], object]] = weakref.WeakKeyDictionary()
"""Libraries that others find when they are loaded, and what makes a process have one: `dispatcher.Standing`."""


class _KernelCode(JITCodeLibrary):
    """What both kinds have in common.

    Attributes:
        identity: names the function in its symbols, the same in every process.
        inlined: the libraries of the kernels that are inlined here.
    """

    def __init__(self, codegen: CPUCodegen, name: str, identity: str) -> None:
        super().__init__(codegen, name)
        self.identity = identity
        self.inlined: list[InlinedCode] = []
        self._alive: list[CodeLibrary] = []

    def add_linking_library(self, library: CodeLibrary) -> None:
        """Note that the code calls what `library` has."""
        if isinstance(library, InlinedCode):
            library._ensure_finalized()
            self.inlined.append(library)
            self._reload_init.update(library._reload_init)
        elif library in standing:
            self._alive.append(library)
            self._reload_init.add(standing[library])
        else:
            super().add_linking_library(library)


class InlinedCode(_KernelCode):
    """The code of one kernel, for its callers: neither optimised as a whole nor made machine code of."""

    def finalize(self) -> None:
        """Let several libraries define these symbols, and none keep those that it does not use."""
        self._raise_if_finalized()
        module = self._final_module
        for symbol in (*module.functions, *module.global_variables):
            if not symbol.is_declaration:
                symbol.linkage = "linkonce_odr"
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """For a library that is not of this file: the code with all that is inlined in it."""
        self._ensure_finalized()
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            for library in _link(self._shared_module, self):
                self._shared_module.link_in(library._get_module_for_linking(), preserve=True)
        return self._shared_module


class CalledCode(InlinedCode):
    """The same of a kernel that stays a call within the code of its callers."""

    def finalize(self) -> None:
        """As of any kernel, with calls left as they are."""
        for function in self._final_module.functions:
            if not function.is_declaration:
                function.add_function_attribute("noinline")
        super().finalize()


class MachineCode(_KernelCode):
    """The code of a function and of all that is inlined in it, optimised as a whole and made into machine code."""

    _runs: tuple[dict[str, Any], ...] = (_WITHOUT_VECTORS, {})

    def __init__(self, codegen: CPUCodegen, name: str, identity: str) -> None:
        super().__init__(codegen, name, identity)
        self.enable_object_caching()

    def finalize(self) -> None:
        """Link, optimise, and make machine code."""
        self._raise_if_finalized()
        self._linking_libraries = _link(self._final_module, self)
        _make_private(self._final_module, _callers_first(self))
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Not with numba's own runs, of which the first is there for reference counts: kernels have none."""
        for options in self._runs:
            passes, builder = self._codegen._module_pass_manager(**options)
            with self._recorded_timings.record("Module passes", builder):
                passes.run(self._final_module, builder)

    def _finalize_specific(self) -> None:
        codegen: Any = self._codegen
        super()._finalize_specific()
        for variable in self._final_module.global_variables:
            environment = lookup_environment(variable.name) if variable.name.startswith(_ENVIRONMENT) else None
            if environment is not None and not variable.is_declaration:
                codegen.set_env(variable.name, environment)


class ColdCode(MachineCode):
    """The same of a function off the hot path. A second run takes as long as the first, and makes a hit 2 % shorter."""

    _runs = (_WITHOUT_VECTORS,)


def _link(module: Any, library: _KernelCode) -> list[Any]:
    """Link all that is inlined in `library` into `module`; what is still to be linked: numba's own functions.

    Callers come first: what nobody has called so far is left out.
    """
    outside = dict.fromkeys(library._linking_libraries)
    for part in _callers_first(library):
        module.link_in(part._final_module, preserve=True)
        outside |= dict.fromkeys(part._linking_libraries)
    return list(outside)


def _make_private(module: Any, parts: Iterable["InlinedCode"]) -> None:
    """Let nobody else call the functions of `parts`. One that stays a call then takes only what it looks at.

    To numba an array is seven arguments, of which kernels look at one.
    """
    names = {function.name for part in parts for function in part._final_module.functions}
    for function in module.functions:
        if function.name in names and not function.is_declaration:
            function.linkage = "internal"


def _callers_first(library: _KernelCode) -> Iterable[InlinedCode]:
    order: dict[InlinedCode, None] = {}

    def visit(caller: _KernelCode) -> None:
        for called in caller.inlined:
            if called not in order:
                visit(called)
                order[called] = None

    visit(library)
    return reversed(order)
