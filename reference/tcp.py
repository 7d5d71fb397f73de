"""The TCP flow state machine: how far a connection is, as an observer between guest and remote can tell.

The machine looks at flags, and at one number: whether an acknowledgement covers the guest's FIN, that is, equals the
FIN's sequence number plus one, modulo 2^32. States are those of RFC 9293 section 3.3.2, seen from the guest.
Upstream behaviour: `lib/opte/src/engine/tcp_state.rs`.

`transition` is a pure function on integers: the same function is executed per packet, and symbolically in proofs. Where
it departs from upstream it does so in `_correction` alone, as far as the caller asks for it.
"""

import enum
from typing import Final

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
ACK: Final = 0x10


class TcpState(enum.IntEnum):
    """State of a tracked connection. `text` is the name in recordings."""

    CLOSED = 0
    LISTEN = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    ESTABLISHED = 4
    CLOSE_WAIT = 5
    LAST_ACK = 6
    FIN_WAIT_1 = 7
    FIN_WAIT_2 = 8
    TIME_WAIT = 9

    @property
    def text(self) -> str:
        """The name in recordings."""
        return "SYN_RCVD" if self is TcpState.SYN_RECEIVED else self.name


CLOSED: Final = 0
LISTEN: Final = 1
SYN_SENT: Final = 2
SYN_RECEIVED: Final = 3
ESTABLISHED: Final = 4
CLOSE_WAIT: Final = 5
LAST_ACK: Final = 6
FIN_WAIT_1: Final = 7
FIN_WAIT_2: Final = 8
TIME_WAIT: Final = 9

UNEXPECTED_SEGMENT: Final = -1
"""Outcome: the segment does not belong in this state; the state stays as it is."""

NEW_FLOW: Final = -2
"""Outcome: a SYN where none belongs; one side has begun a new connection with the same addresses and ports."""


GUEST_SYN_REOPENS: Final = 1
FIN_BEGINS_CLOSING: Final = 2
REMOTE_SYN_KEEPS_ESTABLISHED: Final = 4
"""Corrections, each a bit of `transition`'s argument; the stories are told in `reference.semantics`."""

_NO_CORRECTION: Final = -3


def transition(
    state: int, fin_sequence: int, flags: int, acknowledgement: int, outbound: bool, corrections: int = 0
) -> int:
    """The state after a segment.

    Args:
        state: present state, a `TcpState`; `CLOSED` for a flow that is not tracked yet.
        fin_sequence: sequence number of the guest's FIN, as a 32-bit unsigned number; any value if there was none.
            Upstream takes that of the guest's last segment.
        flags: flag byte of the segment's header.
        acknowledgement: acknowledgement number of the segment.
        outbound: whether the guest sent the segment.
        corrections: in what the machine departs from upstream's: any of the bits above.

    Returns:
        The new state, `UNEXPECTED_SEGMENT` or `NEW_FLOW`.
    """
    if flags & RST:
        return CLOSED
    corrected = _correction(state, flags, outbound, corrections)
    if corrected != _NO_CORRECTION:
        return corrected
    if outbound:
        following = after_outbound(state, flags)
    else:
        following = after_inbound(state, fin_sequence, flags, acknowledgement)
    if following == UNEXPECTED_SEGMENT and flags & SYN:
        return NEW_FLOW
    return following


def _correction(state: int, flags: int, outbound: bool, corrections: int) -> int:
    """What a correction has to say about a segment without RST; `_NO_CORRECTION` where upstream is followed."""
    fin = flags & FIN != 0
    syn = flags & SYN != 0
    ack = flags & ACK != 0
    if corrections & GUEST_SYN_REOPENS and outbound and syn and state >= CLOSE_WAIT:
        return NEW_FLOW
    if corrections & FIN_BEGINS_CLOSING and state == CLOSED and fin and ack and not syn:
        if outbound:
            return FIN_WAIT_1
        return CLOSE_WAIT
    if corrections & REMOTE_SYN_KEEPS_ESTABLISHED:
        if not outbound and state == ESTABLISHED and syn:
            return UNEXPECTED_SEGMENT
        if outbound and state == CLOSED and syn and ack:
            # The guest answers the SYN that was taken for a forged one: it had forgotten the connection.
            return SYN_RECEIVED
    return _NO_CORRECTION


def after_inbound(state: int, fin_sequence: int, flags: int, acknowledgement: int) -> int:
    """The state after a segment without RST from the remote side, or `UNEXPECTED_SEGMENT`."""
    fin = flags & FIN != 0
    syn = flags & SYN != 0
    ack = flags & ACK != 0
    if state == CLOSED:
        if ack:
            # Data of a connection forgotten here that lives in the guest, or a late SYN,ACK. The guest's reply tells.
            return ESTABLISHED
        if syn:
            return LISTEN
    elif state == LISTEN:
        if syn:
            return LISTEN
    elif state == SYN_SENT:
        if syn and ack:
            return ESTABLISHED
    elif state == SYN_RECEIVED:
        if ack:
            return ESTABLISHED
        if syn:
            return SYN_RECEIVED
    elif state == ESTABLISHED:
        if fin:
            return CLOSE_WAIT
        if not syn:
            return ESTABLISHED
    elif state == CLOSE_WAIT:
        if fin or ack:
            return CLOSE_WAIT
    elif state == LAST_ACK:
        if ack:
            if covers_fin(fin_sequence, acknowledgement):
                return CLOSED
            return LAST_ACK
    elif state == FIN_WAIT_1:
        if fin and ack:
            return TIME_WAIT
        if ack:
            if covers_fin(fin_sequence, acknowledgement):
                return FIN_WAIT_2
            return FIN_WAIT_1
    elif state == FIN_WAIT_2:
        if fin and covers_fin(fin_sequence, acknowledgement):
            return TIME_WAIT
        if ack:
            return FIN_WAIT_2
    elif state == TIME_WAIT and (fin or ack):
        return TIME_WAIT
    return UNEXPECTED_SEGMENT


def after_outbound(state: int, flags: int) -> int:
    """The state after a segment without RST from the guest, or `UNEXPECTED_SEGMENT`."""
    fin = flags & FIN != 0
    syn = flags & SYN != 0
    ack = flags & ACK != 0
    if state == CLOSED:
        if syn:
            return SYN_SENT
        if ack:
            return ESTABLISHED
    elif state == LISTEN:
        if syn and ack:
            return SYN_RECEIVED
    elif state == SYN_SENT:
        if syn:
            return SYN_SENT
    elif state == SYN_RECEIVED:
        if syn and ack:
            return SYN_RECEIVED
    elif state == ESTABLISHED:
        if fin:
            return FIN_WAIT_1
        if not syn:
            return ESTABLISHED
    elif state == FIN_WAIT_1:
        if fin or ack:
            return FIN_WAIT_1
    elif state == FIN_WAIT_2:
        if ack:
            return FIN_WAIT_2
    elif state == TIME_WAIT:
        if ack:
            return TIME_WAIT
    elif state == CLOSE_WAIT:
        if fin:
            return LAST_ACK
        return CLOSE_WAIT
    elif state == LAST_ACK and (fin or ack):
        return LAST_ACK
    return UNEXPECTED_SEGMENT


def covers_fin(fin_sequence: int, acknowledgement: int) -> bool:
    """Whether an acknowledgement covers the FIN whose sequence number, behind its segment's data, is `fin_sequence`."""
    return acknowledgement == (fin_sequence + 1) & 0xFFFFFFFF
