"""Building the frames of replies, outermost header last."""

import struct

from reference.packet.checksum import checksum_of, sum_of
from reference.packet.protocol import EtherType, IpProtocol

_TIME_TO_LIVE = 128


def ethernet(destination: bytes, source: bytes, ethertype: EtherType, payload: bytes) -> bytes:
    """An Ethernet II frame, unpadded."""
    return destination + source + ethertype.to_bytes(2) + payload


def ipv4(source: bytes, destination: bytes, protocol: IpProtocol, payload: bytes) -> bytes:
    """An IPv4 packet without options, with identification 0 and a right header checksum."""
    length = (20 + len(payload)) & 0xFFFF
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, _TIME_TO_LIVE, protocol, 0, source, destination)
    checksum = checksum_of(sum_of(header))
    return header[:10] + checksum.to_bytes(2) + header[12:] + payload


def ipv6(
    source: bytes, destination: bytes, protocol: IpProtocol, payload: bytes, hop_limit: int = _TIME_TO_LIVE
) -> bytes:
    """An IPv6 packet without extension headers."""
    length = len(payload) & 0xFFFF
    return struct.pack(">IHBB16s16s", 6 << 28, length, protocol, hop_limit, source, destination) + payload


def udp(source_port: int, destination_port: int, payload: bytes) -> bytes:
    """A UDP datagram without a checksum."""
    return struct.pack(">HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def icmpv6_sum(source: bytes, destination: bytes, message: bytes) -> int:
    """Sum of an ICMPv6 message and its pseudo header (RFC 4443 section 2.3), not folded."""
    return sum_of(source + destination) + len(message) + IpProtocol.ICMPV6 + sum_of(message)


def icmpv6(source: bytes, destination: bytes, message: bytes) -> bytes:
    """An ICMPv6 message whose checksum field is 0, with the right checksum."""
    checksum = checksum_of(icmpv6_sum(source, destination, message))
    return message[:2] + checksum.to_bytes(2) + message[4:]
