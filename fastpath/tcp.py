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
takes no window into account. Here are the segments between a connection's beginning and its end, for which the
reference's machine (`reference.tcp`) does the same under all semantics; the others are left to it.

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

# --- header flags (RFC 9293 section 3.1) ---

FIN = np.uint64(0x01)
SYN = np.uint64(0x02)
RST = np.uint64(0x04)
ACK = np.uint64(0x10)
DECIDING = np.uint64(0x17)
"""All of them: hits answer segments that have ACK alone of these."""

# --- arguments and results of a step ---

INBOUND = np.uint64(0)
OUTBOUND = np.uint64(1)

ADVANCE = np.uint64(0)
"""A legal segment: the flow is in the state of the new word, often the old one."""
UNEXPECTED = np.uint64(1)
"""No transition; the segment may pass, the state stays."""
LEAVE = np.uint64(2)
"""The slow path decides; the word is as it was."""


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
def is_left_to_the_slow_path(state: np.uint64, direction: np.uint64, flags: np.uint64) -> bool:
    """Whether hits have no answer to a segment.

    That is wherever a connection begins or ends, or the semantics are at odds about the outcome, or a number decides
    that the word does not hold: where the guest's FIN ends. A segment without acknowledgement belongs in no connection
    that is set up (RFC 9293 section 3.1).
    """
    if flags & DECIDING != ACK or state == CLOSED:
        return True
    return direction == INBOUND and (state == LAST_ACK or state == FIN_WAIT_1)


@kernel
def next_inbound(state: np.uint64) -> np.uint64:
    """State after a plain segment from the remote side, or NO_TRANSITION."""
    if state in (SYN_RECEIVED, ESTABLISHED):
        return ESTABLISHED
    if state in (CLOSE_WAIT, FIN_WAIT_2, TIME_WAIT):
        return state
    return NO_TRANSITION


@kernel
def next_outbound(state: np.uint64) -> np.uint64:
    """State after a plain segment from the guest, or NO_TRANSITION."""
    if state in (ESTABLISHED, CLOSE_WAIT, LAST_ACK, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT):
        return state
    return NO_TRANSITION


@kernel
def step_tcp(
    word: np.uint64, direction: np.uint64, flags: np.uint64, sequence: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """What one segment does to a flow: the outcome and the new word.

    The guest's sequence number is stored with ADVANCE and with UNEXPECTED, as upstream does; the state changes with
    ADVANCE only. `OWNERSHIP_FIELDS` come back as they were: the caller asks `may_advance` first.
    """
    state = state_of(word)
    if is_left_to_the_slow_path(state, direction, flags):
        return LEAVE, word
    if direction == OUTBOUND:
        following = next_outbound(state)
        word = with_sequence(word, sequence)
    else:
        following = next_inbound(state)
    if following == NO_TRANSITION:
        return UNEXPECTED, word
    return ADVANCE, with_state(word, following)
