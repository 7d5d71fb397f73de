"""Parsing in place: from a frame's bytes to the key of its flow half and the offsets that processing needs.

Frames that the compiled code serves are plain: Ethernet, IPv4 or IPv6 without extension headers, TCP, UDP, ICMP or
ICMPv6, with length fields that fit; inbound behind Ethernet, IPv6, UDP to port 6081 and Geneve. Every other frame,
malformed or merely unusual, is left to the slow path, which knows OPTE's verdict for it. What is accepted here is
accepted by `reference/packet/parse.py`, with the same flow id.

No byte outside `frames[offset : offset + length]` is read: each header's length is compared with the frame's end first.
"""

import numpy as np

from fastpath.atomics import load_be16, load_be32, load_be64, load_u8
from fastpath.compiler import kernel
from fastpath.layout import (
    FRAME_DIRECTION,
    FRAME_LENGTH,
    FRAME_OFFSET,
    INBOUND,
    META_DIRECTION_SHIFT,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    META_SOURCE_PORT_SHIFT,
    WORK_ACKNOWLEDGEMENT,
    WORK_ENCAPSULATION,
    WORK_KEY,
    WORK_NETWORK,
    WORK_SEQUENCE,
    WORK_TCP_FLAGS,
    WORK_TRANSPORT,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words

ETHERNET_LENGTH = 14
IPV4_LENGTH = 20
IPV6_LENGTH = 40
UDP_LENGTH = 8
TCP_LENGTH = 20
ICMP_LENGTH = 8
GENEVE_LENGTH = 8

_IPV4 = np.uint64(0x0800)
_IPV6 = np.uint64(0x86DD)
_GENEVE_PORT = np.uint64(6081)
_GENEVE_VERSION_MASK = np.uint64(0xC0)
_GENEVE_LENGTH_MASK = np.uint64(0x3F)
_GENEVE_CRITICAL = np.uint64(0x40)
_OPTION_LENGTH_MASK = np.uint64(0x1F)

ICMP = np.uint64(1)
TCP = np.uint64(6)
UDP = np.uint64(17)
ICMPV6 = np.uint64(58)

_FAMILY_4 = np.uint64(4)
_FAMILY_6 = np.uint64(6)
_NOTHING = np.uint64(0)
_NIBBLE = np.uint64(4)
_IHL_MASK = np.uint64(0x0F)
_BYTE = np.uint64(8)


@kernel
def parse(frames: Frame, descriptors: Words, at: Index, work: Words, record: Index) -> bool:
    """Fill the work record of the frame that `descriptors[at]` describes; False leaves it to the slow path.

    Key, offsets of the inner network and transport header (in `frames`), and for TCP the flags and numbers are
    stored. Offsets are in bytes.
    """
    start = np.int64(descriptors[at + FRAME_OFFSET])
    end = start + np.int64(descriptors[at + FRAME_LENGTH])
    direction = descriptors[at + FRAME_DIRECTION]
    work[record + WORK_NETWORK] = _NOTHING
    inner: Index = start
    if direction == INBOUND:
        inner = skip_encapsulation(frames, start, end)
        if inner < 0:
            return False
    work[record + WORK_ENCAPSULATION] = np.uint64(inner - start)
    if end - inner < ETHERNET_LENGTH + IPV4_LENGTH:
        return False
    network = inner + ETHERNET_LENGTH
    ether_type = load_be16(frames, inner + 12)
    if ether_type == _IPV4:
        protocol, transport = parse_ipv4(frames, network, end, work, record)
        family = _FAMILY_4
    elif ether_type == _IPV6:
        protocol, transport = parse_ipv6(frames, network, end, work, record)
        family = _FAMILY_6
    else:
        return False
    if transport < 0:
        return False
    ports = parse_transport(frames, protocol, transport, end, work, record)
    if ports < 0:
        return False
    work[record + WORK_KEY + 4] = (
        direction << META_DIRECTION_SHIFT
        | family << META_FAMILY_SHIFT
        | protocol << META_PROTOCOL_SHIFT
        | np.uint64(ports)
    )
    work[record + WORK_TRANSPORT] = np.uint64(transport)
    work[record + WORK_NETWORK] = np.uint64(network)
    return True


@kernel
def skip_encapsulation(frames: Frame, start: Index, end: Index) -> Index:
    """Offset of the inner Ethernet header behind Ethernet, IPv6, UDP and Geneve (RFC 8926); -1 for anything else.

    Options must fill their area; what they say is skipped unless the critical flag asks for a look at them.
    """
    if end - start < ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH + GENEVE_LENGTH:
        return -1
    network = start + ETHERNET_LENGTH
    udp = network + IPV6_LENGTH
    geneve = udp + UDP_LENGTH
    if load_be16(frames, start + 12) != _IPV6 or load_u8(frames, network) >> _NIBBLE != _FAMILY_6:
        return -1
    if load_u8(frames, network + 6) != UDP or load_be16(frames, udp + 2) != _GENEVE_PORT:
        return -1
    if np.int64(load_be16(frames, network + 4)) > end - udp or np.int64(load_be16(frames, udp + 4)) > end - udp:
        return -1
    first = load_u8(frames, geneve)
    if first & _GENEVE_VERSION_MASK != _NOTHING or load_u8(frames, geneve + 1) & _GENEVE_CRITICAL != _NOTHING:
        return -1
    option = geneve + GENEVE_LENGTH
    inner = option + 4 * np.int64(first & _GENEVE_LENGTH_MASK)
    if inner >= end:
        return -1
    while option < inner:
        option += 4 + 4 * np.int64(load_u8(frames, option + 3) & _OPTION_LENGTH_MASK)
    return inner if option == inner else -1


@kernel
def parse_ipv4(frames: Frame, network: Index, end: Index, work: Words, record: Index) -> tuple[np.uint64, Index]:
    """Protocol and offset of the transport header, -1 when the header does not stand up; stores the addresses."""
    first = load_u8(frames, network)
    header = 4 * np.int64(first & _IHL_MASK)
    total = np.int64(load_be16(frames, network + 2))
    if first >> _NIBBLE != _FAMILY_4 or header < IPV4_LENGTH or total < header or total > end - network:
        return _NOTHING, -1
    work[record + WORK_KEY] = _NOTHING
    work[record + WORK_KEY + 1] = load_be32(frames, network + 12)
    work[record + WORK_KEY + 2] = _NOTHING
    work[record + WORK_KEY + 3] = load_be32(frames, network + 16)
    return load_u8(frames, network + 9), network + header


@kernel
def parse_ipv6(frames: Frame, network: Index, end: Index, work: Words, record: Index) -> tuple[np.uint64, Index]:
    """As `parse_ipv4`. An extension header is no transport protocol known here and so leads to the slow path."""
    transport = network + IPV6_LENGTH
    if transport > end:
        return _NOTHING, -1
    if load_u8(frames, network) >> _NIBBLE != _FAMILY_6 or np.int64(load_be16(frames, network + 4)) > end - transport:
        return _NOTHING, -1
    work[record + WORK_KEY] = load_be64(frames, network + 8)
    work[record + WORK_KEY + 1] = load_be64(frames, network + 16)
    work[record + WORK_KEY + 2] = load_be64(frames, network + 24)
    work[record + WORK_KEY + 3] = load_be64(frames, network + 32)
    return load_u8(frames, network + 6), transport


@kernel
def parse_transport(
    frames: Frame, protocol: np.uint64, transport: Index, end: Index, work: Words, record: Index
) -> Index:
    """The two 16-bit words of the key as `source << 16 | destination`, or -1; stores what TCP tracking needs."""
    left = end - transport
    if protocol == TCP:
        if left < TCP_LENGTH or left < 4 * np.int64(load_u8(frames, transport + 12) >> _NIBBLE):
            return -1
        work[record + WORK_SEQUENCE] = load_be32(frames, transport + 4)
        work[record + WORK_ACKNOWLEDGEMENT] = load_be32(frames, transport + 8)
        work[record + WORK_TCP_FLAGS] = load_u8(frames, transport + 13)
        return np.int64(load_be32(frames, transport))
    if protocol == UDP:
        if left < UDP_LENGTH or np.int64(load_be16(frames, transport + 4)) > left:
            return -1
        return np.int64(load_be32(frames, transport))
    if left >= ICMP_LENGTH and (protocol == ICMP or protocol == ICMPV6):
        return icmp_words(frames, protocol, transport)
    return -1


@kernel
def icmp_words(frames: Frame, protocol: np.uint64, transport: Index) -> Index:
    """Type and code as the source word; the identifier of an echo with code 0 as the destination word."""
    kind = load_u8(frames, transport)
    code = load_u8(frames, transport + 1)
    request, reply = (np.uint64(8), _NOTHING) if protocol == ICMP else (np.uint64(128), np.uint64(129))
    identifier = _NOTHING
    if code == _NOTHING and (kind == request or kind == reply):
        identifier = load_be16(frames, transport + 4)
    return np.int64((kind | code << _BYTE) << META_SOURCE_PORT_SHIFT | identifier)
