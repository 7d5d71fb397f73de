"""Every run of a compiled program, or one of each class of equivalent ones: the loop over runs.

The order is that of `proofs.interleavings.explore`: depth first. A run goes on from where it parts from the one before
it (`checkpoints.py`); now and then one is repeated from the start, which must lead to the same.
"""

from typing import Any

from proofs.interleavings.compiled.checkpoints import go_back, is_as_kept, keep
from proofs.interleavings.compiled.compiler import hot_part, part
from proofs.interleavings.compiled.outcomes import finish
from proofs.interleavings.compiled.races import find_races, forget, inherited_sleep, lowest
from proofs.interleavings.compiled.state import (
    BACKTRACK,
    CHANGED,
    CHOSEN,
    DATED,
    DEPTH,
    FIRST_WATCHED,
    KEPT_WORDS,
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
    WATCHED_FROM,
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
    _repeat(search)
    for run in range(most):
        if state[STATUS] == 0:
            _run(search)
        if state[STATUS] != 0:
            return
        if not _to_next_choice(search):
            state[STATUS] = _COMPLETE
            return
        if run < most - 1:
            go_back(search, state[DEPTH] - 1)


@part
def _repeat(search: Search) -> None:
    """Repeat the path from the start, up to its last step."""
    state, nodes = search.state, search.nodes
    begin(search)
    state[KEPT_WORDS] = 0
    for place in range(state[DEPTH]):
        is_last = place == state[DEPTH] - 1
        if enabled(search) >> nodes[place, CHOSEN] & 1 == 0 or not (is_last or is_as_kept(search, place)):
            state[STATUS] = _NOT_ENABLED
            return
        if not is_last:
            keep(search, place)
            step(search, nodes[place, CHOSEN])


@hot_part
def _run(search: Search) -> None:
    """Take the last step of the path, then extend it to the end of the run."""
    state = search.state
    if state[DEPTH] > 0:
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


@hot_part
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


@hot_part
def _take(search: Search, place: int) -> None:
    """Take the chosen step, and keep what it was."""
    state, accesses, nodes = search.state, search.accesses, search.nodes
    thread = nodes[place, CHOSEN]
    access = place * search.state[THREADS] + thread
    accesses[access, LOCATION] = search.threads[thread, PENDING]
    accesses[access, WATCHED] = search.threads[thread, WAITS]
    accesses[access, FIRST_WATCHED] = search.threads[thread, WATCHED_FROM]
    keep(search, place)
    step(search, thread)
    accesses[access, TOUCHES] = state[MODE]
    nodes[place, STEP_CHANGED] = state[CHANGED]
    if state[REDUCED] != 0 and state[STATUS] == 0:
        find_races(search, place)


@hot_part
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
