"""IPv6 extension headers: skipping them to find the transport.

Upstream behaviour: `LowRentV6Eh` in ingot's `ingot/src/ip.rs`. Authentication and ESP headers are not skipped.
"""

from reference.packet.headers import Ipv6
from reference.packet.protocol import IpProtocol

_UNIFORM = frozenset(
    {
        IpProtocol.HOP_BY_HOP,
        IpProtocol.ROUTING,
        IpProtocol.DESTINATION_OPTIONS,
        IpProtocol.MOBILITY,
        IpProtocol.HOST_IDENTITY,
        IpProtocol.SHIM6,
        IpProtocol.EXPERIMENT_0,
        IpProtocol.EXPERIMENT_1,
    }
)
"""Extension headers of the uniform format (RFC 6564): next header, length in 8-byte units beyond the first, data."""

_FRAGMENT_LENGTH = 8


class Incomplete(Exception):
    """The bytes end inside the header."""


def find_transport(buffer: bytearray, start: int, end: int) -> tuple[int, int]:
    """The length of the IPv6 header at `start` with its extension headers, and the protocol after them.

    An extension header that would begin at `end` exactly is not looked for: its number is then the protocol.

    Raises:
        Incomplete: a header that begins before `end` does not end there.
    """
    offset = start + Ipv6.LENGTH
    if offset > end:
        raise Incomplete
    protocol = buffer[start + 6]
    while offset < end:
        if protocol == IpProtocol.FRAGMENT:
            length = _FRAGMENT_LENGTH
        elif protocol not in _UNIFORM:
            break
        elif offset + 2 > end:
            raise Incomplete
        else:
            length = 8 + 8 * buffer[offset + 1]
        if offset + length > end:
            raise Incomplete
        protocol = buffer[offset]
        offset += length
    return offset - start, protocol
