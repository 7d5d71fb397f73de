"""Where the source of `fine` asks for an ordering, and which of those places a change of the source takes away.

So a table of orderings that are needed can be held complete.
"""

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from proofs.interleavings.scenario import Fault

ORDERED: Final = frozenset(
    {
        *("load_acquire", "store_release", "compare_and_swap", "fetch_add"),
        *("fence_acquire", "fence_release", "fence_full"),
    }
)
"""Functions of `fastpath.atomics` that order something. Of a swap, both orders count as one."""

PACKAGE: Final = Path(__file__).parents[2] / "fastpath"
OPERATIONS: Final = frozenset({"atomics", "lowering", "memory", "interpreted"})
"""Modules that make the operations themselves."""
NOT_OF_FINE: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("fastpath.port_lock", function): "a port lock, which `fine` does without"
        for function in ("acquire_alone", "release_alone", "acquire_shared", "release_shared")
    }
    | {("fastpath.flow", "advance_locked"): "a lock in the flow record, which `fine` does without"}
)
"""Functions that `fine` never calls, and why."""


class Site(NamedTuple):
    """A call that asks for an ordering: in which function of which module, of what, and the how many-th of those."""

    module: str
    function: str
    operation: str
    number: int


class _Place(NamedTuple):
    site: Site
    at: int


def sites_of_fine() -> set[Site]:
    """All places in the source that `fine` may come by."""
    modules = (path.stem for path in PACKAGE.glob("*.py") if path.stem not in OPERATIONS)
    found = {site for stem in modules for site in sites(f"fastpath.{stem}", source_of(f"fastpath.{stem}"))}
    return {site for site in found if (site.module, site.function) not in NOT_OF_FINE}


def sites(module: str, source: str) -> list[Site]:
    """The places in the source of one module, in its order."""
    return [place.site for place in _places(module, source)]


def taken_away(fault: Fault) -> set[Site]:
    """The places at which a change of the source asks for no ordering any more, or for a weaker one."""
    gone: set[Site] = set()
    for module, old, new in fault.edits:
        source = source_of(module)
        start = source.index(old)
        before = [place.site for place in _places(module, source) if start <= place.at < start + len(old)]
        changed = source.replace(old, new)
        after = [place.site for place in _places(module, changed) if start <= place.at < start + len(new)]
        left = {site.operation for site in after}
        gone.update(site for site in before if site.operation not in left)
    return gone


def source_of(module: str) -> str:
    """The text of a module."""
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).read_text(encoding="utf-8")


def _places(module: str, source: str) -> list[_Place]:
    """With where each begins, in characters."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    counts: dict[tuple[str, str], int] = {}
    found = []
    for function, call in sorted(_calls(ast.parse(source)), key=lambda pair: (pair[1].lineno, pair[1].col_offset)):
        assert isinstance(call.func, ast.Name)
        number = counts[function, call.func.id] = counts.get((function, call.func.id), 0) + 1
        at = lines[call.lineno - 1] + call.col_offset
        found.append(_Place(Site(module, function, call.func.id, number), at))
    return found


def _calls(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.Call]]:
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef) else function
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDERED:
            yield function, node
        yield from _calls(node, inside)
