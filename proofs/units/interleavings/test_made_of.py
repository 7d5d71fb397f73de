"""What objects are made of: the same however they have come to be so, and different wherever they may behave so."""

import copy
import enum
import functools
import itertools
import re
import weakref
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.memory import Words
from proofs.interleavings.made_of import NotComparableError, Opaque, made_of


@dataclass
class Node:
    """May change, and lead back to itself."""

    content: object
    following: "Node | None" = None


@dataclass(frozen=True)
class Address:
    """Cannot change."""

    octets: bytes


class Slotted:
    """Without a dictionary."""

    __slots__ = ("content", "other")

    def __init__(self, content: object) -> None:
        self.content = content


class Mangled:
    """With a slot of a name that is the class's own."""

    __slots__ = ("__content",)

    def __init__(self, content: object) -> None:
        self.__content = content


class Level(enum.IntFlag):
    """Some of its values have no name."""

    HIGH = 1


class Counts(dict[str, int]):
    """A dictionary that has something else besides."""

    total = 0


@dataclass
class Everything:
    """Something of every kind."""

    items: list[object] = field(default_factory=lambda: [1, 2.0, True, None, "text", b"octets"])
    table: dict[object, object] = field(default_factory=lambda: {Address(b"\x01"): Node(1), "other": {3}})
    waiting: deque[int] = field(default_factory=lambda: deque([1, 2]))
    words: Words = field(default_factory=lambda: np.arange(4, dtype=np.uint64))
    slotted: Slotted = field(default_factory=lambda: Slotted([7]))
    number: object = field(default_factory=lambda: np.uint64(7))


def of(*roots: object) -> bytes:
    """What they are made of, with nothing shared."""
    return made_of(roots, {})


def circle(content: object) -> Node:
    """A node that follows itself."""
    node = Node(content)
    node.following = node
    return node


def kept_in_closure(content: object) -> Callable[[], object]:
    """A function that gives what it was made with."""
    return lambda: content


def counts(total: int) -> Counts:
    """An empty dictionary, and a number."""
    found = Counts()
    found.total = total
    return found


def test_a_copy_is_made_of_the_same() -> None:
    one = Everything()
    assert of(one) == of(copy.deepcopy(one))
    assert of(circle(1)) == of(circle(1))


CHANGES: dict[str, Callable[[Everything], object]] = {
    "an item": lambda one: one.items.append(1),
    "an item of another type": lambda one: one.items.__setitem__(0, True),
    "an entry": lambda one: one.table.pop("other"),
    "the order of entries": lambda one: one.table.update(
        other=one.table.pop("other"), new=one.table.pop(Address(b"\x01"))
    ),
    "what an entry leads to": lambda one: setattr(one.table[Address(b"\x01")], "content", 2),
    "what is in a set": lambda one: one.table.__setitem__("other", {4}),
    "what waits": lambda one: one.waiting.rotate(),
    "a word": lambda one: one.words.fill(9),
    "the type of words": lambda one: setattr(one, "words", one.words.astype(np.int64)),
    "the form of words": lambda one: setattr(one, "words", np.arange(4, dtype=np.uint64).reshape(2, 2)),
    "a slot": lambda one: setattr(one.slotted, "content", [8]),
    "a slot that was empty": lambda one: setattr(one.slotted, "other", None),
    "an attribute": lambda one: setattr(one, "more", None),
    "the type of a number": lambda one: setattr(one, "number", 7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_shows(change: str) -> None:
    one, other = Everything(), Everything()
    CHANGES[change](other)
    assert of(one) != of(other)


def test_what_is_undone_does_not_show() -> None:
    one, other = Everything(), Everything()
    other.items.append(1)
    other.items.pop()
    other.table["new"] = 1
    del other.table["new"]
    assert of(one) == of(other)


def test_which_of_two_equal_objects_it_is_shows_if_they_may_change() -> None:
    one, other = Node(1), Node(1)
    assert of(one, one) != of(one, other)
    assert of(Address(b"\x01"), Address(b"\x01")) == of(*[Address(b"\x01")] * 2)


def with_attribute(content: object) -> Callable[[], None]:
    """A function with an attribute."""

    def function() -> None: ...

    function.content = content  # type: ignore[attr-defined]
    return function


MADE: dict[str, Callable[[int], object]] = {
    "closure": kept_in_closure,
    "slot": Slotted,
    "mangled slot": Mangled,
    "circle": circle,
    "attribute of a dictionary": counts,
    "partial": lambda content: functools.partial(repr, content),
    "attribute of a function": with_attribute,
    "value without a name": lambda content: Level(content << 1),
    "length of a queue": lambda content: deque(maxlen=content),
    "what a dictionary begins with": lambda content: defaultdict(kept_in_closure(content)),
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_what_is_held_shows(made: Callable[[int], object]) -> None:
    assert of(made(1)) == of(made(1))
    assert of(made(1)) != of(made(2))


def test_a_method_shows_what_it_is_a_method_of() -> None:
    one, other = [1], [1]
    assert of(one.append, one) == of(other.append, other)
    assert of(one.append, one) != of(other.append, one)


def test_where_memory_begins_does_not_show_but_how_views_of_it_lie() -> None:
    words = np.zeros(8, np.uint64)
    assert of(words[1:3]) == of(words[2:4])
    assert of(words[1:3], words[2:4]) != of(words[1:3], words[3:5])
    assert of(words[1:3], words[2:4]) == of(words[3:5], words[4:6])
    assert of(words[1:3], words[2:4]) != of(words[1:3], np.zeros(2, np.uint64))


def test_two_functions_share_a_variable_or_have_one_each() -> None:
    def counters(*, shared: bool) -> list[Callable[[], int]]:
        def counter() -> tuple[Callable[[], int], Callable[[], int]]:
            count = 0

            def raise_it() -> int:
                nonlocal count
                count += 1
                return count

            return raise_it, lambda: count

        one = counter()
        return list(one) if shared else [one[0], counter()[1]]

    assert of(counters(shared=True)) == of(counters(shared=True))
    assert of(counters(shared=True)) != of(counters(shared=False))


def test_of_an_array_with_a_name_it_shows_which_part_is_held() -> None:
    words = np.zeros(8, np.uint64)
    names = {id(words): "words"}
    assert made_of([[words[1:3]]], names) == made_of([[words[1:3]]], names)
    assert made_of([[words[1:3]]], names) != made_of([[words[5:7]]], names)
    assert made_of([[words[1:3]]], names) != made_of([[np.zeros(2, np.uint64)]], names)


def test_what_is_shared_otherwise_is_a_name() -> None:
    one, other = np.zeros(2), np.ones(2)
    assert made_of([[one]], {id(one): "words"}) == made_of([[other]], {id(other): "words"})
    assert made_of([[one]], {id(one): "words"}) != made_of([[one]], {id(one): "locks"})


def test_nothing_is_looked_at_of_what_goes_by_other_ways() -> None:
    class Elsewhere(Opaque):
        def __init__(self, content: object) -> None:
            self.content = content

    assert of(Elsewhere(1)) == of(Elsewhere(2))


@pytest.mark.parametrize(
    "hidden",
    [
        *(iter([1]), (each for each in [1]), weakref.ref(Node), memoryview(b"a"), {}.keys(), itertools.chain([1])),
        *(np.zeros(2).flat, re.compile("a"), MappingProxyType({}), np.array([[], None], object)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_looked_into_is_refused_by_name(hidden: object) -> None:
    with pytest.raises(NotComparableError, match=type(hidden).__qualname__):
        of([hidden])


VALUES = st.recursive(
    st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["a", b"a", None])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.integers(0, 2), inner, max_size=3),
        inner.map(Node),
        inner.map(Slotted),
    ),
    max_leaves=6,
)


def shown(value: object) -> str:
    """A value without circles, written out with the types of all its parts and the order of all entries."""
    if isinstance(value, Node | Slotted):
        return f"{type(value).__name__} {shown(value.content)}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} [{'; '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"dict {shown(list(value.items()))}"
    return f"{type(value).__name__} {value!r}"


@given(VALUES, VALUES)
def test_two_are_made_of_the_same_exactly_where_they_look_alike(one: object, other: object) -> None:
    one, other = copy.deepcopy(one), copy.deepcopy(other)
    assert (of(one) == of(other)) == (shown(one) == shown(other))
