"""Which actors are enough to try in a state under release and acquire.

A thread that stores, without reading, comes first whatever all others do meanwhile: they may still read what is older,
put their own stores before this one or behind it, and modify what this one comes behind. All that their steps leave it
in another order is another place among the options of theirs; who goes on after a pause by a store that came in between
has gone past less than otherwise, and can do all the same. What reads, on the other hand, has more options after a
store of another thread to the same location, so it comes first only if there will be none; the same is true of a
read-modify-write, which may come behind such a store. Full fences have one order.
"""

from collections.abc import Callable, Collection, Sequence

from proofs.interleavings.access import WRITES, Access, Mode
from proofs.interleavings.alone import Footprint, conflicts
from proofs.interleavings.persistent import PersistentSets, Touched
from proofs.interleavings.recalled import Recalled
from proofs.interleavings.request import FULL_FENCES


class WithViews(PersistentSets):
    """Where a thread may read any store that it has not gone past."""

    def __init__(self, may_touch: Callable[[int], Footprint]) -> None:
        """`may_touch` says what a thread of the machine may touch alone."""
        super().__init__()
        self._may_touch = may_touch

    def note(self, actor: int, access: Access) -> None:
        """As the base class. What another thread has read does not concern it."""
        self.footprints = {
            other: footprint
            for other, footprint in self.footprints.items()
            if other != actor
            and footprint is not None
            and not any(mode in WRITES and at in footprint for at, mode in access.footprint())
        }

    def enough(self, machine: Recalled, enabled: Collection[int], last: int) -> Collection[int]:
        """As the base class."""
        touched = {thread: _touched(machine, thread) for thread in sorted(enabled, key=lambda thread: thread != last)}
        for thread, accesses in touched.items():
            if not accesses:
                return [thread]
        unfinished = machine.unfinished()
        if len(unfinished) == 2:
            for thread, accesses in touched.items():
                other = next(other for other in unfinished if other != thread)
                if not conflicts(self._footprint(other), accesses):
                    return [thread]
        return enabled

    def _footprint(self, thread: int) -> Footprint:
        footprint = self.footprints.get(thread)
        if footprint is None:
            footprint = self.footprints[thread] = self._may_touch(thread)
        return footprint


def _touched(machine: Recalled, thread: int) -> Sequence[Touched]:
    """What other threads must not touch for the next step of a thread to come first."""
    pending = machine.threads[thread].pending
    assert pending is not None
    if pending.operation == "store":
        return ()
    if pending.operation == "fence":
        return [(FULL_FENCES, Mode.WRITE)]
    if pending.operation == "go on":
        return [(location, Mode.VIEW_READ) for location in machine.watched(thread)]
    return [(pending.location, Mode.VIEW_READ)]
