"""What a controlled thread asks of the memory: the access before it is known what comes of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fastpath.memory import Ordering, Words

HISTORY = 0
"""Location of the history of calls and returns; words have higher numbers."""
FULL_FENCES = -1
"""Location of the order of all full fences."""


class Request(NamedTuple):
    """An access that a thread is about to make.

    Attributes:
        operation: as `Access.operation`.
        location: number of the word.
        words: the array that the word lies in, seen past any observation; None for what touches no word.
        position: its index there.
        ordering: of the access; of a compare-and-swap that succeeds.
        failure: of a compare-and-swap that fails.
        value: what a store stores.
        change: for update and compare-and-swap, the new value for an old one; None leaves the word alone.
        note: what else a report should say.
        moment: for calls and returns, what is to be filled in with when it was.
    """

    operation: str
    location: int
    words: Words | None = None
    position: int = 0
    ordering: Ordering = Ordering.RELAXED
    failure: Ordering = Ordering.RELAXED
    value: int = 0
    change: Callable[[int], int | None] | None = None
    note: str = ""
    moment: Any = None
