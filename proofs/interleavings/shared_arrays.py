"""The arrays that threads share, their words numbered through: a word's number is its location."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from fastpath.memory import Words
from proofs.interleavings.request import HISTORY


@dataclass(frozen=True)
class SharedArray:
    """A shared array: its words, seen past any observation, and the location of the first of them."""

    name: str
    words: Words
    first: int
    constant: range

    @property
    def locations(self) -> range:
        """Of its words."""
        return range(self.first, self.first + len(self.words))


class SharedArrays:
    """The shared arrays of a run, by identity."""

    def __init__(self, shared: Mapping[str, Words], constant: Mapping[str, range]) -> None:
        self.by_identity: dict[int, SharedArray] = {}
        first = HISTORY + 1
        for name, words in shared.items():
            self.by_identity[id(words)] = SharedArray(name, np.asarray(words), first, constant.get(name, range(0)))
            first += len(words)

    def __iter__(self) -> Iterator[SharedArray]:
        return iter(self.by_identity.values())

    @property
    def constant(self) -> set[int]:
        """The locations that nobody may change."""
        return {array.first + place for array in self for place in array.constant}

    def place(self, words: Words, index: SupportsIndex) -> tuple[SharedArray, int]:
        """Where an access goes. Raises LookupError for an array that is not shared, and IndexError."""
        array = self.by_identity.get(id(words))
        if array is None:
            raise LookupError("a kernel touches an array that the program does not declare shared")
        position = int(index)
        if not 0 <= position < len(array.words):
            raise IndexError(f"index {position} is outside the {len(array.words)} words of {array.name}")
        return array, position

    def at(self, location: int) -> SharedArray | None:
        """The array that a location lies in; None for what is no word."""
        return next((array for array in self if location in array.locations), None)

    def locations(self, name: str) -> range:
        """Of the words of the array of that name. Raises LookupError."""
        for array in self:
            if array.name == name:
                return array.locations
        raise LookupError(f"no shared array is called {name!r}: there is {', '.join(array.name for array in self)}")

    def label(self, location: int, label: Callable[[str, int], str]) -> str | None:
        """What a location is called; None for what is no word."""
        array = self.at(location)
        return None if array is None else label(array.name, location - array.first)
