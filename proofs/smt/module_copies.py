"""Private copies of modules, made of the same source, in which some built-in names mean something else."""

import builtins
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from fastpath.interpreted import Rewrite
from proofs.smt.proxies import searchable


class ModuleCopies:
    """Copies of the modules named, which import one another's copies and everything else as it is.

    Attributes:
        names: modules to copy.
        meanings: what built-in names mean in them.
        substitutes: what they import in place of other modules.
        rewrites: changes of their source text.
    """

    def __init__(
        self,
        names: Sequence[str],
        meanings: Mapping[str, Any],
        substitutes: Mapping[str, Any] | None = None,
        rewrites: Mapping[str, Rewrite] | None = None,
    ) -> None:
        self.names = frozenset(names)
        self.substitutes = dict(substitutes or {})
        self.rewrites = dict(rewrites or {})
        self.builtins = {**vars(builtins), **meanings, "__import__": self._import}
        self.copies: dict[str, ModuleType] = {}

    def module(self, name: str) -> ModuleType:
        """The copy of module `name`."""
        if name not in self.copies:
            original = importlib.import_module(name)
            copy = self.copies[name] = ModuleType(name)
            text = Path(str(original.__file__)).read_text(encoding="utf-8")
            text = self.rewrites[name](text) if name in self.rewrites else text
            vars(copy).update(__builtins__=self.builtins, __file__=original.__file__)
            exec(compile(text, str(original.__file__), "exec", dont_inherit=True), vars(copy))
            collections = {key: searchable(value) for key, value in vars(copy).items() if not key.startswith("__")}
            vars(copy).update(collections)
        return self.copies[name]

    def _import(
        self, name: str, _: Any = None, __: Any = None, entries: Sequence[str] | None = (), ___: int = 0
    ) -> Any:
        if name in self.substitutes:
            return self.substitutes[name]
        if name in self.names:
            return self.module(name)
        found = builtins.__import__(name, None, None, entries or (), 0)
        copied = [entry for entry in entries or () if f"{name}.{entry}" in self.names]
        if not copied:
            return found
        view = ModuleType(name)
        vars(view).update(vars(found), **{entry: self.module(f"{name}.{entry}") for entry in copied})
        return view
