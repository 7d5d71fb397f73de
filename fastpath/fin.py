"""Where the guest's FIN ends: the one number that the TCP word does not hold, in a word beside it.

A connection closes when the remote acknowledges the guest's FIN, that is, the sequence number behind the data of the
FIN's segment (RFC 9293 section 3.10.7.4). The first FIN that the guest sends leaves its number in the flow's FIN word,
before it advances the TCP word; whoever finds that word advanced sees the number.

The FIN word is written once in the life of a flow record. So two FINs with different numbers, of which one could
advance the TCP word and the other leave its number, cannot mix: the second is left to the slow path, which gives the
flow another record (`mirror.py`). A number may be there although its FIN never passed; it counts for nothing as long as
the state is one before the FIN.

Thread safety: as `flow.advance`.
"""

import numpy as np

from fastpath.atomics import compare_and_swap_relaxed, load_be16, load_relaxed, load_u8
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.layout import (
    FIN_WORD,
    FRAME_LENGTH,
    FRAME_OFFSET,
    LOW_8,
    META_FAMILY_SHIFT,
    OUTBOUND,
    WORK_KEY,
    WORK_NETWORK,
    WORK_SEQUENCE,
    WORK_TRANSPORT,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.parse import IPV6_LENGTH, TCP_LENGTH
from fastpath.tcp import (
    DECIDING,
    FIN_ACK,
    FIN_KNOWN,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SEQUENCE_MASK,
    TIME_WAIT,
    ZERO,
    number_decides,
    state_of,
)

FIN_LEFT = np.uint64(1 << 33)
"""FIN word of a flow whose end is the reference's business, whatever number the guest's FIN has."""
_FAMILY_4 = np.uint64(4)
_NIBBLE = np.uint64(4)


@kernel
def is_fin(direction: np.uint64, flags: np.uint64) -> bool:
    """Whether a segment is a FIN of the guest that a hit may take along."""
    return direction == OUTBOUND and flags & DECIDING == FIN_ACK


@kernel
def is_behind_fin(word: np.uint64) -> bool:
    """Whether the guest has sent its FIN."""
    return state_of(word) in (FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT, LAST_ACK)


@kernel
def pack_fin(number: np.uint64) -> np.uint64:
    """The FIN word for a FIN whose sequence number, behind its segment's data, is `number`."""
    return number & SEQUENCE_MASK | FIN_KNOWN


@cold_kernel
def fin_sent(frames: Frame, descriptors: Words, at: Index, work: Words, record: Index) -> np.uint64:
    """The FIN word for a parsed frame that is a FIN of the guest.

    How much data the segment carries says the IP header, as far as the frame reaches; padding is no data.
    """
    network, transport = np.int64(work[record + WORK_NETWORK]), np.int64(work[record + WORK_TRANSPORT])
    if work[record + WORK_KEY + 4] >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4:
        end = network + np.int64(load_be16(frames, network + 2))
    else:
        end = network + IPV6_LENGTH + np.int64(load_be16(frames, network + 4))
    end = min(end, np.int64(descriptors[at + FRAME_OFFSET] + descriptors[at + FRAME_LENGTH]))
    header = max(np.int64(TCP_LENGTH), 4 * np.int64(load_u8(frames, transport + 12) >> _NIBBLE))
    data = max(np.int64(0), end - transport - header)
    return pack_fin(work[record + WORK_SEQUENCE] + np.uint64(data))


@kernel
def fin_that_decides(words: Words, flow_base: Index, word: np.uint64, direction: np.uint64) -> np.uint64:
    """The FIN word of the flow with this TCP word, where it matters for a segment; otherwise 0.

    Relaxed: who made the TCP word what it is wrote the number before, and `word` was loaded with acquire.
    """
    if number_decides(state_of(word), direction):
        return load_relaxed(words, flow_base + FIN_WORD)
    return ZERO


@entry_point
def note_fin(words: Words, flow_base: Index, fin: np.uint64) -> bool:
    """Leave the number of the guest's FIN in a flow record; False when another one is there.

    Relaxed: it is the step of the TCP word, which follows, that hands the number over.
    """
    at = flow_base + FIN_WORD
    seen = load_relaxed(words, at)
    if seen == ZERO:
        if compare_and_swap_relaxed(words, at, ZERO, fin):
            return True
        seen = load_relaxed(words, at)
    return bool(seen == fin)


@entry_point
def fin_word(words: Words, flow_base: Index) -> np.uint64:
    """The FIN word of a flow record. Relaxed: it is written once."""
    return load_relaxed(words, flow_base + FIN_WORD)


def sequence_of_fin(word: np.uint64, fin: np.uint64) -> int | None:
    """The sequence number of the guest's FIN, from the TCP word and the FIN word; None as long as none has passed."""
    return int(fin & SEQUENCE_MASK) if is_behind_fin(word) and fin & FIN_KNOWN != ZERO else None
