"""ICMP and ICMPv6 echo (RFC 792, RFC 4443 section 4): the gateway answers pings.

Upstream behaviour: `IcmpEchoReply` in `lib/opte/src/engine/icmp/v4.rs`, `Icmpv6EchoReply` in `icmp/v6.rs`.
"""

from dataclasses import dataclass

from reference.action import HairpinAction
from reference.address import format_ip, format_mac
from reference.hairpin import frame
from reference.hairpin.errors import UnexpectedRequest
from reference.packet import checksum
from reference.packet.headers import Icmp
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType, IpProtocol

_ECHO_REPLY = {IpProtocol.ICMP: 0, IpProtocol.ICMPV6: 129}


@dataclass(frozen=True)
class EchoReply(HairpinAction):
    """Answers echo requests of the guest to the gateway; the IP version is that of the addresses.

    Attributes:
        client_mac: MAC address of the guest.
        client_ip: address of the guest, 4 or 16 bytes.
        gateway_mac: MAC address of the gateway.
        gateway_ip: address of the gateway, of the same family.
    """

    client_mac: bytes
    client_ip: bytes
    gateway_mac: bytes
    gateway_ip: bytes

    def reply(self, packet: Packet) -> bytes:
        """The answer to an ICMP or ICMPv6 echo request; identifier, sequence number and data come back.

        Raises:
            UnexpectedRequest: the request has a code other than 0.
        """
        request = packet.transport
        assert isinstance(request, Icmp), "the rule's predicates let only echo requests through"
        version = 4 if len(self.client_ip) == 4 else 6
        if request.code != 0:
            raise UnexpectedRequest(f"expected an ICMPv{version} Echo Request, got echo request {request.code}")
        if version == 4:
            message = _answer(request, IpProtocol.ICMP)
            answer = frame.ipv4(self.gateway_ip, self.client_ip, IpProtocol.ICMP, message)
            return frame.ethernet(self.client_mac, self.gateway_mac, EtherType.IPV4, answer)
        message = _answer(request, IpProtocol.ICMPV6)
        answer = frame.ipv6(self.gateway_ip, self.client_ip, IpProtocol.ICMPV6, message)
        return frame.ethernet(self.client_mac, self.gateway_mac, EtherType.IPV6, answer)

    def __str__(self) -> str:
        version = 4 if len(self.client_ip) == 4 else 6
        source = f"({format_mac(self.gateway_mac)},{format_ip(self.gateway_ip)})"
        destination = f"({format_mac(self.client_mac)},{format_ip(self.client_ip)})"
        return f"ICMPv{version} Echo Reply {source} => {destination}"


def _answer(request: Icmp, protocol: IpProtocol) -> bytes:
    """The echo reply to a request, up to the end of the frame.

    The checksum is updated from the request's; exchanging the addresses of the pseudo header does not change it. A
    request checksum of 0 is taken for a missing one, and the answer's is computed from scratch, as upstream without a
    pseudo header.
    """
    message = bytearray(request.buffer[request.offset :])
    answer = Icmp(message)
    answer.type = _ECHO_REPLY[protocol]
    if request.checksum == 0:
        answer.checksum = checksum.checksum_of(checksum.sum_of(message))
    else:
        delta = checksum.change(request.type << 8, answer.type << 8)
        answer.checksum = checksum.update(request.checksum, delta)
    return bytes(message)
