"""The overlay layer: encapsulation towards the right place, and decapsulation.

Upstream behaviour: `lib/oxide-vpc/src/engine/overlay.rs`, Geneve options: `geneve.rs`.
"""

from reference.action import ActionMeta, MetaAction, StaticAction
from reference.address import is_multicast, multicast_mac
from reference.direction import Direction
from reference.layer import DefaultAction, Layer
from reference.packet.emit import Encapsulation
from reference.packet.flow import l4_hash
from reference.packet.geneve import OxideOption, encode_option
from reference.packet.packet import Packet
from reference.rule import Rule
from reference.semantics import Semantics
from reference.transform import HeaderTransform, InnerModification
from reference.vpc.firewall import VNI_TAG
from reference.vpc.mappings import PhysicalAddress
from reference.vpc.network import VpcNetwork
from reference.vpc.router import RouterTarget, TargetKind

NAME = "overlay"

MULTICAST_VNI = 77
"""VNI of all multicast that guests send, whatever their VPC."""

BOUNDARY_MAC = bytes.fromhex("a84025777777")
"""Inner destination MAC of packets to boundary services."""

_UNRESOLVED_MAC = bytes(6)
"""Outer MAC of unicast packets: the driver fills in the next hop's."""

_MSS_OPTION = encode_option(OxideOption.MSS, bytes(4))
"""Room for the TCP maximum segment size, for the driver to fill in."""

_MULTICAST_OPTION = encode_option(OxideOption.MULTICAST, bytes(4))
"""Replication to external ports, for the driver to widen."""

DECAPSULATION = HeaderTransform("decap", pop=True)


class Encapsulate(StaticAction):
    """Puts the packet into Geneve, UDP, IPv6 and Ethernet, addressed to where its destination is."""

    def __init__(self, network: VpcNetwork) -> None:
        self._mappings = network.mappings
        self._source = network.config.phys_ip
        self._vni = network.config.vni

    def transform(self, packet: Packet, meta: ActionMeta) -> HeaderTransform | None:
        destination = packet.flow.destination
        if is_multicast(destination):
            return self._to_group(packet, meta, destination)
        place = self._place(packet, meta)
        if place is None:
            return None
        options = _MSS_OPTION if meta.internal_target and packet.tcp is not None else b""
        return self._push(packet, _UNRESOLVED_MAC, place, options)

    def _to_group(self, packet: Packet, meta: ActionMeta, group: bytes) -> HeaderTransform | None:
        """Multicast, for which TCP makes no sense."""
        underlay = self._mappings.m2p.get(group)
        if underlay is None:
            return None
        meta.internal_target = True
        if packet.tcp is not None:
            return None
        place = PhysicalAddress(multicast_mac(group), underlay, MULTICAST_VNI)
        return self._push(packet, multicast_mac(underlay), place, _MULTICAST_OPTION)

    def _place(self, packet: Packet, meta: ActionMeta) -> PhysicalAddress | None:
        """Where a unicast packet goes; None refuses it.

        External addresses and internet gateways need each other: neither may a packet leave the rack from a private
        address, nor reach a guest of the VPC from an external one. A prefix may be there without endpoints, and still
        is the longest one: upstream would refuse the packet, but divides by their number first, and panics.
        """
        target = meta.router_target
        assert isinstance(target, RouterTarget)
        destination = packet.flow.destination
        if target.kind is TargetKind.INTERNET_GATEWAY:
            endpoints = self._mappings.v2b.get(destination)
            if not endpoints or not meta.external_ip_applied:
                return None
            endpoint = endpoints[l4_hash(packet.flow) % len(endpoints)]
            return PhysicalAddress(BOUNDARY_MAC, endpoint.ip, endpoint.vni)
        recipient = target.address if target.kind is TargetKind.IP else destination
        guest = self._mappings.v2p.get(recipient, self._vni)
        if guest is None or meta.external_ip_applied:
            return None
        meta.internal_target = True
        return guest

    def _push(self, packet: Packet, outer_mac: bytes, place: PhysicalAddress, options: bytes) -> HeaderTransform:
        source_port = l4_hash(packet.flow) & 0xFFFF
        encapsulation = Encapsulation(outer_mac, self._source, place.ip, place.vni, source_port, options)
        return HeaderTransform("encap", InnerModification(ether_destination=place.ether), push=encapsulation)

    def __str__(self) -> str:
        return "Encap"


class Decapsulate(StaticAction):
    """Takes the packet out of its encapsulation, and notes the sender's VNI unless it is from outside the rack."""

    def transform(self, packet: Packet, meta: ActionMeta) -> HeaderTransform | None:
        outer = packet.outer
        assert outer is not None
        if not outer.is_external:
            meta.tags[VNI_TAG] = str(outer.vni)
        return DECAPSULATION

    def __str__(self) -> str:
        return "Decap"


class MulticastVniValidator(MetaAction):
    """Refuses multicast of another VPC. Standing behind `Decapsulate` in the rules, it never decides, as upstream."""

    def __init__(self, vni: int) -> None:
        self._vni = vni

    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        vni = meta.tags.get(VNI_TAG)
        if vni is None or not is_multicast(packet.flow.destination):
            return True
        return int(vni) in (self._vni, MULTICAST_VNI)

    def __str__(self) -> str:
        return "mcast-vni-validator"


def build(network: VpcNetwork, limit: int, semantics: Semantics) -> Layer:
    """The layer with its rules, which match every packet."""
    layer = Layer(NAME, DefaultAction.DENY, DefaultAction.DENY, limit, semantics)
    layer.add_rule(Direction.OUT, Rule(1, Encapsulate(network)))
    layer.add_rule(Direction.IN, Rule(1, Decapsulate()))
    layer.add_rule(Direction.IN, Rule(2, MulticastVniValidator(network.config.vni)))
    return layer
