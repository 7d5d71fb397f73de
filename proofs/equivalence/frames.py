"""Frames to send through a port: good ones, built from a flow id and a `Content`, and damaged ones.

The builder is independent of both ports and checked against scapy (`proofs/units/equivalence/test_frames.py`). It is
made for speed: a campaign builds hundreds of thousands of frames.
"""

import enum
import struct
from typing import NamedTuple

from reference.packet.flow import FlowId

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Types of request and reply."""
UNREACHABLE = {ICMP: 3, ICMPV6: 1}

_ETHER_TYPE = {4: 0x0800, 6: 0x86DD}
_GENEVE_PORT = 6081
_ETHERNET_IN_GENEVE = 0x6558
EXTERNAL_OPTION = bytes.fromhex("01290000")
"""The switch's mark on packets from outside the rack."""


class Checksum(enum.Enum):
    """What stands in the transport's checksum field."""

    RIGHT = "right"
    WRONG = "wrong"
    ABSENT = "absent"
    """Zero: for UDP that says "none computed"."""


class Content(NamedTuple):
    """What a packet carries besides its flow id.

    Attributes:
        payload: bytes after the transport header and its options.
        flags, sequence, acknowledgement: of a TCP segment.
        checksum: of the transport; the IPv4 header's is right unless `header_checksum` says so.
        header_checksum: whether the IPv4 header's checksum is right.
        transport_options: TCP options, whole words.
        network_options: IPv4 options, whole words; not used for IPv6.
        imitates: IPv4 options are a copy of the beginning of the transport header instead.
        padding: bytes behind the packet, as short Ethernet frames have them.
        hop_limit: also IPv4's time to live.
        code: of an ICMP message.
        network_excess, transport_excess: bytes that the length fields of IP and UDP claim beyond those there are.
    """

    payload: bytes = b""
    flags: int = ACK
    sequence: int = 0
    acknowledgement: int = 0
    checksum: Checksum = Checksum.RIGHT
    header_checksum: bool = True
    transport_options: bytes = b""
    network_options: bytes = b""
    imitates: bool = False
    padding: bytes = b""
    hop_limit: int = 64
    code: int = 0
    network_excess: int = 0
    transport_excess: int = 0


class Tunnel(NamedTuple):
    """The encapsulation of inbound frames.

    Attributes:
        source, destination: underlay addresses.
        vni: virtual network identifier.
        options: Geneve options as on the wire.
        critical: whether the header says that an option must be understood.
        source_port: outer UDP source port.
    """

    source: bytes
    destination: bytes
    vni: int
    options: bytes = b""
    critical: bool = False
    source_port: int = 0x6B71

    def wrap(self, frame: bytes) -> bytes:
        """The frame inside Geneve, UDP, IPv6 and Ethernet (RFC 8926). The outer UDP checksum is zero (RFC 6935)."""
        flags = len(self.options) // 4 << 8 | (0x40 if self.critical else 0)
        geneve = struct.pack(">HHI", flags, _ETHERNET_IN_GENEVE, self.vni << 8) + self.options
        length = 8 + len(geneve) + len(frame)
        udp = struct.pack(">HHHH", self.source_port, _GENEVE_PORT, length, 0)
        ipv6 = struct.pack(">IHBB", 6 << 28, length, UDP, 128) + self.source + self.destination
        return bytes(12) + struct.pack(">H", _ETHER_TYPE[6]) + ipv6 + udp + geneve + frame


def plain(flow: FlowId, content: Content, ether_destination: bytes, ether_source: bytes) -> bytes:
    """An Ethernet frame with one packet of the flow."""
    segment = _transport(flow, content)
    if content.imitates:
        content = content._replace(network_options=segment[:20].ljust(20, b"\0"))
    packet = _network(flow, content, len(segment)) + segment
    return ether_destination + ether_source + struct.pack(">H", _ETHER_TYPE[flow.family]) + packet + content.padding


def quotation(flow: FlowId) -> bytes:
    """What an ICMP error quotes of a packet of the flow: the IP header and the first eight bytes after it."""
    content = Content(payload=bytes(8), sequence=1)
    segment = _transport(flow, content)
    return _network(flow, content, len(segment)) + segment[:8]


def error_about(flow: FlowId, reporter: bytes, target: bytes) -> tuple[FlowId, bytes]:
    """Flow id and payload of the "destination unreachable" with which `reporter` tells `target` about a packet."""
    protocol = ICMP if flow.family == 4 else ICMPV6
    return FlowId(protocol, flow.family, reporter, target, UNREACHABLE[protocol], 0), quotation(flow)


def internet_checksum(data: bytes | bytearray) -> int:
    """RFC 1071."""
    words: tuple[int, ...] = struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _network(flow: FlowId, content: Content, length: int) -> bytes:
    length = max(0, length + content.network_excess)
    if flow.family == 6:
        fixed = struct.pack(">IHBB", 6 << 28, length, flow.protocol, content.hop_limit)
        return fixed + flow.source + flow.destination
    words = 5 + len(content.network_options) // 4
    total = 4 * words + length
    fixed = struct.pack(">BBHHHBBH", 4 << 4 | words, 0, total, 0, 0, content.hop_limit, flow.protocol, 0)
    header = bytearray(fixed + flow.source + flow.destination + content.network_options)
    checksum = internet_checksum(header) if content.header_checksum else 0x1234
    struct.pack_into(">H", header, 10, checksum)
    return bytes(header)


_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}


def _transport(flow: FlowId, content: Content) -> bytes:
    """Transport header and payload with the checksum that the content asks for."""
    payload = content.payload
    match flow.protocol:
        case 6:
            words = 5 + len(content.transport_options) // 4
            numbers = (content.sequence & 0xFFFF_FFFF, content.acknowledgement & 0xFFFF_FFFF)
            ports = (flow.source_port, flow.destination_port)
            header = struct.pack(">HHIIBBHHH", *ports, *numbers, words << 4, content.flags, 0xFFFF, 0, 0)
            segment = bytearray(header + content.transport_options + payload)
        case 17:
            length = max(0, 8 + len(payload) + content.transport_excess)
            header = struct.pack(">HHHH", flow.source_port, flow.destination_port, length, 0)
            segment = bytearray(header + payload)
        case 1 | 58:
            numbers = (flow.destination_port, content.sequence & 0xFFFF)
            kind = (flow.source_port & 0xFF, flow.source_port >> 8 | content.code)
            segment = bytearray(struct.pack(">BBHHH", *kind, 0, *numbers) + payload)
        case _:
            return payload
    if content.checksum is not Checksum.ABSENT:
        checksum = _pseudo_checksum(flow, bytes(segment))
        if content.checksum is Checksum.WRONG:
            checksum ^= 0x0F0F
        struct.pack_into(">H", segment, _CHECKSUM_AT[flow.protocol], checksum)
    return bytes(segment)


def _pseudo_checksum(flow: FlowId, segment: bytes) -> int:
    """The transport checksum, with the pseudo header where there is one (RFC 9293, 768, 8200, 792)."""
    if flow.protocol == ICMP:
        return internet_checksum(segment)
    pseudo = flow.source + flow.destination + struct.pack(">II", len(segment), flow.protocol)
    checksum = internet_checksum(pseudo + segment)
    return 0xFFFF if checksum == 0 and flow.protocol == UDP else checksum
