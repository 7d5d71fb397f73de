"""Every run of a compiled program under release and acquire, or one of each class of equivalent ones.

As `search.py`; at each point a thread is tried with all its options.
"""

from typing import Any

from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.outcomes import finish
from proofs.interleavings.compiled.state import (
    ALIVE,
    BACKTRACK,
    CHOSEN,
    DATED,
    DEPTH,
    MOST_OPTIONS,
    OPTION,
    OPTIONS,
    REDUCED,
    REDUNDANT,
    STATUS,
    THREADS,
    Search,
    Status,
)
from proofs.interleavings.compiled.view_memory import settle_memory
from proofs.interleavings.compiled.view_races import (
    choice_of,
    find_races,
    first_awake,
    forget,
    inherit_sleep,
    keep_touched,
    put_to_sleep,
)
from proofs.interleavings.compiled.view_turns import begin, list_all_options, list_options, step

_COMPLETE, _NOT_ENABLED = int(Status.COMPLETE), int(Status.NOT_ENABLED)


@part
def explore_view_runs(searches: Any, most: int) -> None:
    """Make up to `most` runs of the search that the array holds; `STATUS` says how it stands then."""
    search = searches[0]
    state = search.state
    for _ in range(most):
        _run(search)
        if state[STATUS] != 0:
            return
        if not _to_next_choice(search):
            state[STATUS] = _COMPLETE
            return


@part
def _run(search: Search) -> None:
    """Repeat the path, then extend it to the end of the run."""
    state = search.state
    begin(search)
    for place in range(state[DEPTH]):
        if not _repeat(search, place):
            return
    if state[DEPTH] > 0:
        _date(search, state[DEPTH] - 1)
    while state[STATUS] == 0:
        may_run = list_all_options(search)
        if may_run == 0:
            if state[ALIVE] == 0:
                settle_memory(search)
            finish(search)
            return
        if not _add_node(search, may_run):
            state[REDUNDANT] += 1
            return
        place = state[DEPTH] - 1
        step(search, search.nodes[place, CHOSEN], search.nodes[place, OPTION])
        _date(search, place)


@part
def _repeat(search: Search, place: int) -> bool:
    """Take a step of the path; whether it could be taken."""
    thread, option = search.nodes[place, CHOSEN], search.nodes[place, OPTION]
    list_options(search, thread)
    if search.state[ALIVE] >> thread & 1 == 0 or option >= search.threads[thread, OPTIONS]:
        search.state[STATUS] = _NOT_ENABLED
        return False
    step(search, thread, option)
    return bool(search.state[STATUS] == 0)


@part
def _date(search: Search, place: int) -> None:
    """Keep what the step just taken was."""
    keep_touched(search, place)
    if search.state[REDUCED] != 0 and search.state[STATUS] == 0:
        find_races(search, place)


@part
def _add_node(search: Search, may_run: int) -> bool:
    """Choose who goes on at a new point, the same thread again if it can; False when all sleep."""
    nodes, place = search.nodes, search.state[DEPTH]
    for thread in range(search.state[THREADS]):
        count = search.threads[thread, OPTIONS]
        search.choice_counts[place, thread] = count
        for option in range(count):
            search.choice_names[place, thread * MOST_OPTIONS + option] = search.option_names[thread, option]
    inherit_sleep(search, place)
    chosen, option = -1, -1
    if place > 0:
        chosen = nodes[place - 1, CHOSEN]
        option = first_awake(search, place, chosen)
    thread = 0
    while option < 0 and thread < search.state[THREADS]:
        chosen = thread
        option = first_awake(search, place, thread)
        thread += 1
    if option < 0:
        return False
    nodes[place, CHOSEN], nodes[place, OPTION] = chosen, option
    nodes[place, BACKTRACK] = 1 << chosen if search.state[REDUCED] != 0 else may_run
    nodes[place, DATED] = 0
    search.state[DEPTH] = place + 1
    return True


@part
def _to_next_choice(search: Search) -> bool:
    """Go back to the last point with something left to try; False when there is none."""
    state, nodes = search.state, search.nodes
    while state[DEPTH] > 0:
        place = state[DEPTH] - 1
        done = choice_of(search, place, nodes[place, CHOSEN], nodes[place, OPTION])
        put_to_sleep(search, place, done, 1 if search.touched[place, 0] == 0 else 0)
        forget(search, place)
        for thread in range(state[THREADS]):
            if nodes[place, BACKTRACK] >> thread & 1:
                option = first_awake(search, place, thread)
                if option >= 0:
                    nodes[place, CHOSEN], nodes[place, OPTION] = thread, option
                    return True
        state[DEPTH] = place
    return False
