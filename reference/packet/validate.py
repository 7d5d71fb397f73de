"""The second pass over a frame: versions must be right, and claimed lengths must fit the bytes there are.

Frames may carry padding behind the packet, so that a length field may fall short of the bytes present; it must not
exceed them. Upstream behaviour: the `validate` functions of `lib/opte/src/engine/parse.rs`, `ip/v4.rs`, `ip/v6.rs`,
`geneve.rs`, and `lib/oxide-vpc/src/engine/geneve.rs`.
"""

from reference.packet.errors import (
    BadLength,
    HeaderError,
    HeaderName,
    IllegalValue,
    Location,
    UnrecognisedTunnelOption,
    Why,
)
from reference.packet.headers import Geneve, Ipv4, Ipv6, Udp
from reference.packet.packet import Outer, Packet


def validate_plain(packet: Packet) -> None:
    """Check the inner headers. A frame without an IP header, such as ARP, has nothing to check.

    Raises:
        IllegalValue, BadLength: the first field that is wrong.
    """
    end = len(packet.buffer)
    match packet.network:
        case Ipv4() as ipv4:
            _validate_ipv4(ipv4, end)
        case Ipv6() as ipv6:
            _validate_ipv6(ipv6, end)
    if isinstance(packet.transport, Udp):
        _validate_udp(packet.transport, end)


def validate_encapsulated(packet: Packet) -> None:
    """Check the outer headers, then the inner ones, then whether all critical options are understood.

    Raises:
        IllegalValue, BadLength, UnrecognisedTunnelOption: the first field that is wrong.
        HeaderError: see `_validate_options`.
    """
    outer = packet.outer
    assert outer is not None, "an inbound packet has an encapsulation"
    end = len(packet.buffer)
    _validate_ipv6(outer.network, end)
    _validate_udp(outer.transport, end)
    if outer.geneve.version != 0:
        raise IllegalValue(Location.GENEVE_VERSION, 0, outer.geneve.version)
    validate_plain(packet)
    if outer.geneve.flags & Geneve.CRITICAL:
        _validate_options(outer)


def _validate_ipv4(header: Ipv4, end: int) -> None:
    if header.version != 4:
        raise IllegalValue(Location.IPV4_VERSION, 4, header.version)
    length = header.header_length
    if length < Ipv4.LENGTH:
        raise IllegalValue(Location.IPV4_HEADER_LENGTH, Ipv4.LENGTH // 4, length // 4)
    if header.total_length < length:
        raise BadLength(Location.IPV4_TOTAL_LENGTH_MINIMUM, length, header.total_length)
    available = end - header.offset
    if header.total_length > available:
        raise BadLength(Location.IPV4_TOTAL_LENGTH, available, header.total_length)


def _validate_ipv6(header: Ipv6, end: int) -> None:
    if header.version != 6:
        raise IllegalValue(Location.IPV6_VERSION, 6, header.version)
    available = end - header.offset - Ipv6.LENGTH
    if header.payload_length > available:
        raise BadLength(Location.IPV6_PAYLOAD_LENGTH, available, header.payload_length)


def _validate_udp(header: Udp, end: int) -> None:
    available = end - header.offset
    if header.length > available:
        raise BadLength(Location.UDP_LENGTH, available, header.length)


def _validate_options(outer: Outer) -> None:
    """Every critical option must be a known one.

    Upstream's walk over the options does not stop at their end: it looks for one more and fails. A header with the
    critical flag is therefore refused also when every option in it is understood.
    """
    for option in outer.options:
        if option.is_truncated:
            break
        if option.is_critical and not option.is_known:
            raise UnrecognisedTunnelOption(option.option_class, option.option_type)
    raise HeaderError(HeaderName.GENEVE_OPTION, Why.TOO_SMALL)
