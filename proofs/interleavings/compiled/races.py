"""The reduction: what sleeps, what happens before what, and which other orders are to be tried.

The algorithm is that of `proofs.interleavings.explore`, step for step, so that both engines make the same runs: source
sets and sleep sets, with vector clocks over the accesses really made. Sets of threads are bit masks; the steps that
touched a location are lists through `entry_before`, used as stacks.
"""

from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.state import (
    BACKTRACK,
    CHOSEN,
    DATED,
    DEPTH,
    ENTRIES,
    FIRST_ENTRY,
    LOCATION,
    MOST_ENTRIES,
    OWN,
    PREVIOUS,
    REDUCED,
    SLEEP,
    STATUS,
    STEP_CHANGED,
    THREADS,
    TOUCHES,
    WATCHED,
    Search,
    Status,
)
from proofs.interleavings.compiled.turns import READ, WRITE

_MODES = 3
_TOO_MANY_ENTRIES = int(Status.TOO_MANY_ENTRIES)


@part
def lowest(threads: int) -> int:
    """The first thread of a set that is not empty."""
    thread = 0
    while threads >> thread & 1 == 0:
        thread += 1
    return thread


@part
def inherited_sleep(search: Search) -> int:
    """Threads whose next access was tried before, and which nothing since has concerned."""
    depth = search.state[DEPTH]
    if search.state[REDUCED] == 0 or depth == 0:
        return 0
    threads = search.state[THREADS]
    parent = depth - 1
    done = parent * threads + search.nodes[parent, CHOSEN]
    sleep = 0
    for thread in range(threads):
        if search.nodes[parent, SLEEP] >> thread & 1:
            access = search.sleepers[parent, thread]
            if not _dependent(search, access, done):
                sleep |= 1 << thread
                search.sleepers[depth, thread] = access
    return sleep


@part
def _footprint(search: Search, access: int, item: int) -> tuple[int, int]:
    """Location and mode of one thing that an access touches: the word itself first, then what was watched."""
    if item == 0:
        return search.accesses[access, LOCATION], search.accesses[access, TOUCHES]
    return search.access_watched_at[access, item - 1], READ


@part
def _dependent(search: Search, one: int, other: int) -> bool:
    """Whether two accesses of different threads must keep their order."""
    for item in range(search.accesses[one, WATCHED] + 1):
        here, mode = _footprint(search, one, item)
        for other_item in range(search.accesses[other, WATCHED] + 1):
            there, other_mode = _footprint(search, other, other_item)
            if here == there and (mode != other_mode or mode == WRITE):
                return True
    return False


@part
def forget(search: Search, place: int) -> None:
    """Undo what `find_races` kept about the last step of the path."""
    nodes = search.nodes
    if nodes[place, DATED] == 0:
        return
    nodes[place, DATED] = 0
    thread = nodes[place, CHOSEN]
    access = place * search.state[THREADS] + thread
    entry = search.state[ENTRIES]
    while entry > nodes[place, FIRST_ENTRY]:
        entry -= 1
        location, mode = _footprint(search, access, entry - nodes[place, FIRST_ENTRY])
        search.heads[location, mode] = search.entry_before[entry]
    search.state[ENTRIES] = entry
    search.last[thread] = nodes[place, PREVIOUS]


@part
def find_races(search: Search, place: int) -> None:
    """Date the step just taken, and note for each race with it what else is to be tried."""
    nodes, clocks, threads = search.nodes, search.clocks, search.state[THREADS]
    thread = nodes[place, CHOSEN]
    access = place * threads + thread
    last = search.last[thread]
    for each in range(threads):
        clocks[place, each] = clocks[last, each] if last >= 0 else 0
    own = clocks[place, thread] + 1
    for item in range(_conflicting(search, access)):
        earlier = search.found[item]
        if nodes[earlier, OWN] > clocks[place, nodes[earlier, CHOSEN]]:
            if _reversible(search, earlier, access):
                _try_reversed(search, earlier, place)
            for each in range(threads):
                clocks[place, each] = max(clocks[place, each], clocks[earlier, each])
    clocks[place, thread] = nodes[place, OWN] = own
    nodes[place, PREVIOUS] = last
    search.last[thread] = place
    _enter(search, place, access)


@part
def _enter(search: Search, place: int, access: int) -> None:
    """Keep what a step touched."""
    entry = search.nodes[place, FIRST_ENTRY] = search.state[ENTRIES]
    count = search.accesses[access, WATCHED] + 1
    if entry + count > MOST_ENTRIES:
        search.state[STATUS] = _TOO_MANY_ENTRIES
        return
    for item in range(count):
        location, mode = _footprint(search, access, item)
        search.entry_place[entry] = place
        search.entry_before[entry] = search.heads[location, mode]
        search.heads[location, mode] = entry
        entry += 1
    search.state[ENTRIES] = entry
    search.nodes[place, DATED] = 1


@part
def _conflicting(search: Search, access: int) -> int:
    """Find the earlier steps that conflict with an access, latest first; how many.

    Behind the last write to a location nothing need be looked at: the write comes after all of it.
    """
    count = 0
    for item in range(search.accesses[access, WATCHED] + 1):
        location, mode = _footprint(search, access, item)
        newest = search.heads[location, WRITE]
        last_write = search.entry_place[newest] if newest >= 0 else -1
        for other in range(_MODES):
            if mode != other or mode == WRITE:
                entry = search.heads[location, other]
                while entry >= 0 and search.entry_place[entry] >= last_write:
                    count = insert(search, count, search.entry_place[entry])
                    entry = search.entry_before[entry]
    return count


@part
def insert(search: Search, count: int, place: int) -> int:
    """Add a place to those found, in descending order, once; how many there are."""
    found = search.found
    at = count
    while at > 0 and found[at - 1] < place:
        at -= 1
    if at > 0 and found[at - 1] == place:
        return count
    for behind in range(count, at, -1):
        found[behind] = found[behind - 1]
    found[at] = place
    return count + 1


@part
def after(search: Search, earlier: int, later: int) -> bool:
    """Whether step `later` happens after step `earlier`."""
    return search.clocks[later, search.nodes[earlier, CHOSEN]] >= search.nodes[earlier, OWN]


@part
def _reversible(search: Search, earlier: int, access: int) -> bool:
    """Whether an access could be made without step `earlier` and what happens after it."""
    count = search.accesses[access, WATCHED]
    for item in range(count):
        location = search.access_watched_at[access, item]
        entry = search.heads[location, WRITE]
        while entry >= 0 and search.entry_place[entry] >= search.access_watched_since[access, item]:
            other = search.entry_place[entry]
            if search.nodes[other, STEP_CHANGED] and (other < earlier or not after(search, earlier, other)):
                return True
            entry = search.entry_before[entry]
    return count == 0


@part
def _try_reversed(search: Search, earlier: int, place: int) -> None:
    """At step `earlier`, make sure that the steps independent of it are also tried first."""
    nodes, independent = search.nodes, search.independent
    count = 0
    for step in range(earlier + 1, place):
        if not after(search, earlier, step):
            independent[count] = step
            count += 1
    seen = first_steps = 0
    first = -1
    for position in range(count):
        thread = nodes[independent[position], CHOSEN]
        if seen >> thread & 1 == 0:
            seen |= 1 << thread
            if comes_first(search, position):
                first_steps |= 1 << thread
                first = thread if first < 0 else first
    thread = nodes[place, CHOSEN]
    if seen >> thread & 1 == 0 and is_first(search, place, count):
        first_steps |= 1 << thread
        first = thread if first < 0 else first
    if first_steps & (nodes[earlier, BACKTRACK] | nodes[earlier, SLEEP]) == 0:
        nodes[earlier, BACKTRACK] |= 1 << first


@part
def comes_first(search: Search, position: int) -> bool:
    """Whether an independent step happens after none of the independent ones before it."""
    for other in range(position):  # noqa: SIM110 - numba knows no generators
        if after(search, search.independent[other], search.independent[position]):
            return False
    return True


@part
def is_first(search: Search, place: int, count: int) -> bool:
    """Whether the step being dated happens after none of the independent ones."""
    for other in range(count):  # noqa: SIM110 - as above
        if after(search, search.independent[other], place):
            return False
    return True
