"""One shared access of one thread: what it touches, and when two of them may not be swapped."""

import enum
from typing import NamedTuple


class Mode(enum.IntEnum):
    """How an access touches a location.

    READ, APPEND and WRITE are accesses to one memory that all threads share: two of them to one location conflict
    unless both READ or both APPEND, for only then do they lead to the same state in either order.

    VIEW_READ, VIEW_TRY and VIEW_WRITE are accesses to a location with a modification order, of which each thread has
    a view: a load, a compare-and-swap that fails, and all that adds a store. What a load may read is all that is there;
    a later store adds to its options, an earlier one that it does not read takes nothing away.

    OWN is an access that concerns nobody else, such as a load from the thread's own store buffer.
    """

    READ = 0
    APPEND = 1
    WRITE = 2
    OWN = 3
    VIEW_READ = 4
    VIEW_TRY = 5
    VIEW_WRITE = 6


WRITES = (Mode.WRITE, Mode.VIEW_WRITE)
"""The modes that must keep their order with every access before them."""

_ONE_MEMORY = (Mode.READ, Mode.APPEND, Mode.WRITE)
_CONFLICTS = frozenset(
    {
        *((one, other) for one in _ONE_MEMORY for other in _ONE_MEMORY if one != other or one == Mode.WRITE),
        (Mode.VIEW_READ, Mode.VIEW_WRITE),
        (Mode.VIEW_TRY, Mode.VIEW_WRITE),
        (Mode.VIEW_WRITE, Mode.VIEW_WRITE),
        (Mode.VIEW_WRITE, Mode.VIEW_TRY),
    }
)


class Wait(NamedTuple):
    """A location that a paused thread has read, and the step at which it did."""

    location: int
    step: int


class Access(NamedTuple):
    """What a thread, or its store buffer, has done in one step.

    Attributes:
        operation: "load", "store", "update", "compare-and-swap", "drain", "fence", "go on", "call", "return".
        location: number of the word touched.
        mode: how it is touched: in one memory that all share, whatever leaves the value as it was turns out to be a
            read, be it a compare-and-swap that fails or a store of the same value.
        waits: after a pause, what the thread watched; it goes on when another thread has changed one of them.
        before: the word's value when it was touched.
        after: its value then.
        note: what else a report should say.
        causes: earlier steps that this one comes after, although it does not conflict with them: a load after the store
            that it reads, a drain after what it drains was buffered.
        others: what else is touched.
    """

    operation: str
    location: int
    mode: Mode
    waits: tuple[Wait, ...] = ()
    before: int = 0
    after: int = 0
    note: str = ""
    causes: tuple[int, ...] = ()
    others: tuple[tuple[int, Mode], ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the word has another value now."""
        return self.before != self.after

    def footprint(self) -> list[tuple[int, Mode]]:
        """All that is touched; what was watched has been read, in one step with the access."""
        return [(self.location, self.mode), *((wait.location, Mode.READ) for wait in self.waits), *self.others]

    def __str__(self) -> str:
        if self.note:
            return self.note
        if self.operation == "load":
            return f"load = {self.after:#x}"
        if self.operation not in ("store", "drain") and not self.changed:
            return f"{self.operation} leaves {self.after:#x}"
        return f"{self.operation} {self.before:#x} -> {self.after:#x}"


def conflict(earlier: Mode, later: Mode) -> bool:
    """Whether the order of two accesses to one location matters: to the state, or to the options of the earlier one."""
    return (earlier, later) in _CONFLICTS


def own_drain_and_load(one: Access, other: Access) -> bool:
    """Whether of two accesses made for one thread one drains its store buffer and one only loads.

    They commute, also where they concern one word: the load reads what was stored last, in the buffer or behind it, and
    no wait of the thread ends by what it has stored itself.
    """
    drain, load = (one, other) if one.operation == "drain" else (other, one)
    return drain.operation == "drain" and load.operation == "load"


def dependent(one: Access, other: Access) -> bool:
    """Whether two accesses of different threads, as they were made, lead to another state in the other order.

    Each is known with its option, and could be made without the other. So with a modification order a load commutes
    with a store, which it does not read. Two stores that are added behind the same one count as commuting too: the
    result of the other order is also that of the same order with the second added behind the first.
    """
    if one.mode >= Mode.VIEW_READ and other.mode >= Mode.VIEW_READ:
        return False
    return any(
        here == there and conflict(mode, other_mode)
        for here, mode in one.footprint()
        for there, other_mode in other.footprint()
    )
