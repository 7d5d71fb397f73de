"""Which actors are enough to try in a state: what the others do meanwhile cannot matter to them.

A set of actors is persistent if nothing that all others may do without it conflicts with what it does next (Godefroid,
Partial-Order Methods for the Verification of Concurrent Systems, LNCS 1032, 1996, chapter 4). Then every run from here
is, up to the order of what commutes, one that begins with one of the set; so the others need not be tried, as long as
they are tried somewhere on each circle of states. What a single other thread may do without this one is what it does
alone (`alone.py`), no matter what other threads have done before.

A thread and its store buffer are two actors. A load of the thread commutes with a drain of its own buffer; the drain of
a return does not with the next call. Who goes on after a pause reads, in one step, all that it has waited for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from proofs.interleavings.access import Access, Mode
from proofs.interleavings.alone import Footprint, conflicts, expected_mode
from proofs.interleavings.memory_model import Progress
from proofs.interleavings.recalled import Recalled
from proofs.interleavings.turn import buffer_of, thread_of

Touched: TypeAlias = tuple[int, Mode]
"""A location, and how it is touched."""


class PersistentSets(ABC):
    """Those of the state that a machine is in.

    Attributes:
        footprints: what threads would touch alone from here, as far as it has been asked for.
    """

    def __init__(self) -> None:
        self.footprints: dict[int, Footprint | None] = {}

    @abstractmethod
    def note(self, actor: int, access: Access) -> None:
        """An actor has made an access: what threads touch alone may be something else now."""

    @abstractmethod
    def enough(self, machine: Recalled, enabled: Collection[int], last: int) -> Collection[int]:
        """Some of the enabled actors that are enough; of the thread that was `last`, if possible."""


class InOneMemory(PersistentSets):
    """Where a thread reads what was stored last."""

    def __init__(self, alone: Callable[[int, Progress], Footprint | None]) -> None:
        """`alone` says what a thread of the machine would touch alone, None if that is not known."""
        super().__init__()
        self._alone = alone

    def note(self, actor: int, access: Access) -> None:
        """As the base class."""
        thread = thread_of(actor)
        self.footprints = {
            other: footprint
            for other, footprint in self.footprints.items()
            if other != thread and footprint is not None and not conflicts(footprint, access.footprint())
        }

    def enough(self, machine: Recalled, enabled: Collection[int], last: int) -> Collection[int]:
        """As the base class."""
        unfinished = machine.unfinished()
        if len(unfinished) > 2:
            return enabled
        for thread in sorted(unfinished, key=lambda thread: thread != last):
            mine = [actor for actor in enabled if thread_of(actor) == thread]
            for some, touched in self._candidates(machine, thread, mine):
                others = [self._footprint(machine, other) for other in unfinished if other != thread]
                if all(other is not None and not conflicts(other, touched) for other in others):
                    return some
        return enabled

    def _footprint(self, machine: Recalled, thread: int) -> Footprint | None:
        if thread not in self.footprints:
            progress = machine.progress(thread)
            self.footprints[thread] = None if progress is None else self._alone(thread, progress)
        return self.footprints[thread]

    def _candidates(
        self, machine: Recalled, thread: int, mine: Collection[int]
    ) -> Iterator[tuple[Collection[int], Sequence[Touched]]]:
        """Sets of actors of a thread, and what must not conflict with others for each.

        Nothing that the thread's other actor may do without them conflicts with what they do.
        """
        progress, pending = machine.progress(thread), machine.threads[thread].pending
        if progress is None or not mine:
            return
        drains = [(request.location, expected_mode(request)) for request in progress.buffered]
        access: list[Touched] = []
        if thread in mine and pending is not None:
            access = [
                (pending.location, expected_mode(pending)),
                *((location, Mode.READ) for location in progress.waits),
            ]
        if drains and (pending is None or progress.buffered[0].operation != "return"):
            yield [buffer_of(thread)], drains[:1]
        if access and (not drains or (pending is not None and pending.operation == "load")):
            # Without the thread its buffer may drain, and others may meet what was in it.
            yield [thread], access + drains
        if drains:
            # Without the buffer a thread that is woken may go on to its next call, which comes after its last return.
            woken = [] if access or pending is None else [(location, Mode.READ) for location in progress.waits]
            yield mine, drains[:1] + access + woken
