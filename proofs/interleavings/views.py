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
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastpath.memory import MASK, Ordering
from proofs.interleavings.access import Access, Mode
from proofs.interleavings.data_race import Clock, Races
from proofs.interleavings.memory_model import Known, MemoryModel, Moment
from proofs.interleavings.request import FULL_FENCES, HISTORY, Request
from proofs.interleavings.view_state import Location, Store, ThreadViews, View, ViewState

_ACQUIRES = frozenset({Ordering.ACQUIRE, Ordering.ACQUIRE_RELEASE, Ordering.FULL})
_GAP = 1 << 200
"""Between the places of two stores, each added behind all others: room for two hundred, one between two others."""
_RELEASES = frozenset({Ordering.RELEASE, Ordering.ACQUIRE_RELEASE, Ordering.FULL})


@dataclass
class ClockMoment(Moment):
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
        self._all = [ThreadViews(View({}, zero), View({}, zero), View({}, zero)) for _ in self._threads]
        self._full_fences: dict[int, Store] = {}
        self._locations: dict[int, Location] = {}
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

    def _candidates(self, thread: int, request: Request) -> Sequence[Store]:
        """The stores that an access may read, or come behind, latest first."""
        order = self._location(request).order
        readable = self._not_gone_past(thread, request.location)
        if request.operation != "load":
            readable = tuple(store for store in readable if self._may_follow(order, store, request))
        return readable[::-1]

    def _not_gone_past(self, thread: int, location: int) -> tuple[Store, ...]:
        order = self._locations[location].order
        seen = self._all[thread].view.stores.get(location)
        return order[order.index(seen) if seen is not None else 0 :]

    @staticmethod
    def _may_follow(order: Sequence[Store], store: Store, request: Request) -> bool:
        """Whether nothing comes behind it that has modified it, or the access fails there and adds no store."""
        if not _is_modified(order, store):
            return True
        return request.operation == "compare-and-swap" and _changed(request, store.value) is None

    def _newer(self, thread: int) -> list[tuple[int, Store]]:
        """For each location that the thread watches the store behind the one it has read that first changes something.

        It may know better already, by what it has read elsewhere: then it need not wait to read that here.
        """
        found = []
        for location, read in self._all[thread].reads.items():
            later = (store for store in self._locations[location].order if store.place > read.place)
            if news := next((store for store in later if not store.is_idle), None):
                found.append((location, news))
        return found

    def _location(self, request: Request) -> Location:
        location = self._locations.get(request.location)
        if location is None:
            assert request.words is not None
            initial = Store(int(request.words[request.position]), (-1, 0), self._nothing, self._nothing)
            location = Location(request.words, request.position, (initial,))
            self._locations[request.location] = location
        return location

    def readable(self, thread: int, location: int) -> tuple[set[int], set[int]] | None:
        if location not in self._locations:
            return None
        stores = self._not_gone_past(thread, location)
        return {store.value for store in stores}, {store.value for store in stores if not _is_modified(stores, store)}

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
            is_idle = operation != "store" and changed == source.value
            last = self._add(thread, request, source, changed, step, is_idle)
            if is_idle:
                me.reads[location] = last
        note = "" if last is self._locations[location].order[-1] else f"{operation} = {after:#x}, not the last store"
        causes = (source.step,) if source.step and mode is Mode.VIEW_READ else ()
        access = Access(operation, location, mode, (), source.value, after, note, causes)
        return access, np.uint64(source.value)

    def _read(self, me: ThreadViews, location: int, source: Store, acquires: bool) -> None:
        me.view.stores[location] = source
        if acquires:
            me.view.add(source.carries)
        else:
            me.unacquired.add(source.carries)

    def _add(self, thread: int, request: Request, source: Store, value: int, step: int, is_idle: bool = False) -> Store:
        """A new store right behind `source`."""
        me = self._all[thread]
        location = self._locations[request.location]
        order = location.order
        released = me.view if request.ordering in _RELEASES else me.released
        carries = released.copy()
        follows = order.index(source) + 1
        place = (source.place + order[follows].place) // 2 if follows < len(order) else source.place + _GAP
        modifies = request.operation != "store"
        # The view of a release fence stays as it is; a thread's own goes on, and what was read may add to it.
        rests_on = carries if modifies or released is me.view else released
        store = Store(value & MASK, (thread, me.stores), carries, rests_on, modifies, is_idle, step, place)
        me.stores += 1
        changed = (*order[:follows], store, *order[follows:])
        self._locations[request.location] = Location(location.words, location.position, changed)
        me.view.stores[request.location] = store
        carries.stores[request.location] = store
        if modifies:
            carries.add(source.carries)
        return store

    def _plain(self, thread: int, request: Request, step: int) -> tuple[Access, Any]:
        """No race: the last store happens before, and is the one that is read or followed."""
        last = self._location(request).order[-1]
        self._all[thread].view.stores[request.location] = last
        if request.operation == "store":
            self._all[thread].has_changed_memory = True
            self._add(thread, request, last, request.value, step)
        return Access(request.operation, request.location, Mode.OWN), np.uint64(last.value)

    def _fence(self, me: ThreadViews, request: Request) -> Access:
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

    # --- states ---

    def saved(self) -> ViewState:
        return ViewState(self._all, self._full_fences, self._locations, self._races).copy()

    def restore(self, saved: ViewState) -> None:
        copy = saved.copy()
        self._all, self._full_fences = copy.threads, copy.full_fences
        self._locations, self._races = copy.locations, copy.races

    def key(self, live: Sequence[int], known: Known) -> Hashable:
        return ViewState(self._all, self._full_fences, self._locations, self._races).key(live, known)

    # --- the end ---

    def new_moment(self) -> ClockMoment:
        return ClockMoment()

    def settle(self) -> None:
        for location in self._locations.values():
            location.words[location.position] = location.order[-1].value


def _is_modified(order: Sequence[Store], store: Store) -> bool:
    """Whether what comes behind a store has modified it, so that nothing else can come there."""
    follows = order.index(store) + 1
    return follows < len(order) and order[follows].modifies


def _changed(request: Request, old: int) -> int | None:
    """The value that an access puts in place of an old one, None for none."""
    if request.change is None:
        return None
    value = request.change(old)
    return None if value is None else value & MASK
