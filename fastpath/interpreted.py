"""The same kernels without the compiler: for the explorer, the provers and the tests.

`interpreted("fastpath.uft")` loads that module's source text a second time with the decorators of
`fastpath.compiler` as identities, and does the same for whatever it imports from this package. Every
call then reaches a plain function, every shared access the `fastpath.memory.Memory` in force. There
is no second copy of any kernel: what is explored is the text that is compiled.

A rewrite changes the text on the way in. This is how faults are seeded, to see that a check finds them.
"""

import builtins
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, TypeVar

_Value = TypeVar("_Value")

Rewrite: TypeAlias = Callable[[str], str]
"""A change of a module's source text."""

PACKAGE = "fastpath"
DECORATORS = ("kernel", "called_kernel", "cold_kernel", "entry_point")
SHARED = ("fastpath.atomics", "fastpath.memory", "fastpath.lowering")
"""Modules that need no copy: they hold no kernels, and there is one memory in force for all."""


class SourceNotFoundError(LookupError):
    """A rewrite names a piece of source that does not occur exactly once."""


def replace_once(old: str, new: str) -> Rewrite:
    """A rewrite of one place.

    Raises SourceNotFoundError when `old` does not occur exactly once, so that a seeded fault cannot
    silently miss.
    """

    def rewrite(source: str) -> str:
        if source.count(old) != 1:
            occurrences = source.count(old)
            raise SourceNotFoundError(f"{old!r} occurs {occurrences} times: name it exactly once")
        return source.replace(old, new)

    return rewrite


def interpreted(name: str, rewrites: Mapping[str, Rewrite] | None = None) -> ModuleType:
    """Module `name` with plain functions for kernels, in fresh copies of all that it imports here.

    `rewrites` maps module names, such as "fastpath.hash_table", to changes of their source.
    """
    return Interpreted(rewrites).module(name)


class Interpreted:
    """A private set of copies of this package's modules, each loaded once, on demand.

    `substitutes` maps names of modules, such as "threading" or "fastpath.lowering", to what the copies import instead;
    `shared` names those of the package that are taken as they are.
    """

    def __init__(
        self,
        rewrites: Mapping[str, Rewrite] | None = None,
        substitutes: Mapping[str, ModuleType] | None = None,
        shared: Sequence[str] = SHARED,
    ) -> None:
        self._rewrites = dict(rewrites or {})
        self.substitutes = dict(substitutes or {})
        self._shared = shared
        self._modules: dict[str, ModuleType] = {}
        self._builtins = dict(vars(builtins), __import__=self._import)

    def module(self, name: str) -> ModuleType:
        """The copy of module `name`."""
        if name not in self._modules:
            self._load(name)
        return self._modules[name]

    def _load(self, name: str) -> None:
        if name in self.substitutes:
            self._modules[name] = self.substitutes[name]
            return
        original = importlib.import_module(name)
        if name in self._shared:
            self._modules[name] = original
            return
        copy = self._modules[name] = ModuleType(name)
        if name == PACKAGE:
            vars(copy).update(vars(original))
        elif name == "fastpath.compiler":
            vars(copy).update(vars(original), **dict.fromkeys(DECORATORS, _unchanged))
        else:
            path = str(original.__file__)
            source = Path(path).read_text(encoding="utf-8")
            text = self._rewrites.get(name, _unchanged)(source)
            context = {"__file__": path, "__package__": original.__package__}
            vars(copy).update(context, __builtins__=self._builtins)
            exec(compile(text, path, "exec", dont_inherit=True), vars(copy))

    def _import(
        self,
        name: str,
        module_globals: Mapping[str, object] | None = None,
        module_locals: Mapping[str, object] | None = None,
        names: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """The `import` statement in copies: this package leads to copies, all else to the original.

        Signature and result are those of `builtins.__import__`.
        """
        if name in self.substitutes:
            return self.substitutes[name]
        if level or name.partition(".")[0] != PACKAGE:
            return builtins.__import__(name, module_globals, module_locals, names or (), level)
        self._bind(name)
        if not names:
            return self.module(PACKAGE)
        for entry in names:
            if name == PACKAGE and importlib.util.find_spec(f"{name}.{entry}"):
                self._bind(f"{name}.{entry}")
        return self.module(name)

    def _bind(self, name: str) -> None:
        """Load `name` and make it an attribute of its package's copy, as importing does."""
        parent, _, child = name.rpartition(".")
        if parent:
            self._bind(parent)
            setattr(self.module(parent), child, self.module(name))


def _unchanged(value: _Value) -> _Value:
    return value
