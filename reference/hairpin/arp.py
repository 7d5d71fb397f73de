"""ARP (RFC 826): the gateway answers requests for its own IPv4 address.

Upstream behaviour: `lib/opte/src/engine/arp.rs`, `handle_arp_out` in `lib/oxide-vpc/src/engine/mod.rs`.
"""

import struct
from dataclasses import dataclass

from reference.hairpin.errors import HandlePacketError
from reference.hairpin.frame import ethernet
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType

_FORMAT = struct.Struct(">HHBBH6s4s6s4s")
_HARDWARE_AND_PROTOCOL = (1, EtherType.IPV4, 6, 4)
"""Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses."""

_REQUEST = 1
_REPLY = 2


@dataclass(frozen=True)
class ArpReply:
    """Answers ARP requests for the gateway.

    ARP is handled outside the layers, so that this is no rule's action.

    Attributes:
        gateway_mac: the answer, 6 bytes.
        gateway_ip: the IPv4 address answered for, 4 bytes.
    """

    gateway_mac: bytes
    gateway_ip: bytes

    def reply(self, packet: Packet) -> bytes | None:
        """The answer to an ARP frame; None unless it is a request for the gateway's address.

        Raises:
            HandlePacketError: the frame is too short, or no ARP for IPv4 over Ethernet.
        """
        body = packet.body
        if len(body) < _FORMAT.size:
            raise HandlePacketError("outbound ARP (parse)")
        *kind, operation, sender_mac, sender_ip, _, target_ip = _FORMAT.unpack_from(body)
        if tuple(kind) != _HARDWARE_AND_PROTOCOL or operation not in (_REQUEST, _REPLY):
            raise HandlePacketError("outbound ARP (parse -- bad values)")
        if operation != _REQUEST or target_ip != self.gateway_ip:
            return None
        answer = _FORMAT.pack(*_HARDWARE_AND_PROTOCOL, _REPLY, self.gateway_mac, self.gateway_ip, sender_mac, sender_ip)
        return ethernet(sender_mac, self.gateway_mac, EtherType.ARP, answer)
