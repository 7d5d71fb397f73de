"""Full metadata: every field of every header as a word of its own, read from the packet and written back to it.

One of the old ways (`policy.Metadata.FULL`). Lengths of fields are given as hexadecimal digits, the first field in the
lowest: 0x244 is two fields of four bytes and then one of two.
"""

import numpy as np

from fastpath.atomics import load_be16, load_be32, load_be64, load_u8, store_be16, store_be32, store_be64, store_u8
from fastpath.compiler import kernel
from fastpath.layout import (
    LOW_8,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    METADATA_AT,
    METADATA_WORDS,
    WORK_ENCAPSULATION,
    WORK_KEY,
    WORK_NETWORK,
    WORK_TRANSPORT,
    WORK_WORDS,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.parse import ETHERNET_LENGTH, IPV6_LENGTH, TCP, UDP, UDP_LENGTH

_ETHERNET = np.uint64(0x2_2424)
"""Destination and source address in two parts each, type."""
_IPV4 = np.uint64(0x44_2112_2211)
"""Version and header length, service, total length, identification, fragment, time to live, protocol, checksum,
addresses."""
_IPV6 = np.uint64(0x8888_1124)
"""Version with class and label, payload length, next header, hop limit, addresses in two parts each."""
_UDP = np.uint64(0x2222)
_TCP = np.uint64(0x2_2211_4422)
"""Ports, sequence and acknowledgement number, offset, flags, window, checksum, urgent pointer."""
_ICMP = np.uint64(0x4211)
_GENEVE = np.uint64(0x4211)

_FAMILY_4 = np.uint64(4)
_NOTHING = np.uint64(0)
_DIGIT = np.uint64(4)
_DIGIT_MASK = np.uint64(0xF)
_ONE, _TWO, _FOUR = np.uint64(1), np.uint64(2), np.uint64(4)


@kernel
def metadata_at(record: Index) -> Index:
    """Where the fields of the frame with this work record begin, in the work array."""
    return METADATA_AT + record // WORK_WORDS * METADATA_WORDS


@kernel
def read_fields(headers: Frame, offset: Index, lengths: np.uint64, work: Words, to: Index) -> Index:
    """Read one header, a word a field; where the next header's fields go."""
    while lengths != _NOTHING:
        length = lengths & _DIGIT_MASK
        if length == _ONE:
            work[to] = load_u8(headers, offset)
        elif length == _TWO:
            work[to] = load_be16(headers, offset)
        elif length == _FOUR:
            work[to] = load_be32(headers, offset)
        else:
            work[to] = load_be64(headers, offset)
        to += 1
        offset += np.int64(length)
        lengths >>= _DIGIT
    return to


@kernel
def write_fields(headers: Frame, offset: Index, lengths: np.uint64, work: Words, origin: Index) -> Index:
    """Write one header from its fields; where the next header's fields are."""
    while lengths != _NOTHING:
        length = lengths & _DIGIT_MASK
        if length == _ONE:
            store_u8(headers, offset, work[origin])
        elif length == _TWO:
            store_be16(headers, offset, work[origin])
        elif length == _FOUR:
            store_be32(headers, offset, work[origin])
        else:
            store_be64(headers, offset, work[origin])
        origin += 1
        offset += np.int64(length)
        lengths >>= _DIGIT
    return origin


@kernel
def network_fields(work: Words, record: Index) -> np.uint64:
    """The fields of the inner network header."""
    return _IPV4 if work[record + WORK_KEY + 4] >> META_FAMILY_SHIFT & LOW_8 == _FAMILY_4 else _IPV6


@kernel
def transport_fields(work: Words, record: Index) -> np.uint64:
    """The fields of the inner transport header."""
    protocol = work[record + WORK_KEY + 4] >> META_PROTOCOL_SHIFT & LOW_8
    if protocol == TCP:
        return _TCP
    return _UDP if protocol == UDP else _ICMP


@kernel
def read_metadata(headers: Frame, work: Words, record: Index) -> None:
    """Read all headers of a parsed frame: inner Ethernet, network and transport, then the outer ones if it has any."""
    network = np.int64(work[record + WORK_NETWORK])
    to = read_fields(headers, network - ETHERNET_LENGTH, _ETHERNET, work, metadata_at(record))
    to = read_fields(headers, network, network_fields(work, record), work, to)
    to = read_fields(headers, np.int64(work[record + WORK_TRANSPORT]), transport_fields(work, record), work, to)
    encapsulation = np.int64(work[record + WORK_ENCAPSULATION])
    if encapsulation != 0:
        outer = network - ETHERNET_LENGTH - encapsulation
        to = read_fields(headers, outer, _ETHERNET, work, to)
        to = read_fields(headers, outer + ETHERNET_LENGTH, _IPV6, work, to)
        udp = outer + ETHERNET_LENGTH + IPV6_LENGTH
        to = read_fields(headers, udp, _UDP, work, to)
        read_fields(headers, udp + UDP_LENGTH, _GENEVE, work, to)


@kernel
def write_metadata(headers: Frame, work: Words, record: Index) -> None:
    """Write the inner headers, whether or not anything has changed; outer ones are popped or pushed as a whole."""
    network = np.int64(work[record + WORK_NETWORK])
    origin = write_fields(headers, network - ETHERNET_LENGTH, _ETHERNET, work, metadata_at(record))
    origin = write_fields(headers, network, network_fields(work, record), work, origin)
    write_fields(headers, np.int64(work[record + WORK_TRANSPORT]), transport_fields(work, record), work, origin)
