"""The flow record: one TCP word for both directions, advanced by hits and owned by slow operations.

Hits advance the word with compare-and-swap, one flow's two directions in one order. A FIN of the guest leaves its
number in the word beside it first (`fin.py`). A slow operation that is about to decide something about the flow
freezes the word first; hits then leave their packets to the slow path, which waits for that operation. A dead word
never lives again: a connection that is opened anew gets a record of its own.

Designs differ in how a hit makes its step: by compare-and-swap (`advance`); under a lock of the flow's own
(`advance_locked`), which is one bit of the word, so that whoever freezes the word waits for it; or plainly
(`advance_alone`), where a port lock keeps everybody else out.

Thread safety: `advance` and `advance_locked` may run at any time inside an announced batch; `freeze`, `thaw` and `bury`
under the slow lock.
"""

import numpy as np

from fastpath.atomics import compare_and_swap, load_acquire, load_relaxed, store_relaxed, store_release
from fastpath.compiler import entry_point, kernel
from fastpath.fin import fin_that_decides, note_fin
from fastpath.layout import FLOW_WORDS, FLOWS_AT, TCP_WORD, Index
from fastpath.memory import Words
from fastpath.port_lock import wait_a_moment
from fastpath.tcp import DEAD, FROZEN, LEAVE, LOCKED, ZERO, may_advance, step_tcp


@kernel
def flow_at(words: Words, flow: np.uint64) -> Index:
    """Index of the first word of a flow record."""
    return np.int64(words[FLOWS_AT]) + np.int64(flow) * FLOW_WORDS


@kernel
def tcp_word_at(words: Words, flow: np.uint64) -> Index:
    """Index of the TCP word of a flow record."""
    return flow_at(words, flow) + TCP_WORD


@kernel
def step_flow(
    words: Words,
    flow_base: Index,
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """What one segment does to the flow with this record and this TCP word, which was loaded from it with acquire."""
    fin = fin_that_decides(words, flow_base, word, direction)
    return step_tcp(word, direction, flags, sequence, acknowledgement, fin)


@kernel
def advance(
    words: Words,
    flow: np.uint64,
    epoch: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
) -> bool:
    """Take one segment through the flow's TCP word; False leaves the packet to the slow path, the word untouched.

    The compare-and-swap is where the hit takes effect. Its expected value holds the epoch's tag: a packet that read the
    control word before a rule change cannot advance a flow that the new rules have already taken over.

    `fin` is the FIN word that the segment asks for (`fin.fin_sent`), 0 unless it is a FIN of the guest.
    """
    base = flow_at(words, flow)
    at = base + TCP_WORD
    if fin != ZERO and not note_fin(words, base, fin):
        return False
    while True:
        # Acquire: what is read and written from here on belongs to the incarnation that this word names.
        word = load_acquire(words, at)
        if not may_advance(word, epoch):
            return False
        outcome, advanced = step_flow(words, base, word, direction, flags, sequence, acknowledgement)
        if outcome >= LEAVE:
            return False
        if advanced == word or compare_and_swap(words, at, word, advanced):
            return True


@kernel
def advance_locked(
    words: Words,
    flow: np.uint64,
    epoch: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
) -> bool:
    """As `advance`, under the lock of the flow, which others wait for.

    The step takes effect with the store that gives the lock back. Release: the next one to lock it sees the step.
    """
    base = flow_at(words, flow)
    at = base + TCP_WORD
    if fin != ZERO and not note_fin(words, base, fin):
        return False
    spins: Index = 0
    while True:
        word = load_acquire(words, at)
        if not may_advance(word, epoch):
            return False
        if word & LOCKED == ZERO and compare_and_swap(words, at, word, word | LOCKED):
            break
        spins = wait_a_moment(spins)
    outcome, advanced = step_flow(words, base, word, direction, flags, sequence, acknowledgement)
    passes = bool(outcome < LEAVE)
    store_release(words, at, advanced if passes else word)
    return passes


@kernel
def advance_alone(
    words: Words,
    flow: np.uint64,
    epoch: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
) -> bool:
    """As `advance`, where the port lock keeps everybody else out."""
    base = flow_at(words, flow)
    at = base + TCP_WORD
    word = load_relaxed(words, at)
    if not may_advance(word, epoch) or (fin != ZERO and not note_fin(words, base, fin)):
        return False
    outcome, advanced = step_flow(words, base, word, direction, flags, sequence, acknowledgement)
    if outcome >= LEAVE:
        return False
    store_relaxed(words, at, advanced)
    return True


@kernel
def unlocked_word(words: Words, at: Index) -> np.uint64:
    """The TCP word, once no hit holds the lock of its flow."""
    spins: Index = 0
    while True:
        word = load_relaxed(words, at)
        if word & LOCKED == ZERO:
            return word
        spins = wait_a_moment(spins)


@entry_point
def freeze(words: Words, flow: np.uint64) -> np.uint64:
    """Stop hits from advancing the flow; the word as the last of them left it."""
    at = tcp_word_at(words, flow)
    while True:
        word = unlocked_word(words, at)
        # Acquire: the counters of the hits that advanced the word so far are on their way or visible.
        if compare_and_swap(words, at, word, word | FROZEN):
            return word


@entry_point
def current_word(words: Words, flow: np.uint64) -> np.uint64:
    """The TCP word as it stands; hits go on. Relaxed: the word speaks for itself alone."""
    return load_relaxed(words, tcp_word_at(words, flow))


@entry_point
def thaw(words: Words, flow: np.uint64, word: np.uint64) -> None:
    """Let hits go on from `word`.

    Only for a word that is frozen or not reachable yet, so that a plain store cannot lose a hit. Release: a hit that
    advances the word sees what the slow operation wrote before.
    """
    store_release(words, tcp_word_at(words, flow), word)


@entry_point
def bury(words: Words, flow: np.uint64) -> None:
    """Mark the flow dead for good."""
    at = tcp_word_at(words, flow)
    while True:
        word = unlocked_word(words, at)
        if compare_and_swap(words, at, word, word | DEAD):
            return
