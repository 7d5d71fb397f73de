"""What the decorators of `fastpath.compiler` make of a function: numba dispatchers that waste no compilation.

Both kinds compile for the types of integer arguments, not for each value that is written in a call.
"""
# mypy: disallow-untyped-calls=False, disallow-subclassing-any=False

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from numba.core import dispatcher
from numba.core.compiler import Compiler, Flags, compile_extra
from numba.core.registry import CPUDispatcher
from numba.core.types import Type, unliteral

from fastpath.code_cache import SharedCodeCache, fingerprint
from fastpath.code_library import CalledCode, ColdCode, InlinedCode, MachineCode, standing
from fastpath.kernel_context import KernelContext

_FunctionCompiler: Any = vars(dispatcher)["_FunctionCompiler"]


class _Pipeline(Compiler):
    """numba's stages, with a function's symbols named by its content.

    numba numbers the functions that a process compiles, and code from the cache may then have the symbol of another
    function of the same name: a policy's where another policy's was meant.
    """

    def _compile_bytecode(self) -> Any:
        self.state.func_id.unique_id = self.state.library.identity
        return super()._compile_bytecode()


class _KernelCompiler(_FunctionCompiler):
    library_class: type[InlinedCode] | type[MachineCode] = MachineCode
    switches: tuple[str, ...] = ("no_cfunc_wrapper",)

    def _compile_core(self, args: tuple[Type, ...], return_type: Type | None) -> Any:
        flags = Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        for switch in self.switches:
            setattr(flags, switch, True)
        context = KernelContext.of(self.targetdescr.target_context)
        return compile_extra(
            self.targetdescr.typing_context,
            context,
            self.py_func,
            args=args,
            return_type=return_type,
            flags=flags,
            locals=self.locals,
            library=self.library_class(context.codegen(), self.py_func.__qualname__, identity_of(self.py_func)),
            pipeline_class=_Pipeline,
        )


class _ColdCompiler(_KernelCompiler):
    library_class = ColdCode


class _InlinedCompiler(_KernelCompiler):
    library_class = InlinedCode
    switches = ("no_compile", "no_cpython_wrapper", "no_cfunc_wrapper")

    def _compile_core(self, args: tuple[Type, ...], return_type: Type | None) -> Any:
        result = super()._compile_core(args, return_type)._replace(entry_point=object())
        self.targetdescr.target_context.insert_user_function(result.entry_point, result.fndesc, [result.library])
        return result


class _CalledCompiler(_InlinedCompiler):
    library_class = CalledCode


class _KernelDispatcher(CPUDispatcher):
    compiler_class: type[_KernelCompiler]

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None) -> None:  # noqa: A002
        super().__init__(py_func, locals, targetoptions)
        self._compiler = self.compiler_class(py_func, self.targetdescr, self.targetoptions, self.locals, _Pipeline)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """As numba's, for the types of integers and not for their values."""
        return super().get_call_template([unliteral(kind) for kind in args], {k: unliteral(v) for k, v in kws.items()})


class InlinedKernel(_KernelDispatcher):
    """A function that is part of whatever compiled code calls it. Python calls an entry point made of it."""

    compiler_class = _InlinedCompiler

    def add_overload(self, cres: Any) -> None:
        """As numba's, but there is nothing that Python could call."""
        self.overloads[tuple(cres.signature.args)] = cres

    def __call__(self, *args: Any, **kws: Any) -> Any:
        return self.entry_point(*args, **kws)

    @functools.cached_property
    def entry_point(self) -> "StandingKernel":
        """The function as Python calls it."""
        return StandingKernel(self.py_func, self.locals, {**self.targetoptions, "forceinline": False})


class CalledKernel(InlinedKernel):
    """One that stays a call within the code of its callers."""

    compiler_class = _CalledCompiler


class StandingKernel(_KernelDispatcher):
    """A function with machine code of its own, made once and kept, which other compiled code calls where it is."""

    compiler_class = _KernelCompiler

    def __init__(self, py_func: Any, locals: Any = None, targetoptions: Any = None) -> None:  # noqa: A002
        super().__init__(py_func, locals, targetoptions)
        self._cache = SharedCodeCache(py_func)
        _dispatchers[py_func.__module__, py_func.__qualname__].add(self)

    def add_overload(self, cres: Any) -> None:
        """As numba's: this process now has the code, from the compiler or from the cache."""
        super().add_overload(cres)
        function, signature = self.py_func, tuple(cres.signature.args)
        standing[cres.library] = Standing(function.__module__, function.__qualname__, self.identity, signature)
        _environments.append(cres.environment)

    @functools.cached_property
    def identity(self) -> str:
        """See `identity_of`."""
        return identity_of(self.py_func)


class ColdKernel(StandingKernel):
    """One off the hot path, which is worth less of the compiler's time."""

    compiler_class = _ColdCompiler


@dataclass(frozen=True)
class Standing:
    """Code that other code calls where it is. Called, it makes the process have it: numba does, before loading callers.

    Raises:
        LookupError: the process has not made the function.
    """

    module: str
    name: str
    identity: str
    signature: tuple[Type, ...]

    def __call__(self) -> None:
        self.dispatcher().compile(self.signature)

    def dispatcher(self) -> StandingKernel:
        """The function in this process."""
        for found in _dispatchers[self.module, self.name]:
            if found.identity == self.identity:
                return found
        raise LookupError(f"{self.module}.{self.name} is called by compiled code, and not in this process")


def own_code(kernel: InlinedKernel | StandingKernel, signature: tuple[Type, ...]) -> str:
    """The optimised LLVM code of a kernel by itself, for types of arguments: what runs when Python calls it.

    All kernels that are inlined in it are part of it. Compiled code that calls an inlined kernel has it optimised once
    more, by the same passes, with what surrounds it; a cold kernel is called where it is.
    """
    standing: Any = kernel.entry_point if isinstance(kernel, InlinedKernel) else kernel
    return str(_compiled(standing, signature).library._get_module_for_linking())


def code_of(kernel: Any) -> Iterator[str]:
    """The optimised LLVM code of an entry point or cold kernel, and of all that it calls, for each signature it has."""
    seen, waiting = set(), [(kernel, signature) for signature in kernel.overloads]
    while waiting:
        result = _compiled(*waiting.pop())
        if result.library not in seen:
            seen.add(result.library)
            yield str(result.library._get_module_for_linking())
            needed = [item for item in result.reload_init if isinstance(item, Standing)]
            waiting += [(item.dispatcher(), item.signature) for item in needed]


def _compiled(kernel: Any, signature: tuple[Type, ...]) -> Any:
    """What the compiler made of a kernel for types of arguments. One of its likes may have been called, and not it."""
    kernel.compile(signature)
    return kernel.overloads[signature]


_dispatchers: defaultdict[tuple[str, str], WeakSet[StandingKernel]] = defaultdict(WeakSet)

_environments: list[object] = []
"""Of all code in this process, which is never unloaded; the code of one identity shares a pointer to the latest."""


def identity_of(function: Any) -> str:
    """What tells a function from all others, in any process that has the same sources."""
    return hashlib.sha256(repr(fingerprint(function)).encode()).hexdigest()[:16]
