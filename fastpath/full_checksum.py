"""Checksums the old way: what follows the headers is derived from every packet, and the headers are added again.

One of the old ways (`policy.Checksums.FULL`). Upstream did not sum the payload either: the checksum that a packet
arrives with says what its payload sums up to, once the headers are taken away from it. So a checksum that was wrong
stays wrong by the same amount, as with one addition (`checksum.update`), and every frame comes out the same.
"""

import numpy as np

from fastpath.atomics import load_be16, store_be16
from fastpath.checksum import WORD_MASK, finish, internet_sum
from fastpath.compiler import kernel
from fastpath.layout import (
    LOW_8,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    TRANSFORM_UDP_ONES,
    WORK_BODY_SUM,
    WORK_KEY,
    WORK_NETWORK,
    WORK_TRANSPORT,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.parse import ICMP, ICMP_LENGTH, TCP, TCP_LENGTH, UDP

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_EIGHT = np.uint64(8)
_TWELVE = np.uint64(12)
_THIRTY_TWO = np.uint64(32)


@kernel
def protocol_of(work: Words, record: Index) -> np.uint64:
    """The protocol of a parsed frame's transport header."""
    return work[record + WORK_KEY + 4] >> META_PROTOCOL_SHIFT & LOW_8


@kernel
def transport_length(work: Words, record: Index) -> Index:
    """Length of the transport header in bytes, options left out; UDP, ICMP and ICMPv6 have the same."""
    return TCP_LENGTH if protocol_of(work, record) == TCP else ICMP_LENGTH


@kernel
def checksum_at(work: Words, record: Index) -> Index:
    """Offset of the transport's checksum."""
    transport, protocol = np.int64(work[record + WORK_TRANSPORT]), protocol_of(work, record)
    if protocol == TCP:
        return transport + 16
    return transport + 6 if protocol == UDP else transport + 2


@kernel
def headers_sum(headers: Frame, work: Words, record: Index) -> np.uint64:
    """Unfolded sum of the addresses, where they are covered, and of the transport header, its checksum included."""
    network = work[record + WORK_NETWORK]
    length = np.uint64(transport_length(work, record))
    total = internet_sum(headers, work[record + WORK_TRANSPORT], length)
    if protocol_of(work, record) != ICMP:
        if work[record + WORK_KEY + 4] >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4:
            total += internet_sum(headers, network + _TWELVE, _EIGHT)
        else:
            total += internet_sum(headers, network + _EIGHT, _THIRTY_TWO)
    return total


@kernel
def body_sum(headers: Frame, work: Words, record: Index) -> np.uint64:
    """What everything behind the headers adds to the checksum, and whatever else does that no transform changes.

    A whole packet, checksum included, sums up to minus zero; the headers' share taken away leaves the rest.
    """
    return finish(headers_sum(headers, work, record))


@kernel
def recompute_transport_checksum(headers: Frame, work: Words, record: Index, flags: np.uint64) -> None:
    """Add the headers as they are now to the body's sum; a UDP sender that computed no checksum is left alone."""
    at = checksum_at(work, record)
    is_udp = protocol_of(work, record) == UDP
    if is_udp and load_be16(headers, at) == _NOTHING:
        return
    store_be16(headers, at, _NOTHING)
    # Minus zero stands for the words that are not zero: as in `checksum.update`, the result is never 0xffff.
    updated = finish(work[record + WORK_BODY_SUM] + WORD_MASK + headers_sum(headers, work, record))
    if is_udp and updated == _NOTHING and flags & TRANSFORM_UDP_ONES != _NOTHING:
        updated = WORD_MASK
    store_be16(headers, at, updated)
