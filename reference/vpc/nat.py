"""The NAT layer: external addresses.

A floating address is preferred to the ephemeral one, and both to source NAT; traffic to an internet gateway that finds
no address is dropped.
Upstream behaviour: `lib/oxide-vpc/src/engine/nat.rs`, `lib/opte/src/engine/nat.rs`.
"""

from collections.abc import Mapping
from typing import TypeAlias

from reference.action import ActionDescriptor, ActionMeta, MetaAction, SimpleAction, StatefulAction
from reference.address import Cidr, format_ip
from reference.direction import Direction
from reference.layer import DefaultAction, Layer
from reference.packet.embedded import rewrite_embedded
from reference.packet.flow import l4_hash
from reference.packet.packet import Packet
from reference.packet.protocol import EtherType
from reference.port_data import CONFIGURABLE, PortData
from reference.predicate import EtherTypeIs, IpDestination, IpSource, MetaTag, Predicate
from reference.rule import Rule
from reference.semantics import Semantics
from reference.transform import BodyTransform, HeaderTransform, InnerModification
from reference.vpc.network import AddressFamily, VpcNetwork
from reference.vpc.router import TARGET_CLASS_TAG, TARGET_TAG, RouterTarget, TargetKind
from reference.vpc.snat import SourceNatAction

NAME = "nat"

_ATTACHED_SUBNET_PRIORITY = 4
_FLOATING_PRIORITY = 5
_EPHEMERAL_PRIORITY = 10
_SNAT_PRIORITY = 100
_NO_ADDRESS_PRIORITY = 255

GatewayMap: TypeAlias = Mapping[bytes, frozenset[str]]
"""Internet gateways, by id in canonical text, through which each external address may be used."""


class EmbeddedTranslation(BodyTransform):
    """Translates the packet that an ICMP error quotes."""

    __slots__ = ("_external_ip", "_private_ip")

    def __init__(self, private_ip: bytes, external_ip: bytes) -> None:
        self._private_ip = private_ip
        self._external_ip = external_ip

    def apply(self, packet: Packet) -> None:
        rewrite_embedded(packet, self._private_ip, self._external_ip)

    def __str__(self) -> str:
        return f"[nested]: {format_ip(self._private_ip)} <=> {format_ip(self._external_ip)}"


class NatDescriptor(ActionDescriptor):
    """A flow's external address, exchanged one to one for the private one."""

    __slots__ = ("_body", "_family", "_inbound", "_outbound", "external_ip")

    def __init__(self, family: AddressFamily, external_ip: bytes) -> None:
        super().__init__()
        self._family = family
        self.external_ip = external_ip
        self._outbound = HeaderTransform("NAT", InnerModification(ip_source=external_ip))
        self._inbound = HeaderTransform("NAT", InnerModification(ip_destination=family.private_ip))
        self._body = EmbeddedTranslation(family.private_ip, external_ip)

    def is_valid(self) -> bool:
        """The flow keeps its address as long as the guest has it."""
        return self._family.owns_external(self.external_ip)

    def header_transform(self, direction: Direction, meta: ActionMeta) -> HeaderTransform:
        if direction is Direction.IN:
            return self._inbound
        meta.external_ip_applied = True
        return self._outbound

    def body_transform(self, packet: Packet) -> BodyTransform | None:
        """Every ICMP message of the address family has its body looked at, whatever its type."""
        message = packet.icmp if self._family.is_ipv4 else packet.icmpv6
        return None if message is None else self._body

    def __str__(self) -> str:
        return "NAT"


class OutboundNat(StatefulAction):
    """Gives a flow begun by the guest one of several external addresses, `external_ips`, chosen by the flow's hash."""

    def __init__(self, family: AddressFamily, external_ips: tuple[bytes, ...]) -> None:
        self._family = family
        self.external_ips = external_ips

    def describe(self, packet: Packet) -> ActionDescriptor | None:
        choice = l4_hash(packet.flow) % len(self.external_ips)
        return NatDescriptor(self._family, self.external_ips[choice])

    def __str__(self) -> str:
        addresses = ",".join(map(format_ip, self.external_ips))
        if len(self.external_ips) > 1:
            addresses = f"{{{addresses}}}"
        return f"{format_ip(self._family.private_ip)} <=> {addresses}"


class InboundNat(StatefulAction):
    """Lets a flow begun from outside keep the external address it came in on."""

    def __init__(self, family: AddressFamily) -> None:
        self._family = family

    def describe(self, packet: Packet) -> ActionDescriptor | None:
        return NatDescriptor(self._family, packet.flow.destination)

    def __str__(self) -> str:
        return f"{format_ip(self._family.private_ip)} <=> (external)"


class ExternalIpTagger(MetaAction):
    """Notes that the packet's source is an external address already."""

    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        meta.external_ip_applied = True
        return True

    def __str__(self) -> str:
        return "ExternalIpTagger"


def build(network: VpcNetwork, limit: int, semantics: Semantics) -> Layer:
    """The layer with the rules for the port's external addresses."""
    layer = Layer(NAME, DefaultAction.ALLOW, DefaultAction.ALLOW, limit, semantics)
    layer.set_rules(*_rules(network, None))
    return layer


def refresh(data: PortData, network: VpcNetwork, gateways: GatewayMap | None) -> None:
    """Make the rules anew; flows whose address the guest still owns keep it; raises `BadState`."""
    data.require_state(*CONFIGURABLE)
    data.set_rules(NAME, *_rules(network, gateways), soft=True)


def _rules(network: VpcNetwork, gateways: GatewayMap | None) -> tuple[list[Rule], list[Rule]]:
    inbound: list[Rule] = []
    outbound: list[Rule] = []
    for family in network.families:
        rules = _FamilyRules(family, gateways)
        rules.add_attached_subnets()
        rules.add_floating()
        rules.add_ephemeral()
        rules.add_snat()
        inbound += rules.inbound
        outbound += rules.outbound
    to_gateway = MetaTag(TARGET_CLASS_TAG, TargetKind.INTERNET_GATEWAY.value)
    outbound.append(Rule(_NO_ADDRESS_PRIORITY, SimpleAction.DENY, (to_gateway,)))
    return inbound, outbound


class _FamilyRules:
    """The rules of one address family, in upstream's order, which decides their ids."""

    def __init__(self, family: AddressFamily, gateways: GatewayMap | None) -> None:
        self.family = family
        self.gateways = gateways
        self.inbound: list[Rule] = []
        self.outbound: list[Rule] = []
        self._ether_type = EtherTypeIs((EtherType.IPV4 if family.is_ipv4 else EtherType.IPV6,))

    def add_attached_subnets(self) -> None:
        """External subnets of the guest need no translation."""
        subnets: tuple[Cidr, ...] = tuple(
            subnet for subnet, external in sorted(self.family.attached_subnets.items()) if external
        )
        if subnets:
            self.outbound.append(Rule(_ATTACHED_SUBNET_PRIORITY, ExternalIpTagger(), (IpSource(subnets),)))
            self.inbound.append(Rule(_ATTACHED_SUBNET_PRIORITY, SimpleAction.ALLOW, (IpDestination(subnets),)))

    def add_floating(self) -> None:
        """One outbound rule for each gateway, with the addresses that may be used through it."""
        addresses = self.family.external_ips.floating_ips
        if not addresses:
            return
        by_gateway: dict[str | None, list[bytes]] = {}
        for address in addresses:
            for gateway in self._gateways_of(address):
                by_gateway.setdefault(gateway, []).append(address)
        for gateway in sorted(by_gateway, key=lambda gateway: gateway or ""):
            action = OutboundNat(self.family, tuple(by_gateway[gateway]))
            self.outbound.append(Rule(_FLOATING_PRIORITY, action, self._towards(gateway)))
        self.inbound.append(Rule(_FLOATING_PRIORITY, InboundNat(self.family), (IpDestination(addresses),)))

    def add_ephemeral(self) -> None:
        """One outbound rule for each gateway of the ephemeral address."""
        address = self.family.external_ips.ephemeral_ip
        if address is None:
            return
        for gateway in self._gateways_of(address):
            action = OutboundNat(self.family, (address,))
            self.outbound.append(Rule(_EPHEMERAL_PRIORITY, action, self._towards(gateway)))
        self.inbound.append(Rule(_EPHEMERAL_PRIORITY, InboundNat(self.family), (IpDestination((address,)),)))

    def add_snat(self) -> None:
        """One outbound rule for each gateway of the shared address; all of them draw on the same ports."""
        snat = self.family.external_ips.snat
        pools = self.family.source_nat_pools()
        if snat is None or pools is None:
            return
        action = SourceNatAction(self.family.private_ip, snat, pools)
        for gateway in self._gateways_of(snat.external_ip):
            self.outbound.append(Rule(_SNAT_PRIORITY, action, self._towards(gateway)))

    def _gateways_of(self, address: bytes) -> list[str | None]:
        """The gateways of an address in order of their ids; just None, a gateway without id, if nothing is known."""
        known = None if self.gateways is None else self.gateways.get(address)
        if known is None:
            return [None]
        return [*sorted(known)]

    def _towards(self, gateway: str | None) -> tuple[Predicate, ...]:
        target = RouterTarget(TargetKind.INTERNET_GATEWAY, gateway)
        return (self._ether_type, MetaTag(TARGET_TAG, str(target)))
