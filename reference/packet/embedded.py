"""1:1 address translation of the packets that ICMP messages carry inside.

An ICMP error quotes the packet that caused it, which travelled the other way; a translated host must find its own
address in the quotation. ICMPv6 redirects quote one in an option. Upstream behaviour: `IcmpV4Nat` and `IcmpV6Nat` in
`lib/opte/src/engine/nat.rs`.
"""

from reference.direction import Direction
from reference.packet.extension import Incomplete, find_transport
from reference.packet.headers import Icmp, Ipv4, Ipv6
from reference.packet.modify import ipv4_header_checksum
from reference.packet.packet import Packet
from reference.packet.protocol import IpProtocol

_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})
"""ICMP: unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792)."""

_ICMPV6_ERRORS = frozenset({1, 2, 3, 4})
"""ICMPv6: unreachable, packet too big, time exceeded, parameter problem (RFC 4443)."""

_NEIGHBOR_DISCOVERY = range(133, 138)
"""ICMPv6: router solicitation to redirect (RFC 4861). Options follow the 8-byte header at once as upstream reads
them."""

_REDIRECTED_HEADER_OPTION = 4
_REDIRECTED_HEADER_RESERVED = 6


class NoPayload(Exception):
    """The message has no body, not even an empty quotation."""


def rewrite_embedded(packet: Packet, private: bytes, public: bytes) -> None:
    """Translate the quoted packet of an ICMP message, if it has one, and mark the body as rewritten.

    Inbound, a quoted source `public` becomes `private`; outbound, a quoted destination `private` becomes `public`. The
    quoted IPv4 header gets a right checksum in any case; checksums behind it stay as they are. A message that quotes
    nothing, and any message whose protocol does not belong to the family of the addresses, keeps its bytes.

    Args:
        packet: an ICMP packet.
        private: the guest's own address, 4 or 16 bytes.
        public: the external address that stands for it, of the same family.

    Raises:
        NoPayload: the frame ends with the ICMP header.
    """
    if packet.body_offset >= len(packet.buffer):
        raise NoPayload("the ICMP message has no body to translate")
    packet.body_modified = True
    message = packet.transport
    if not isinstance(message, Icmp):
        return
    if len(private) == 4 and packet.flow.protocol == IpProtocol.ICMP:
        if message.type in _ICMP_ERRORS:
            _translate_ipv4(packet, private, public)
    elif len(private) == 16 and packet.flow.protocol == IpProtocol.ICMPV6:
        if message.type in _ICMPV6_ERRORS:
            _translate_ipv6(packet, packet.body_offset, len(packet.buffer), private, public)
        elif message.type in _NEIGHBOR_DISCOVERY:
            _translate_options(packet, private, public)


def _translate_ipv4(packet: Packet, private: bytes, public: bytes) -> None:
    quoted = Ipv4(packet.buffer, packet.body_offset)
    available = len(packet.buffer) - packet.body_offset
    if available < Ipv4.LENGTH or available < quoted.header_length:
        return
    _translate(packet.direction, quoted, private, public)
    quoted.checksum = ipv4_header_checksum(quoted)


def _translate_ipv6(packet: Packet, start: int, end: int, private: bytes, public: bytes) -> None:
    try:
        find_transport(packet.buffer, start, end)
    except Incomplete:
        return
    _translate(packet.direction, Ipv6(packet.buffer, start), private, public)


def _translate_options(packet: Packet, private: bytes, public: bytes) -> None:
    """Go through the options of a neighbor discovery message: type, length in 8-byte units, data."""
    buffer = packet.buffer
    start = packet.body_offset
    while start + 2 <= len(buffer):
        # A length of 0 counts as 256 units, which no option list holds.
        end = start + 8 * (buffer[start + 1] or 256)
        if end > len(buffer):
            return
        if buffer[start] == _REDIRECTED_HEADER_OPTION:
            _translate_ipv6(packet, start + 2 + _REDIRECTED_HEADER_RESERVED, end, private, public)
        start = end


def _translate(direction: Direction, quoted: Ipv4 | Ipv6, private: bytes, public: bytes) -> None:
    if direction is Direction.IN and quoted.source == public:
        quoted.source = private
    elif direction is Direction.OUT and quoted.destination == private:
        quoted.destination = public
