"""Prefixes that a guest may use besides its own address: attached subnets and transit prefixes.

Upstream behaviour: `lib/oxide-vpc/src/engine/attached_subnets.rs`, `gateway/transit.rs`. As upstream, the configuration
changes first and the
rules then: on a port whose state does not allow new rules the change stays, without effect until the next one.
"""

from dataclasses import replace

from reference.address import Cidr
from reference.direction import Direction
from reference.port_data import PortData
from reference.vpc import gateway, nat
from reference.vpc.config import TransitIp
from reference.vpc.network import VpcNetwork


def attach_subnet(data: PortData, network: VpcNetwork, prefix: Cidr, is_external: bool) -> None:
    """Give the guest a subnet; raises `InvalidIpConfig` or `BadState`. Nothing happens when nothing changes."""
    subnets = network.family_of(prefix).attached_subnets
    if subnets.get(prefix) != is_external:
        subnets[prefix] = is_external
        _refresh(data, network)


def detach_subnet(data: PortData, network: VpcNetwork, prefix: Cidr) -> bool:
    """Take a subnet from the guest; tells whether it had it; raises `InvalidIpConfig` or `BadState`."""
    subnets = network.family_of(prefix).attached_subnets
    if prefix not in subnets:
        return False
    del subnets[prefix]
    _refresh(data, network)
    return True


def _refresh(data: PortData, network: VpcNetwork) -> None:
    nat.refresh(data, network, None)
    gateway.refresh(data, network)


def allow_cidr(data: PortData, network: VpcNetwork, prefix: Cidr, direction: Direction) -> None:
    """Let packets of a prefix pass in one direction; raises `InvalidIpConfig` or `BadState`."""
    transit_ips = network.family_of(prefix).transit_ips
    transit_ips[prefix] = _with(transit_ips.get(prefix, TransitIp()), direction, allow=True)
    gateway.refresh(data, network)


def remove_cidr(data: PortData, network: VpcNetwork, prefix: Cidr, direction: Direction) -> bool:
    """Take back `allow_cidr`; tells whether the prefix was known at all; raises `InvalidIpConfig` or `BadState`."""
    transit_ips = network.family_of(prefix).transit_ips
    present = transit_ips.get(prefix)
    if present is not None:
        left = _with(present, direction, allow=False)
        if left.allow_in or left.allow_out:
            transit_ips[prefix] = left
        else:
            del transit_ips[prefix]
    gateway.refresh(data, network)
    return present is not None


def _with(transit: TransitIp, direction: Direction, allow: bool) -> TransitIp:
    return replace(transit, allow_in=allow) if direction is Direction.IN else replace(transit, allow_out=allow)
