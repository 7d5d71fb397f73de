"""Every run of a compiled program, or one of each class of equivalent ones: the loop over runs.

The order is that of `proofs.interleavings.explore`: depth first, each run repeated from the start.
"""

from typing import Any

from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.outcomes import finish
from proofs.interleavings.compiled.races import find_races, forget, inherited_sleep, lowest
from proofs.interleavings.compiled.state import (
    BACKTRACK,
    CHANGED,
    CHOSEN,
    DATED,
    DEPTH,
    LOCATION,
    MODE,
    PENDING,
    REDUCED,
    REDUNDANT,
    SLEEP,
    STATUS,
    STEP_CHANGED,
    THREADS,
    TOUCHES,
    WAITS,
    WATCHED,
    Search,
    Status,
)
from proofs.interleavings.compiled.turns import begin, enabled, step

_COMPLETE, _NOT_ENABLED = int(Status.COMPLETE), int(Status.NOT_ENABLED)


@part
def explore_runs(searches: Any, most: int) -> None:
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
    state, nodes = search.state, search.nodes
    begin(search)
    for place in range(state[DEPTH] - 1):
        step(search, nodes[place, CHOSEN])
    if state[DEPTH] > 0:
        if enabled(search) >> nodes[state[DEPTH] - 1, CHOSEN] & 1 == 0:
            state[STATUS] = _NOT_ENABLED
            return
        _take(search, state[DEPTH] - 1)
    while state[STATUS] == 0:
        may_run = enabled(search)
        if may_run == 0:
            finish(search)
            return
        sleep = inherited_sleep(search)
        awake = may_run & ~sleep
        if awake == 0:
            state[REDUNDANT] += 1
            return
        _add_node(search, may_run, awake, sleep)
        _take(search, state[DEPTH] - 1)


@part
def _add_node(search: Search, may_run: int, awake: int, sleep: int) -> None:
    """Choose who goes on at a new point: the same thread again if it can."""
    nodes, place = search.nodes, search.state[DEPTH]
    thread = lowest(awake)
    if place > 0 and awake >> nodes[place - 1, CHOSEN] & 1:
        thread = nodes[place - 1, CHOSEN]
    nodes[place, CHOSEN] = thread
    nodes[place, BACKTRACK] = 1 << thread if search.state[REDUCED] != 0 else may_run
    nodes[place, SLEEP] = sleep
    nodes[place, DATED] = 0
    search.state[DEPTH] = place + 1


@part
def _take(search: Search, place: int) -> None:
    """Take the chosen step, and keep what it was."""
    state, accesses, nodes = search.state, search.accesses, search.nodes
    thread = nodes[place, CHOSEN]
    access = place * search.state[THREADS] + thread
    watched = search.threads[thread, WAITS]
    accesses[access, LOCATION] = search.threads[thread, PENDING]
    accesses[access, WATCHED] = watched
    for item in range(watched):
        search.access_watched_at[access, item] = search.watched_at[thread, item]
        search.access_watched_since[access, item] = search.watched_since[thread, item]
    step(search, thread)
    accesses[access, TOUCHES] = state[MODE]
    nodes[place, STEP_CHANGED] = state[CHANGED]
    if state[REDUCED] != 0 and state[STATUS] == 0:
        find_races(search, place)


@part
def _to_next_choice(search: Search) -> bool:
    """Go back to the last point with something left to try; False when there is none."""
    state, nodes = search.state, search.nodes
    while state[DEPTH] > 0:
        place = state[DEPTH] - 1
        thread = nodes[place, CHOSEN]
        forget(search, place)
        nodes[place, SLEEP] |= 1 << thread
        search.sleepers[place, thread] = place * search.state[THREADS] + thread
        left = nodes[place, BACKTRACK] & ~nodes[place, SLEEP]
        if left != 0:
            nodes[place, CHOSEN] = lowest(left)
            return True
        state[DEPTH] = place
    return False
