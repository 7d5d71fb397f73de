"""One decision of a schedule: who goes on, and by which of the options it has there."""

from typing import NamedTuple


class Turn(NamedTuple):
    """Who goes on, and how.

    Attributes:
        actor: number of a thread, or `buffer_of` a thread: then that thread's store buffer drains its oldest entry.
        option: which of the actor's options it takes; 0 is what sequentially consistent memory would do.
    """

    actor: int
    option: int = 0


def buffer_of(thread: int) -> int:
    """The actor that drains a thread's store buffer; as an index, it counts from the end."""
    return -1 - thread


def thread_of(actor: int) -> int:
    """The thread that an actor is, or whose store buffer it is."""
    return actor if actor >= 0 else -1 - actor
