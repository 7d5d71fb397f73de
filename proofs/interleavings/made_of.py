"""What objects are made of, as a value: equal ones behave alike, whatever has been done to come to them.

The walk goes over all that can be reached. An object that may change gets the number at which it was met first, so that
two equal values mean a one-to-one map between the objects of two runs, with equal types and content in equal order.
What cannot change is told by its content alone: which of two equal addresses it is makes no difference. Of a set counts
what is in it, and the order in which that is gone over now; who adds to it may go over it in another order afterwards.

That is enough for who comes to these objects anew. A thread that kept one of them from before, while it did not have
them for itself, might hold another than in an equal run: of what lies behind a lock nobody keeps anything.
"""

import enum
import functools
import itertools
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any, Final, TypeGuard

import numpy as np

from proofs.interleavings.digest import digest

_ATOMS: Final = (type(None), bool, int, float, str, bytes)
_ORDERED: Final = (list, deque, set, frozenset)
_KEYED: Final = (dict, OrderedDict, defaultdict)
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8
"""Flags of a type: that it was made at run time, and that nobody can change it, as if it had been made in C."""
_REMEMBERING: Final = type(functools.cache(repr))
"""What such a function remembers it would compute again."""
_SOURCE: Final = (".py", ".pyc")


class NotComparableError(TypeError):
    """An object of a kind that may hold what cannot be looked at."""

    def __init__(self, value: object) -> None:
        super().__init__(f"what a {type(value).__module__}.{type(value).__qualname__} is made of is not known")


class Opaque:
    """Base of classes whose instances hold nothing that one thread leaves to another."""


def made_of(roots: Iterable[object], names: Mapping[int, Hashable]) -> bytes:
    """What is reached from some objects, in 128 bits. `names` tell what is shared otherwise, by identity.

    Raises NotComparableError.
    """
    return _Walk(names).over(roots)


class _Walk:
    def __init__(self, names: Mapping[int, Hashable]) -> None:
        self._names = names
        self._numbers: dict[int, int] = {}
        self._met: list[object] = []
        self._memories: dict[int, tuple[int, int]] = {}
        """Of arrays: the number of each, and the address of the first one met that lies there."""

    def over(self, roots: Iterable[object]) -> bytes:
        # Those met grow as the walk goes over them.
        told = [self._all(roots), *map(self._content, self._met)]
        return digest(told)

    def _all(self, values: Iterable[object]) -> tuple[object, ...]:
        return tuple(map(self._told, values))

    def _told(self, value: Any) -> object:
        """A value that cannot change, or the number of an object."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        name = self._names.get(id(value))
        if name is not None:
            return "named", repr(name)
        if isinstance(value, tuple) and not hasattr(value, "__dict__"):
            return id(kind), self._all(value)
        if isinstance(value, enum.Enum):
            return id(kind), str(value.name), repr(value)
        if isinstance(value, np.generic):
            return id(kind), value.tobytes()
        if kind is range:
            return "range", value.start, value.stop, value.step
        if isinstance(value, type | ModuleType):
            return "itself", id(value)
        if is_frozen(value):
            return id(kind), self._attributes(value)
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._met)
            self._met.append(value)
        return (self._numbers[id(value)],)

    def _content(self, value: Any) -> object:
        """What an object holds that may change."""
        kind = type(value)
        if isinstance(value, FunctionType):
            held = value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__
            return id(value.__code__), self._all(held)
        if isinstance(value, CellType):
            return "cell", self._told(value.cell_contents)
        if isinstance(value, MethodType):
            return "method", self._all((value.__func__, value.__self__))
        if isinstance(value, BuiltinFunctionType):
            return "builtin", value.__qualname__, self._told(value.__self__)
        if isinstance(value, functools.partial):
            return "partial", self._all((value.func, value.args, value.keywords, value.__dict__))
        if isinstance(value, _REMEMBERING):
            return "remembers", self._told(value.__wrapped__)
        if isinstance(value, np.ndarray):
            return self._array(value)
        if kind in (bytearray, itertools.count):
            return id(kind), repr(value)
        return id(kind), self._items(value), self._attributes(value)

    def _array(self, array: Any) -> object:
        """Of a view what it shows, and how it lies to others of the same memory: where that begins does not count."""
        base = array if array.base is None else array.base
        if not isinstance(base, np.ndarray) or array.dtype.hasobject:
            raise NotComparableError(array)
        form = array.dtype.str, array.shape, array.strides
        address = array.__array_interface__["data"][0]
        if id(base) in self._names:
            return "part", *form, address - base.__array_interface__["data"][0], repr(self._names[id(base)])
        number, first = self._memories.setdefault(id(base), (len(self._memories), address))
        return "array", *form, number, address - first, array.tobytes()

    def _items(self, value: Any) -> Sequence[object]:
        if isinstance(value, _KEYED):
            return self._all((*itertools.chain(*value.items()), getattr(value, "default_factory", None)))
        if isinstance(value, deque):
            return self._all((*value, value.maxlen))
        return self._all(value) if isinstance(value, (*_ORDERED, tuple)) else ()

    def _attributes(self, value: Any) -> Sequence[object]:
        """By name; in slots too."""
        if isinstance(value, Opaque) or type(value) in (*_ORDERED, *_KEYED):
            return ()
        if not all(map(_is_transparent, type(value).__mro__)):
            raise NotComparableError(value)
        return self._all(part for attribute in sorted(_attributes(value)) for part in attribute)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for written in (slots,) if isinstance(slots, str) else slots:
            is_mangled = written.startswith("__") and not written.endswith("__")
            slot = f"_{kind.__name__.lstrip('_')}{written}" if is_mangled else written
            if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                yield slot, getattr(value, slot)


def is_frozen(value: object) -> TypeGuard[Any]:
    """Whether a value is of a dataclass that does not change."""
    return is_dataclass(value) and bool(getattr(type(value), "__dataclass_params__").frozen)  # noqa: B009 - no public name


@functools.cache
def _is_transparent(kind: type) -> bool:
    """Whether all that instances hold because of a class is in their attributes, or among their items."""
    if kind in (object, tuple, *_ORDERED, *_KEYED):
        return True
    if (
        not kind.__flags__ & _HEAP_TYPE
        or kind.__flags__ & _IMMUTABLE_TYPE
        or getattr(kind.__new__, "__self__", None) is kind
    ):
        return False  # made in C
    source = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return source.endswith(_SOURCE)
