"""How kernels are compiled, cached, and run uncompiled.

`@kernel` makes an inlined building block, `@cold_kernel` a block that stays a call, `@entry_point` a function that Python calls once a
batch. All three run without the interpreter lock, reference counts and bounds checks. Outside compiled code they behave like the functions they wrap.

To explore a kernel under a scheduler, `interpreted` loads the modules of this package a second time with the three decorators as
identities: the same source text, run statement by statement in CPython, where every call reaches plain functions and every shared access the
`fastpath.memory.Memory` in force. A `rewrite` changes the text on the way, which is how faults are seeded. Nothing else is ever changed.

numba's own cache does not notice an edited helper in another file. Here the cache folder is named by a hash of all sources, library
versions, compiler switches and the processor, and is written under a file lock, so that processes can share it.
"""

import builtins
import contextlib
import fcntl
import functools
import hashlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.serialize import dumps

_Function = TypeVar("_Function", bound=Callable[..., Any])

PACKAGE = __name__.partition(".")[0]
OPTIONS: Mapping[str, Any] = {"nogil": True, "_nrt": False, "boundscheck": False, "error_model": "numpy"}
"""numba options of every kernel. Without `_nrt=False` each array argument costs reference counts on every call."""


def kernel(function: _Function) -> _Function:
    """A building block, always inlined into what calls it."""
    return _compiled(function, forceinline=True)


def cold_kernel(function: _Function) -> _Function:
    """A building block off the hot path, left as a call unless the optimiser thinks better."""
    return _compiled(function)


def entry_point(function: _Function) -> _Function:
    """A function that Python calls, once for many packets; other threads run meanwhile."""
    return _compiled(function)


def _compiled(function: _Function, **options: Any) -> _Function:
    dispatcher = numba.njit(**OPTIONS, **options)(function)
    dispatcher._cache = _SharedCache(function)
    return cast(_Function, dispatcher)


# --- the cache of compiled code ---


@functools.cache
def cache_folder() -> Path:
    """Where compiled code of exactly these sources, libraries, switches and processor is kept."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted([*root.rglob("*.py"), *(root.parent / "reference").rglob("*.py")]):
        digest.update(f"{source.relative_to(root.parent)}\0".encode() + source.read_bytes())
    switches = (config.OPT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE, config.CPU_NAME, config.CPU_FEATURES)
    processor = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    digest.update(repr((numba.__version__, llvmlite.__version__, np.__version__, switches, processor)).encode())
    parent = Path(os.environ.get("LOCKSTEP_CACHE", root / "__pycache__"))
    return parent / f"compiled-{digest.hexdigest()[:20]}"


class _Locator(_CacheLocator):  # type: ignore[misc]
    """Tells numba to use `cache_folder`, whose name already says which sources the code is of."""

    def __init__(self, function: FunctionType) -> None:
        self._line = function.__code__.co_firstlineno
        self._py_file = function.__code__.co_filename

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return cache_folder().name

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: FunctionType, py_file: str) -> "_Locator":
        return cls(py_func)


class _Implementation(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)


class _SharedCache(FunctionCache):  # type: ignore[misc]
    """numba's file cache, made safe for several processes, and for kernels that close over other kernels."""

    _impl_class = _Implementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with _lock(self.cache_path):
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        with _lock(self.cache_path):
            super().save_overload(sig, data)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        """As numba's, but a kernel in a closure counts by name and content: numba would key it by an identity new in each process."""
        return sig, codegen.magic_tuple(), _fingerprint(self._py_func)


@contextlib.contextmanager
def _lock(folder: str) -> Iterator[None]:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint(value: Any) -> Any:
    function = getattr(value, "py_func", value)
    if isinstance(function, FunctionType):
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        name = (function.__module__, function.__qualname__)
        return (*name, hashlib.sha256(_instructions(function.__code__)).hexdigest(), *map(_fingerprint, cells))
    return dumps(value)


def _instructions(code: CodeType) -> bytes:
    return code.co_code + repr([constant for constant in code.co_consts if not isinstance(constant, CodeType)]).encode()


# --- the same source without the compiler ---

Rewrite = Callable[[str], str]


class SourceNotFound(LookupError):
    """A rewrite names a piece of source that does not occur exactly once."""


def replace_once(old: str, new: str) -> Rewrite:
    """A rewrite of one place. Raises `SourceNotFound` when `old` does not occur exactly once, so that a seeded fault cannot silently miss."""

    def rewrite(source: str) -> str:
        if source.count(old) != 1:
            raise SourceNotFound(f"expected exactly one occurrence of {old!r}, found {source.count(old)}")
        return source.replace(old, new)

    return rewrite


class Interpreted:
    """A private copy of this package's modules in which kernels are plain functions.

    `rewrites` maps a module name to a change of its source. Modules are loaded on demand, once for each instance.
    """

    def __init__(self, rewrites: Mapping[str, Rewrite] | None = None) -> None:
        self._rewrites = dict(rewrites or {})
        self._modules: dict[str, ModuleType] = {}
        self._builtins = dict(vars(builtins), __import__=self._import)

    def module(self, name: str) -> ModuleType:
        """The copy of module `name`, such as "fastpath.uft"."""
        if name not in self._modules:
            self._load(name)
        return self._modules[name]

    def _load(self, name: str) -> None:
        original = importlib.import_module(name)
        if name in (f"{PACKAGE}.atomics", f"{PACKAGE}.memory"):
            self._modules[name] = original
            return
        copy = self._modules[name] = ModuleType(name)
        if name in (PACKAGE, __name__):
            vars(copy).update(vars(original))
            if name == __name__:
                vars(copy).update(kernel=_unchanged, cold_kernel=_unchanged, entry_point=_unchanged)
            return
        path = str(original.__file__)
        source = self._rewrites.get(name, str)(Path(path).read_text(encoding="utf-8"))
        vars(copy).update(__file__=path, __package__=original.__package__, __builtins__=self._builtins)
        exec(compile(source, path, "exec", dont_inherit=True), vars(copy))  # noqa: S102

    def _import(
        self,
        name: str,
        module_globals: Mapping[str, Any] | None = None,
        module_locals: Mapping[str, Any] | None = None,
        names: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`import` as seen by the copies: this package leads to copies, everything else to the real modules."""
        package = str((module_globals or {}).get("__package__") or "")
        full = importlib.util.resolve_name("." * level + name, package) if level else name
        if full.partition(".")[0] != PACKAGE:
            return builtins.__import__(name, module_globals, module_locals, names or (), level)
        if not names:
            self._bind(full)
            return self.module(PACKAGE)
        for entry in names:
            if importlib.util.find_spec(full).submodule_search_locations and importlib.util.find_spec(  # type: ignore[union-attr]
                f"{full}.{entry}"
            ):
                self._bind(f"{full}.{entry}")
        return self.module(full)

    def _bind(self, name: str) -> None:
        """Load `name` and make it an attribute of its package's copy, as importing does."""
        parent, _, child = name.rpartition(".")
        if parent:
            self._bind(parent)
            setattr(self.module(parent), child, self.module(name))


def _unchanged(function: _Function) -> _Function:
    return function


def interpreted(name: str, rewrites: Mapping[str, Rewrite] | None = None) -> ModuleType:
    """The module `name` with plain functions for kernels, in a fresh copy of everything it imports from this package."""
    return Interpreted(rewrites).module(name)
