"""Frames as the port meets them: from the guest through the gateway's MAC, to the guest through Geneve."""

from dataclasses import dataclass

from experiments.surroundings import (
    BOUNDARY_MAC,
    BOUNDARY_UNDERLAY,
    EXTERNAL_ADDRESS,
    GATEWAY_MAC,
    GUEST_UNDERLAY,
    VNI,
    Surroundings,
)
from experiments.traffic import Sighting
from reference import Direction
from reference.packet import modify
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId, l4_hash
from reference.packet.geneve import OxideOption, encode_option
from reference.packet.packet import Packet
from reference.packet.parse import parse
from reference.packet.protocol import IpProtocol

_GROUP_BIT = 1
_MAC_LENGTH = 6

_FROM_PEER = encode_option(OxideOption.MSS, bytes(4))
_FROM_INTERNET = encode_option(OxideOption.EXTERNAL)


def from_guest(sighting: Sighting) -> bytes:
    """The frame as a guest of the VPC sends it: whatever its neighbours were, all unicast goes to the gateway."""
    frame = sighting.frame.data
    if frame[0] & _GROUP_BIT:
        return frame
    return GATEWAY_MAC + frame[_MAC_LENGTH:]


@dataclass(frozen=True)
class Translation:
    """What the port made of the source of an outgoing flow: an address, and a port or echo identifier."""

    address: bytes
    port: int


class Translations:
    """What source NAT chose for each flow, learnt from the frames that left the port."""

    def __init__(self) -> None:
        self._chosen: dict[FlowId, Translation] = {}

    def learn(self, flow: FlowId, emitted: bytes) -> None:
        """Notes how the guest's `flow` looks in the encapsulated frame that the port made of it."""
        translated = parse(Direction.IN, emitted).flow
        port = translated.destination_port if _is_icmp(flow) else translated.source_port
        self._chosen[flow] = Translation(translated.source, port)

    def target_of(self, flow: FlowId, external: bytes) -> Translation:
        """Where the internet sends a packet that the guest sees as `flow`.

        An answer goes to what was chosen for the flow that it answers; anything else to the `external` address.
        """
        port = flow.destination_port
        return self._chosen.get(flow.mirror(), Translation(external, port))


def to_guest(sighting: Sighting, surroundings: Surroundings, translations: Translations) -> bytes:
    """The frame as it arrives from the underlay: sent by the peer's port, or by the boundary to the internet.

    What comes from the internet carries the guest's external address and port in place of its private ones; its
    checksums are brought up to date incrementally, so that a wrong one stays wrong.
    """
    packet = parse(Direction.OUT, sighting.frame.data)
    peer = surroundings.peers.get(packet.flow.source)
    if peer is not None:
        modify.set_ethernet(packet, source=peer.ether)
        return _encapsulated(packet, peer.ip, _FROM_PEER)
    target = translations.target_of(packet.flow, EXTERNAL_ADDRESS[packet.flow.family])
    modify.set_addresses(packet, destination=target.address)
    modify.set_ports(packet, destination=target.port)
    modify.set_icmp_identifier(packet, target.port)
    modify.finish_checksums(packet)
    modify.set_ethernet(packet, source=BOUNDARY_MAC)
    boundary = BOUNDARY_UNDERLAY[l4_hash(packet.flow) % len(BOUNDARY_UNDERLAY)]
    return _encapsulated(packet, boundary, _FROM_INTERNET)


def _encapsulated(packet: Packet, sender: bytes, option: bytes) -> bytes:
    return Encapsulation(
        ethernet_destination=bytes(_MAC_LENGTH),
        source=sender,
        destination=GUEST_UNDERLAY,
        vni=VNI,
        source_port=l4_hash(packet.flow) & 0xFFFF,
        options=option,
    ).wrap(packet.buffer)


def _is_icmp(flow: FlowId) -> bool:
    return flow.protocol in (IpProtocol.ICMP, IpProtocol.ICMPV6)
