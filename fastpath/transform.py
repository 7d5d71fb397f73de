"""Header transforms in place: what a flow's packets become, applied without a lock.

A transform record says which fields are set and what is pushed in front; it is shared by all flows that need the same
one. What differs from flow to flow (ports, the outer source port, the change of the transport checksum) lies in the
flow's own entry. Pushed bytes were serialised once; a packet adds its lengths. Upstream behaviour:
`CompiledTransform` in `lib/opte/src/engine/port/mod.rs` and `headers.rs`.
"""

import numpy as np

from fastpath.atomics import load_be16, load_plain, load_u8, store_be16, store_be32, store_be64, store_le64
from fastpath.checksum import finish, internet_sum, update, update_udp
from fastpath.compiler import kernel
from fastpath.flow_hash import flow_hash
from fastpath.full_checksum import recompute_transport_checksum
from fastpath.headers import write_back
from fastpath.layout import (
    ETHER_DESTINATION,
    ETHER_SOURCE,
    FRAME_FLAGS,
    FRAME_L4_HASH,
    FRAME_LENGTH,
    FRAME_OFFSET,
    FRAME_VERDICT,
    IP_DESTINATION,
    IP_SOURCE,
    LOW_8,
    LOW_32,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    PUSH_AT,
    REWRITE_CHECKSUM_SHIFT,
    REWRITE_OUTER_PORT_SHIFT,
    REWRITE_SOURCE_PORT_SHIFT,
    SHIFT_16,
    SHIFT_32,
    TRANSFORM_CHECKSUMS,
    TRANSFORM_DESTINATION_PORT,
    TRANSFORM_ETHER_DESTINATION,
    TRANSFORM_ETHER_SOURCE,
    TRANSFORM_FLAGS,
    TRANSFORM_ICMP_IDENTIFIER,
    TRANSFORM_INTERNAL,
    TRANSFORM_IP_DESTINATION,
    TRANSFORM_IP_SOURCE,
    TRANSFORM_POP,
    TRANSFORM_PUSH_LENGTH_MASK,
    TRANSFORM_SOURCE_PORT,
    TRANSFORM_UDP_ONES,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
    VERDICT_MODIFIED,
    WORK_ENCAPSULATION,
    WORK_KEY,
    WORK_NETWORK,
    WORK_TRANSPORT,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.metadata import write_metadata
from fastpath.parse import ETHERNET_LENGTH, ICMP, ICMPV6, IPV6_LENGTH, TCP, UDP
from fastpath.policy import COPYING, FULL_CHECKSUMS, FULL_METADATA, NO_OLD_WAYS, RECOMPUTED_HASH, SERIALISED_PUSH
from fastpath.serialise import write_outer_headers

OUTER_TRANSPORT = ETHERNET_LENGTH + IPV6_LENGTH
"""Offset of the outer UDP header in what is pushed."""
GREATEST_LENGTH = 0xFFFF
"""What a length field of 16 bits can say."""

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_IHL_MASK = np.uint64(0x0F)
_FOUR = np.uint64(4)


@kernel
def transform_at(words: Words, action: np.uint64) -> Index:
    """Index of the first word of the transform that an entry's action names."""
    return np.int64(words[TRANSFORMS_AT]) + np.int64(action >> SHIFT_32) * TRANSFORM_WORDS


@kernel
def apply(
    words: Words,
    frames: Frame,
    descriptors: Words,
    at: Index,
    work: Words,
    record: Index,
    action: np.uint64,
    rewrite: np.uint64,
    old_ways: np.uint64 = NO_OLD_WAYS,
) -> None:
    """Finish a frame: inner headers, checksums, then what is popped or pushed.

    The descriptor tells where the frame is now. `old_ways` is `policy.Policy.old_ways`, a constant.
    """
    transform = transform_at(words, action)
    flags = load_plain(words, transform + TRANSFORM_FLAGS)
    start = np.int64(descriptors[at + FRAME_OFFSET])
    length = np.int64(descriptors[at + FRAME_LENGTH])
    encapsulation = np.int64(work[record + WORK_ENCAPSULATION])
    headers = work.view(np.uint8) if old_ways & COPYING != _NOTHING else frames
    if old_ways & FULL_METADATA != _NOTHING:
        write_metadata(headers, work, record)
    set_ethernet(words, transform, flags, headers, np.int64(work[record + WORK_NETWORK]) - ETHERNET_LENGTH)
    if flags & TRANSFORM_CHECKSUMS != _NOTHING:
        translate(words, transform, flags, headers, work, record, rewrite, old_ways)
    if old_ways & COPYING != _NOTHING:
        write_back(frames, start, work, record)
    if flags & TRANSFORM_POP != _NOTHING:
        start += encapsulation
        length -= encapsulation
    pushed = np.int64(flags & TRANSFORM_PUSH_LENGTH_MASK)
    if pushed != 0:
        push(words, transform, pushed, frames, start, length, rewrite, old_ways)
        start -= pushed
        length += pushed
    descriptors[at + FRAME_OFFSET] = np.uint64(start)
    descriptors[at + FRAME_LENGTH] = np.uint64(length)
    recomputed = old_ways & RECOMPUTED_HASH != _NOTHING
    descriptors[at + FRAME_L4_HASH] = flow_hash(work, record) if recomputed else action & LOW_32
    descriptors[at + FRAME_FLAGS] = flags & TRANSFORM_INTERNAL
    descriptors[at + FRAME_VERDICT] = VERDICT_MODIFIED


@kernel
def set_ethernet(words: Words, transform: Index, flags: np.uint64, frames: Frame, ethernet: Index) -> None:
    """Set the inner MAC addresses that the transform names."""
    if flags & TRANSFORM_ETHER_DESTINATION != _NOTHING:
        address = load_plain(words, transform + ETHER_DESTINATION)
        store_be32(frames, ethernet, address >> SHIFT_16)
        store_be16(frames, ethernet + 4, address)
    if flags & TRANSFORM_ETHER_SOURCE != _NOTHING:
        address = load_plain(words, transform + ETHER_SOURCE)
        store_be32(frames, ethernet + 6, address >> SHIFT_16)
        store_be16(frames, ethernet + 10, address)


@kernel
def translate(
    words: Words,
    transform: Index,
    flags: np.uint64,
    frames: Frame,
    work: Words,
    record: Index,
    rewrite: np.uint64,
    old_ways: np.uint64 = NO_OLD_WAYS,
) -> None:
    """Set addresses and ports, and keep the checksums.

    The transport's follows by the flow's delta, IPv4's is computed from scratch, as upstream does. `frames` holds the
    headers, wherever they are.
    """
    network = np.int64(work[record + WORK_NETWORK])
    transport = np.int64(work[record + WORK_TRANSPORT])
    meta = work[record + WORK_KEY + 4]
    protocol = meta >> META_PROTOCOL_SHIFT & LOW_8
    if meta >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4:
        if flags & TRANSFORM_IP_SOURCE != _NOTHING:
            store_be32(frames, network + 12, load_plain(words, transform + IP_SOURCE + 1))
        if flags & TRANSFORM_IP_DESTINATION != _NOTHING:
            store_be32(frames, network + 16, load_plain(words, transform + IP_DESTINATION + 1))
    else:
        if flags & TRANSFORM_IP_SOURCE != _NOTHING:
            store_be64(frames, network + 8, load_plain(words, transform + IP_SOURCE))
            store_be64(frames, network + 16, load_plain(words, transform + IP_SOURCE + 1))
        if flags & TRANSFORM_IP_DESTINATION != _NOTHING:
            store_be64(frames, network + 24, load_plain(words, transform + IP_DESTINATION))
            store_be64(frames, network + 32, load_plain(words, transform + IP_DESTINATION + 1))
    if flags & TRANSFORM_SOURCE_PORT != _NOTHING:
        store_be16(frames, transport, rewrite >> REWRITE_SOURCE_PORT_SHIFT)
    if flags & TRANSFORM_DESTINATION_PORT != _NOTHING:
        store_be16(frames, transport + 2, rewrite)
    if flags & TRANSFORM_ICMP_IDENTIFIER != _NOTHING:
        store_be16(frames, transport + 4, rewrite)
    if old_ways & FULL_CHECKSUMS != _NOTHING:
        recompute_transport_checksum(frames, work, record, flags)
    else:
        update_transport_checksum(frames, transport, protocol, rewrite >> REWRITE_CHECKSUM_SHIFT, flags)
    if meta >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4:
        recompute_ipv4_checksum(frames, network)


@kernel
def update_transport_checksum(
    frames: Frame, transport: Index, protocol: np.uint64, delta: np.uint64, flags: np.uint64
) -> None:
    """Add the flow's delta to the transport's checksum; a UDP sender that computed none is left alone."""
    if protocol == TCP:
        store_be16(frames, transport + 16, update(load_be16(frames, transport + 16), delta))
    elif protocol == UDP:
        ones = flags & TRANSFORM_UDP_ONES != _NOTHING
        store_be16(frames, transport + 6, update_udp(load_be16(frames, transport + 6), delta, ones))
    elif protocol == ICMP or protocol == ICMPV6:
        store_be16(frames, transport + 2, update(load_be16(frames, transport + 2), delta))


@kernel
def recompute_ipv4_checksum(frames: Frame, network: Index) -> None:
    """Sum the whole header, so that a wrong checksum becomes right (upstream: `compute_checksum` in `ip/v4.rs`)."""
    header = (load_u8(frames, network) & _IHL_MASK) * _FOUR
    store_be16(frames, network + 10, _NOTHING)
    store_be16(frames, network + 10, finish(internet_sum(frames, np.uint64(network), header)))


@kernel
def push(
    words: Words,
    transform: Index,
    pushed: Index,
    frames: Frame,
    start: Index,
    length: Index,
    rewrite: np.uint64,
    old_ways: np.uint64 = NO_OLD_WAYS,
) -> None:
    """Write the outer headers in front of `start` and complete them: lengths of IPv6 and UDP, and the UDP source port.

    A length too great for its field is written as 0xffff, as upstream does. Whole words are copied, so that up to seven
    bytes of headroom in front of the frame are overwritten.
    """
    if old_ways & SERIALISED_PUSH != _NOTHING:
        write_outer_headers(words, transform, pushed, frames, start)
    else:
        word_count = (pushed + 7) // 8
        target = start - 8 * word_count
        for word in range(word_count):
            store_le64(frames, target + 8 * word, load_plain(words, transform + PUSH_AT + word))
    outer = start - pushed
    payload = np.uint64(min(pushed - OUTER_TRANSPORT + length, GREATEST_LENGTH))
    store_be16(frames, outer + ETHERNET_LENGTH + 4, payload)
    store_be16(frames, outer + OUTER_TRANSPORT, rewrite >> REWRITE_OUTER_PORT_SHIFT)
    store_be16(frames, outer + OUTER_TRANSPORT + 4, payload)
