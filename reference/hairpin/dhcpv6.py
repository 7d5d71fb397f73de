"""DHCPv6 (RFC 8415): the gateway leases the guest the one address it has.

Upstream behaviour: `lib/opte/src/engine/dhcpv6/`, `lib/oxide-vpc/src/engine/gateway/dhcpv6.rs`.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from reference.action import HairpinAction
from reference.address import format_ip, link_local_of_mac
from reference.hairpin import frame
from reference.hairpin.dhcpv6_message import Code, Message, Option, parse_message
from reference.hairpin.options import DhcpOptions
from reference.packet.checksum import checksum_of, sum_of
from reference.packet.headers import Ipv6
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType, IpProtocol

SERVER_PORT = 547
CLIENT_PORT = 546

_INFINITE = b"\xff" * 4
"""Lifetime of the lease and time until its renewal."""

_LINK_LAYER_ETHERNET_DUID = bytes((0, 3, 0, 1))
_FQDN_FLAGS = bytes((0x03,))
"""Override the client's wish, the server does the AAAA updates (RFC 4704 section 4.1)."""

_NOT_ON_LINK = 4


class MessageType(enum.IntEnum):
    """Message types (RFC 8415 section 7.3) that occur here."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    REPLY = 7


@dataclass(frozen=True)
class Dhcpv6Server(HairpinAction):
    """Answers Solicit, Request and Confirm messages of the guest.

    Attributes:
        client_mac: MAC address of the guest.
        server_mac: MAC address of the gateway, from which its link-local address and its DUID derive.
        address: IPv6 address of the guest, leased for ever.
        options: names and name servers.
    """

    client_mac: bytes
    server_mac: bytes
    address: bytes
    options: DhcpOptions

    def reply(self, packet: Packet) -> bytes | None:
        """The answer to a client's message; None if it does not parse, or is not one to be answered."""
        network = packet.network
        assert isinstance(network, Ipv6), "the rule's predicates let only UDP over IPv6 through"
        request = parse_message(bytes(packet.body))
        answer = None if request is None else self._answer(request)
        if answer is None:
            return None
        source, destination = link_local_of_mac(self.server_mac), network.source
        datagram = frame.udp(SERVER_PORT, CLIENT_PORT, answer.encode())
        pseudo_header = sum_of(source + destination) + len(datagram) + IpProtocol.UDP
        checksum = checksum_of(pseudo_header + sum_of(datagram))
        datagram = datagram[:6] + checksum.to_bytes(2) + datagram[8:]
        payload = frame.ipv6(source, destination, IpProtocol.UDP, datagram)
        return frame.ethernet(self.client_mac, self.server_mac, EtherType.IPV6, payload)

    def _answer(self, request: Message) -> Message | None:
        answers: dict[int, Callable[[Message], Message | None]] = {
            MessageType.SOLICIT: self._answer_solicit,
            MessageType.REQUEST: self._answer_request,
            MessageType.CONFIRM: self._answer_confirm,
        }
        answer = answers.get(request.message_type)
        if answer is None or not (request.has(Code.CLIENT_ID) and request.has(Code.ELAPSED_TIME)):
            return None
        return answer(request)

    def _answer_solicit(self, request: Message) -> Message | None:
        """An advertisement, or the lease itself when the client wants a rapid commit."""
        if request.has(Code.SERVER_ID):
            return None
        options = self._lease(request)
        if request.wants(Code.RAPID_COMMIT):
            rapid_commit = Option(Code.RAPID_COMMIT, b"")
            return Message(MessageType.REPLY, request.transaction_id, (*options, rapid_commit))
        return Message(MessageType.ADVERTISE, request.transaction_id, options)

    def _answer_request(self, request: Message) -> Message | None:
        server = request.find(Code.SERVER_ID)
        if server is None or server.data != self._duid:
            return None
        return Message(MessageType.REPLY, request.transaction_id, self._lease(request))

    def _answer_confirm(self, request: Message) -> Message | None:
        """Whether the addresses that the client has are good on this link.

        As upstream, addresses count only in an identity association inside the identity association, where no client
        puts them: a regular Confirm gets no answer.
        """
        association = request.find(Code.IA_NA)
        if request.has(Code.SERVER_ID) or association is None:
            return None
        addresses = [
            inner.address
            for nested in association.options
            if nested.code == Code.IA_NA
            for inner in nested.options
            if inner.code == Code.IA_ADDRESS
        ]
        if not addresses:
            return None
        if all(address == self.address for address in addresses):
            status = Option(Code.STATUS, bytes(2))
        else:
            status = Option(Code.STATUS, _NOT_ON_LINK.to_bytes(2) + b"Address(es) not on link")
        return Message(MessageType.REPLY, request.transaction_id, (*self._identities(request), status))

    def _lease(self, request: Message) -> tuple[Option, ...]:
        """All that the client may have, as far as it asked for it."""
        options = list(self._identities(request))
        if request.asks_for(Code.DNS_SERVERS):
            options.append(Option(Code.DNS_SERVERS, b"".join(self.options.dns6_servers)))
        association = request.find(Code.IA_NA)
        if association is not None:
            lease = Option(Code.IA_ADDRESS, self.address + _INFINITE + _INFINITE)
            identity = association.data[:4]
            options.append(Option(Code.IA_NA, identity + _INFINITE + _INFINITE + lease.encode()))
        if request.wants(Code.DOMAIN_LIST) and self.options.domain_search_list:
            options.append(Option(Code.DOMAIN_LIST, self.options.encoded_search_list))
        if request.wants(Code.FQDN) and self.options.encoded_fully_qualified_name:
            options.append(Option(Code.FQDN, _FQDN_FLAGS + self.options.encoded_fully_qualified_name))
        return tuple(options)

    def _identities(self, request: Message) -> tuple[Option, Option]:
        client = request.find(Code.CLIENT_ID)
        assert client is not None, "checked before any answer is made"
        return Option(Code.SERVER_ID, self._duid), client

    @property
    def _duid(self) -> bytes:
        return _LINK_LAYER_ETHERNET_DUID + self.server_mac

    def __str__(self) -> str:
        return f"DHCPv6 IA Addrs: [{format_ip(self.address)}]"
