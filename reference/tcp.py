"""The TCP flow state machine: how far a connection is, as an observer between guest and remote can tell.

The machine looks at flags, and at one number: whether an acknowledgement covers the guest's FIN, that is, equals the
guest's last sequence number plus one, modulo 2^32. States are those of RFC 9293 section 3.3.2, seen from the guest.
Upstream behaviour: `lib/opte/src/engine/tcp_state.rs`.

`transition` is a pure function on integers: the same function is executed per packet, and symbolically in proofs.
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


def transition(state: int, guest_sequence: int, flags: int, acknowledgement: int, outbound: bool) -> int:
    """The state after a segment.

    Args:
        state: present state, a `TcpState`; `CLOSED` for a flow that is not tracked yet.
        guest_sequence: sequence number of the guest's last segment, as a 32-bit unsigned number; any value if there was
            none.
        flags: flag byte of the segment's header.
        acknowledgement: acknowledgement number of the segment.
        outbound: whether the guest sent the segment.

    Returns:
        The new state, `UNEXPECTED_SEGMENT` or `NEW_FLOW`.
    """
    if flags & RST:
        return CLOSED
    if outbound:
        following = after_outbound(state, flags)
    else:
        following = after_inbound(state, guest_sequence, flags, acknowledgement)
    if following == UNEXPECTED_SEGMENT and flags & SYN:
        return NEW_FLOW
    return following


def after_inbound(state: int, guest_sequence: int, flags: int, acknowledgement: int) -> int:
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
            if covers_fin(guest_sequence, acknowledgement):
                return CLOSED
            return LAST_ACK
    elif state == FIN_WAIT_1:
        if fin and ack:
            return TIME_WAIT
        if ack:
            if covers_fin(guest_sequence, acknowledgement):
                return FIN_WAIT_2
            return FIN_WAIT_1
    elif state == FIN_WAIT_2:
        if fin and covers_fin(guest_sequence, acknowledgement):
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


def covers_fin(guest_sequence: int, acknowledgement: int) -> bool:
    """Whether an acknowledgement covers a FIN without data whose sequence number is `guest_sequence`."""
    return acknowledgement == (guest_sequence + 1) & 0xFFFFFFFF
