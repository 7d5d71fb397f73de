"""Flow identifiers: what makes two packets belong to the same flow, and the hash that spreads flows.

A flow is identified by the inner packet alone; encapsulation has no part in it. Upstream behaviour:
`lib/opte/src/api.rs`.
"""

import functools
import struct
import zlib
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

from reference.packet.protocol import IpProtocol

FlowJson: TypeAlias = dict[str, int | str]
"""A flow id as recordings write it: addresses as text, ports or ICMP words as numbers."""

_ADDRESS_FAMILY = {4: 2, 6: 26}
"""Family numbers that enter the hash: AF_INET and AF_INET6 as the illumos kernel numbers them."""

_ECHO_ANSWERS: dict[int, dict[int, int]] = {
    IpProtocol.ICMP: {8: 0, 0: 8},
    IpProtocol.ICMPV6: {128: 129, 129: 128},
}
"""Per protocol: echo request and echo reply, each with the message that answers it, as type + 256 * code with code
0."""


class FlowId(NamedTuple):
    """Identity of a flow as one direction sees it.

    The members stand in OPTE's sort order, so that comparing two ids as plain tuples is OPTE's order of table entries:
    protocol, family (IPv4 first), source, destination, then the two 16-bit words of layer 4.

    Attributes:
        protocol: IP protocol number, after any IPv6 extension headers; 255 for a frame without an IP header.
        family: 4 or 6.
        source: source address, 4 or 16 bytes in network order.
        destination: destination address, as long as `source`.
        source_port: TCP or UDP source port. For ICMP and ICMPv6: message type + 256 * code.
        destination_port: TCP or UDP destination port. For ICMP and ICMPv6: the identifier of an echo request or reply
            with code 0, and 0 for every other message.
    """

    protocol: int
    family: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int

    def mirror(self) -> "FlowId":
        """The id of the packets that travel the other way: addresses and ports exchanged.

        An ICMP echo request becomes the echo reply of the same identifier, and the reverse; any other ICMP message,
        also an echo of a code other than 0, keeps its type and code. Mirroring twice gives the flow id back.
        """
        protocol, family, source, destination, first, second = self
        if protocol in (IpProtocol.TCP, IpProtocol.UDP):
            first, second = second, first
        elif is_echo(protocol, first):
            first = _ECHO_ANSWERS[protocol][first]
        return FlowId(protocol, family, destination, source, first, second)

    @property
    def icmp_type(self) -> int:
        """Message type; meaningful for ICMP and ICMPv6 only."""
        return self.source_port & 0xFF

    @property
    def icmp_code(self) -> int:
        """Message code; meaningful for ICMP and ICMPv6 only."""
        return self.source_port >> 8

    @property
    def icmp_identifier(self) -> int:
        """Echo identifier, 0 when the message is no echo; meaningful for ICMP and ICMPv6 only."""
        return self.destination_port

    def to_json(self) -> FlowJson:
        """The flow as recordings write it, with canonical (RFC 5952) address text."""
        flow: FlowJson = {
            "proto": self.protocol,
            "src": _address_text(self.source),
            "dst": _address_text(self.destination),
        }
        if self.protocol in (IpProtocol.TCP, IpProtocol.UDP):
            flow |= {"sport": self.source_port, "dport": self.destination_port}
        elif self.protocol in (IpProtocol.ICMP, IpProtocol.ICMPV6):
            flow |= {"type": self.icmp_type, "code": self.icmp_code, "id": self.icmp_identifier}
        return flow

    @classmethod
    def from_json(cls, flow: FlowJson) -> "FlowId":
        """Read a flow as recordings write it.

        Raises:
            KeyError: a member of the flow is missing.
            ValueError: an address is not one.
        """
        family, source = _address_bytes(str(flow["src"]))
        _, destination = _address_bytes(str(flow["dst"]))
        protocol = int(flow["proto"])
        first = second = 0
        if protocol in (IpProtocol.TCP, IpProtocol.UDP):
            first, second = int(flow["sport"]), int(flow["dport"])
        elif protocol in (IpProtocol.ICMP, IpProtocol.ICMPV6):
            first, second = int(flow["type"]) | int(flow["code"]) << 8, int(flow["id"])
        return cls(protocol, family, source, destination, first, second)


NO_FLOW = FlowId(255, 4, bytes(4), bytes(4), 0, 0)
"""The flow id of every frame without an IP header, such as ARP."""


def is_echo(protocol: int, message: int) -> bool:
    """Whether a message (type + 256 * code) is an echo with code 0: the only ones whose identifier counts."""
    return message in _ECHO_ANSWERS.get(protocol, ())


def l4_hash(flow: FlowId) -> int:
    """CRC-32 (IEEE) over the flow id; chooses paths, boundary endpoints and the Geneve source port.

    The input is the serialisation that upstream's hasher sees: protocol (1 byte), address family (2 bytes), length (8
    bytes) and bytes of the source address, the same of the destination, the number of layer-4 words (8 bytes), the two
    words (2 bytes each); numbers are little endian. The hash is not symmetric: a flow and its mirror differ.
    """
    protocol, family, source, destination, first, second = flow
    length = struct.pack("<Q", len(source))
    head = struct.pack("<BH", protocol, _ADDRESS_FAMILY[family])
    tail = struct.pack("<QHH", 2, first, second)
    return zlib.crc32(b"".join((head, length, source, length, destination, tail)))


@functools.lru_cache(maxsize=4096)
def _address_text(address: bytes) -> str:
    return str(IPv4Address(address)) if len(address) == 4 else str(IPv6Address(address))


def _address_bytes(text: str) -> tuple[int, bytes]:
    if ":" in text:
        return 6, IPv6Address(text).packed
    return 4, IPv4Address(text).packed
