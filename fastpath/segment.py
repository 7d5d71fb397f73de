"""The segment of a miss: how a connection begins with it, or takes it along, in the words of a native flow.

Only segments that neither end a connection nor begin one anew; what the state machine says is `tcp.step_tcp` for
connections that are known, and here for those that begin (`reference.tcp.transition` from `CLOSED`). Those that end one
are in `close.py`.
"""

import numpy as np

from fastpath.atomics import compare_and_swap, fetch_add_relaxed, load_acquire, load_relaxed, store_relaxed
from fastpath.compiler import kernel
from fastpath.fin import is_fin
from fastpath.flow import flow_at, step_flow
from fastpath.layout import DEAD as DEAD_HALF
from fastpath.layout import (
    FIN_WORD,
    INBOUND,
    LAST_SEGMENT,
    MISSED_ACKNOWLEDGEMENT,
    NUMBERS,
    ONE,
    OTHERS_BYTES,
    OTHERS_HITS,
    OUTBOUND,
    SEGMENTS_MISSED,
    SHIFT_32,
    TCP_WORD,
    WORK_ACKNOWLEDGEMENT,
    WORK_SEQUENCE,
    WORK_TCP_FLAGS,
    Index,
)
from fastpath.memory import Words
from fastpath.port_lock import wait_a_moment
from fastpath.tcp import (
    ACK,
    CLOSED,
    DEAD,
    DECIDING,
    ESTABLISHED,
    FROZEN,
    LEAVE,
    LISTEN,
    LOCKED,
    SYN,
    SYN_SENT,
    TAG_FIELD,
    TAG_SHIFT,
    pack_word,
)

_NOTHING = np.uint64(0)


@kernel
def first_state(flags: np.uint64, direction: np.uint64) -> np.uint64:
    """The state of a connection that begins with a segment; `CLOSED` leaves that to the reference.

    A SYN begins one, and so does an acknowledgement, of a connection that was forgotten here.
    """
    deciding = flags & DECIDING
    if deciding == ACK:
        return ESTABLISHED
    if deciding == SYN:
        return SYN_SENT if direction == OUTBOUND else LISTEN
    return CLOSED


@kernel
def begin_connection(
    words: Words,
    work: Words,
    record: Index,
    flow: np.uint64,
    own: Index,
    direction: np.uint64,
    state: np.uint64,
    epoch: np.uint64,
    length: np.uint64,
) -> None:
    """Write the record of a connection that begins, and what its segment leaves in the half at `words[own]`.

    Nobody can reach either yet.
    """
    at = flow_at(words, flow)
    sequence, known = work[record + WORK_SEQUENCE], ONE
    if direction == INBOUND:
        sequence, known = _NOTHING, _NOTHING
    store_relaxed(words, at + TCP_WORD, pack_word(state, sequence, known, epoch))
    store_relaxed(words, at + FIN_WORD, _NOTHING)
    store_relaxed(words, at + SEGMENTS_MISSED, _NOTHING)
    store_relaxed(words, at + LAST_SEGMENT, _NOTHING)
    for way in range(2):
        store_relaxed(words, at + OTHERS_HITS + way, _NOTHING)
        store_relaxed(words, at + OTHERS_BYTES + way, _NOTHING)
    count_missed(words, work, record, at, own, direction, length)


@kernel
def count_missed(
    words: Words, work: Words, record: Index, at: Index, own: Index, direction: np.uint64, length: np.uint64
) -> None:
    """Count a segment that was a miss, and keep its numbers.

    The counters here belong to misses, which hold the buckets of both halves; bytes, which hits count too, are added as
    those of a thread that does not own the half.
    """
    missed, shift = at + SEGMENTS_MISSED, _NOTHING if direction == INBOUND else SHIFT_32
    count = load_relaxed(words, missed) + (ONE << shift)
    if work[record + WORK_TCP_FLAGS] & ACK != _NOTHING:
        count |= MISSED_ACKNOWLEDGEMENT << shift
    store_relaxed(words, missed, count)
    fetch_add_relaxed(words, at + OTHERS_BYTES + np.int64(direction), length)
    sequence, acknowledgement = work[record + WORK_SEQUENCE], work[record + WORK_ACKNOWLEDGEMENT]
    store_relaxed(words, own + NUMBERS, sequence << SHIFT_32 | acknowledgement)


@kernel
def keep_time(words: Words, at: Index, life: np.uint64) -> None:
    """Let the connection with the record at `words[at]` keep the time of a half that is about to be made anew.

    A clock that lags must not make it look older. Misses of either direction hold all four buckets of the flow.
    """
    store_relaxed(words, at + LAST_SEGMENT, max(load_relaxed(words, at + LAST_SEGMENT), life & ~DEAD_HALF))


@kernel
def take_along(
    words: Words, work: Words, record: Index, flow: np.uint64, direction: np.uint64, epoch: np.uint64
) -> bool:
    """Advance a connection by a segment that missed, and tag its word with the epoch; False leaves it, word untouched.

    Hits of the other half may advance the word meanwhile, where that half is of this epoch: hence compare-and-swap.
    """
    flags, base = work[record + WORK_TCP_FLAGS], flow_at(words, flow)
    if is_fin(direction, flags):
        return False
    at = base + TCP_WORD
    spins: Index = 0
    while True:
        # Acquire: as in `flow.advance`.
        word = load_acquire(words, at)
        if word & (DEAD | FROZEN) != _NOTHING:
            return False
        if word & LOCKED != _NOTHING:
            spins = wait_a_moment(spins)
            continue
        sequence, acknowledgement = work[record + WORK_SEQUENCE], work[record + WORK_ACKNOWLEDGEMENT]
        outcome, advanced = step_flow(words, base, word, direction, flags, sequence, acknowledgement)
        if outcome >= LEAVE:
            return False
        advanced = advanced & ~TAG_FIELD | epoch << TAG_SHIFT
        if advanced == word or compare_and_swap(words, at, word, advanced):
            return True
