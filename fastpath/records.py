"""Numbers of free records, and header transforms shared by flows that need the same one; under the slow lock."""

import numpy as np

from fastpath.layout import TRANSFORM_WORDS, TRANSFORMS_AT
from fastpath.memory import Words


class Records:
    """Hands out the numbers 1 to `count - 1`, those that were given back first."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = 1
        self._free: list[int] = []

    def take(self) -> int | None:
        """A number that nobody has, or None when all are taken."""
        if self._free:
            return self._free.pop()
        if self._next == self._count:
            return None
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """Free a number, once its grace period is over."""
        self._free.append(number)


class Transforms:
    """Header transforms in the arena, each distinct one once, counted by the entries that name it."""

    def __init__(self, words: Words, count: int) -> None:
        self._words = words
        self._records = Records(count)
        self._numbers: dict[tuple[int, ...], int] = {}
        self._contents: dict[int, tuple[int, ...]] = {}
        self._users: dict[int, int] = {}

    def take(self, content: tuple[int, ...]) -> int | None:
        """The number of the record with these words, written if it is new; None when there is no room."""
        number = self._numbers.get(content)
        if number is None:
            number = self._records.take()
            if number is None:
                return None
            at = int(self._words[TRANSFORMS_AT]) + number * TRANSFORM_WORDS
            self._words[at : at + TRANSFORM_WORDS] = np.array(content, np.uint64)
            self._numbers[content] = number
            self._contents[number] = content
            self._users[number] = 0
        self._users[number] += 1
        return number

    def give_back(self, number: int) -> None:
        """One entry fewer names the record; without any it is free. Only after the entry's grace period."""
        self._users[number] -= 1
        if self._users[number] == 0:
            del self._users[number]
            del self._numbers[self._contents.pop(number)]
            self._records.give_back(number)
