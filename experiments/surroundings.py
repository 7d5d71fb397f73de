"""The VPC around the guest in which the recorded traffic makes sense.

A capture does not tell how its network was meant to be cut into a VPC and an outside. The choices made here are the
same for every capture, and each follows from what was recorded:

- The VPC subnet is the /24 (IPv4) or /64 (IPv6) around the guest's address.
- The gateway's address is the first of that subnet that is neither the guest's nor talks TCP or UDP with it.
- Everyone else in the subnet is a guest of the same VPC: it gets a MAC, an underlay address and a V2P mapping.
- Everyone outside the subnet is on the internet, reached through a boundary endpoint (V2B).
- A family in which the internet opens a flow to the guest has an ephemeral external address, and a firewall rule for
  each opened service. In the other families the guest shares an address by source NAT.
- The firewall otherwise has a VPC's default rules: what comes from the VPC, SSH and ICMP may enter.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import fastpath
from experiments.traffic import Address, Guest, LeftOut, Sighting, Traffic
from reference import Direction, Port, TableLimits, VpcConfig
from reference.address import Cidr, parse_ip, parse_mac
from reference.packet.flow import FlowId, is_echo
from reference.packet.headers import TcpFlag
from reference.packet.protocol import IpProtocol
from reference.vpc.config import ExternalIps, IpConfig, SourceNat
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint
from reference.vpc.router import Route, RouterClass, RouterTarget

GATEWAY_MAC = parse_mac("A8:40:25:FF:77:77")
BOUNDARY_MAC = parse_mac("A8:40:25:77:77:77")
"""Addresses of the virtual gateway and of the way out, the same in every VPC (upstream: `lib/oxide-vpc`)."""

VNI = 7_777
BOUNDARY_VNI = 99
MTU = 1_500
PREFIX_LENGTH = {4: 24, 6: 64}
EXTERNAL_ADDRESS = {4: parse_ip("192.0.2.5"), 6: parse_ip("2001:db8:ffff::5")}
"""The guest's address on the internet, per family (RFC 5737, RFC 3849)."""

SNAT_FIRST_PORT, SNAT_LAST_PORT = 16_384, 32_767
GUEST_UNDERLAY = parse_ip("fd00:1122:3344:101::1")
BOUNDARY_UNDERLAY = (parse_ip("fd00:99::1"), parse_ip("fd00:99::2"))
FIRST_PEER_UNDERLAY = int.from_bytes(parse_ip("fd00:1122:3344:102::1"))
FIRST_PEER_MAC = int.from_bytes(parse_mac("A8:40:25:F0:00:00"))
SMALLEST_CAPACITY = 8_192

_REQUESTS = {IpProtocol.ICMP: 8, IpProtocol.ICMPV6: 128}
_PROTOCOL_NAMES = {IpProtocol.TCP: "TCP", IpProtocol.UDP: "UDP", IpProtocol.ICMP: "ICMP", IpProtocol.ICMPV6: "ICMP6"}
_TRANSPORTS = (IpProtocol.TCP, IpProtocol.UDP)

Subnet = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Family:
    """One address family of the guest."""

    address: Address
    subnet: Subnet
    gateway: Address
    has_ephemeral_address: bool

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.address.version

    def config(self) -> IpConfig:
        """The family as a port is told it."""
        external = EXTERNAL_ADDRESS[self.version]
        if self.has_ephemeral_address:
            external_ips = ExternalIps(ephemeral_ip=external)
        else:
            external_ips = ExternalIps(snat=SourceNat(external, SNAT_FIRST_PORT, SNAT_LAST_PORT))
        return IpConfig(Cidr.parse(str(self.subnet)), self.address.packed, self.gateway.packed, external_ips)

    def routes(self) -> Iterator[Route]:
        """The subnet itself, and the internet for the rest."""
        everything = "0.0.0.0/0" if self.version == 4 else "::/0"
        yield _route(str(self.subnet), f"sub{self.version}={self.subnet}")
        yield _route(everything, "ig")


@dataclass(frozen=True)
class Surroundings:
    """A VPC with the guest in it."""

    guest: Guest
    families: tuple[Family, ...]
    peers: dict[bytes, PhysicalAddress]
    firewall_rules: tuple[str, ...]
    limits: TableLimits

    def config(self) -> VpcConfig:
        """The guest's port."""
        by_version = {family.version: family.config() for family in self.families}
        return VpcConfig(
            guest_mac=self.guest.mac,
            gateway_mac=GATEWAY_MAC,
            vni=VNI,
            phys_ip=GUEST_UNDERLAY,
            ipv4=by_version.get(4),
            ipv6=by_version.get(6),
            mtu=MTU,
        )

    def mappings(self) -> Mappings:
        """New tables with every peer, the guest itself and the ways out."""
        mappings = Mappings()
        for address, physical in self.peers.items():
            mappings.v2p.set(address, physical)
        for family in self.families:
            mappings.v2p.set(family.address.packed, PhysicalAddress(self.guest.mac, GUEST_UNDERLAY, VNI))
        for prefix in ("0.0.0.0/0", "::/0"):
            mappings.v2b.set(Cidr.parse(prefix), [TunnelEndpoint(ip, BOUNDARY_VNI) for ip in BOUNDARY_UNDERLAY])
        return mappings

    def prepare(self, port: Port | fastpath.Port) -> None:
        """Gives a new port its routes and firewall rules, and starts it."""
        for family in self.families:
            for route in family.routes():
                port.router.add(*route)
        port.set_firewall_rules([FirewallRule.parse(rule) for rule in self.firewall_rules])
        port.start()


def surround(guest: Guest, sightings: Sequence[Sighting]) -> Surroundings:
    """The VPC in which the guest's traffic makes sense; see the head of this module."""
    routable = [sighting for sighting in sightings if _is_unicast_between_hosts(sighting)]
    openings = list(_openings(routable))
    families = tuple(_family(address, routable, openings) for address in guest.addresses)
    capacity = _capacity(sightings)
    return Surroundings(
        guest=guest,
        families=families,
        peers=_peers(families, routable),
        firewall_rules=(*_default_rules(), *_service_rules(families, openings)),
        limits=TableLimits(uft=capacity, tcp=capacity, gateway=capacity, firewall=capacity, nat=capacity),
    )


def without_gateway(traffic: Traffic, surroundings: Surroundings) -> Traffic:
    """The traffic without what the gateway sent to the guest."""
    gateways = {family.gateway for family in surroundings.families}
    kept = [
        sighting
        for sighting in traffic.sightings
        if sighting.direction is Direction.OUT or sighting.source not in gateways
    ]
    left_out = Counter({LeftOut.GATEWAY: len(traffic.sightings) - len(kept)})
    return Traffic(kept, traffic.left_out + left_out)


def _is_unicast_between_hosts(sighting: Sighting) -> bool:
    if sighting.packet is None or sighting.packet.network is None:
        return False
    remote = sighting.remote
    return not (remote.is_multicast or remote.is_link_local or remote.is_unspecified)


def _family(address: Address, routable: Sequence[Sighting], openings: Sequence[Sighting]) -> Family:
    subnet = ip_network((address, PREFIX_LENGTH[address.version]), strict=False)
    talkers = {
        sighting.remote
        for sighting in routable
        if sighting.packet is not None and sighting.packet.flow.protocol in _TRANSPORTS
    }
    free = (host for host in subnet.hosts() if host != address and host not in talkers)
    return Family(
        address=address,
        subnet=subnet,
        gateway=next(free, subnet.broadcast_address),
        has_ephemeral_address=any(
            opening.remote.version == address.version and opening.remote not in subnet for opening in openings
        ),
    )


def _peers(families: Sequence[Family], routable: Sequence[Sighting]) -> dict[bytes, PhysicalAddress]:
    remotes = sorted({sighting.remote.packed for sighting in routable}, key=lambda address: (len(address), address))
    peers: dict[bytes, PhysicalAddress] = {}
    for remote in remotes:
        for family in families:
            inside = len(remote) == len(family.address.packed) and ip_address(remote) in family.subnet
            if inside and remote not in (family.address.packed, family.gateway.packed):
                peers[remote] = _peer(len(peers))
    return peers


def _peer(number: int) -> PhysicalAddress:
    """Every peer has a host of its own: an underlay address in a /64 of its own."""
    mac, underlay = FIRST_PEER_MAC + number, FIRST_PEER_UNDERLAY + (number << 64)
    return PhysicalAddress(mac.to_bytes(6), underlay.to_bytes(16), VNI)


def _openings(routable: Sequence[Sighting]) -> Iterator[Sighting]:
    """Packets from others that begin a conversation which the guest did not begin."""
    known: set[FlowId] = set()
    for sighting in routable:
        assert sighting.packet is not None
        flow = sighting.packet.flow
        if flow in known:
            continue
        known.update((flow, flow.mirror()))
        if sighting.direction is Direction.IN and _can_open(sighting):
            yield sighting


def _can_open(sighting: Sighting) -> bool:
    assert sighting.packet is not None
    flow, tcp = sighting.packet.flow, sighting.packet.tcp
    if tcp is not None:
        return tcp.flags & (TcpFlag.SYN | TcpFlag.ACK) == TcpFlag.SYN
    if flow.protocol == IpProtocol.UDP:
        return True
    return is_echo(flow.protocol, flow.source_port) and flow.icmp_type == _REQUESTS[IpProtocol(flow.protocol)]


def _default_rules() -> Iterator[str]:
    yield f"dir=in action=allow priority=65534 hosts=vni={VNI}"
    yield "dir=in action=allow priority=65534 protocol=TCP port=22"
    yield "dir=in action=allow priority=65534 protocol=ICMP"


def _service_rules(families: Sequence[Family], openings: Sequence[Sighting]) -> Iterator[str]:
    services = set()
    for opening in openings:
        assert opening.packet is not None
        flow = opening.packet.flow
        if not any(opening.remote in family.subnet for family in families):
            port = flow.destination_port if flow.protocol in _TRANSPORTS else 0
            services.add((IpProtocol(flow.protocol), port))
    for protocol, port in sorted(services):
        filters = f"protocol={_PROTOCOL_NAMES[protocol]}" + (f" port={port}" if port else "")
        yield f"dir=in action=allow priority=1000 {filters}"


def _capacity(sightings: Sequence[Sighting]) -> int:
    """A power of two with room for every flow, its mirror, and as many again."""
    flows = {sighting.packet.flow for sighting in sightings if sighting.packet is not None}
    return max(SMALLEST_CAPACITY, 1 << (2 * len(flows)).bit_length())


def _route(destination: str, target: str) -> Route:
    return Route(Cidr.parse(destination), RouterTarget.parse(target), RouterClass.SYSTEM)
