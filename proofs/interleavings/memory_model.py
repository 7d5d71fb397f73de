"""What a memory model decides: which accesses need a turn, what a thread may do next, and what comes of it.

The scheduler asks; a model answers for one run. A model is a state machine: its steps are those of threads and, where
there are store buffers, those of the buffers. Whatever it leaves open is an option, so that a run is determined by
its turns alone.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Self

from proofs.interleavings.access import Access
from proofs.interleavings.request import Request


class MemoryName(enum.StrEnum):
    """The memory models there are."""

    SC = "sc"
    """Sequential consistency: each access acts at once and for all (Lamport, 1979)."""
    TSO = "tso"
    """x86-TSO: each thread has a store buffer (Sewell et al., 2010)."""
    RA = "ra"
    """Release and acquire: each thread has a view of each location's modification order (RC11; Lahav et al., 2017)."""


class Moment(ABC):
    """When an operation was called or has returned; `a < b` says that b knows that a is over."""

    @abstractmethod
    def __lt__(self, other: Self, /) -> bool: ...

    def local_state(self) -> Hashable:
        """What a thread knows by having it: nothing, for it may not be filled in yet."""
        return None


class Known(NamedTuple):
    """What else there is to know for who asks for a memory's key.

    Attributes:
        is_private: whether no other thread touches a location.
        returns: the thread and the moment of each operation that has returned.
    """

    is_private: Callable[[int], bool]
    returns: Sequence[tuple[int, Any]]


class Progress(NamedTuple):
    """What memory knows of a thread that decides what it does if it goes on alone.

    Attributes:
        is_held: whether it waits for a change that nobody has made.
        waits: the locations that it has paused for.
        has_read: the locations that it has read since it last paused.
        goes_round: whether a pause would not hold it now.
        has_buffer: whether its stores go by way of a buffer.
        buffered: the stores and returns in that, the oldest first.
    """

    is_held: bool
    waits: Sequence[int]
    has_read: Sequence[int]
    goes_round: bool
    has_buffer: bool = False
    buffered: Sequence[Request] = ()


class MemoryModel(ABC):
    """The memory of one run. Threads are numbered from 0, steps from 1.

    Outcomes of a run must not depend on the order of steps that are not `dependent`.
    """

    def __init__(self, threads: int, name: Callable[[int], str]) -> None:
        self._threads = range(threads)
        self._name = name

    @abstractmethod
    def is_local(self, thread: int, request: Request) -> bool:
        """Whether the access concerns nobody else now, so that it is made without a turn."""

    @abstractmethod
    def options(self, thread: int, request: Request) -> Sequence[Hashable]:
        """What the thread may make of its access, each by a name that other threads' steps do not change.

        Nothing when it cannot be made yet.
        """

    @abstractmethod
    def perform(self, thread: int, request: Request, option: int, step: int) -> tuple[Access, Any]:
        """Make the access; what it was, and the value read as the word's type.

        Of local accesses, the step is that of the turn in which the thread is.
        """

    @abstractmethod
    def is_immediate(self, thread: int, request: Request) -> bool:
        """Whether the access waits for nothing: neither for a change that a pause waits for, nor for a store buffer."""

    def acts_later(self, request: Request) -> bool:
        """Whether the access takes effect at a later step than the one at which the thread makes it."""
        return False

    def perform_private(self, thread: int, request: Request, step: int) -> tuple[Access, Any]:
        """Make an access to a word that no other thread touches, as `perform` does, whether it has a turn or not."""
        return self.perform(thread, request, 0, step)

    @abstractmethod
    def pause(self, thread: int) -> Request | None:
        """The thread will go round its waiting loop: a request that has no options while that would be in vain."""

    @abstractmethod
    def watched(self, thread: int) -> Sequence[int]:
        """The locations of which a change lets the thread go on; nothing when it does not wait."""

    def progress(self, _thread: int) -> Progress | None:
        """How far a thread is; None where it may read something else than what was stored last."""
        return None

    def readable(self, thread: int, location: int) -> tuple[set[int], set[int]] | None:
        """Where a thread has a choice: the values that it may read at a location, and those it may modify.

        None where there is but one, which memory has.
        """
        raise NotImplementedError

    @abstractmethod
    def state(self, thread: int) -> Hashable:
        """What of the memory, besides the arrays, decides how the run may go on where a thread goes round."""

    @abstractmethod
    def saved(self) -> Any:
        """What to `restore`: the state of now, besides the arrays, which nothing that happens later changes."""

    @abstractmethod
    def restore(self, saved: Any) -> None:
        """Go back to a saved state; it may be restored again."""

    @abstractmethod
    def key(self, live: Sequence[int], known: Known) -> Hashable:
        """What of the memory, besides the arrays, decides what may still happen, in a form that forgets all else.

        `live` are the threads that have not ended.
        """

    def is_over(self, moment: Any) -> bool:
        """Whether a moment has been filled in."""
        return True

    @abstractmethod
    def new_moment(self) -> Any:
        """A moment, to be filled in by the call or return that it is requested with."""

    def drainable(self) -> Sequence[int]:
        """Threads whose store buffers hold something."""
        return ()

    def oldest_buffered(self, thread: int) -> int | None:
        """The location of the oldest entry of the thread's store buffer."""
        return None

    def drain(self, thread: int, step: int) -> Access:
        """Let the oldest entry of the thread's store buffer take effect; what it was."""
        raise NotImplementedError

    @abstractmethod
    def settle(self) -> None:
        """All threads have ended: bring the arrays to what the memory says."""
