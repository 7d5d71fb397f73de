"""The end of a run: the check, and the set of different outcomes.

Outcomes are compared word by word; the hash only says where to look, so that none is hidden by a collision.
"""

import numpy as np

from proofs.interleavings.compiled.compiler import part
from proofs.interleavings.compiled.state import (
    ALIVE,
    BORN_EXECUTIONS,
    BORN_LENGTH,
    BORN_REDUNDANT,
    BORN_STEPS,
    CALLS,
    CHECK_AT,
    CONTROL_AT,
    EXECUTIONS,
    KEPT,
    MARKED,
    MAY_WAIT,
    MOST_OUTCOMES,
    OUTCOMES,
    OUTCOMES_ALLOWED,
    PRIVATE_AT,
    PRIVATE_WORDS,
    RECORD_WORDS,
    REDUNDANT,
    RESULTS,
    SHARED_AT,
    STATUS,
    STEPS,
    STEPS_BEFORE,
    THREADS,
    Search,
    Status,
)
from proofs.interleavings.compiled.switch import TURNS, call_check, write_word

_CHECK_FAILED, _DEADLOCK, _TOO_MANY_OUTCOMES = (
    int(status) for status in (Status.CHECK_FAILED, Status.DEADLOCK, Status.TOO_MANY_OUTCOMES)
)
_SLOTS = 4 * MOST_OUTCOMES
CALLED = np.uint64(1 << 63)
"""In the record's word of an operation: it was called."""
_SPREAD, _SHIFT = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(29)


@part
def finish(search: Search) -> None:
    """Check how a run has ended and keep its outcome."""
    state = search.state
    write_word(state[CONTROL_AT] + 8 * TURNS, 0)
    if state[ALIVE] != 0 and state[MAY_WAIT] == 0:
        state[STATUS] = _DEADLOCK
        return
    if state[ALIVE] == 0 and call_check(state[CHECK_AT], state[SHARED_AT], state[PRIVATE_AT]) == 0:
        state[STATUS] = _CHECK_FAILED
        return
    state[EXECUTIONS] += 1
    _write_record(search)
    _keep(search)


@part
def _write_record(search: Search) -> None:
    """The outcome: the threads that wait, or else results, kept words, and the order of calls and returns."""
    state, record = search.state, search.record
    at = 1
    for word in range(state[RECORD_WORDS]):
        record[word] = np.uint64(0)
    record[0] = np.uint64(state[ALIVE])
    if state[ALIVE] != 0:
        return
    for thread in range(state[THREADS]):
        for word in range(state[RESULTS]):
            record[at] = search.private[thread * state[PRIVATE_WORDS] + word]
            at += 1
    for place in range(state[KEPT]):
        record[at] = search.shared[search.kept[place]]
        at += 1
    if state[MARKED] != 0:
        for thread in range(state[THREADS]):
            for word in range(state[RESULTS]):
                if word < search.threads[thread, CALLS]:
                    record[at] = search.calls[thread, word] | CALLED
                at += 1


@part
def _keep(search: Search) -> None:
    """Add the outcome to the set, with the schedule that led to it, unless it is there."""
    state, record, slots = search.state, search.record, search.slots
    hashed = np.uint64(0)
    for word in range(state[RECORD_WORDS]):
        hashed = (hashed ^ record[word]) * _SPREAD
        hashed ^= hashed >> _SHIFT
    slot = np.int64(hashed >> np.uint64(1)) % _SLOTS
    while slots[slot] != 0:
        if _is_record(search, slots[slot] - 1):
            return
        slot = np.int64((slot + 1) % _SLOTS)
    number = state[OUTCOMES]
    if number == state[OUTCOMES_ALLOWED]:
        state[STATUS] = _TOO_MANY_OUTCOMES
        return
    slots[slot] = number + 1
    state[OUTCOMES] = number + 1
    for word in range(state[RECORD_WORDS]):
        search.records[number, word] = record[word]
    search.births[number, BORN_LENGTH] = state[STEPS]
    search.births[number, BORN_STEPS] = state[STEPS_BEFORE] + state[STEPS]
    search.births[number, BORN_EXECUTIONS] = state[EXECUTIONS]
    search.births[number, BORN_REDUNDANT] = state[REDUNDANT]
    for place in range(state[STEPS]):
        search.schedules[number, place] = search.schedule[place]


@part
def _is_record(search: Search, number: int) -> bool:
    for word in range(search.state[RECORD_WORDS]):  # noqa: SIM110 - numba knows no generators
        if search.records[number, word] != search.record[word]:
            return False
    return True
