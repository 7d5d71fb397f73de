"""Every small fault of a kind that can be seeded in a module of kernels: one operator, constant or branch at a time."""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_OPERATORS: Mapping[type[ast.AST], Sequence[type[ast.AST]]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE,),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE,),
    ast.GtE: (ast.Gt,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}


@dataclass(frozen=True)
class Mutant:
    """A faulty version of a module: what is changed, and the whole text with the change."""

    what: str
    text: str

    def rewrite(self, _: str) -> str:
        """The faulty text in place of the right one."""
        return self.text


def mutants(module: ModuleType, swaps: Mapping[str, str]) -> Iterator[Mutant]:
    """All mutants of the functions of a module.

    An operator becomes a similar one, the branches of a conditional expression change places, a complement or negation
    is left out, and a name in `swaps` becomes the name that `swaps` gives for it.
    """
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    for number, function in enumerate(tree.body):
        if isinstance(function, ast.FunctionDef):
            for position, node in enumerate(ast.walk(function)):
                for change in _changes(node, swaps):
                    faulty = copy.deepcopy(tree)
                    target = list(ast.walk(faulty.body[number]))[position]
                    before = ast.unparse(target)
                    after = ast.unparse(_replaced(faulty, target, change(target)))
                    place = f"{function.name}, line {getattr(node, 'lineno', 0)}"
                    yield Mutant(f"{place}: {before} -> {after}", ast.unparse(faulty))


_Change = Callable[[ast.AST], ast.AST]


def _changes(node: ast.AST, swaps: Mapping[str, str]) -> Iterator[_Change]:
    """What can be done to one node; each change makes a new node."""
    if isinstance(node, ast.BinOp | ast.BoolOp):
        yield from (_with_operator(operator) for operator in _OPERATORS.get(type(node.op), ()))
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from (_with_comparison(operator) for operator in _OPERATORS.get(type(node.ops[0]), ()))
    elif isinstance(node, ast.IfExp):
        yield lambda found: ast.IfExp(found.test, found.orelse, found.body)  # type: ignore[attr-defined]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
        yield lambda found: found.operand  # type: ignore[attr-defined]
    elif isinstance(node, ast.Name) and node.id in swaps:
        other = swaps[node.id]
        yield lambda _: ast.Name(other, ast.Load())


def _with_operator(operator: type[ast.AST]) -> _Change:
    def change(node: ast.AST) -> ast.AST:
        node.op = operator()  # type: ignore[attr-defined]
        return node

    return change


def _with_comparison(operator: type[ast.AST]) -> _Change:
    def change(node: ast.AST) -> ast.AST:
        node.ops = [operator()]  # type: ignore[attr-defined]
        return node

    return change


def _replaced(tree: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """Put `new` where `old` is in the tree."""
    if new is not old:
        for parent in ast.walk(tree):
            for name, value in ast.iter_fields(parent):
                if value is old:
                    setattr(parent, name, new)
                elif isinstance(value, list) and old in value:
                    value[value.index(old)] = new
    return new
