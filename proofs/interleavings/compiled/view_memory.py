"""Release and acquire for compiled threads: modification orders and views, as `proofs.interleavings.views` has them.

The machine is that of the plain engine, rule for rule, on arrays: see there for what it is and where it is from. A
store is a row of `stores`, the initial one of each place first; a view is a row of `views`, the oldest store of each
place that may still be read, beside a row of `view_clocks`, what happens before. Three rows are a thread's own view,
what its relaxed loads have read, and what it released by its last release fence; one is that of all full fences; the
rest are what the stores carry.
"""

import numpy as np

from fastpath.memory import Ordering
from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.state import (
    ACCESS_KIND,
    DIRTY,
    IDLE,
    MADE,
    MADE_AT,
    MODIFIES,
    MOST_ORDER,
    MOST_PLACES,
    MOST_STORES,
    NAME,
    PLACE,
    PLACES,
    STATUS,
    STEPS,
    STORES,
    THREADS,
    TICKS,
    VIEW_ROWS,
    Search,
    Status,
)
from proofs.interleavings.compiled.switch import FAILURE_SHIFT, MOST_THREADS, ORDERING_SHIFT, ORDERINGS, Operation

OWN, UNACQUIRED, RELEASED = 0, 1, 2
"""A thread's rows of views."""
FULL_FENCES = 3 * MOST_THREADS
"""The row of all full fences."""
_CARRIED = FULL_FENCES + 1

_PLAIN = ORDERINGS.index(Ordering.PLAIN)
_FULL = ORDERINGS.index(Ordering.FULL)
_ACQUIRES = sum(1 << ORDERINGS.index(each) for each in (Ordering.ACQUIRE, Ordering.ACQUIRE_RELEASE, Ordering.FULL))
_RELEASES = sum(1 << ORDERINGS.index(each) for each in (Ordering.RELEASE, Ordering.ACQUIRE_RELEASE, Ordering.FULL))
_LOAD, _FENCE = int(Operation.LOAD), int(Operation.FENCE)
_OPERATION_MASK, _ORDERING_MASK = 63, 15
_NUMBER_BITS = 20
_TOO_MANY_PLACES, _TOO_MANY_STORES = int(Status.TOO_MANY_PLACES), int(Status.TOO_MANY_STORES)
_DATA_RACE = int(Status.DATA_RACE)


@part
def begin_memory(search: Search) -> None:
    """Set orders and views back to the initial stores."""
    state = search.state
    state[STORES] = MOST_PLACES
    for place in range(state[PLACES]):
        search.lengths[place] = 1
        for row in range(_CARRIED):
            search.views[row, place] = place
        for column in range(4 * MOST_THREADS):
            search.ticks[place, column] = 0
    for row in range(_CARRIED):
        for thread in range(state[THREADS]):
            search.view_clocks[row, thread] = 0


@part
def place_of(search: Search, location: int) -> int:
    """The place of a location, new when it is touched for the first time of all runs."""
    state = search.state
    place = search.place_of[location] - 1
    if place >= 0:
        return place
    place = state[PLACES]
    if place == MOST_PLACES:
        state[STATUS] = _TOO_MANY_PLACES
        return 0
    state[PLACES] = place + 1
    search.place_of[location], search.location_of[place] = place + 1, location
    search.order[place, 0], search.lengths[place] = place, 1
    search.values[place] = search.template[location - 1]
    for row in range(VIEW_ROWS):
        search.views[row, place] = place
    return place


@part
def ordering_of(search: Search, thread: int) -> int:
    """The ordering of the access that a thread is about to make, as a place in `ORDERINGS`."""
    return search.threads[thread, ACCESS_KIND] >> ORDERING_SHIFT & _ORDERING_MASK


@part
def failure_of(search: Search, thread: int) -> int:
    """The ordering of its compare-and-swap if that fails."""
    return search.threads[thread, ACCESS_KIND] >> FAILURE_SHIFT & _ORDERING_MASK


@part
def is_local(search: Search, thread: int) -> bool:
    """Whether the access concerns nobody else now, so that it is made without a turn."""
    operation = search.threads[thread, ACCESS_KIND] & _OPERATION_MASK
    if operation == _FENCE:
        return ordering_of(search, thread) != _FULL
    return operation > _FENCE or ordering_of(search, thread) == _PLAIN


@part
def tick(search: Search, thread: int) -> None:
    """Count an access of a thread."""
    ticks = search.threads[thread, TICKS] + 1
    search.threads[thread, TICKS] = search.view_clocks[3 * thread + OWN, thread] = ticks


@part
def see(search: Search, mine: int, other: int) -> None:
    """Let one row of views read what another may, or later stores."""
    for place in range(search.state[PLACES]):
        store = search.views[other, place]
        if search.stores[store, PLACE] > search.stores[search.views[mine, place], PLACE]:
            search.views[mine, place] = store


@part
def _add(search: Search, mine: int, other: int) -> None:
    """Let one row of views know also what another knows."""
    see(search, mine, other)
    for thread in range(search.state[THREADS]):
        search.view_clocks[mine, thread] = max(search.view_clocks[mine, thread], search.view_clocks[other, thread])


@part
def _copy(search: Search, mine: int, other: int) -> None:
    """Make one row of views like another."""
    for place in range(search.state[PLACES]):
        search.views[mine, place] = search.views[other, place]
    for thread in range(search.state[THREADS]):
        search.view_clocks[mine, thread] = search.view_clocks[other, thread]


@part
def read(search: Search, thread: int, place: int, source: int, ordering: int) -> None:
    """Let a thread have read a store."""
    row = 3 * thread
    search.views[row + OWN, place] = source
    _add(search, row + (OWN if _ACQUIRES >> ordering & 1 else UNACQUIRED), _CARRIED + source)


@part
def add_store(search: Search, thread: int, place: int, source: int, value: np.uint64, modifies: int) -> int:
    """A new store right behind `source`; its number."""
    state, order, stores, row = search.state, search.order, search.stores, 3 * thread
    store, length = state[STORES], search.lengths[place]
    if length == MOST_ORDER or store == MOST_PLACES + MOST_STORES:
        state[STATUS] = _TOO_MANY_STORES
        return source
    state[STORES], search.lengths[place] = store + 1, length + 1
    search.values[store] = value
    stores[store, NAME] = thread + 1 << _NUMBER_BITS | search.threads[thread, MADE]
    stores[store, MADE_AT], stores[store, MODIFIES], stores[store, IDLE] = state[STEPS], modifies, 0
    search.threads[thread, MADE] += 1
    at = stores[source, PLACE] + 1
    for behind in range(length, at, -1):
        order[place, behind] = order[place, behind - 1]
        stores[order[place, behind], PLACE] = behind
    order[place, at], stores[store, PLACE] = store, at
    search.views[row + OWN, place] = store
    carried = _CARRIED + store
    _copy(search, carried, row + (OWN if _RELEASES >> ordering_of(search, thread) & 1 else RELEASED))
    search.views[carried, place] = store
    if modifies:
        _add(search, carried, _CARRIED + source)
    return store


@part
def fence(search: Search, thread: int) -> None:
    """A fence of a thread."""
    ordering, row = ordering_of(search, thread), 3 * thread
    if _ACQUIRES >> ordering & 1:
        _add(search, row + OWN, row + UNACQUIRED)
    if ordering == _FULL:
        see(search, row + OWN, FULL_FENCES)
        for place in range(search.state[PLACES]):
            search.views[FULL_FENCES, place] = search.views[row + OWN, place]
    if _RELEASES >> ordering & 1:
        _copy(search, row + RELEASED, row + OWN)


@part
def check_races(search: Search, thread: int, place: int, operation: int, plain: bool) -> None:
    """Record an access; two that conflict, one of them plain, must be ordered by happens-before (`data_race.py`)."""
    stores = operation != _LOAD
    kinds = 1  # of earlier accesses that conflict: plain stores, stores, plain loads, loads, a bit each
    if plain:
        kinds |= 2
    if stores:
        kinds |= 4
    if plain and stores:
        kinds |= 8
    for kind in range(4):
        if kinds >> kind & 1:
            for other in range(search.state[THREADS]):
                if search.view_clocks[3 * thread + OWN, other] < search.ticks[place, kind * MOST_THREADS + other]:
                    search.state[STATUS] = _DATA_RACE
    kind = (0 if plain else 1) if stores else (2 if plain else 3)
    search.ticks[place, kind * MOST_THREADS + thread] = search.threads[thread, TICKS]


@part
def settle_memory(search: Search) -> None:
    """Bring the shared words to the last store of each modification order."""
    state = search.state
    for place in range(state[PLACES]):
        if search.lengths[place] > 1:
            location = search.location_of[place]
            search.shared[location - 1] = search.values[search.order[place, search.lengths[place] - 1]]
            search.dirty[state[DIRTY]] = location
            state[DIRTY] += 1
