"""DHCPv4 (RFC 2131): the gateway leases the guest the one address it has.

Upstream behaviour: `lib/opte/src/engine/dhcp.rs`, `lib/oxide-vpc/src/engine/gateway/dhcp.rs`. Messages are parsed and
laid out as smoltcp 0.11 does, which upstream uses: `src/wire/dhcpv4.rs`.
"""

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reference.action import HairpinAction
from reference.address import format_ip
from reference.hairpin import frame
from reference.hairpin.errors import MalformedRequest
from reference.hairpin.options import DhcpOptions
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType, IpProtocol

SERVER_PORT = 67
CLIENT_PORT = 68

_FIXED = struct.Struct(">BBBBIHH4s4s4s4s6s202xI")
"""Operation, hardware type, its address length, hops, transaction id, seconds, flags, client, your, server and relay
address, client hardware address, padding with server and file name, magic number."""

_MAGIC_NUMBER = 0x63825363
_ETHERNET = 1
_BROADCAST_FLAG = 0x8000
_BROADCAST_MAC = b"\xff" * 6
_BROADCAST_IP = b"\xff" * 4
_ANY_IP = bytes(4)
_LEASE_SECONDS = 86400
_MAXIMUM_OPTION_LENGTH = 255
_MAXIMUM_DNS_SERVERS = 3

_REQUEST = 1
_REPLY = 2
_OPERATIONS = {1: _REQUEST, 2: _REPLY, 3: _REQUEST, 4: _REQUEST, 5: _REPLY, 6: _REPLY, 7: _REQUEST, 8: _REQUEST}
"""Operation that goes with each message type; any other type goes with operation 0."""


class Code(enum.IntEnum):
    """Option codes (RFC 2132; 119: RFC 3397, 121: RFC 3442)."""

    PAD = 0
    SUBNET_MASK = 1
    ROUTER = 3
    DNS_SERVERS = 6
    HOST_NAME = 12
    DOMAIN_NAME = 15
    LEASE_TIME = 51
    MESSAGE_TYPE = 53
    SERVER_IDENTIFIER = 54
    CLIENT_IDENTIFIER = 61
    DOMAIN_SEARCH = 119
    CLASSLESS_ROUTES = 121
    END = 255


class DhcpReplyType(enum.IntEnum):
    """Message types of the replies: to Discover, and to Request."""

    OFFER = 2
    ACK = 5


class DhcpRequest(NamedTuple):
    """What matters of a client's message."""

    message_type: int
    transaction_id: int
    wants_broadcast: bool


@dataclass(frozen=True)
class DhcpReply(HairpinAction):
    """Answers a client with its address, whatever it asked for.

    The guest is alone in a /32 network: a route puts the gateway on its link, another sends everything to the gateway
    (RFC 3442).

    Attributes:
        reply_type: offer or acknowledgement.
        client_mac: MAC address of the guest.
        client_ip: IPv4 address of the guest.
        gateway_mac: MAC address of the gateway.
        gateway_ip: IPv4 address of the gateway, which is also router and DHCP server.
        options: names and name servers.
    """

    reply_type: DhcpReplyType
    client_mac: bytes
    client_ip: bytes
    gateway_mac: bytes
    gateway_ip: bytes
    options: DhcpOptions

    def reply(self, packet: Packet) -> bytes:
        """The answer to a DHCP message, by broadcast if the client wishes so. It carries no UDP checksum.

        Raises:
            MalformedRequest: the message does not parse.
        """
        request = parse_request(packet.body)
        destination_mac = _BROADCAST_MAC if request.wants_broadcast else self.client_mac
        destination_ip = _BROADCAST_IP if request.wants_broadcast else self.client_ip
        datagram = frame.udp(SERVER_PORT, CLIENT_PORT, self._message(request.transaction_id))
        answer = frame.ipv4(self.gateway_ip, destination_ip, IpProtocol.UDP, datagram)
        return frame.ethernet(destination_mac, self.gateway_mac, EtherType.IPV4, answer)

    def _message(self, transaction_id: int) -> bytes:
        fixed = _FIXED.pack(
            _REPLY, _ETHERNET, 6, 0, transaction_id, 0, 0,
            _ANY_IP, self.client_ip, self.gateway_ip, _ANY_IP, self.client_mac, _MAGIC_NUMBER,
        )  # fmt: skip
        return fixed + b"".join(self._encoded_options()) + bytes((Code.END,))

    def _encoded_options(self) -> Iterator[bytes]:
        yield _encode(Code.MESSAGE_TYPE, bytes((self.reply_type,)))
        yield _encode(Code.SERVER_IDENTIFIER, self.gateway_ip)
        yield _encode(Code.ROUTER, self.gateway_ip)
        yield _encode(Code.SUBNET_MASK, b"\xff" * 4)
        yield _encode(Code.LEASE_TIME, _LEASE_SECONDS.to_bytes(4))
        yield _encode(Code.DNS_SERVERS, b"".join(self.options.dns4_servers[:_MAXIMUM_DNS_SERVERS]))
        yield _encode(Code.CLASSLESS_ROUTES, self._routes())
        yield _encode(Code.HOST_NAME, (self.options.hostname or "").encode())
        yield _encode(Code.DOMAIN_NAME, (self.options.host_domain or "").encode())
        yield _encode(Code.DOMAIN_SEARCH, self.options.encoded_search_list)

    def _routes(self) -> bytes:
        """Prefix length, significant bytes of the prefix, router: the gateway on the link, then the default route."""
        return bytes((32,)) + self.gateway_ip + _ANY_IP + bytes((0,)) + self.gateway_ip

    def __str__(self) -> str:
        return f"DHCPv4 {self.reply_type.name}: {format_ip(self.client_ip)}"


def parse_request(message: bytes | bytearray) -> DhcpRequest:
    """Parse a client's message.

    Raises:
        MalformedRequest: it is too short, not for Ethernet, has no magic number, no message type that goes with its
            operation, or a client identifier that is 7 bytes long but no Ethernet address.
    """
    if len(message) < _FIXED.size:
        raise MalformedRequest
    operation, hardware, length, _, transaction_id, _, flags, *_, magic_number = _FIXED.unpack_from(message)
    if (hardware, length, magic_number) != (_ETHERNET, 6, _MAGIC_NUMBER):
        raise MalformedRequest
    found = None
    for code, data in _options(message):
        if code == Code.MESSAGE_TYPE and len(data) == 1 and _OPERATIONS.get(data[0], 0) == operation:
            found = data[0]
        elif code == Code.CLIENT_IDENTIFIER and len(data) == 7 and data[0] != _ETHERNET:
            raise MalformedRequest
    if found is None:
        raise MalformedRequest
    return DhcpRequest(found, transaction_id, bool(flags & _BROADCAST_FLAG))


def message_type(message: bytes | bytearray) -> int | None:
    """Type of a client's message, or None when it does not parse."""
    try:
        return parse_request(message).message_type
    except MalformedRequest:
        return None


def _options(message: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """Codes and data of the options, up to the end mark or the first option that is cut off."""
    offset = _FIXED.size
    while offset < len(message) and message[offset] != Code.END:
        if message[offset] == Code.PAD:
            offset += 1
            continue
        if offset + 2 > len(message):
            return
        end = offset + 2 + message[offset + 1]
        if end > len(message):
            return
        yield message[offset], bytes(message[offset + 2 : end])
        offset = end


def _encode(code: Code, data: bytes) -> bytes:
    """An option; several of the same code when the data is longer than one can be, none when there is no data."""
    pieces = [data[i : i + _MAXIMUM_OPTION_LENGTH] for i in range(0, len(data), _MAXIMUM_OPTION_LENGTH)]
    return b"".join(bytes((code, len(piece))) + piece for piece in pieces)
