"""The instrumented build: the production modules' own texts, compiled with a turn before each shared access.

`Instrumented` loads what `fastpath.interpreted` loads, from the same source texts, with the same rewrites for seeded
faults. Only two modules are exchanged: `fastpath.lowering`, so that atomics announce themselves, and
`fastpath.compiler`, so that nothing of this ever enters the cache of production code.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numba

from fastpath import compiler
from fastpath.compiler import OPTIONS
from fastpath.interpreted import DECORATORS, Interpreted, Rewrite
from proofs.interleavings.compiled import hooked
from proofs.interleavings.compiled.switch import routines


class Instrumented(Interpreted):
    """A private set of copies of the fast path's modules, whose kernels are compiled when first needed.

    Raises UnavailableError on a machine that cannot run them.
    """

    def __init__(self, rewrites: Mapping[str, Rewrite] | None = None) -> None:
        routines()
        exchanged = {"fastpath.compiler": _compiler(), "fastpath.lowering": hooked}
        super().__init__(rewrites, exchanged, shared=("fastpath.memory",))


def _compiler() -> ModuleType:
    """The module `fastpath.compiler` with decorators that compile and keep nothing."""
    module = ModuleType("fastpath.compiler")
    vars(module).update(vars(compiler), **dict.fromkeys(DECORATORS, instrumented))
    vars(module)["kernel"] = inlined
    return module


def instrumented(function: Any) -> Any:
    """A kernel of the instrumented build."""
    return numba.njit(**OPTIONS)(function)


def inlined(function: Any) -> Any:
    """As `instrumented`, inlined into what calls it."""
    return numba.njit(**OPTIONS, forceinline=True)(function)
