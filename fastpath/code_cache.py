"""Where compiled kernels are kept between processes.

numba's own cache does not notice an edited kernel in another file or a changed constant. Here the
folder is named by a hash of every source that can enter a kernel, the library versions, the compiler
switches and the processor; it is read and written under a file lock, so that processes can share it.
Kernels from outside the fast path name the folder of their own sources, and so have a cache of their
own. The environment variable LOCKSTEP_CACHE moves it out of the source tree.
"""
# mypy: disallow-untyped-calls=False

import fcntl
import functools
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, ClassVar

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.codegen import CPUCodegen
from numba.core.compiler import CompileResult
from numba.core.cpu import CPUContext
from numba.core.serialize import dumps
from numba.core.types import Type

_SWITCHES = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "CPU_NAME", "CPU_FEATURES", "ENABLE_AVX")


@functools.cache
def folder(beyond: Path | None = None) -> Path:
    """The folder for code of exactly these sources, libraries, switches and processor.

    `beyond` is a folder of sources that enter the code too, besides those of the fast path.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    entering = [package, package.parent / "reference", *([beyond] if beyond else [])]
    for source in sorted(path for sources in entering for path in sources.rglob("*.py")):
        digest.update(f"{source.relative_to(package.parent)}\0".encode() + source.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, np.__version__)
    switches = [getattr(config, name, None) for name in _SWITCHES]
    processor = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    digest.update(repr((versions, switches, processor)).encode())
    parent = Path(os.environ.get("LOCKSTEP_CACHE") or package / "__pycache__")
    return parent / f"compiled-{digest.hexdigest()[:20]}"


class _Locator(_CacheLocator):
    """Tells numba to use `folder`, whose name already says which sources the code is of."""

    beyond: ClassVar[Path | None] = None

    def __init__(self, function: FunctionType) -> None:
        self._line = function.__code__.co_firstlineno
        self._py_file = function.__code__.co_filename

    def get_cache_path(self) -> str:
        return str(folder(self.beyond))

    def get_source_stamp(self) -> str:
        return folder(self.beyond).name

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: FunctionType, py_file: str) -> "_Locator":  # noqa: ARG003
        return cls(py_func)


class SharedCodeCache(FunctionCache):
    """numba's file cache for one kernel, safe for several processes and for kernels in closures.

    `beyond` is as for `folder`.
    """

    def __init__(self, function: FunctionType, beyond: Path | None = None) -> None:
        self._beyond = beyond
        locator = type("_LocatorOf", (_Locator,), {"beyond": beyond})
        self._impl_class: Any = type("_ImplementationOf", (CompileResultCacheImpl,), {"_locator_classes": [locator]})
        super().__init__(function)

    def _load_overload(self, sig: tuple[Type, ...], target_context: CPUContext) -> object:
        """Compiled code for one signature, or None. Read under the lock, so never half written.

        It is loaded after that: what it calls is looked for in the cache in its turn.
        """
        with _locked(self._beyond):
            data = self._cache_file.load(self._index_key(sig, target_context.codegen()))
        return data if data is None else self._impl.rebuild(target_context, data)

    def save_overload(self, sig: tuple[Type, ...], data: CompileResult) -> None:
        """Keep compiled code. Under the lock: two writers would give two signatures one file."""
        with _locked(self._beyond):
            super().save_overload(sig, data)

    def _index_key(self, sig: tuple[Type, ...], codegen: CPUCodegen) -> tuple[object, ...]:
        """As numba's, but a kernel in a closure counts by name and content.

        numba takes the identity of such a kernel, new in each process, and would never find it.
        """
        return sig, codegen.magic_tuple(), fingerprint(self._py_func)


@contextmanager
def _locked(beyond: Path | None) -> Iterator[None]:
    place = folder(beyond)
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fingerprint(value: object) -> object:
    """What tells a function, or a value that a closure has, from all others of these sources."""
    function = getattr(value, "py_func", value)
    if not isinstance(function, FunctionType):
        return dumps(value)
    name = (function.__module__, function.__qualname__)
    cells = [fingerprint(cell.cell_contents) for cell in function.__closure__ or ()]
    return (*name, hashlib.sha256(_content(function.__code__)).hexdigest(), *cells)


def _content(code: CodeType) -> bytes:
    constants = [value for value in code.co_consts if not isinstance(value, CodeType)]
    return code.co_code + repr(constants).encode()
