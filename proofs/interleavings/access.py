"""One shared access of one thread: what it touches, and when two of them may not be swapped."""

import enum
from typing import NamedTuple


class Mode(enum.IntEnum):
    """How an access touches a location.

    Two accesses of different threads to one location conflict unless both READ or both APPEND:
    only then do they lead to the same state in either order.
    """

    READ = 0
    APPEND = 1
    WRITE = 2


class Wait(NamedTuple):
    """A location that a paused thread has read, and the step at which it did."""

    location: int
    step: int


class Access(NamedTuple):
    """What a thread is about to do, or has done.

    Attributes:
        operation: "load", "store", "update", "compare-and-swap", "call", "return".
        location: number of the word touched.
        mode: how it is touched. Known for certain only when done: a compare-and-swap that fails,
            and an update that leaves the value as it was, turn out to be reads.
        waits: after a pause, what the thread watches; it goes on when one of them has changed.
        before: the word's value when it was touched. Only for accesses that are done, as the rest.
        after: its value then.
        note: what else a report should say.
    """

    operation: str
    location: int
    mode: Mode
    waits: tuple[Wait, ...] = ()
    before: int = 0
    after: int = 0
    note: str = ""

    @property
    def changed(self) -> bool:
        """Whether the word has another value now."""
        return self.before != self.after

    def footprint(self) -> list[tuple[int, Mode]]:
        """All that is touched; going on after a pause reads everything watched."""
        watched = [(wait.location, Mode.READ) for wait in self.waits]
        return [(self.location, self.mode), *watched]

    def __str__(self) -> str:
        if self.note:
            return self.note
        if self.operation == "load":
            return f"load = {self.after:#x}"
        if self.operation != "store" and not self.changed:
            return f"{self.operation} leaves {self.after:#x}"
        return f"{self.operation} {self.before:#x} -> {self.after:#x}"


def conflict(one: Mode, other: Mode) -> bool:
    """Whether two accesses to one location must keep their order."""
    return one != other or one == Mode.WRITE


def dependent(one: Access, other: Access) -> bool:
    """Whether two accesses of different threads must keep their order."""
    if not one.waits and not other.waits:
        return one.location == other.location and conflict(one.mode, other.mode)
    return any(
        here == there and conflict(mode, other_mode)
        for here, mode in one.footprint()
        for there, other_mode in other.footprint()
    )
