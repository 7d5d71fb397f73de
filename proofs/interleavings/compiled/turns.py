"""One run: threads take turns, and what each has read and changed is kept, for waiting and for setting back.

What a thread reads is a list that grows to the end of the run. Those of it which count since the last pause, or which
the thread watches, are a part of that list: whoever goes back in a run shortens it.

The rules are those of `proofs.interleavings.scheduler`: an access is announced, then made at the thread's turn; one
that changes nothing counts as a read, except a store; a thread that paused without having changed anything goes on
when a word that it had read changes.
"""

import numpy as np

from proofs.interleavings.compiled.compiler import hot_part, part
from proofs.interleavings.compiled.state import (
    ACCESS_KIND,
    ALIVE,
    BASE,
    BEGIN_AT,
    CALLS,
    CHANGED,
    CLEARED,
    CONSTANT_FROM,
    CONSTANT_WORDS,
    CONTROL_AT,
    DIRTY,
    HAS_CHANGED,
    LONGEST,
    MODE,
    PENDING,
    PRIVATE_AT,
    PRIVATE_WORDS,
    READS,
    READS_FROM,
    RESULTS,
    RETURNED,
    SHARED_AT,
    STACKS_AT,
    STATUS,
    STEPS,
    STEPS_ALLOWED,
    STEPS_BEFORE,
    TARGET,
    THREADS,
    TURNS_MASK,
    WAITING,
    WAITS,
    WATCHED_FROM,
    WORDS,
    Search,
    Status,
)
from proofs.interleavings.compiled.switch import (
    ADDRESS,
    FRAME_WORDS,
    KIND,
    PAUSED,
    STACK_WORDS,
    STACKS,
    TURNS,
    Operation,
    read_word,
    resume,
    write_word,
)

READ, APPEND, WRITE = 0, 1, 2
"""`access.Mode`, as numbers that a kernel takes for constants."""
_LOAD, _STORE, _CALL, _RETURN, _END = (
    int(operation) for operation in (Operation.LOAD, Operation.STORE, Operation.CALL, Operation.RETURN, Operation.END)
)
_ENDLESS, _OUTSIDE, _CONSTANT_CHANGED, _TOO_MANY_CALLS = (
    int(status) for status in (Status.ENDLESS, Status.OUTSIDE, Status.CONSTANT_CHANGED, Status.TOO_MANY_CALLS)
)
_OPERATION_MASK = 63
_MARGIN = 8
"""Words left free at a stack's end; it is entered at a multiple of 16 bytes, as the calling convention has it."""


@part
def begin(search: Search) -> None:
    """Set everything back and let each thread run up to its first access."""
    set_back(search)
    for thread in range(search.state[THREADS]):
        threads = search.threads
        threads[thread, WAITS] = threads[thread, HAS_CHANGED] = threads[thread, CALLS] = 0
        threads[thread, READS] = threads[thread, READS_FROM] = 0
        threads[thread, CLEARED] = search.state[BASE]
        start(search, thread)
        _settle(search, thread)


@part
def set_back(search: Search) -> None:
    """Begin a run: memory and all that counts its steps as they were at first."""
    state = search.state
    for place in range(state[DIRTY]):
        location = search.dirty[place]
        search.shared[location - 1] = search.template[location - 1]
    for word in range(state[THREADS] * state[PRIVATE_WORDS]):
        search.private[word] = search.private_template[word]
    state[BASE] += state[STEPS]
    state[STEPS_BEFORE] += state[STEPS]
    state[LONGEST] = max(state[LONGEST], state[STEPS])
    state[STEPS] = state[DIRTY] = state[WAITING] = state[RETURNED] = 0
    state[ALIVE] = (1 << state[THREADS]) - 1
    write_word(state[CONTROL_AT] + 8 * TURNS, state[TURNS_MASK])
    write_word(state[CONTROL_AT] + 8 * PAUSED, 0)


@part
def start(search: Search, thread: int) -> None:
    """Put a thread at its beginning and let it run up to its first access."""
    state = search.state
    frame = state[STACKS_AT] + 8 * (STACK_WORDS * (thread + 1) - FRAME_WORDS - _MARGIN)
    write_word(frame + 8, state[PRIVATE_AT] + 8 * thread * state[PRIVATE_WORDS])
    write_word(frame + 16, state[SHARED_AT])
    write_word(frame + 24, search.bodies[thread])
    write_word(frame + 48, state[BEGIN_AT])
    write_word(state[CONTROL_AT] + 8 * (STACKS + thread), frame)
    resume(thread, 0)


@hot_part
def _settle(search: Search, thread: int) -> None:
    """Take down what a thread that has just come to rest is about to do, and whether it paused before."""
    state, threads = search.state, search.threads
    control = state[CONTROL_AT]
    if read_word(control + 8 * PAUSED) != 0:
        _pause(search, thread)
    kind, target = read_word(control + 8 * KIND), read_word(control + 8 * ADDRESS)
    operation = kind & _OPERATION_MASK
    threads[thread, ACCESS_KIND] = kind
    threads[thread, TARGET] = target
    threads[thread, PENDING] = 0
    if operation == _END:
        state[ALIVE] &= ~(1 << thread)
        state[WAITING] &= ~(1 << thread)
    elif operation < _CALL:
        word = (target - state[SHARED_AT]) >> 3
        if word < 0 or word >= state[WORDS]:
            state[STATUS] = _OUTSIDE
            return
        threads[thread, PENDING] = word + 1


@part
def _pause(search: Search, thread: int) -> None:
    threads = search.threads
    write_word(search.state[CONTROL_AT] + 8 * PAUSED, 0)
    since, reads = threads[thread, READS_FROM], threads[thread, READS]
    if threads[thread, HAS_CHANGED] == 0 and reads > since:
        threads[thread, WATCHED_FROM], threads[thread, WAITS] = since, reads - since
        search.state[WAITING] |= 1 << thread
    threads[thread, READS_FROM] = reads
    threads[thread, HAS_CHANGED] = 0
    threads[thread, CLEARED] = search.state[BASE] + search.state[STEPS]


@hot_part
def enabled(search: Search) -> int:
    """The threads that can go on."""
    waiting = search.state[WAITING]
    return search.state[ALIVE] if waiting == 0 else search.state[ALIVE] & ~waiting | _awake(search, waiting)


@part
def _awake(search: Search, waiting: int) -> int:
    """Those of the waiting threads that something has woken."""
    found = thread = 0
    while waiting >> thread != 0:
        if waiting >> thread & 1 and _has_changed(search, thread):
            found |= 1 << thread
        thread += 1
    return found


@part
def _has_changed(search: Search, thread: int) -> bool:
    """Whether something that a thread watches has changed since it read it."""
    first = search.threads[thread, WATCHED_FROM]
    for place in range(first, first + search.threads[thread, WAITS]):
        if search.changed_at[search.read_at[thread, place]] > search.read_since[thread, place]:
            return True
    return False


@hot_part
def step(search: Search, thread: int) -> None:
    """Let an enabled thread make its access and run up to the next one; `MODE` and `CHANGED` say what it was."""
    state, threads = search.state, search.threads
    if state[STEPS] >= state[STEPS_ALLOWED]:
        state[STATUS] = _ENDLESS
        return
    search.schedule[state[STEPS]] = thread
    state[STEPS] += 1
    location, operation = threads[thread, PENDING], threads[thread, ACCESS_KIND] & _OPERATION_MASK
    state[MODE] = READ
    state[CHANGED] = 0
    threads[thread, WAITS] = 0
    state[WAITING] &= ~(1 << thread)
    if location == 0:
        _mark(search, thread, operation)
        resume(thread, 0)
    else:
        before = search.shared[location - 1]
        resume(thread, threads[thread, TARGET])
        _note(search, thread, location, operation, np.int64(before != search.shared[location - 1]))
    _settle(search, thread)


@hot_part
def _note(search: Search, thread: int, location: int, operation: int, changed: np.int64) -> None:
    """Keep what an access turned out to be. Without branches: what it was cannot be foreseen."""
    state, threads = search.state, search.threads
    moment = state[BASE] + state[STEPS]
    state[MODE] = WRITE * changed
    state[CHANGED] = changed
    if (operation != _LOAD) & (0 <= location - state[CONSTANT_FROM] < state[CONSTANT_WORDS]):
        state[STATUS] = _CONSTANT_CHANGED
    search.changed_at[location] = moment if changed else search.changed_at[location]
    search.dirty[state[DIRTY]] = location
    state[DIRTY] += changed
    threads[thread, HAS_CHANGED] |= changed
    seen, count = search.first_read[thread, location], threads[thread, READS]
    new = (1 - changed) & np.int64(seen <= threads[thread, CLEARED])
    search.first_read[thread, location] = moment if new else seen
    search.read_at[thread, count] = location
    search.read_since[thread, count] = moment
    threads[thread, READS] = count + new


@part
def _mark(search: Search, thread: int, operation: int) -> None:
    """A call or a return, in the history."""
    state = search.state
    if operation == _RETURN:
        state[MODE] = APPEND
        state[RETURNED] += 1 << (8 * thread)
        return
    count = search.threads[thread, CALLS]
    if count == state[RESULTS]:
        state[STATUS] = _TOO_MANY_CALLS
        return
    search.calls[thread, count] = np.uint64(state[RETURNED])
    search.threads[thread, CALLS] = count + 1
