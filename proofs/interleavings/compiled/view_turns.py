"""One run under release and acquire: which options threads have, and what comes of a turn with one of them.

The rules are those of `proofs.interleavings.views` under its scheduler. An access goes to a scratch word, which holds
what the chosen store holds; what the thread leaves there is what it stores. Plain accesses, fences that are not full,
calls and returns are made at once. A thread that paused without having changed anything is held, before whatever it is
about to do, until one of the places that it has read has a newer store.
"""

import numpy as np

from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.state import (
    ACCESS_KIND,
    ALIVE,
    CALLS,
    CAUSE,
    CONSTANT_FROM,
    CONSTANT_WORDS,
    CONTROL_AT,
    EXPECTS,
    HAS_CHANGED,
    IDLE,
    MADE,
    MADE_AT,
    MODE,
    MODIFIES,
    MOST_OPTIONS,
    MOST_WATCHED,
    NAME,
    OPTIONS,
    OTHERS,
    PENDING,
    PLACE,
    READS,
    RESULTS,
    RETURNS,
    SCRATCH_AT,
    SHARED_AT,
    STATUS,
    STEP_LOCATION,
    STEPS,
    STEPS_ALLOWED,
    TARGET,
    THREAD_BITS,
    THREADS,
    TICKS,
    WILL_GO_ON,
    WORDS,
    Search,
    Status,
)
from proofs.interleavings.compiled.switch import (
    ADDRESS,
    EXPECTED,
    KIND,
    PAUSED,
    Operation,
    read_word,
    resume,
    write_word,
)
from proofs.interleavings.compiled.turns import set_back, start
from proofs.interleavings.compiled.view_memory import (
    OWN,
    add_store,
    begin_memory,
    check_races,
    failure_of,
    fence,
    is_local,
    ordering_of,
    place_of,
    read,
    tick,
)

READ, TRY, WRITE = 0, 1, 2
"""`access.Mode.VIEW_READ` and the two after it, as columns of `heads`. A full fence writes location 0."""
_LOAD, _STORE, _SWAP, _FENCE, _CALL, _RETURN, _END = (
    int(operation)
    for operation in (
        Operation.LOAD,
        Operation.STORE,
        Operation.COMPARE_AND_SWAP,
        Operation.FENCE,
        Operation.CALL,
        Operation.RETURN,
        Operation.END,
    )
)
_ENDLESS, _OUTSIDE, _CONSTANT_CHANGED, _TOO_MANY_WATCHED, _TOO_MANY_CALLS, _TOO_MANY_OPTIONS = (
    int(status)
    for status in (
        Status.ENDLESS,
        Status.OUTSIDE,
        Status.CONSTANT_CHANGED,
        Status.TOO_MANY_WATCHED,
        Status.TOO_MANY_CALLS,
        Status.TOO_MANY_OPTIONS,
    )
)
_OPERATION_MASK = 63
_PLACE_SHIFT = 32


@part
def begin(search: Search) -> None:
    """Set everything back and let each thread run up to its first access."""
    set_back(search)
    begin_memory(search)
    threads = search.threads
    for thread in range(search.state[THREADS]):
        threads[thread, READS] = threads[thread, HAS_CHANGED] = threads[thread, CALLS] = threads[thread, RETURNS] = 0
        threads[thread, TICKS] = threads[thread, MADE] = threads[thread, WILL_GO_ON] = 0
        start(search, thread)
        _listen(search, thread)
        _arrive(search, thread)


@part
def _listen(search: Search, thread: int) -> None:
    """Take down what a thread that has just come to rest announces, and whether it paused before."""
    threads, control = search.threads, search.state[CONTROL_AT]
    threads[thread, ACCESS_KIND] = read_word(control + 8 * KIND)
    threads[thread, TARGET] = read_word(control + 8 * ADDRESS)
    threads[thread, EXPECTS] = read_word(control + 8 * EXPECTED)
    if read_word(control + 8 * PAUSED) != 0:
        write_word(control + 8 * PAUSED, 0)
        if threads[thread, HAS_CHANGED] == 0 and threads[thread, READS] > 0:
            threads[thread, WILL_GO_ON] = 1
        else:
            threads[thread, READS] = threads[thread, HAS_CHANGED] = 0


@part
def _arrive(search: Search, thread: int) -> None:
    """Let a thread make its local accesses, up to one that needs a turn."""
    state, threads = search.state, search.threads
    while state[STATUS] == 0 and threads[thread, WILL_GO_ON] == 0:
        operation = threads[thread, ACCESS_KIND] & _OPERATION_MASK
        threads[thread, PENDING] = 0
        if operation == _END:
            state[ALIVE] &= ~(1 << thread)
            return
        if operation < _FENCE:
            word = (threads[thread, TARGET] - state[SHARED_AT]) >> 3
            if word < 0 or word >= state[WORDS]:
                state[STATUS] = _OUTSIDE
                return
            threads[thread, PENDING] = word + 1
        if not is_local(search, thread):
            return
        tick(search, thread)
        if operation >= _CALL:
            _mark(search, thread, operation)
        elif operation == _FENCE:
            fence(search, thread)
        else:
            place = place_of(search, threads[thread, PENDING])
            last = search.order[place, search.lengths[place] - 1]
            _plain(search, thread, operation, place, last)
            continue
        resume(thread, 0)
        _listen(search, thread)


@part
def _plain(search: Search, thread: int, operation: int, place: int, last: int) -> None:
    """A plain access: no race, so the last store happens before, and is the one that is read or followed."""
    state, threads = search.state, search.threads
    check_races(search, thread, place, operation, plain=True)
    _check_constant(search, thread, operation)
    if state[STATUS] != 0:
        return
    search.views[3 * thread + OWN, place] = last
    search.scratch[0] = search.values[last]
    resume(thread, state[SCRATCH_AT])
    if operation == _STORE:
        threads[thread, HAS_CHANGED] = 1
        add_store(search, thread, place, last, search.scratch[0], 0)
    _listen(search, thread)


@part
def _check_constant(search: Search, thread: int, operation: int) -> None:
    state = search.state
    offset = search.threads[thread, PENDING] - state[CONSTANT_FROM]
    if operation != _LOAD and offset >= 0 and offset < state[CONSTANT_WORDS]:
        state[STATUS] = _CONSTANT_CHANGED


@part
def _mark(search: Search, thread: int, operation: int) -> None:
    """A call or a return. A call knows of the returns that happen before it."""
    state, threads = search.state, search.threads
    if operation == _RETURN:
        search.return_ticks[thread, threads[thread, RETURNS]] = threads[thread, TICKS]
        threads[thread, RETURNS] += 1
        return
    count = threads[thread, CALLS]
    if count == state[RESULTS]:
        state[STATUS] = _TOO_MANY_CALLS
        return
    known = 0
    for other in range(state[THREADS]):
        clock, returned = search.view_clocks[3 * thread + OWN, other], 0
        while returned < threads[other, RETURNS] and search.return_ticks[other, returned] <= clock:
            returned += 1
        known |= returned << 8 * other
    search.calls[thread, count] = np.uint64(known)
    threads[thread, CALLS] = count + 1


# --- options ---


@part
def list_all_options(search: Search) -> int:
    """List the options of every thread; the threads that have any."""
    found = 0
    for thread in range(search.state[THREADS]):
        search.threads[thread, OPTIONS] = 0
        if search.state[ALIVE] >> thread & 1:
            list_options(search, thread)
            if search.threads[thread, OPTIONS] > 0:
                found |= 1 << thread
    return found


@part
def list_options(search: Search, thread: int) -> None:
    """List what a thread may make of its next step: names, and the stores that it would read or follow."""
    threads = search.threads
    threads[thread, OPTIONS] = 0
    if threads[thread, WILL_GO_ON] != 0:
        for item in range(threads[thread, READS]):
            _list_news(search, thread, item)
    elif threads[thread, ACCESS_KIND] & _OPERATION_MASK == _FENCE:
        _add_option(search, thread, 0, 0)
    else:
        _list_stores(search, thread, place_of(search, threads[thread, PENDING]))


@part
def _list_news(search: Search, thread: int, item: int) -> None:
    """Of a place that a held thread has read, the next store behind that which changes something."""
    place, stores = search.read_at[thread, item], search.stores
    at = stores[search.read_store[thread, item], PLACE] + 1
    while at < search.lengths[place]:
        store = search.order[place, at]
        if stores[store, IDLE] == 0:
            _add_option(search, thread, place + 1 << _PLACE_SHIFT | stores[store, NAME], store)
            return
        at += 1


@part
def _list_stores(search: Search, thread: int, place: int) -> None:
    """The stores that an access may read, or come behind, latest first."""
    operation = search.threads[thread, ACCESS_KIND] & _OPERATION_MASK
    at = search.lengths[place] - 1
    oldest = search.stores[search.views[3 * thread + OWN, place], PLACE]
    while at >= oldest:
        store = search.order[place, at]
        followed = at + 1 < search.lengths[place] and search.stores[search.order[place, at + 1], MODIFIES] != 0
        fails = operation == _SWAP and np.int64(search.values[store]) != search.threads[thread, EXPECTS]
        if operation == _LOAD or not followed or fails:
            _add_option(search, thread, search.stores[store, NAME], store)
        at -= 1


@part
def _add_option(search: Search, thread: int, name: int, store: int) -> None:
    count = search.threads[thread, OPTIONS]
    if count == MOST_OPTIONS:
        search.state[STATUS] = _TOO_MANY_OPTIONS
        return
    search.option_names[thread, count] = name
    search.option_stores[thread, count] = store
    search.threads[thread, OPTIONS] = count + 1


# --- steps ---


@part
def step(search: Search, thread: int, option: int) -> None:
    """Let a thread take its step with one of the options listed, and run up to its next.

    What it was: `STEP_LOCATION`, `MODE`, `CAUSE`, and `others`.
    """
    state, threads = search.state, search.threads
    if state[STEPS] >= state[STEPS_ALLOWED]:
        state[STATUS] = _ENDLESS
        return
    search.schedule[state[STEPS]] = thread | option << THREAD_BITS
    state[STEPS] += 1
    state[CAUSE] = state[OTHERS] = 0
    store = search.option_stores[thread, option]
    tick(search, thread)
    if threads[thread, WILL_GO_ON] != 0:
        _go_on(search, thread, store)
    elif threads[thread, ACCESS_KIND] & _OPERATION_MASK == _FENCE:
        state[STEP_LOCATION], state[MODE] = 0, WRITE
        fence(search, thread)
        resume(thread, 0)
        _listen(search, thread)
    else:
        _access(search, thread, store)
    _arrive(search, thread)


@part
def _go_on(search: Search, thread: int, store: int) -> None:
    """End a pause, with a newer store of a place that was read in view."""
    state, threads, stores = search.state, search.threads, search.stores
    news = -1
    for item in range(threads[thread, READS]):
        place = search.read_at[thread, item]
        if news < 0 and search.order[place, stores[store, PLACE]] == store:
            news = place
    for item in range(threads[thread, READS]):
        place = search.read_at[thread, item]
        if place != news:
            search.others[state[OTHERS]] = search.location_of[place]
            state[OTHERS] += 1
    mine = 3 * thread + OWN
    if stores[store, PLACE] > stores[search.views[mine, news], PLACE]:
        search.views[mine, news] = store
    state[STEP_LOCATION], state[MODE], state[CAUSE] = search.location_of[news], READ, stores[store, MADE_AT]
    threads[thread, READS] = threads[thread, HAS_CHANGED] = threads[thread, WILL_GO_ON] = 0


@part
def _access(search: Search, thread: int, source: int) -> None:
    """Read a store, or add one behind it."""
    state, threads = search.state, search.threads
    operation, location = threads[thread, ACCESS_KIND] & _OPERATION_MASK, threads[thread, PENDING]
    place = place_of(search, location)
    check_races(search, thread, place, operation, plain=False)
    _check_constant(search, thread, operation)
    state[STEP_LOCATION] = location
    if state[STATUS] != 0:
        return
    value = search.values[source]
    fails = operation == _SWAP and np.int64(value) != threads[thread, EXPECTS]
    if operation != _STORE:
        read(search, thread, place, source, failure_of(search, thread) if fails else ordering_of(search, thread))
    search.scratch[0] = value
    resume(thread, state[SCRATCH_AT])
    if operation == _LOAD or fails:
        state[MODE] = READ if operation == _LOAD else TRY
        if operation == _LOAD:
            state[CAUSE] = search.stores[source, MADE_AT]
        _note_read(search, thread, place, source, again=False)
    else:
        state[MODE] = WRITE
        changed = search.scratch[0] != value
        store = add_store(search, thread, place, source, search.scratch[0], 0 if operation == _STORE else 1)
        if operation == _STORE or changed:
            threads[thread, HAS_CHANGED] = 1
        else:
            search.stores[store, IDLE] = 1
            _note_read(search, thread, place, store, again=True)
    _listen(search, thread)


@part
def _note_read(search: Search, thread: int, place: int, store: int, again: bool) -> None:
    """Keep what was read since the last pause: of each place the first store, or the latest when it is read again."""
    count = search.threads[thread, READS]
    for item in range(count):
        if search.read_at[thread, item] == place:
            if again:
                search.read_store[thread, item] = store
            return
    if count == MOST_WATCHED - 1:
        search.state[STATUS] = _TOO_MANY_WATCHED
        return
    search.read_at[thread, count] = place
    search.read_store[thread, count] = store
    search.threads[thread, READS] = count + 1
