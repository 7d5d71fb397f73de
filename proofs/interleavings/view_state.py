"""What a view machine is made of, and when two of its states are one.

Two states have the same future if they differ only by what no thread can notice any more. So a key forgets stores that
every thread has gone past, and of the clocks of happens-before all but the order in which they stand to the accesses
that may still race and to the returns that a later call may or may not come after: of a number of ticks, how many of
those it has reached.
"""

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from fastpath.memory import Words
from proofs.interleavings.data_race import Clock, Races, joined
from proofs.interleavings.memory_model import Known


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

    What it carries is itself and all of the view `rests_on`, which many stores may have in common.
    `identity` is its thread and its number among that thread's stores, the same in all equivalent runs; `modifies`
    says that it modifies the store before it, and `is_idle` that it leaves its value as it was; `step` is when it was
    made, 0 for the initial value. Places are far apart, so that there is room between any two. A store never changes
    once it is there.
    """

    value: int
    identity: tuple[int, int]
    carries: View
    rests_on: View
    modifies: bool = False
    is_idle: bool = False
    step: int = 0
    place: int = 0


@dataclass(frozen=True)
class Location:
    """A word in its array, and its stores in modification order; never changed, but replaced."""

    words: Words
    position: int
    order: tuple[Store, ...]


@dataclass
class ThreadViews:
    """A thread's views: its own; what its relaxed loads have read, for an acquire fence; that of its release fence."""

    view: View
    unacquired: View
    released: View
    stores: int = 0
    ticks: int = 0
    reads: dict[int, Store] = field(default_factory=dict)
    has_changed_memory: bool = False

    def copy(self) -> "ThreadViews":
        """An equal one that changes independently."""
        views = self.view.copy(), self.unacquired.copy(), self.released
        return ThreadViews(*views, self.stores, self.ticks, self.reads.copy(), self.has_changed_memory)


@dataclass
class ViewState:
    """All that changes in a view machine.

    Attributes:
        threads: the views of each.
        full_fences: the stores that all full fences so far have seen.
        locations: the stores of each location that has been touched, in modification order.
        races: the last accesses of each word.
    """

    threads: list[ThreadViews]
    full_fences: dict[int, Store]
    locations: dict[int, Location]
    races: Races

    def copy(self) -> "ViewState":
        """An equal one that changes independently."""
        threads = [each.copy() for each in self.threads]
        return ViewState(threads, self.full_fences, self.locations.copy(), self.races.copy())

    def key(self, live: Sequence[int], known: Known) -> Hashable:
        """What decides what may still happen while these threads go on; see `MemoryModel.key`."""
        return _Key(self, live, known).whole()


class _Key:
    """The key of one state, in the making."""

    def __init__(self, state: ViewState, live: Sequence[int], known: Known) -> None:
        self._state = state
        self._live = live
        self._threads = [state.threads[thread] for thread in live]
        self._is_private = known.is_private
        self._private: list[tuple[int, int]] = []
        self._ranks: dict[Store, int] = {}
        self._readable: dict[int, Sequence[Store]] = {}
        """By location, if anything has been stored there."""
        for number, location in sorted(state.locations.items()):
            order = location.order
            if len(order) == 1:
                self._ranks[order[0]] = 0
            elif known.is_private(number):
                self._private.append((number, order[-1].value))
            else:
                self._readable[number] = self._rank(number, order)
        self._open = sorted(number for number, stores in self._readable.items() if len(stores) > 1)
        """Locations of which threads may have seen different stores."""
        self._accesses = self._racing()
        self._returns = known.returns
        self._ticks = self._noticeable()
        self._clocks: dict[Clock, Clock] = {}
        self._views: dict[int, Hashable] = {}
        self._views_are_alike = not self._open and not any(self._ticks)

    def _rank(self, number: int, order: Sequence[Store]) -> Sequence[Store]:
        """The stores of a location that some thread may still read, numbered from the oldest."""
        seen = [views.view.stores.get(number) for views in self._threads]
        oldest = min((0 if store is None else store.place for store in seen), default=order[-1].place)
        first = len(order) - 1
        while order[first].place > oldest:
            first -= 1
        readable = order[first:]
        self._ranks.update((store, rank) for rank, store in enumerate(readable))
        return readable

    def _unnoticed(self, thread: int, tick: int) -> bool:
        """Whether some other thread that goes on does not know yet that a thread's tick is over."""
        return any(self._state.threads[other].view.clock[thread] < tick for other in self._live if other != thread)

    def _racing(self) -> list[tuple[int, int, int, int]]:
        """The accesses with which a later one may race: location, kind, thread, tick."""
        return [
            (location, kind, thread, tick)
            for location, kind, thread, tick in self._state.races.accesses()
            if not self._is_private(location) and self._unnoticed(thread, tick)
        ]

    def _noticeable(self) -> list[list[int]]:
        """For each thread the ticks of which it matters whether another knows that they are over."""
        ticks: list[set[int]] = [set() for _ in self._state.threads]
        for _, _, thread, tick in self._accesses:
            ticks[thread].add(tick)
        for thread, moment in self._returns:
            if self._unnoticed(thread, moment.tick):
                ticks[thread].add(moment.tick)
        return [sorted(each) for each in ticks]

    def whole(self) -> Hashable:
        orders = tuple((number, self._order(stores)) for number, stores in self._readable.items())
        threads = tuple(self._thread(views) for views in self._threads)
        races = tuple(
            sorted((*which, thread, bisect_right(self._ticks[thread], tick)) for *which, thread, tick in self._accesses)
        )
        return tuple(self._private), orders, threads, self._fences(), races

    def _fences(self) -> Hashable:
        return self._stores(self._state.full_fences)

    def _order(self, stores: Sequence[Store]) -> Hashable:
        """Of the oldest it does not matter any more whether it modifies another: nothing comes between the two."""
        oldest, *newer = stores
        return (
            (oldest.value, oldest.is_idle, self._view(oldest.rests_on)),
            tuple((store.value, store.modifies, store.is_idle, self._view(store.rests_on)) for store in newer),
        )

    def _thread(self, views: ThreadViews) -> Hashable:
        seen = views.view.stores
        unacquired = {
            number: store
            for number, store in views.unacquired.stores.items()
            if number not in seen or seen[number].place < store.place
        }
        reads = None if views.has_changed_memory else self._reads(views)
        return (
            self._view(views.view),
            self._stores(unacquired),
            self._clock(joined(views.unacquired.clock, views.view.clock)),
            self._view(views.released),
            reads,
        )

    def _reads(self, views: ThreadViews) -> Hashable:
        """What a pause would watch; of what is older than all have seen, whether that has been changed since."""
        return tuple(
            sorted(
                (number, self._ranks.get(store, -1), store not in self._ranks and self._is_outdated(number, store))
                for number, store in views.reads.items()
                if not self._is_private(number)
            )
        )

    def _is_outdated(self, number: int, read: Store) -> bool:
        """Whether one of the stores that are forgotten has changed what a store was."""
        oldest = self._readable[number][0]
        order = self._state.locations[number].order
        return any(read.place < store.place < oldest.place and not store.is_idle for store in order)

    def _view(self, view: View) -> Hashable:
        if self._views_are_alike:
            return None
        known = self._views.get(id(view))
        if known is None:
            known = self._views[id(view)] = self._stores(view.stores), self._clock(view.clock)
        return known

    def _stores(self, stores: dict[int, Store]) -> Hashable:
        """By location; what is not newer than what all have seen says nothing."""
        ranks, seen = self._ranks, stores.get
        return tuple(
            [
                (number, rank)
                for number in self._open
                if (store := seen(number)) is not None and (rank := ranks.get(store))
            ]
        )

    def _clock(self, clock: Clock) -> Clock:
        known = self._clocks.get(clock)
        if known is None:
            known = self._clocks[clock] = tuple(map(bisect_right, self._ticks, clock))
        return known
