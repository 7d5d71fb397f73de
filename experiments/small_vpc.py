"""A small VPC for measurements: a guest, a neighbour on another host, and the internet.

Addresses of the guest and its neighbour are those of `population.py`. The guest has an external address of its own, so
that what it sends to the internet is translated one to one, and its ports stay as they are.
"""

from typing import Final

import fastpath
from experiments.population import (
    GATEWAY_MAC,
    GUEST,
    GUEST_HOST,
    GUEST_MAC,
    NEIGHBOUR,
    NEIGHBOUR_HOST,
    NEIGHBOUR_MAC,
    VNI,
)
from fastpath.policy import Policy
from reference.address import Cidr, parse_ip
from reference.vpc.config import ExternalIps, IpConfig, TableLimits, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint
from reference.vpc.router import RouterClass, RouterTarget

INTERNET: Final = parse_ip("198.51.100.7")
EXTERNAL: Final = parse_ip("203.0.113.5")
"""The guest's own external address."""
GATEWAY: Final = bytes([10, 0, 0, 1])
BOUNDARY_VNI: Final = 98
BOUNDARY: Final = parse_ip("fd00:99::1")
_SUBNET: Final = "10.0.0.0/24"
_EVERYTHING: Final = "0.0.0.0/0"
FIREWALL_RULES: Final = (
    f"dir=in action=allow priority=65534 hosts=vni={VNI}",
    "dir=in action=allow priority=65534 protocol=TCP port=22",
    "dir=in action=allow priority=65534 protocol=ICMP",
)
"""A VPC's default rules."""


def firewall_rules() -> list[FirewallRule]:
    """The default rules, for `set_firewall_rules`."""
    return [FirewallRule.parse(rule) for rule in FIREWALL_RULES]


def new_port(policy: Policy, flows: int, threads: int) -> fastpath.Port:
    """A running port with room for so many flows in every table."""
    limits = TableLimits(uft=flows, tcp=flows, gateway=flows, firewall=flows, nat=flows)
    port = fastpath.Port(_config(), limits, _mappings(), threads=threads, seed=435, policy=policy)
    for destination, target in ((_SUBNET, f"sub4={_SUBNET}"), (_EVERYTHING, "ig")):
        port.router.add(Cidr.parse(destination), RouterTarget.parse(target), RouterClass.SYSTEM)
    port.set_firewall_rules(firewall_rules())
    port.start()
    return port


def _config() -> VpcConfig:
    ipv4 = IpConfig(Cidr.parse(_SUBNET), GUEST, GATEWAY, ExternalIps(ephemeral_ip=EXTERNAL))
    return VpcConfig(GUEST_MAC, GATEWAY_MAC, VNI, GUEST_HOST, ipv4)


def _mappings() -> Mappings:
    mappings = Mappings()
    mappings.v2p.set(GUEST, PhysicalAddress(GUEST_MAC, GUEST_HOST, VNI))
    mappings.v2p.set(NEIGHBOUR, PhysicalAddress(NEIGHBOUR_MAC, NEIGHBOUR_HOST, VNI))
    mappings.v2b.set(Cidr.parse(_EVERYTHING), [TunnelEndpoint(BOUNDARY, BOUNDARY_VNI)])
    return mappings
