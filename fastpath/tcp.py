"""The state of a TCP flow in one 64-bit word, and the step that one segment makes.

One word holds all that a segment reads and writes, so that a hit advances a flow with one
compare-and-swap:

    bits  0-31   sequence number of the guest's last segment
    bit   32     that number is known
    bits 33-36   state
    bit   37     FROZEN: a slow operation owns the flow for the moment
    bit   38     DEAD: closed, expired or evicted, never live again
    bit   39     zero
    bits 40-63   TAG: low 24 bits of the epoch under which the flow was last installed

The machine follows segments from the middle (RFC 9293 section 3.3.2 seen from outside): it trusts
what passes, checks only that the guest's FIN is acknowledged, and takes no window into account.
Upstream behaviour: `lib/opte/src/engine/tcp_state.rs`; its `guest_seq + 1` is modulo 2**32 here.

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
SYN_ACK = np.uint64(0x12)
FIN_ACK = np.uint64(0x11)

# --- arguments and results of a step ---

INBOUND = np.uint64(0)
OUTBOUND = np.uint64(1)

ADVANCE = np.uint64(0)
"""A legal segment: the flow is in the state of the new word, often the old one."""
UNEXPECTED = np.uint64(1)
"""No transition; the segment may pass, the state stays."""
NEW_FLOW = np.uint64(2)
"""A SYN where none is expected: an endpoint reuses the ports."""
CLOSES = np.uint64(3)
"""The flow is over; its table entries must go."""


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
def acknowledges_guest(word: np.uint64, acknowledgement: np.uint64) -> bool:
    """Whether a remote acknowledgement is one past the guest's last sequence number, modulo 2**32.

    Without meaning while the guest has sent nothing; no state that asks can be reached before.
    """
    return acknowledgement == sequence_of(word) + ONE & SEQUENCE_MASK


@kernel
def next_inbound(state: np.uint64, flags: np.uint64, acknowledged: bool) -> np.uint64:
    """State after a segment from the remote side, or NO_TRANSITION.

    `acknowledged`: the segment acknowledges the guest's last sequence number.
    """
    ack = flags & ACK != ZERO
    syn = flags & SYN != ZERO
    fin = flags & FIN != ZERO
    if flags & RST != ZERO:
        return CLOSED
    if state == ESTABLISHED:
        if fin:
            return CLOSE_WAIT
        return NO_TRANSITION if syn else ESTABLISHED
    if state == CLOSED:
        # A connection may have outlived its entry here; if not, the guest will answer with RST.
        if ack:
            return ESTABLISHED
        return LISTEN if syn else NO_TRANSITION
    if state == LISTEN:
        return LISTEN if syn else NO_TRANSITION
    if state == SYN_SENT:
        return ESTABLISHED if syn and ack else NO_TRANSITION
    if state == SYN_RECEIVED:
        if ack:
            return ESTABLISHED
        return SYN_RECEIVED if syn else NO_TRANSITION
    return _next_inbound_closing(state, fin, ack, acknowledged)


@kernel
def _next_inbound_closing(state: np.uint64, fin: bool, ack: bool, acknowledged: bool) -> np.uint64:
    """The states after a FIN from either side."""
    if state == CLOSE_WAIT:
        return CLOSE_WAIT if fin or ack else NO_TRANSITION
    if state == LAST_ACK:
        if not ack:
            return NO_TRANSITION
        return CLOSED if acknowledged else LAST_ACK
    if state == FIN_WAIT_1:
        if not ack:
            return NO_TRANSITION
        if fin:
            return TIME_WAIT
        return FIN_WAIT_2 if acknowledged else FIN_WAIT_1
    if state == FIN_WAIT_2:
        if fin and acknowledged:
            return TIME_WAIT
        return FIN_WAIT_2 if ack else NO_TRANSITION
    if state == TIME_WAIT:
        return TIME_WAIT if fin or ack else NO_TRANSITION
    return NO_TRANSITION


@kernel
def next_outbound(state: np.uint64, flags: np.uint64) -> np.uint64:
    """State after a segment from the guest, or NO_TRANSITION."""
    ack = flags & ACK != ZERO
    syn = flags & SYN != ZERO
    fin = flags & FIN != ZERO
    if flags & RST != ZERO:
        return CLOSED
    if state == ESTABLISHED:
        if fin:
            return FIN_WAIT_1
        return NO_TRANSITION if syn else ESTABLISHED
    if state == CLOSED:
        if syn:
            return SYN_SENT
        return ESTABLISHED if ack else NO_TRANSITION
    if state in (LISTEN, SYN_RECEIVED):
        return SYN_RECEIVED if syn and ack else NO_TRANSITION
    if state == SYN_SENT:
        return SYN_SENT if syn else NO_TRANSITION
    if state == CLOSE_WAIT:
        return LAST_ACK if fin else CLOSE_WAIT
    if state in (LAST_ACK, FIN_WAIT_1):
        return state if fin or ack else NO_TRANSITION
    if state in (FIN_WAIT_2, TIME_WAIT):
        return state if ack else NO_TRANSITION
    return NO_TRANSITION


@kernel
def step_tcp(
    word: np.uint64,
    direction: np.uint64,
    flags: np.uint64,
    sequence: np.uint64,
    acknowledgement: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """What one segment does to a flow: the outcome and the new word.

    The guest's sequence number is stored whatever the outcome, as upstream does; the state changes
    with ADVANCE and CLOSES only. `OWNERSHIP_FIELDS` come back as they were: the caller asks
    `may_advance` first.
    """
    if direction == OUTBOUND:
        state = next_outbound(state_of(word), flags)
        word = with_sequence(word, sequence)
    else:
        state = next_inbound(state_of(word), flags, acknowledges_guest(word, acknowledgement))
    if state == NO_TRANSITION:
        return (NEW_FLOW if flags & SYN != ZERO else UNEXPECTED), word
    return (CLOSES if state == CLOSED else ADVANCE), with_state(word, state)
