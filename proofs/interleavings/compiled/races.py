"""The reduction: what sleeps, what happens before what, and which other orders are to be tried.

The algorithm is that of `proofs.interleavings.explore`, step for step, so that both engines make the same runs: source
sets and sleep sets, with vector clocks over the accesses really made. Sets of threads are bit masks; the steps that
touched a location are lists through `entry_before`, used as stacks. Clocks are handled whole, with the entries of
threads that there are not: of a constant number the compiler makes vectors.
"""

from proofs.interleavings.compiled.compiler import hot_part
from proofs.interleavings.compiled.state import (
    BACKTRACK,
    BASE,
    CHOSEN,
    DATED,
    DEPTH,
    ENTRIES,
    FIRST_ENTRY,
    FIRST_WATCHED,
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
from proofs.interleavings.compiled.switch import MOST_THREADS
from proofs.interleavings.compiled.turns import READ, WRITE

_MODES = 3
_TOO_MANY_ENTRIES = int(Status.TOO_MANY_ENTRIES)


@hot_part
def lowest(threads: int) -> int:
    """The first thread of a set that is not empty."""
    thread = 0
    while threads >> thread & 1 == 0:
        thread += 1
    return thread


@hot_part
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


@hot_part
def _footprint(search: Search, access: int, item: int) -> tuple[int, int]:
    """Location and mode of one thing that an access touches: the word itself first, then what was watched."""
    if item == 0:
        return search.accesses[access, LOCATION], search.accesses[access, TOUCHES]
    return _watched(search, access, item - 1)[0], READ


@hot_part
def _watched(search: Search, access: int, item: int) -> tuple[int, int]:
    """Location of one thing that a thread watched before its access, and the step at which it had read that."""
    thread, place = access % search.state[THREADS], search.accesses[access, FIRST_WATCHED] + item
    return search.read_at[thread, place], search.read_since[thread, place] - search.state[BASE]


@hot_part
def _dependent(search: Search, one: int, other: int) -> bool:
    """Whether two accesses of different threads must keep their order."""
    for item in range(search.accesses[one, WATCHED] + 1):
        here, mode = _footprint(search, one, item)
        for other_item in range(search.accesses[other, WATCHED] + 1):
            there, other_mode = _footprint(search, other, other_item)
            if here == there and (mode != other_mode or mode == WRITE):
                return True
    return False


@hot_part
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


@hot_part
def find_races(search: Search, place: int) -> None:
    """Date the step just taken, and note for each race with it what else is to be tried."""
    nodes, clocks, threads = search.nodes, search.clocks, search.state[THREADS]
    thread = nodes[place, CHOSEN]
    access = place * threads + thread
    last = search.last[thread]
    for each in range(MOST_THREADS):
        clocks[place, each] = clocks[last, each] if last >= 0 else 0
    own = clocks[place, thread] + 1
    for item in range(_conflicting(search, access)):
        earlier = search.found[item]
        if nodes[earlier, OWN] > clocks[place, nodes[earlier, CHOSEN]]:
            if _reversible(search, earlier, access):
                _try_reversed(search, earlier, place)
            for each in range(MOST_THREADS):
                clocks[place, each] = max(clocks[place, each], clocks[earlier, each])
    clocks[place, thread] = nodes[place, OWN] = own
    nodes[place, PREVIOUS] = last
    search.last[thread] = place
    _enter(search, place, access)


@hot_part
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


@hot_part
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


@hot_part
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


@hot_part
def after(search: Search, earlier: int, later: int) -> bool:
    """Whether step `later` happens after step `earlier`."""
    return search.clocks[later, search.nodes[earlier, CHOSEN]] >= search.nodes[earlier, OWN]


@hot_part
def _reversible(search: Search, earlier: int, access: int) -> bool:
    """Whether an access could be made without step `earlier` and what happens after it."""
    count = search.accesses[access, WATCHED]
    for item in range(count):
        location, since = _watched(search, access, item)
        entry = search.heads[location, WRITE]
        while entry >= 0 and search.entry_place[entry] >= since:
            other = search.entry_place[entry]
            if search.nodes[other, STEP_CHANGED] and (other < earlier or not after(search, earlier, other)):
                return True
            entry = search.entry_before[entry]
    return count == 0


@hot_part
def _try_reversed(search: Search, earlier: int, place: int) -> None:
    """At step `earlier`, make sure that the steps independent of it are also tried first."""
    nodes = search.nodes
    first_steps = 0
    for item in range(list_first_steps(search, earlier, place)):
        first_steps |= 1 << nodes[search.first_steps[item], CHOSEN]
    if first_steps & (nodes[earlier, BACKTRACK] | nodes[earlier, SLEEP]) == 0:
        nodes[earlier, BACKTRACK] |= 1 << nodes[search.first_steps[0], CHOSEN]


@hot_part
def list_first_steps(search: Search, earlier: int, place: int) -> int:
    """List what could come first of the steps behind `earlier` that are independent of it, in their order; how many.

    The step at `place`, which is being dated, counts among them. Of a thread only its first step behind `earlier` can
    be one: if that comes after `earlier`, so does what the thread does then.
    """
    count = seen = 0
    for step in range(earlier + 1, place + 1):
        thread = search.nodes[step, CHOSEN]
        if seen >> thread & 1 == 0:
            seen |= 1 << thread
            if (step == place or not after(search, earlier, step)) and _comes_first(search, step, count):
                search.first_steps[count] = step
                count += 1
    return count


@hot_part
def _comes_first(search: Search, step: int, count: int) -> bool:
    """Whether a step happens after none of the first ones that are listed."""
    for item in range(count):  # noqa: SIM110 - numba knows no generators
        if after(search, search.first_steps[item], step):
            return False
    return True
