"""Parsing: from the bytes of a frame to a `Packet` that knows where its headers are and which flow it belongs to.

OPTE parses every frame into lightweight metadata and, when the fast path does not apply, turns those into full
metadata. Both see the same headers of the same bytes, so that one `Packet` serves as either here.

A frame is accepted or refused in two passes: first the headers are found, from the outside in (here; upstream: ingot's
`ingot-macros/src/parse.rs` for the headers listed in `lib/opte/src/engine/parse.rs`), then version and length fields
are checked in the same order (`reference.packet.validate`).
"""

from collections.abc import Sequence

from reference.direction import Direction
from reference.packet import geneve
from reference.packet.errors import HeaderError, HeaderName, Why
from reference.packet.extension import Incomplete, find_transport
from reference.packet.flow import NO_FLOW, FlowId, is_echo
from reference.packet.headers import Ethernet, Geneve, Icmp, Ipv4, Ipv6, Tcp, Udp
from reference.packet.packet import NetworkHeader, Outer, Packet, TransportHeader
from reference.packet.protocol import GENEVE_PORT, EtherType, IpProtocol
from reference.packet.validate import validate_encapsulated, validate_plain


def parse(direction: Direction, frame: bytes | bytearray | memoryview, segments: Sequence[int] = ()) -> Packet:
    """Parse a frame.

    Args:
        direction: `OUT` for a plain frame from the guest, `IN` for an encapsulated one from the underlay.
        frame: the whole frame. It is copied.
        segments: lengths in bytes of the first buffers in which the frame was delivered; the rest of the frame is the
            last buffer. No header may lie across two buffers. Empty when the frame is one buffer.

    Raises:
        ParseError: the frame is refused; the exception's class and members say why.
    """
    buffer = bytearray(frame)
    cursor = _Cursor(len(buffer), segments)
    if direction is Direction.IN:
        packet = _parse_encapsulated(buffer, cursor)
        validate_encapsulated(packet)
    else:
        packet = _parse_plain(buffer, cursor)
        validate_plain(packet)
    return packet


class _Cursor:
    """A position in the frame, and the end of the segment it lies in."""

    __slots__ = ("end", "later", "offset")

    def __init__(self, length: int, segments: Sequence[int]) -> None:
        self.offset = 0
        self.later: list[int] = []
        self.end = length
        if segments:
            self.end = segments[0]
            self.later = [*segments[1:], length - sum(segments)]

    def require(self, length: int, header: HeaderName) -> None:
        """The header that begins here needs `length` bytes in one segment."""
        if self.offset + length > self.end:
            raise self.incomplete(header)

    def step_over(self, length: int, header: HeaderName) -> None:
        """Go to the header that must follow, in the next segment if this one is used up."""
        self.offset += length
        if self.offset == self.end:
            if not self.later:
                raise HeaderError(header, Why.TOO_SMALL)
            self.end += self.later.pop(0)

    def incomplete(self, header: HeaderName) -> HeaderError:
        """The error for a header that does not end within this segment."""
        return HeaderError(header, Why.STRADDLED if self.later else Why.TOO_SMALL)


def _parse_plain(buffer: bytearray, cursor: _Cursor) -> Packet:
    ethernet = _parse_ethernet(buffer, cursor, HeaderName.INNER_ETHERNET)
    if ethernet.ethertype == EtherType.ARP:
        return Packet(Direction.OUT, buffer, None, ethernet, None, None, Ethernet.LENGTH, NO_FLOW)
    return _parse_inner(Direction.OUT, buffer, cursor, None, ethernet)


def _parse_encapsulated(buffer: bytearray, cursor: _Cursor) -> Packet:
    outer_ethernet = _parse_ethernet(buffer, cursor, HeaderName.OUTER_ETHERNET)
    network, protocol = _parse_network(buffer, cursor, outer_ethernet.ethertype, HeaderName.OUTER_IP)
    if not isinstance(network, Ipv6):
        raise HeaderError(HeaderName.OUTER_IP, Why.UNWANTED)
    udp = _parse_tunnel_transport(buffer, cursor, protocol)
    tunnel = _parse_geneve(buffer, cursor)
    outer = Outer(outer_ethernet, network, udp, tunnel, cursor.offset)

    ethernet = _parse_ethernet(buffer, cursor, HeaderName.INNER_ETHERNET)
    return _parse_inner(Direction.IN, buffer, cursor, outer, ethernet)


def _parse_inner(
    direction: Direction, buffer: bytearray, cursor: _Cursor, outer: Outer | None, ethernet: Ethernet
) -> Packet:
    network, protocol = _parse_network(buffer, cursor, ethernet.ethertype, HeaderName.INNER_IP)
    transport, transport_length = _parse_transport(buffer, cursor, protocol, HeaderName.INNER_TRANSPORT)
    flow = _flow_id(network, transport, protocol)
    return Packet(direction, buffer, outer, ethernet, network, transport, cursor.offset + transport_length, flow)


def _parse_ethernet(buffer: bytearray, cursor: _Cursor, name: HeaderName) -> Ethernet:
    ethernet = Ethernet(buffer, cursor.offset)
    cursor.require(Ethernet.LENGTH, name)
    cursor.step_over(Ethernet.LENGTH, name)
    return ethernet


def _parse_network(buffer: bytearray, cursor: _Cursor, ethertype: int, name: HeaderName) -> tuple[NetworkHeader, int]:
    """The IP header with its options or extension headers, and the protocol that follows."""
    network: NetworkHeader
    if ethertype == EtherType.IPV4:
        network = Ipv4(buffer, cursor.offset)
        cursor.require(Ipv4.LENGTH, name)
        length = max(Ipv4.LENGTH, network.header_length)
        protocol = network.protocol
        cursor.require(length, name)
    elif ethertype == EtherType.IPV6:
        network = Ipv6(buffer, cursor.offset)
        try:
            length, protocol = find_transport(buffer, cursor.offset, cursor.end)
        except Incomplete:
            raise cursor.incomplete(name) from None
    else:
        raise HeaderError(name, Why.UNWANTED)
    cursor.step_over(length, name)
    return network, protocol


def _parse_tunnel_transport(buffer: bytearray, cursor: _Cursor, protocol: int) -> Udp:
    """The outer transport: UDP to the Geneve port. TCP is recognised, and rejected, when its header is complete."""
    name = HeaderName.OUTER_UDP
    if protocol not in (IpProtocol.TCP, IpProtocol.UDP):
        raise HeaderError(name, Why.UNWANTED)
    transport, _ = _parse_transport(buffer, cursor, protocol, name)
    if not isinstance(transport, Udp) or transport.destination_port != GENEVE_PORT:
        raise HeaderError(name, Why.REJECTED)
    cursor.step_over(Udp.LENGTH, name)
    return transport


def _parse_geneve(buffer: bytearray, cursor: _Cursor) -> Geneve:
    name = HeaderName.OUTER_GENEVE
    header = Geneve(buffer, cursor.offset)
    cursor.require(Geneve.LENGTH, name)
    length = header.header_length
    cursor.require(length, name)
    if length > Geneve.LENGTH:
        try:
            geneve.split_options(bytes(buffer[cursor.offset + Geneve.LENGTH : cursor.offset + length]))
        except ValueError:
            raise cursor.incomplete(name) from None
    cursor.step_over(length, name)
    return header


def _parse_transport(
    buffer: bytearray, cursor: _Cursor, protocol: int, name: HeaderName
) -> tuple[TransportHeader, int]:
    """The transport header and its length; the cursor stays in front of it, as nothing has to follow."""
    transport: TransportHeader
    if protocol == IpProtocol.TCP:
        transport = Tcp(buffer, cursor.offset)
        cursor.require(Tcp.LENGTH, name)
        length = max(Tcp.LENGTH, transport.header_length)
        cursor.require(length, name)
        return transport, length
    if protocol == IpProtocol.UDP:
        transport = Udp(buffer, cursor.offset)
    elif protocol in (IpProtocol.ICMP, IpProtocol.ICMPV6):
        transport = Icmp(buffer, cursor.offset)
    else:
        raise HeaderError(name, Why.UNWANTED)
    cursor.require(transport.LENGTH, name)
    return transport, transport.LENGTH


def _flow_id(network: NetworkHeader, transport: TransportHeader, protocol: int) -> FlowId:
    family = 4 if isinstance(network, Ipv4) else 6
    if isinstance(transport, Icmp):
        first = transport.type | transport.code << 8
        second = transport.identifier if is_echo(protocol, first) else 0
    else:
        first, second = transport.source_port, transport.destination_port
    return FlowId(protocol, family, network.source, network.destination, first, second)
