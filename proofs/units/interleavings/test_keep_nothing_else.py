"""Code that is said to keep nothing but its variables, so that the search of states may look at these alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofs.interleavings import local_state

ROOT = Path(__file__).parents[3]
UNCHANGING = ("int", "bool", "np.uint64", "np.int64", "Index", "TableLimits | None")
"""Kinds of objects that nobody can change, so that a parameter may be given another one."""
COMPILERS = ("kernel_context", "lowering")
"""What makes machine code of kernels, and runs in no thread that is explored."""


def _sources() -> dict[str, ast.Module]:
    """All modules that are said so."""
    paths = (*ROOT.glob("fastpath/*.py"), *ROOT.glob("proofs/interleavings/**/*.py"))
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    kept = {name: path for name, path in named.items() if name.startswith(local_state.KEEP_NOTHING_ELSE)}
    return {name: ast.parse(path.read_text()) for name, path in kept.items()}


def _calls_through_c(tree: ast.AST) -> Iterator[ast.Call]:
    """What calls anything but a type for each of several values."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("map", "filter") and ast.unparse(node.args[0]) not in ("int", "str", "bool", "np.uint64"):
            yield node


def _dropped(tree: ast.AST) -> Iterator[ast.Name]:
    """Parameters that get another value, or none, though what they stood for may have been changed."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            kinds = {each.arg: "" if each.annotation is None else ast.unparse(each.annotation) for each in arguments}
            names = (node for node in ast.walk(function) if isinstance(node, ast.Name))
            set_anew = (name for name in names if not isinstance(name.ctx, ast.Load))
            yield from (name for name in set_anew if name.id in kinds and kinds[name.id] not in UNCHANGING)


def test_it_calls_no_kernels_through_c() -> None:
    """A loop in C keeps its state where nobody sees it; over types, such as numbers, it calls nothing of ours."""
    scenarios = {name: tree for name, tree in _sources().items() if not name.startswith("fastpath.")}
    assert scenarios
    assert not [f"{name}:{call.lineno}" for name, tree in scenarios.items() for call in _calls_through_c(tree)]


def test_it_does_not_drop_what_it_may_have_changed() -> None:
    """Whoever waits for it may have that, too; then nothing else tells what has become of it."""
    sources = {name: tree for name, tree in _sources().items() if not name.endswith(COMPILERS)}
    assert len(sources) > 50
    assert not [f"{name}:{each.lineno}: {each.id}" for name, tree in sources.items() for each in _dropped(tree)]


@pytest.mark.parametrize("text", ["box = 0", "del box", "for box in (): pass", "with word as box: pass"])
def test_what_is_dropped_is_noticed(text: str) -> None:
    assert list(_dropped(ast.parse(f"def change(words: Words, box: list[int], word: Index):\n    {text}")))
    assert not list(_dropped(ast.parse("def change(words: Words, word: Index):\n    word = 1\n    other = 2")))


def test_calls_through_c_are_noticed() -> None:
    assert list(_calls_through_c(ast.parse("sum(map(kernel, words))")))
    assert not list(_calls_through_c(ast.parse("sum(map(int, words))")))
