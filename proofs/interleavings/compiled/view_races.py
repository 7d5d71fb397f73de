"""The reduction where accesses have options: what sleeps, what happens before what, which other orders are to be tried.

As `races.py`, and as `proofs.interleavings.explore`, step for step. A source set holds threads; a sleep set holds
choices, a thread with the name of an option. Modes are those of modification orders: a load, a compare-and-swap that
fails, and all that adds a store. Of two steps that were made, only two full fences depend on each other.
"""

from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.races import insert, list_first_steps
from proofs.interleavings.compiled.state import (
    BACKTRACK,
    CAUSE,
    CHOSEN,
    DATED,
    ENTRIES,
    FIRST_ENTRY,
    MODE,
    MOST_ENTRIES,
    MOST_OPTIONS,
    MOST_SLEEPERS,
    OPTION,
    OTHERS,
    OWN,
    PREVIOUS,
    REDUCED,
    SLEEPERS,
    STATUS,
    STEP_LOCATION,
    THREADS,
    Search,
    Status,
)
from proofs.interleavings.compiled.view_turns import READ, TRY, WRITE

_TOO_MANY_ENTRIES, _TOO_MANY_SLEEPERS = int(Status.TOO_MANY_ENTRIES), int(Status.TOO_MANY_SLEEPERS)
_THREAD_SHIFT = 48
_FENCES = 0
"""The location of full fences."""


@part
def choice_of(search: Search, place: int, thread: int, option: int) -> int:
    """A thread with one of the options that it has at a point, as one number that is the same wherever it sleeps."""
    return thread << _THREAD_SHIFT | search.choice_names[place, thread * MOST_OPTIONS + option]


@part
def sleeps(search: Search, place: int, choice: int) -> bool:
    """Whether a choice is not to be tried at a point."""
    for item in range(search.nodes[place, SLEEPERS]):  # noqa: SIM110 - numba knows no generators
        if search.sleeping[place, item] == choice:
            return True
    return False


@part
def put_to_sleep(search: Search, place: int, choice: int, is_fence: int) -> None:
    """Do not try a choice at a point, for it has been tried."""
    count = search.nodes[place, SLEEPERS]
    if count == MOST_SLEEPERS:
        search.state[STATUS] = _TOO_MANY_SLEEPERS
        return
    search.sleeping[place, count] = choice
    search.sleeping_fence[place, count] = is_fence
    search.nodes[place, SLEEPERS] = count + 1


@part
def inherit_sleep(search: Search, place: int) -> None:
    """At a new point sleeps what was tried before, and what nothing since has concerned."""
    search.nodes[place, SLEEPERS] = 0
    if search.state[REDUCED] == 0 or place == 0:
        return
    parent = place - 1
    fenced = search.touched[parent, 0] == _FENCES
    for item in range(search.nodes[parent, SLEEPERS]):
        choice, is_fence = search.sleeping[parent, item], search.sleeping_fence[parent, item]
        if choice >> _THREAD_SHIFT != search.nodes[parent, CHOSEN] and not (fenced and is_fence):
            put_to_sleep(search, place, choice, is_fence)


@part
def first_awake(search: Search, place: int, thread: int) -> int:
    """The first option of a thread that is to be tried at a point, or -1."""
    for option in range(search.choice_counts[place, thread]):
        if not sleeps(search, place, choice_of(search, place, thread, option)):
            return option
    return -1


@part
def keep_touched(search: Search, place: int) -> None:
    """Keep what the last step touched."""
    state = search.state
    search.touched[place, 0], search.touched[place, 1] = state[STEP_LOCATION], state[MODE]
    search.touched[place, 2] = state[OTHERS]
    for item in range(state[OTHERS]):
        search.touched_others[place, item] = search.others[item]


@part
def _touched(search: Search, place: int, item: int) -> tuple[int, int]:
    """Location and mode of one thing that a step touched."""
    if item == 0:
        return search.touched[place, 0], search.touched[place, 1]
    return search.touched_others[place, item - 1], READ


@part
def forget(search: Search, place: int) -> None:
    """Undo what `find_races` kept about the last step of the path."""
    nodes = search.nodes
    if nodes[place, DATED] == 0:
        return
    nodes[place, DATED] = 0
    entry = search.state[ENTRIES]
    while entry > nodes[place, FIRST_ENTRY]:
        entry -= 1
        location, mode = _touched(search, place, entry - nodes[place, FIRST_ENTRY])
        search.heads[location, mode] = search.entry_before[entry]
    search.state[ENTRIES] = entry
    search.last[nodes[place, CHOSEN]] = nodes[place, PREVIOUS]


@part
def find_races(search: Search, place: int) -> None:
    """Date the step just taken, and note for each race with it what else is to be tried."""
    nodes, clocks, threads = search.nodes, search.clocks, search.state[THREADS]
    thread = nodes[place, CHOSEN]
    last, cause = search.last[thread], search.state[CAUSE] - 1
    for each in range(threads):
        clocks[place, each] = clocks[last, each] if last >= 0 else 0
    own = clocks[place, thread] + 1
    if cause >= 0:
        _join(search, place, cause)
    for item in range(_conflicting(search, place)):
        earlier = search.found[item]
        if nodes[earlier, OWN] > clocks[place, nodes[earlier, CHOSEN]]:
            _try_reversed(search, earlier, place)
            _join(search, place, earlier)
    clocks[place, thread] = nodes[place, OWN] = own
    nodes[place, PREVIOUS] = last
    search.last[thread] = place
    _enter(search, place)


@part
def _join(search: Search, place: int, earlier: int) -> None:
    """Let a step come after an earlier one."""
    for each in range(search.state[THREADS]):
        search.clocks[place, each] = max(search.clocks[place, each], search.clocks[earlier, each])


@part
def _enter(search: Search, place: int) -> None:
    """Keep what a step touched, by location."""
    entry = search.nodes[place, FIRST_ENTRY] = search.state[ENTRIES]
    count = search.touched[place, 2] + 1
    if entry + count > MOST_ENTRIES:
        search.state[STATUS] = _TOO_MANY_ENTRIES
        return
    for item in range(count):
        location, mode = _touched(search, place, item)
        search.entry_place[entry] = place
        search.entry_before[entry] = search.heads[location, mode]
        search.heads[location, mode] = entry
        entry += 1
    search.state[ENTRIES] = entry
    search.nodes[place, DATED] = 1


@part
def _conflicting(search: Search, place: int) -> int:
    """Find the earlier steps whose order with a step matters, latest first; how many.

    Only a later store adds to what an earlier access may do; a swap that fails comes after the stores before it.
    """
    count = 0
    for item in range(search.touched[place, 2] + 1):
        location, mode = _touched(search, place, item)
        newest = search.heads[location, WRITE]
        last_write = search.entry_place[newest] if newest >= 0 else -1
        for other in range(WRITE + 1):
            if mode == WRITE or (mode == TRY and other == WRITE):
                entry = search.heads[location, other]
                while entry >= 0 and search.entry_place[entry] >= last_write:
                    count = insert(search, count, search.entry_place[entry])
                    entry = search.entry_before[entry]
    return count


@part
def _try_reversed(search: Search, earlier: int, place: int) -> None:
    """At step `earlier`, make sure that the steps independent of it are also tried first."""
    nodes, tried = search.nodes, False
    for item in range(list_first_steps(search, earlier, place)):
        tried = tried or _is_tried(search, earlier, search.first_steps[item])
    if not tried:
        nodes[earlier, BACKTRACK] |= 1 << nodes[search.first_steps[0], CHOSEN]


@part
def _is_tried(search: Search, earlier: int, step: int) -> bool:
    """Whether the choice of a step is among those to be tried, or that sleep, at an earlier point."""
    thread = search.nodes[step, CHOSEN]
    choice = choice_of(search, step, thread, search.nodes[step, OPTION])
    return bool(search.nodes[earlier, BACKTRACK] >> thread & 1) or sleeps(search, earlier, choice)
