"""The state of a TCP flow in one 64-bit word, and the step that one segment makes.

One word holds all that a segment reads and writes, so that a hit advances a flow with one
compare-and-swap:

    bits  0-31   sequence number of the guest's last segment
    bit   32     that number is known
    bits 33-36   state
    bit   37     FROZEN: a slow operation owns the flow for the moment
    bit   38     DEAD: closed, expired or evicted, never live again
    bit   39     LOCKED: a hit owns the word for the moment, in designs with a lock per flow
    bits 40-63   TAG: low 24 bits of the epoch under which the flow was last installed

The machine follows segments from the middle (RFC 9293 section 3.3.2 seen from outside): it trusts what passes, and
takes no window into account. Here are the segments of a connection's life from the answer to its SYN on, for which the
reference's machine (`reference.tcp`) does the same under all semantics; the others are left to it. One number that
decides does not fit into the word: where the guest's FIN ends. It comes beside it (`fin.py`).

Every value is `np.uint64`.
"""

import numpy as np

from fastpath.compiler import kernel

ZERO = np.uint64(0)
ONE = np.uint64(1)

# --- the word ---

SEQUENCE_MASK = np.uint64(0xFFFF_FFFF)
SEQUENCE_KNOWN = np.uint64(1 << 32)
STATE_SHIFT = np.uint64(33)
STATE_MASK = np.uint64(0xF)
STATE_FIELD = np.uint64(0xF << 33)
FROZEN = np.uint64(1 << 37)
DEAD = np.uint64(1 << 38)
LOCKED = np.uint64(1 << 39)
TAG_SHIFT = np.uint64(40)
TAG_FIELD = np.uint64(0xFF_FFFF << 40)
OWNERSHIP_FIELDS = np.uint64(0xFF_FFFF << 40 | 1 << 38 | 1 << 37)
"""TAG, DEAD and FROZEN: who may advance the word. `step_tcp` leaves them as they are."""

# --- states, in upstream's order ---

CLOSED = np.uint64(0)
LISTEN = np.uint64(1)
SYN_SENT = np.uint64(2)
SYN_RECEIVED = np.uint64(3)
ESTABLISHED = np.uint64(4)
CLOSE_WAIT = np.uint64(5)
LAST_ACK = np.uint64(6)
FIN_WAIT_1 = np.uint64(7)
FIN_WAIT_2 = np.uint64(8)
TIME_WAIT = np.uint64(9)
NO_TRANSITION = np.uint64(15)
"""Not a state: the machine has no answer to the segment."""
LEFT = np.uint64(14)
"""Not a state: the reference decides about the segment."""

# --- header flags (RFC 9293 section 3.1) ---

FIN = np.uint64(0x01)
SYN = np.uint64(0x02)
RST = np.uint64(0x04)
ACK = np.uint64(0x10)
DECIDING = np.uint64(0x17)
"""All of them: nearly every segment has ACK alone of these."""
SYN_ACK = np.uint64(0x12)
FIN_ACK = np.uint64(0x11)

# --- arguments and results of a step ---

INBOUND = np.uint64(0)
OUTBOUND = np.uint64(1)

ADVANCE = np.uint64(0)
"""A legal segment: the flow is in the state of the new word, often the old one."""
UNEXPECTED = np.uint64(1)
"""No transition; the segment may pass, the state stays."""
LEAVE = np.uint64(2)
"""The slow path decides; the word is as it was."""
CLOSE = np.uint64(3)
"""The segment ends the connection, which is more than a step of this word; the word is as it was."""

# --- the number of the guest's FIN ---

FIN_KNOWN = np.uint64(1 << 32)
"""In a FIN word (`fin.py`): its low 32 bits are the sequence number of the guest's FIN, behind its segment's data."""


@kernel
def pack_word(state: np.uint64, sequence: np.uint64, known: np.uint64, epoch: np.uint64) -> np.uint64:
    """The word of a live flow; `known` is 0 while the guest has sent nothing, 1 from then on."""
    return (
        sequence & SEQUENCE_MASK
        | (known & ONE) * SEQUENCE_KNOWN
        | (state & STATE_MASK) << STATE_SHIFT
        | epoch << TAG_SHIFT
    )


@kernel
def state_of(word: np.uint64) -> np.uint64:
    """The flow's state."""
    return word >> STATE_SHIFT & STATE_MASK


@kernel
def sequence_of(word: np.uint64) -> np.uint64:
    """Sequence number of the guest's last segment; meaningless unless `word & SEQUENCE_KNOWN`."""
    return word & SEQUENCE_MASK


@kernel
def may_advance(word: np.uint64, epoch: np.uint64) -> bool:
    """Whether hits own the word: live, not frozen, of this `epoch` as far as 24 bits tell."""
    return word & OWNERSHIP_FIELDS == epoch << TAG_SHIFT


@kernel
def with_state(word: np.uint64, state: np.uint64) -> np.uint64:
    """The word with its state replaced."""
    return word & ~STATE_FIELD | state << STATE_SHIFT


@kernel
def with_sequence(word: np.uint64, sequence: np.uint64) -> np.uint64:
    """The word after the guest sent a segment that starts at `sequence`."""
    return word & ~SEQUENCE_MASK | sequence & SEQUENCE_MASK | SEQUENCE_KNOWN


@kernel
def number_decides(state: np.uint64, direction: np.uint64) -> bool:
    """Whether it may matter what a segment acknowledges: the guest's FIN is on its way, or has come in reply to one."""
    return direction == INBOUND and (state == FIN_WAIT_1 or state == FIN_WAIT_2 or state == LAST_ACK)


@kernel
def covers_fin(fin: np.uint64, acknowledgement: np.uint64) -> bool:
    """Whether an acknowledgement covers the guest's FIN, whose number is known."""
    return acknowledgement == fin + ONE & SEQUENCE_MASK


@kernel
def next_inbound(state: np.uint64) -> np.uint64:
    """State after a plain segment from the remote side of which no number decides, or NO_TRANSITION."""
    if state in (SYN_RECEIVED, ESTABLISHED):
        return ESTABLISHED
    if state in (CLOSE_WAIT, TIME_WAIT):
        return state
    return NO_TRANSITION


@kernel
def next_outbound(state: np.uint64) -> np.uint64:
    """State after a plain segment from the guest, or NO_TRANSITION."""
    if state in (ESTABLISHED, CLOSE_WAIT, LAST_ACK, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT):
        return state
    return NO_TRANSITION


@kernel
def next_at_the_end(state: np.uint64, deciding: np.uint64, acknowledgement: np.uint64, fin: np.uint64) -> np.uint64:
    """State after a segment from the remote side that may cover the guest's FIN; `CLOSED`, or `LEFT`."""
    if state == FIN_WAIT_2 and deciding == ACK:
        return FIN_WAIT_2
    if state == FIN_WAIT_1 and deciding == FIN_ACK:
        return TIME_WAIT
    if fin & FIN_KNOWN == ZERO or (deciding != ACK and deciding != FIN_ACK):
        return LEFT
    covers = covers_fin(fin, acknowledgement)
    if state == LAST_ACK:
        return CLOSED if covers else LAST_ACK
    if state == FIN_WAIT_2:
        return TIME_WAIT if covers else FIN_WAIT_2
    return FIN_WAIT_2 if covers else FIN_WAIT_1


@kernel
def next_at_the_edge(state: np.uint64, direction: np.uint64, deciding: np.uint64) -> np.uint64:
    """State after a segment that begins or ends a side's stream; or `LEFT`.

    Without acknowledgement it belongs in no connection that is set up (RFC 9293 section 3.1); with SYN in one that is,
    the semantics are at odds about it.
    """
    if deciding == SYN_ACK:
        if direction == INBOUND:
            return ESTABLISHED if state == SYN_SENT else LEFT
        return SYN_RECEIVED if state in (LISTEN, SYN_RECEIVED) else LEFT
    if deciding != FIN_ACK:
        return LEFT
    if direction == INBOUND:
        if state == TIME_WAIT:
            return TIME_WAIT
        return CLOSE_WAIT if state in (ESTABLISHED, CLOSE_WAIT) else LEFT
    if state in (ESTABLISHED, FIN_WAIT_1):
        return FIN_WAIT_1
    return LAST_ACK if state in (CLOSE_WAIT, LAST_ACK) else LEFT


@kernel
def next_state(
    state: np.uint64, direction: np.uint64, flags: np.uint64, acknowledgement: np.uint64, fin: np.uint64
) -> np.uint64:
    """State after a segment, `CLOSED`, `NO_TRANSITION` or `LEFT`."""
    deciding = flags & DECIDING
    if state == CLOSED:
        return LEFT
    if deciding & RST != ZERO:
        return CLOSED
    if number_decides(state, direction):
        return next_at_the_end(state, deciding, acknowledgement, fin)
    if deciding != ACK:
        return next_at_the_edge(state, direction, deciding)
    return next_outbound(state) if direction == OUTBOUND else next_inbound(state)


@kernel
def step_tcp(
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
    fin: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """What one segment does to a flow: the outcome and the new word.

    `fin` is the flow's FIN word, of which the caller has made sure that it is the number of a FIN that the guest sends;
    it is not looked at unless `number_decides`. The guest's sequence number is stored with ADVANCE and with UNEXPECTED,
    as upstream does; the state changes with ADVANCE only. `OWNERSHIP_FIELDS` come back as they were: the caller asks
    `may_advance` first.
    """
    following = next_state(state_of(word), direction, flags, acknowledgement, fin)
    if following == LEFT:
        return LEAVE, word
    if following == CLOSED:
        return CLOSE, word
    if direction == OUTBOUND:
        word = with_sequence(word, sequence)
    if following == NO_TRANSITION:
        return UNEXPECTED, word
    return ADVANCE, with_state(word, following)
