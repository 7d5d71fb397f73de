"""Release and acquire: per location a modification order, per thread a view of each.

The view machine of the release-acquire fragment of RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer: PLDI 2017), as Kang et
al. (POPL 2017) run it, without promises. Each location has its stores in modification order; a thread's view names
for each location the oldest store that it may still read. A load reads any store from its view on; a store is added
anywhere behind its view. A read-modify-write is added right behind the store that it reads, and nothing ever comes
between the two. A store carries what its thread releases with it: all that the thread has seen (release), or had seen
at its last release fence (relaxed), and for a read-modify-write also what the store that it read carried (release
sequence). An acquiring load, or an acquire fence after a relaxed one, adds that to the thread's own view. A full fence
acquires and releases, and exchanges views with all earlier full fences.

Threads run in program order, so a load never reads a store that comes after it in the union of program order and
reads-from: load buffering stays forbidden, and with it values out of thin air.

Plain accesses are no steps: they must be ordered by happens-before with every conflicting access, or a `DataRaceError`
says so (`data_race.py`). A thread that pauses goes on when some word that it has read has a newer store, and then with
that word's next store in its view: to read the same stores again would be in vain, and stores become visible at last.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastpath.memory import MASK, Ordering, Words
from proofs.interleavings.access import Access, Mode
from proofs.interleavings.data_race import Clock, Races, joined
from proofs.interleavings.memory_model import MemoryModel
from proofs.interleavings.request import FULL_FENCES, HISTORY, Request

_ACQUIRES = frozenset({Ordering.ACQUIRE, Ordering.ACQUIRE_RELEASE, Ordering.FULL})
_RELEASES = frozenset({Ordering.RELEASE, Ordering.ACQUIRE_RELEASE, Ordering.FULL})


@dataclass
class View:
    """What is known: for each location the oldest store that may still be read, and what happens before.

    A location that is not named may be read from its initial value on.
    """

    stores: "dict[int, Store]"
    clock: Clock

    def copy(self) -> "View":
        """An equal one that changes independently."""
        return View(dict(self.stores), self.clock)

    def add(self, other: "View") -> None:
        """Know also what `other` knows."""
        self.see(other.stores)
        self.clock = joined(self.clock, other.clock)

    def see(self, stores: "dict[int, Store]") -> None:
        """Read these stores, or later ones, from now on."""
        mine = self.stores
        for location, store in stores.items():
            seen = mine.get(location)
            if seen is None or seen.place < store.place:
                mine[location] = store


@dataclass(eq=False)
class Store:
    """One store of a location: its value, its place in modification order, and what it carries.

    `identity` is its thread and its number among that thread's stores, the same in all equivalent runs; `modifies`
    says that it modifies the store before it, and `is_idle` that it leaves its value as it was; `step` is when it was
    made, 0 for the initial value.
    """

    value: int
    identity: tuple[int, int]
    carries: View
    modifies: bool = False
    is_idle: bool = False
    step: int = 0
    place: int = 0


@dataclass
class _Location:
    words: Words
    position: int
    order: list[Store] = field(default_factory=list)


@dataclass
class _Thread:
    """A thread's views: its own; what its relaxed loads have read, for an acquire fence; that of its release fence."""

    view: View
    unacquired: View
    released: View
    stores: int = 0
    ticks: int = 0
    reads: dict[int, Store] = field(default_factory=dict)
    has_changed_memory: bool = False


@dataclass
class ClockMoment:
    """A moment in happens-before order: the tick of a thread, and all ticks that happen before it."""

    thread: int = 0
    tick: int = 0
    clock: Clock = ()

    def __lt__(self, other: "ClockMoment") -> bool:
        return other.clock[self.thread] >= self.tick


class Views(MemoryModel):
    """Modification orders and views; the arrays hold the initial values, and the last ones once settled."""

    def __init__(self, threads: int, name: Callable[[int], str]) -> None:
        super().__init__(threads, name)
        zero = (0,) * threads
        self._nothing = View({}, zero)
        self._all = [_Thread(View({}, zero), View({}, zero), View({}, zero)) for _ in self._threads]
        self._full_fences: dict[int, Store] = {}
        self._locations: dict[int, _Location] = {}
        self._races = Races(name)

    def is_local(self, thread: int, request: Request) -> bool:
        if request.operation == "fence":
            return request.ordering is not Ordering.FULL
        return request.ordering is Ordering.PLAIN or request.operation in ("call", "return")

    # --- options ---

    def options(self, thread: int, request: Request) -> Sequence[Hashable]:
        if request.operation == "go on":
            return [(location, store.identity) for location, store in self._newer(thread)]
        if request.operation == "fence":
            return (0,)
        return [store.identity for store in self._candidates(thread, request)]

    def _candidates(self, thread: int, request: Request) -> list[Store]:
        """The stores that an access may read, or come behind, latest first."""
        order = self._location(request).order
        seen = self._all[thread].view.stores.get(request.location)
        readable = order[seen.place if seen is not None else 0 :]
        if request.operation != "load":
            readable = [store for store in readable if self._may_follow(order, store, request)]
        readable.reverse()
        return readable

    @staticmethod
    def _may_follow(order: list[Store], store: Store, request: Request) -> bool:
        """Whether nothing comes behind it that has modified it, or the access fails there and adds no store."""
        follows = store.place + 1
        if follows == len(order) or not order[follows].modifies:
            return True
        return request.operation == "compare-and-swap" and _changed(request, store.value) is None

    def _newer(self, thread: int) -> list[tuple[int, Store]]:
        """For each location that the thread watches the next store that is news to it."""
        found = []
        for location, read in self._all[thread].reads.items():
            order = self._locations[location].order
            seen = self._seen(thread, location)
            later = order[max(read.place + 1, seen) :]
            if news := next((store for store in later if not store.is_idle), None):
                found.append((location, news))
        return found

    def _seen(self, thread: int, location: int) -> int:
        store = self._all[thread].view.stores.get(location)
        return store.place if store is not None else 0

    def _location(self, request: Request) -> _Location:
        location = self._locations.get(request.location)
        if location is None:
            assert request.words is not None
            initial = Store(int(request.words[request.position]), (-1, 0), self._nothing)
            location = _Location(request.words, request.position, [initial])
            self._locations[request.location] = location
        return location

    def is_immediate(self, thread: int, request: Request) -> bool:
        return request.operation != "go on"

    # --- steps ---

    def perform(self, thread: int, request: Request, option: int, step: int) -> tuple[Access, Any]:
        me = self._all[thread]
        me.ticks += 1
        clock = me.view.clock
        me.view.clock = (*clock[:thread], me.ticks, *clock[thread + 1 :])
        if request.operation == "fence":
            return self._fence(me, request), None
        if request.operation == "go on":
            return self._go_on(thread, option), None
        if request.moment is not None:
            request.moment.thread, request.moment.tick, request.moment.clock = thread, me.ticks, me.view.clock
            return Access(request.operation, HISTORY, Mode.OWN, note=request.note), None
        self._races.check(thread, request, me.view.clock)
        if request.ordering is Ordering.PLAIN:
            return self._plain(thread, request, step)
        source = self._candidates(thread, request)[option]
        return self._access(thread, request, source, step)

    def _access(self, thread: int, request: Request, source: Store, step: int) -> tuple[Access, Any]:
        me = self._all[thread]
        operation, location = request.operation, request.location
        changed = request.value if operation == "store" else _changed(request, source.value)
        ordering = request.failure if operation == "compare-and-swap" and changed is None else request.ordering
        if operation != "store":
            self._read(me, location, source, acquires=ordering in _ACQUIRES)
        if changed is None:
            mode, after = Mode.VIEW_READ if operation == "load" else Mode.VIEW_TRY, source.value
            me.reads.setdefault(location, source)
            last = source
        else:
            mode, after = Mode.VIEW_WRITE, changed
            me.has_changed_memory |= operation == "store" or changed != source.value
            last = self._add(thread, request, source, changed, step)
            if operation != "store" and changed == source.value:
                last.is_idle = True
                me.reads[location] = last
        note = "" if last is self._locations[location].order[-1] else f"{operation} = {after:#x}, not the last store"
        causes = (source.step,) if source.step and mode is Mode.VIEW_READ else ()
        access = Access(operation, location, mode, (), source.value, after, note, causes)
        return access, np.uint64(source.value)

    def _read(self, me: _Thread, location: int, source: Store, acquires: bool) -> None:
        me.view.stores[location] = source
        if acquires:
            me.view.add(source.carries)
        else:
            me.unacquired.add(source.carries)

    def _add(self, thread: int, request: Request, source: Store, value: int, step: int) -> Store:
        """A new store right behind `source`."""
        me = self._all[thread]
        order = self._locations[request.location].order
        store = Store(
            value & MASK, (thread, me.stores), self._nothing, modifies=request.operation != "store", step=step
        )
        me.stores += 1
        order.insert(source.place + 1, store)
        for place in range(source.place + 1, len(order)):
            order[place].place = place
        me.view.stores[request.location] = store
        store.carries = (me.view if request.ordering in _RELEASES else me.released).copy()
        store.carries.stores[request.location] = store
        if store.modifies:
            store.carries.add(source.carries)
        return store

    def _plain(self, thread: int, request: Request, step: int) -> tuple[Access, Any]:
        """No race: the last store happens before, and is the one that is read or followed."""
        last = self._location(request).order[-1]
        self._all[thread].view.stores[request.location] = last
        if request.operation == "store":
            self._all[thread].has_changed_memory = True
            self._add(thread, request, last, request.value, step)
        return Access(request.operation, request.location, Mode.OWN), np.uint64(last.value)

    def _fence(self, me: _Thread, request: Request) -> Access:
        full = request.ordering is Ordering.FULL
        if request.ordering in _ACQUIRES:
            me.view.add(me.unacquired)
        if full:
            me.view.see(self._full_fences)
            self._full_fences = dict(me.view.stores)
        if request.ordering in _RELEASES:
            me.released = me.view.copy()
        return Access("fence", FULL_FENCES, Mode.WRITE if full else Mode.OWN, note="fence")

    # --- waiting ---

    def pause(self, thread: int) -> Request | None:
        me = self._all[thread]
        if me.has_changed_memory or not me.reads:
            me.reads, me.has_changed_memory = {}, False
            return None
        return Request("go on", HISTORY)

    def _go_on(self, thread: int, option: int) -> Access:
        location, store = self._newer(thread)[option]
        watched = list(self._all[thread].reads)
        self._all[thread].reads = {}
        self._all[thread].view.see({location: store})
        others = tuple((other, Mode.VIEW_READ) for other in watched if other != location)
        note = f"goes on with {store.value:#x}"
        causes = (store.step,) if store.step else ()
        return Access("go on", location, Mode.VIEW_READ, note=note, causes=causes, others=others)

    def watched(self, thread: int) -> Sequence[int]:
        me = self._all[thread]
        return [] if me.has_changed_memory else list(me.reads)

    def state(self, thread: int) -> Hashable:
        """The last store of each location: views that are older catch up in the end, or the thread is not let on.

        While this thread's own view is behind, its state is like no other.
        """
        seen = self._all[thread].view.stores
        if any(store is not self._locations[location].order[-1] for location, store in seen.items()):
            return object()
        return tuple((location, known.order[-1].value) for location, known in sorted(self._locations.items()))

    # --- the end ---

    def new_moment(self) -> ClockMoment:
        return ClockMoment()

    def settle(self) -> None:
        for location in self._locations.values():
            location.words[location.position] = location.order[-1].value


def _changed(request: Request, old: int) -> int | None:
    """The value that an access puts in place of an old one, None for none."""
    if request.change is None:
        return None
    value = request.change(old)
    return None if value is None else value & MASK
