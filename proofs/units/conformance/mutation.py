"""Every way to change one leaf of a plain value, and the paths at which a comparison must report it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from proofs.conformance.compare import Difference, labels

Keys = tuple[Any, ...]


@dataclass(frozen=True)
class Mutant:
    """A changed copy of a value and where a comparison must report it.

    When the change is to what identifies a list item, the item is missing under one label and unexpected under another,
    and `paths` are the least that must be reported; otherwise (`exact`) they are all that may be reported.
    """

    value: Any
    paths: frozenset[str]
    exact: bool
    change: str

    def is_reported_by(self, found: list[Difference]) -> bool:
        """Whether the differences found are those that the change must make."""
        reported = frozenset(difference.path for difference in found)
        return reported == self.paths if self.exact else reported >= self.paths


def mutants(value: Any, path: str = "") -> Iterator[Mutant]:
    """All mutants of `value` by one change of one leaf."""
    for keys in leaves(value):
        yield from mutants_of_leaf(value, keys, path)


def leaves(value: Any, keys: Keys = ()) -> Iterator[Keys]:
    """Where the leaves of a plain value are: scalars, and empty lists and objects."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, (*keys, name))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*keys, index))
    elif keys:
        yield keys


def mutants_of_leaf(value: Any, keys: Keys, path: str = "") -> Iterator[Mutant]:
    """The mutants of one leaf: another value, another type, or the leaf removed."""
    leaf = _container(value, keys)[keys[-1]]
    for replacement in _replacements(leaf):
        changed = copy.deepcopy(value)
        _container(changed, keys)[keys[-1]] = replacement
        yield _mutant(value, changed, keys, path, f"{leaf!r} to {replacement!r}")
    if leaf is not None and leaf is not False and _is_removable(value, keys):
        changed = copy.deepcopy(value)
        del _container(changed, keys)[keys[-1]]
        yield _mutant(value, changed, keys, path, f"{leaf!r} removed")


def _replacements(leaf: Any) -> Iterator[Any]:
    match leaf:
        case bool():
            yield not leaf
            yield int(leaf)
        case int():
            yield leaf + 1
            yield str(leaf)
            yield float(leaf)
            if leaf in (0, 1):
                yield bool(leaf)
        case str():
            yield leaf + "z"
            yield leaf[1:] + "z"
        case None | [] | {}:
            yield 1


def _is_removable(value: Any, keys: Keys) -> bool:
    """Members of objects, and the last item of a list; removing an earlier item would move those behind it."""
    container = _container(value, keys)
    return isinstance(container, dict) or keys[-1] == len(container) - 1


def _container(value: Any, keys: Keys) -> Any:
    for key in keys[:-1]:
        value = value[key]
    return value


def _mutant(before: Any, after: Any, keys: Keys, path: str, change: str) -> Mutant:
    """Follow `keys` down both values to the leaf, or to the item whose identity the change alters."""
    changed = after
    description = f"{path}{keys}: {change}"
    for key in keys:
        if isinstance(before, list):
            old, new = labels(before), labels(after)
            if old != new:
                moved = frozenset(f"{path}[{label}]" for label in set(old) ^ set(new))
                return Mutant(changed, moved, False, description)
            path = f"{path}[{old[key]}]"
        else:
            path = f"{path}.{key}" if path else str(key)
        before = before[key]
        after = after.get(key) if isinstance(after, dict) else after[key]
    return Mutant(changed, frozenset({path}), True, description)
