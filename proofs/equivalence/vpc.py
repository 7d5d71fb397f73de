"""The VPC that every story plays in: one guest, its neighbours, the internet, and what may be reconfigured.

Addresses for documentation (RFC 5737, RFC 3849) stand for the internet; those of the VPC are upstream's own examples.
"""

from dataclasses import replace
from typing import Any

from proofs.equivalence.place import Place
from reference.address import Cidr, parse_ip, parse_mac
from reference.semantics import Semantics
from reference.vpc.config import ExternalIps, IpConfig, SourceNat, TableLimits, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint
from reference.vpc.router import RouterClass, RouterTarget

VNI = 1_287_581
OTHER_VNI = 4_242
BOUNDARY_VNI = 99
MTU = 1_500

GUEST_MAC = parse_mac("A8:40:25:FA:FA:37")
GATEWAY_MAC = parse_mac("A8:40:25:FF:77:77")
PEER_MAC = parse_mac("A8:40:25:F0:00:66")
GUEST_UNDERLAY = parse_ip("fd00:0:f7:101::1")
PEER_UNDERLAY = parse_ip("fd00:0:f7:116::1")
MOVED_UNDERLAY = parse_ip("fd00:0:f7:117::1")
BOUNDARY_UNDERLAY = (parse_ip("fd00:99::1"), parse_ip("fd00:99::2"))

GUEST = {4: parse_ip("172.30.0.5"), 6: parse_ip("fd00::5")}
GATEWAY = {4: parse_ip("172.30.0.1"), 6: parse_ip("fd00::1")}
PEERS = {
    4: (parse_ip("172.30.0.6"), parse_ip("172.30.0.7")),
    6: (parse_ip("fd00::6"), parse_ip("fd00::7")),
}
"""Guests of the same VPC."""
INTERNET = {
    4: (parse_ip("198.51.100.34"), parse_ip("198.51.100.35")),
    6: (parse_ip("2001:db8:1::34"), parse_ip("2001:db8:1::35")),
}
SHARED = {4: parse_ip("203.0.113.9"), 6: parse_ip("2001:db8:2::9")}
"""The guest's address by source NAT."""
EPHEMERAL = {4: parse_ip("203.0.113.20"), 6: parse_ip("2001:db8:2::20")}
FLOATING = {4: parse_ip("203.0.113.30"), 6: parse_ip("2001:db8:2::30")}

PLACE = Place(
    VNI,
    BOUNDARY_VNI,
    GUEST_MAC,
    GATEWAY_MAC,
    GUEST_UNDERLAY,
    PEER_UNDERLAY,
    BOUNDARY_UNDERLAY,
    GUEST,
    GATEWAY,
    PEERS,
    INTERNET,
    SHARED,
    EPHEMERAL,
    FLOATING,
)
"""All of these, for conversations."""

SUBNET = {4: "172.30.0.0/22", 6: "fd00::/64"}
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}

DEFAULT_FIREWALL = (
    f"dir=in action=allow priority=65534 hosts=vni={VNI}",
    "dir=in action=allow priority=65534 protocol=TCP port=22",
    "dir=in action=allow priority=65534 protocol=ICMP",
    "dir=in action=allow priority=65534 protocol=ICMP6",
    "dir=in action=allow priority=100 protocol=UDP port=53,4789",
)

SNAT_FIRST_PORT, SNAT_LAST_PORT = 1_025, 1_030
"""So few that stories exhaust them."""

ROOMY = TableLimits(uft=64, tcp=64, gateway=64, firewall=64, nat=64)
LIMITS = (
    ROOMY,
    replace(ROOMY, uft=3),
    replace(ROOMY, tcp=2),
    replace(ROOMY, firewall=3),
    replace(ROOMY, nat=2),
    TableLimits(uft=4, tcp=4, gateway=4, firewall=4, nat=4),
)
"""Tables that never fill in a story, and such as soon do: one at a time, and all of them."""

SEMANTICS = {"correct": Semantics.CORRECT, "upstream": Semantics.UPSTREAM}


def source_nat(family: int) -> SourceNat:
    """The guest's share of an external address."""
    return SourceNat(SHARED[family], SNAT_FIRST_PORT, SNAT_LAST_PORT)


def external_ips(family: int) -> ExternalIps:
    """What the guest has at first: source NAT in IPv4, in IPv6 an address of its own as well."""
    return ExternalIps(snat=source_nat(family), ephemeral_ip=EPHEMERAL[family] if family == 6 else None)


def config() -> VpcConfig:
    """The guest's port."""
    by_family = {
        family: IpConfig(Cidr.parse(SUBNET[family]), GUEST[family], GATEWAY[family], external_ips(family))
        for family in (4, 6)
    }
    return VpcConfig(GUEST_MAC, GATEWAY_MAC, VNI, GUEST_UNDERLAY, by_family[4], by_family[6], mtu=MTU)


def peer(underlay: bytes = PEER_UNDERLAY) -> PhysicalAddress:
    """Where a neighbour is."""
    return PhysicalAddress(PEER_MAC, underlay, VNI)


def mappings() -> Mappings:
    """New tables with the neighbours, the guest itself and the ways out."""
    tables = Mappings()
    for family in (4, 6):
        tables.v2p.set(GUEST[family], PhysicalAddress(GUEST_MAC, GUEST_UNDERLAY, VNI))
        for address in PEERS[family]:
            tables.v2p.set(address, peer())
        endpoints = [TunnelEndpoint(underlay, BOUNDARY_VNI) for underlay in BOUNDARY_UNDERLAY]
        tables.v2b.set(Cidr.parse(EVERYTHING[family]), endpoints)
    return tables


def set_up(port: Any) -> None:
    """Give a new port the VPC's routes and firewall rules, and start it."""
    for family in (4, 6):
        target = RouterTarget.parse(f"sub{family}={SUBNET[family]}")
        port.router.add(Cidr.parse(SUBNET[family]), target, RouterClass.SYSTEM)
        port.router.add(Cidr.parse(EVERYTHING[family]), RouterTarget.parse("ig"), RouterClass.SYSTEM)
    port.set_firewall_rules([FirewallRule.parse(text) for text in DEFAULT_FIREWALL])
    port.start()
