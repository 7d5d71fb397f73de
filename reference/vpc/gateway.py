"""The gateway layer: the only neighbour that a guest sees.

Outbound it answers ARP, DHCP, NDP and echo to the gateway, and lets only packets pass that come from the guest's own
addresses. Inbound it lets only packets pass that are meant for the guest, as if the gateway had sent them. Upstream
behaviour: `lib/oxide-vpc/src/engine/gateway/`.
"""

from dataclasses import dataclass

from reference.action import Action, ActionMeta, MetaAction, SimpleAction, StaticAction
from reference.address import Cidr, format_mac, link_local_of_mac, multicast_mac, solicited_node_multicast
from reference.direction import Direction
from reference.hairpin.dhcpv4 import DhcpReply, DhcpReplyType, message_type
from reference.hairpin.dhcpv6 import Dhcpv6Server
from reference.hairpin.icmp import EchoReply
from reference.hairpin.ndp import NeighborAdvertisement, RouterAdvertisement
from reference.layer import DefaultAction, Layer
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType, IpProtocol
from reference.port_data import PortData
from reference.predicate import (
    DestinationPort,
    EtherAddressGroup,
    EtherDestination,
    EtherSource,
    EtherTypeIs,
    IcmpType,
    IpDestination,
    IpProtocolIs,
    IpSource,
    NumberRange,
    Predicate,
    SourcePort,
    one_number,
)
from reference.rule import Rule
from reference.semantics import Semantics
from reference.transform import HeaderTransform, InnerModification
from reference.vpc.firewall import VNI_TAG
from reference.vpc.mappings import VirtualToPhysical
from reference.vpc.network import AddressFamily, VpcNetwork
from reference.vpc.router import MULTICAST_PREFIXES

NAME = "gateway"

_UNICAST_PRIORITY = 1000
_MULTICAST_PRIORITY = 1001

_BROADCAST_MAC = b"\xff" * 6
_LINK_LOCAL = Cidr.parse("fe80::/64")
_ALL_ROUTERS = bytes.fromhex("ff020000000000000000000000000002")
_DHCPV6_GROUPS = (
    bytes.fromhex("ff020000000000000000000000010002"),
    bytes.fromhex("ff050000000000000000000000010003"),
)
"""All DHCPv6 relay agents and servers, and all servers (RFC 8415 section 7.1)."""

_ECHO_REQUEST = 8
_ICMPV6_ECHO_REQUEST = 128
_ROUTER_SOLICITATION = 133
_NEIGHBOR_SOLICITATION = 135
_REDIRECT = 137

_DHCP_MESSAGE_NAMES = {1: "Discover", 3: "Request"}


@dataclass(frozen=True, slots=True)
class DhcpMessageType(Predicate):
    """The body is a DHCPv4 message of this type (RFC 2132 section 9.6)."""

    message_type: int

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return message_type(packet.body) == self.message_type

    def __str__(self) -> str:
        return f"dhcp.msg_type={_DHCP_MESSAGE_NAMES[self.message_type]}"


class NoteVni(MetaAction):
    """Notes in which VPC the destination is, for the firewall."""

    def __init__(self, guests: VirtualToPhysical) -> None:
        self._guests = guests

    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        vni = self._guests.vni_of(packet.flow.destination)
        if vni is not None:
            meta.tags[VNI_TAG] = str(vni)
        return True

    def __str__(self) -> str:
        return "vpc-meta"


class RewriteSourceMac(StaticAction):
    """Makes the gateway, with its address `gateway_mac`, the sender of a frame."""

    def __init__(self, gateway_mac: bytes) -> None:
        self.gateway_mac = gateway_mac
        self._text = f"ether.src={format_mac(gateway_mac)}"
        self._transform = HeaderTransform("", InnerModification(ether_source=gateway_mac))

    def transform(self, packet: Packet, meta: ActionMeta) -> HeaderTransform | None:
        return self._transform

    def __str__(self) -> str:
        return self._text


def build(network: VpcNetwork, limit: int, semantics: Semantics) -> Layer:
    """The layer with the rules for the port's addresses."""
    layer = Layer(NAME, DefaultAction.DENY, DefaultAction.DENY, limit, semantics)
    layer.set_rules(*_rules(network))
    return layer


def refresh(data: PortData, network: VpcNetwork) -> None:
    """Make the rules anew after a change of addresses or of DHCP; raises `BadState`."""
    data.set_rules(NAME, *_rules(network))


def _rules(network: VpcNetwork) -> tuple[list[Rule], list[Rule]]:
    """Inbound and outbound rules in upstream's order, which decides their ids."""
    builder = _RuleBuilder(network)
    if network.ipv4 is not None:
        builder.add_ipv4_replies(network.ipv4)
        builder.add_filters(network.ipv4)
    if network.ipv6 is not None:
        builder.add_ndp(network.ipv6)
        builder.add_dhcpv6(network.ipv6)
        builder.add_filters(network.ipv6)
    return builder.inbound, builder.outbound


class _RuleBuilder:
    """Collects the rules of the gateway layer."""

    def __init__(self, network: VpcNetwork) -> None:
        self.inbound: list[Rule] = []
        self.outbound: list[Rule] = []
        self._network = network
        self._guest_mac = network.config.guest_mac
        self._gateway_mac = network.config.gateway_mac
        self._note_vni = NoteVni(network.mappings.v2p)
        self._rewrite_mac = RewriteSourceMac(self._gateway_mac)
        self._from_guest = EtherSource((self._guest_mac,))
        self._to_guest = EtherDestination((self._guest_mac,))

    def add_ipv4_replies(self, family: AddressFamily) -> None:
        """ARP, DHCPv4 and ICMP echo."""
        arp = (EtherTypeIs((EtherType.ARP,)), EtherDestination((_BROADCAST_MAC,)), self._from_guest)
        self.outbound.append(Rule(1, SimpleAction.HANDLE_PACKET, arp))
        self._add_dhcpv4(family, DhcpReplyType.OFFER, DhcpMessageType(1))
        self._add_dhcpv4(family, DhcpReplyType.ACK, DhcpMessageType(3))
        self._add_echo(1, family.private_ip, family.gateway_ip)

    def _add_dhcpv4(self, family: AddressFamily, reply_type: DhcpReplyType, request: DhcpMessageType) -> None:
        action = DhcpReply(
            reply_type, self._guest_mac, family.private_ip, self._gateway_mac, family.gateway_ip, self._network.dhcp
        )
        predicates = (
            EtherDestination((_BROADCAST_MAC,)),
            self._from_guest,
            IpSource((bytes(4),)),
            IpDestination((b"\xff" * 4,)),
            IpProtocolIs((IpProtocol.UDP,)),
            DestinationPort(one_number(67)),
            SourcePort(one_number(68)),
        )
        self.outbound.append(Rule(1, action, predicates, (request,)))

    def _add_echo(self, priority: int, guest_ip: bytes, gateway_ip: bytes) -> None:
        is_ipv4 = len(guest_ip) == 4
        protocol = IpProtocol.ICMP if is_ipv4 else IpProtocol.ICMPV6
        predicates = (
            self._from_guest,
            EtherDestination((self._gateway_mac,)),
            IpSource((guest_ip,)),
            IpDestination((gateway_ip,)),
            IpProtocolIs((protocol,)),
            IcmpType(protocol, one_number(_ECHO_REQUEST if is_ipv4 else _ICMPV6_ECHO_REQUEST)),
        )
        action = EchoReply(self._guest_mac, guest_ip, self._gateway_mac, gateway_ip)
        self.outbound.append(Rule(priority, action, predicates))

    def add_ndp(self, family: AddressFamily) -> None:
        """ICMPv6 echo, router and neighbor solicitation; all other neighbor discovery is denied in both directions."""
        gateway_ip = link_local_of_mac(self._gateway_mac)
        self._add_echo(1, family.private_ip, gateway_ip)
        self._add_echo(2, link_local_of_mac(self._guest_mac), gateway_ip)
        solicited_node = solicited_node_multicast(gateway_ip)
        self._add_solicitation(
            3,
            RouterAdvertisement(self._guest_mac, self._gateway_mac, self._network.config.mtu),
            EtherDestination((multicast_mac(_ALL_ROUTERS),)),
            IpSource((_LINK_LOCAL,)),
            IpDestination((_ALL_ROUTERS,)),
            _ROUTER_SOLICITATION,
        )
        self._add_solicitation(
            4,
            NeighborAdvertisement(self._guest_mac, self._gateway_mac),
            EtherDestination((self._gateway_mac, multicast_mac(solicited_node))),
            IpSource((_LINK_LOCAL, bytes(16))),
            IpDestination((gateway_ip, solicited_node)),
            _NEIGHBOR_SOLICITATION,
        )
        discovery = IcmpType(IpProtocol.ICMPV6, (NumberRange(_ROUTER_SOLICITATION, _REDIRECT),))
        self.outbound.append(Rule(5, SimpleAction.DENY, (discovery,)))
        self.inbound.append(Rule(1, SimpleAction.DENY, (discovery,)))

    def _add_solicitation(
        self,
        priority: int,
        action: Action,
        to_ether: EtherDestination,
        from_ip: IpSource,
        to_ip: IpDestination,
        message: int,
    ) -> None:
        icmpv6 = IpProtocolIs((IpProtocol.ICMPV6,))
        solicitation = IcmpType(IpProtocol.ICMPV6, one_number(message))
        predicates = (self._from_guest, to_ether, from_ip, to_ip, icmpv6, solicitation)
        self.outbound.append(Rule(priority, action, predicates))

    def add_dhcpv6(self, family: AddressFamily) -> None:
        """DHCPv6."""
        predicates = (
            self._from_guest,
            IpSource((_LINK_LOCAL,)),
            IpDestination(_DHCPV6_GROUPS),
            IpProtocolIs((IpProtocol.UDP,)),
            SourcePort(one_number(546)),
            DestinationPort(one_number(547)),
        )
        action = Dhcpv6Server(self._guest_mac, self._gateway_mac, family.private_ip, self._network.dhcp)
        self.outbound.append(Rule(1, action, predicates))

    def add_filters(self, family: AddressFamily) -> None:
        """What may come from the guest and reach it: its own address, multicast, attached subnets, transit prefixes."""
        own = family.private_ip
        self.outbound.append(Rule(_UNICAST_PRIORITY, self._note_vni, (IpSource((own,)), self._from_guest)))
        self.inbound.append(Rule(_UNICAST_PRIORITY, self._rewrite_mac, (IpDestination((own,)), self._to_guest)))
        group = IpDestination((MULTICAST_PREFIXES[0 if family.is_ipv4 else 1],))
        group_mac = EtherDestination((EtherAddressGroup.MULTICAST,))
        self.inbound.append(Rule(_MULTICAST_PRIORITY, self._rewrite_mac, (group, group_mac)))
        for prefix in _open_prefixes(family, Direction.IN):
            predicates = (IpDestination((prefix,)), self._to_guest)
            self.inbound.append(Rule(_UNICAST_PRIORITY, self._rewrite_mac, predicates))
        for prefix in _open_prefixes(family, Direction.OUT):
            self.outbound.append(Rule(_UNICAST_PRIORITY, self._note_vni, (self._from_guest, IpSource((prefix,)))))


def _open_prefixes(family: AddressFamily, direction: Direction) -> list[Cidr]:
    """Prefixes besides the guest's own address that may pass, in ascending order."""
    prefixes = set(family.attached_subnets)
    for prefix, transit in family.transit_ips.items():
        if transit.allow_in if direction is Direction.IN else transit.allow_out:
            prefixes.add(prefix)
    return sorted(prefixes)
