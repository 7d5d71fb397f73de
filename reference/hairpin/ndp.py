"""Neighbor Discovery (RFC 4861): the gateway advertises itself as router and as neighbor.

Upstream behaviour: `RouterAdvertisement` and `NeighborAdvertisement` in `lib/opte/src/engine/icmp/v6.rs`. Requests are
parsed as smoltcp 0.11 does, which upstream uses: `src/wire/icmpv6.rs`, `ndisc.rs`, `ndiscoption.rs`.
"""

import struct
from dataclasses import dataclass

from reference.action import HairpinAction
from reference.address import format_ip, format_mac, is_multicast, link_local_of_mac, multicast_mac
from reference.hairpin import frame
from reference.hairpin.errors import MalformedRequest, UnexpectedRequest
from reference.packet.checksum import fold
from reference.packet.headers import Icmp, Ipv6
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType, IpProtocol

_HOP_LIMIT = 255
"""What RFC 4861 demands of every message: proof that no router forwarded it."""

_ROUTER_LIFETIME = 9000
"""Seconds, the greatest that RFC 4861 section 6.2.1 allows."""

_UNSPECIFIED = bytes(16)
_ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
_SOLICITED_NODE_PREFIX = bytes.fromhex("ff0200000000000000000001ff")

_ROUTER_ADVERTISEMENT = 134
_NEIGHBOR_ADVERTISEMENT = 136

_MANAGED_FLAG = 0x80
"""Router advertisement: addresses are to be had from DHCPv6."""

_ROUTER_FLAG = 0x80
_SOLICITED_FLAG = 0x40
_OVERRIDE_FLAG = 0x20

_SOURCE_LINK_LAYER_ADDRESS = 1
_TARGET_LINK_LAYER_ADDRESS = 2
_MTU_OPTION = 5

_MINIMUM_OPTION_LENGTH = {3: 32, 4: 48}
"""Options with a longer fixed part than 8 bytes: prefix information and redirected header."""


@dataclass(frozen=True)
class RouterAdvertisement(HairpinAction):
    """Answers router solicitations of the guest.

    The advertisement names the gateway as default router, sends the guest to DHCPv6 for its address, and declares no
    prefix to be on the link, so that all traffic passes the gateway.

    Attributes:
        client_mac: MAC address of the guest.
        gateway_mac: MAC address of the gateway, from which its link-local address derives.
        mtu: MTU of the link in bytes.
    """

    client_mac: bytes
    gateway_mac: bytes
    mtu: int

    def reply(self, packet: Packet) -> bytes:
        """The advertisement that answers a router solicitation.

        Raises:
            MalformedRequest: the solicitation does not parse, or its checksum is wrong.
            UnexpectedRequest: its hop limit is not 255.
        """
        network, message = _icmpv6_parts(packet)
        _parse_options(network, message, header_length=8)
        if network.hop_limit != _HOP_LIMIT:
            raise UnexpectedRequest(f"Received RS with invalid hop limit ({network.hop_limit}).")
        advertisement = struct.pack(
            ">BBHBBHII", _ROUTER_ADVERTISEMENT, 0, 0, _HOP_LIMIT, _MANAGED_FLAG, _ROUTER_LIFETIME, 0, 0
        )
        advertisement += bytes((_SOURCE_LINK_LAYER_ADDRESS, 1)) + self.gateway_mac
        advertisement += struct.pack(">BBHI", _MTU_OPTION, 1, 0, self.mtu)
        return _advertise(self.gateway_mac, network.source, self.client_mac, advertisement)

    def __str__(self) -> str:
        return f"NDP RA IPv6={format_ip(link_local_of_mac(self.gateway_mac))} MAC={format_mac(self.gateway_mac)}"


@dataclass(frozen=True)
class NeighborAdvertisement(HairpinAction):
    """Answers neighbor solicitations of the guest for the gateway's link-local address.

    Attributes:
        client_mac: MAC address of the guest.
        gateway_mac: MAC address of the gateway, from which its link-local address derives.
    """

    client_mac: bytes
    gateway_mac: bytes

    def reply(self, packet: Packet) -> bytes | None:
        """The advertisement that answers a neighbor solicitation; None when another address is asked for.

        A solicitation from the unspecified address (duplicate address detection) is answered to all nodes.

        Raises:
            MalformedRequest: the solicitation does not parse, or its checksum is wrong.
            UnexpectedRequest: it breaks another rule of RFC 4861 section 7.1.1.
        """
        network, message = _icmpv6_parts(packet)
        target = _validate_solicitation(network, message)
        address = link_local_of_mac(self.gateway_mac)
        if target != address:
            return None
        flags = _ROUTER_FLAG | _OVERRIDE_FLAG
        if network.source == _UNSPECIFIED:
            destination, destination_mac = _ALL_NODES, multicast_mac(_ALL_NODES)
        else:
            flags |= _SOLICITED_FLAG
            destination, destination_mac = network.source, self.client_mac
        advertisement = struct.pack(">BBHB3x16s", _NEIGHBOR_ADVERTISEMENT, 0, 0, flags, address)
        advertisement += bytes((_TARGET_LINK_LAYER_ADDRESS, 1)) + self.gateway_mac
        return _advertise(self.gateway_mac, destination, destination_mac, advertisement)

    def __str__(self) -> str:
        return f"NDP NA IPv6={format_ip(link_local_of_mac(self.gateway_mac))} MAC={format_mac(self.gateway_mac)}"


def _advertise(gateway_mac: bytes, destination: bytes, destination_mac: bytes, advertisement: bytes) -> bytes:
    source = link_local_of_mac(gateway_mac)
    message = frame.icmpv6(source, destination, advertisement)
    answer = frame.ipv6(source, destination, IpProtocol.ICMPV6, message, _HOP_LIMIT)
    return frame.ethernet(destination_mac, gateway_mac, EtherType.IPV6, answer)


def _icmpv6_parts(packet: Packet) -> tuple[Ipv6, bytes]:
    """The IPv6 header and the whole ICMPv6 message, to the end of the frame."""
    network, transport = packet.network, packet.transport
    assert isinstance(network, Ipv6), "the rule's predicates let only ICMPv6 over IPv6 through"
    assert isinstance(transport, Icmp), "the rule's predicates let only ICMPv6 over IPv6 through"
    return network, bytes(packet.buffer[transport.offset :])


def _validate_solicitation(network: Ipv6, message: bytes) -> bytes:
    """Check a neighbor solicitation (RFC 4861 section 7.1.1); returns the target address."""
    options = _parse_options(network, message, header_length=24)
    target = message[8:24]
    if network.hop_limit != _HOP_LIMIT:
        raise UnexpectedRequest(f"Received NS with invalid hop limit ({network.hop_limit}).")
    if is_multicast(target):
        raise UnexpectedRequest("Received NS with multicast target address.")
    if network.source == _UNSPECIFIED:
        if not network.destination.startswith(_SOLICITED_NODE_PREFIX):
            raise UnexpectedRequest(
                "Received NS from UNSPEC, but destination is not the solicited node multicast address."
            )
        if _SOURCE_LINK_LAYER_ADDRESS in options:
            raise UnexpectedRequest("Received NS from UNSPEC, but message contains the Link-Layer Address option.")
    return target


def _parse_options(network: Ipv6, message: bytes, header_length: int) -> set[int]:
    """Check length, checksum, code and options of a message; returns the types of its options.

    Raises:
        MalformedRequest: one of them is wrong.
    """
    if len(message) < header_length or message[1] != 0:
        raise MalformedRequest
    if fold(frame.icmpv6_sum(network.source, network.destination, message)) != 0xFFFF:
        raise MalformedRequest
    types = set()
    offset = header_length
    while offset < len(message):
        if offset + 8 > len(message):
            raise MalformedRequest
        option_type, length = message[offset], message[offset + 1] * 8
        if length < _MINIMUM_OPTION_LENGTH.get(option_type, 8) or offset + length > len(message):
            raise MalformedRequest
        types.add(option_type)
        offset += length
    return types
