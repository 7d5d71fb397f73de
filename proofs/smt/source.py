"""From a function object to its syntax tree, also for functions of modules with a seeded fault."""

import ast
import functools
import inspect
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from fastpath.interpreted import interpreted, replace_once

SOURCE_TEXT = "__source__"
"""Module variable that holds the text a module was made of, where that is not the file's."""


class UnsupportedConstruct(Exception):
    """The executor does not know this construct; the message names it, and the function and line it is in."""


@dataclass(frozen=True)
class Source:
    """A function together with the syntax tree of its definition."""

    function: FunctionType
    definition: ast.FunctionDef

    @property
    def parameters(self) -> list[str]:
        """Names of the positional parameters, in order."""
        return [parameter.arg for parameter in self.definition.args.args]

    @functools.cached_property
    def variables(self) -> frozenset[str]:
        """Names that are local to the function."""
        return frozenset(self.function.__code__.co_varnames)

    @functools.cached_property
    def surroundings(self) -> dict[str, Any]:
        """What a name that is not local means: enclosing functions, then the module, then Python."""
        cells = inspect.getclosurevars(self.function)
        return {**cells.builtins, **self.function.__globals__, **cells.nonlocals}

    def place(self, node: ast.AST) -> str:
        """Where `node` is, for messages and obligations."""
        return f"{self.function.__module__}.{self.function.__qualname__}, line {getattr(node, 'lineno', 0)}"

    def unsupported(self, node: ast.AST, why: str) -> UnsupportedConstruct:
        """The exception that refuses `node`."""
        return UnsupportedConstruct(f"{self.place(node)}: {why} in `{ast.unparse(node)}`")


def source_of(function: Any) -> Source:
    """The source of a plain function, or of the plain function behind a kernel.

    Raises:
        UnsupportedConstruct: it is not a function that is written in Python.
    """
    plain = getattr(function, "py_func", function)
    if not isinstance(plain, FunctionType):
        raise UnsupportedConstruct(f"{function!r} is not a function written in Python")
    return _source_of(plain)


@functools.cache
def _source_of(function: FunctionType) -> Source:
    text = function.__globals__.get(SOURCE_TEXT) or Path(function.__code__.co_filename).read_text(encoding="utf-8")
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__:
            first_line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first_line == function.__code__.co_firstlineno:
                return Source(function, node)
    raise UnsupportedConstruct(f"{function.__qualname__}: no definition at {function.__code__.co_filename}")


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def broken(module: ModuleType, old: str, new: str) -> ModuleType:
    """A copy of a module of kernels in which one piece of source is different, as plain functions.

    Raises:
        SourceNotFoundError: `old` does not occur exactly once.
    """
    rewrite = replace_once(old, new)
    copy = interpreted(module.__name__, {module.__name__: rewrite})
    vars(copy)[SOURCE_TEXT] = rewrite(Path(str(module.__file__)).read_text(encoding="utf-8"))
    return copy
