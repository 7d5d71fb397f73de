"""Finishing a packet: the headers to take away from its front, or to put there.

Upstream behaviour: `EmitSpec` in `lib/opte/src/engine/packet.rs`, `CompiledEncap` in `rule.rs`, the emission of
encapsulation in `headers.rs`, and `EncapAction` in `lib/oxide-vpc/src/engine/overlay.rs`.
"""

import struct
from dataclasses import dataclass
from functools import cached_property

from reference.packet.headers import Ethernet, Ipv6
from reference.packet.packet import Packet
from reference.packet.protocol import GENEVE_PORT, EtherType, IpProtocol

_HOP_LIMIT = 128
_ETHERNET_IN_GENEVE = 0x6558
_MAXIMUM_LENGTH = 0xFFFF

_IPV6_LENGTH_OFFSET = Ethernet.LENGTH + 4
_UDP_OFFSET = Ethernet.LENGTH + Ipv6.LENGTH
_UDP_LENGTH_OFFSET = _UDP_OFFSET + 4


@dataclass(frozen=True)
class Encapsulation:
    """The outer headers of an outbound packet: Ethernet, IPv6, UDP, Geneve.

    The UDP checksum is 0, which RFC 6935 allows for tunnels over IPv6.

    Attributes:
        ethernet_destination: outer destination MAC, 6 bytes. Zero for unicast: the underlay's routing fills it in. The
            source is always zero.
        source: underlay IPv6 address of this host, 16 bytes.
        destination: underlay IPv6 address of the target, 16 bytes.
        vni: virtual network identifier, 24 bits.
        source_port: UDP source port, the flow's entropy: the low 16 bits of its layer-4 hash.
        options: Geneve options as they stand on the wire (see `geneve.encode_option`).
    """

    ethernet_destination: bytes
    source: bytes
    destination: bytes
    vni: int
    source_port: int
    options: bytes = b""

    @cached_property
    def header(self) -> bytes:
        """The four headers, serialised once, with both length fields zero."""
        ethernet = struct.pack(">6s6sH", self.ethernet_destination, bytes(6), EtherType.IPV6)
        ipv6 = struct.pack(">IHBB16s16s", 6 << 28, 0, IpProtocol.UDP, _HOP_LIMIT, self.source, self.destination)
        udp = struct.pack(">HHHH", self.source_port, GENEVE_PORT, 0, 0)
        geneve = struct.pack(">BBHI", len(self.options) // 4, 0, _ETHERNET_IN_GENEVE, self.vni << 8)
        return ethernet + ipv6 + udp + geneve + self.options

    def wrap(self, frame: bytes | bytearray) -> bytes:
        """The frame with the headers in front. A length too great for its field is written as 0xffff."""
        headers = bytearray(self.header)
        length = min(len(headers) - _UDP_OFFSET + len(frame), _MAXIMUM_LENGTH)
        struct.pack_into(">H", headers, _IPV6_LENGTH_OFFSET, length)
        struct.pack_into(">H", headers, _UDP_LENGTH_OFFSET, length)
        headers += frame
        return bytes(headers)


@dataclass(frozen=True, slots=True)
class EmitSpec:
    """How a packet whose headers have been changed in place becomes the frame that goes on.

    Attributes:
        pop: bytes to take away from the front.
        push: headers to put in front after that, or None.
        l4_hash: hash of the flow, for the choice of a path.
        mtu_unrestricted: whether the destination is inside the VPC, where packets of any size may go.
    """

    pop: int
    push: Encapsulation | None
    l4_hash: int
    mtu_unrestricted: bool

    def apply(self, packet: Packet) -> bytes:
        """The finished frame. The packet stays as it is."""
        frame = packet.buffer[self.pop :]
        return bytes(frame) if self.push is None else self.push.wrap(frame)
