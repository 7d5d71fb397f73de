"""From a recording's header to configuration types, and the way back for what results carry.

Arguments are JSON objects with the member names of recordings; absent members mean null. Reading one that lacks a
member, or holds something else, raises `KeyError`, `TypeError`, `AttributeError` or `ValueError`.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

from reference.address import Cidr, format_ip, format_mac, parse_ip, parse_mac
from reference.hairpin.options import DhcpOptions
from reference.vpc.config import ExternalIps, IpConfig, SourceNat, TableLimits, TransitIp, VpcConfig
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint

Plain: TypeAlias = dict[str, Any]
"""A JSON object."""

LIMITS = ("uft", "tcp", "gateway", "firewall", "router", "nat", "overlay")


def vpc_config(recorded: Plain) -> VpcConfig:
    """The configuration of one port."""
    return VpcConfig(
        guest_mac=parse_mac(recorded["guest_mac"]),
        gateway_mac=parse_mac(recorded["gateway_mac"]),
        vni=recorded["vni"],
        phys_ip=parse_ip(recorded["phys_ip"]),
        ipv4=_ip_config(recorded.get("ipv4")),
        ipv6=_ip_config(recorded.get("ipv6")),
        dhcp=_dhcp_options(recorded["dhcp"]),
        mtu=recorded["mtu"],
    )


def table_limits(recorded: Plain) -> TableLimits:
    """The table sizes of one port."""
    return TableLimits(**{name: recorded[name] for name in LIMITS})


def mappings(recorded: Plain) -> Mappings:
    """The mapping tables that all ports of a recording share, as they are before step 0."""
    tables = Mappings()
    for guest in recorded.get("v2p") or ():
        tables.v2p.set(parse_ip(guest["ip"]), physical_address(guest["phys"]))
    for boundary in recorded.get("v2b") or ():
        tables.v2b.set(Cidr.parse(boundary["prefix"]), tunnel_endpoints(boundary["endpoints"]))
    for group in recorded.get("m2p") or ():
        tables.m2p.set(parse_ip(group["group"]), parse_ip(group["underlay"]))
    return tables


def external_ips(recorded: Plain | None) -> ExternalIps | None:
    """The external addresses of one family; None stays None."""
    if recorded is None:
        return None
    snat = recorded.get("snat")
    ephemeral = recorded.get("ephemeral_ip")
    return ExternalIps(
        None if snat is None else SourceNat(parse_ip(snat["external_ip"]), *snat["ports"]),
        None if ephemeral is None else parse_ip(ephemeral),
        tuple(map(parse_ip, recorded.get("floating_ips") or ())),
    )


def physical_address(recorded: Plain) -> PhysicalAddress:
    """Where a guest is."""
    return PhysicalAddress(parse_mac(recorded["ether"]), parse_ip(recorded["ip"]), recorded["vni"])


def plain_physical_address(physical: PhysicalAddress | None) -> Plain | None:
    """The inverse of `physical_address`, as recorded in a result."""
    if physical is None:
        return None
    return {"ether": format_mac(physical.ether), "ip": format_ip(physical.ip), "vni": physical.vni}


def tunnel_endpoints(recorded: Iterable[Plain]) -> list[TunnelEndpoint]:
    """Boundary tunnel endpoints."""
    return [TunnelEndpoint(parse_ip(endpoint["ip"]), endpoint["vni"]) for endpoint in recorded]


def plain_tunnel_endpoints(endpoints: tuple[TunnelEndpoint, ...] | None) -> list[Plain] | None:
    """Endpoints as recorded in a result."""
    if endpoints is None:
        return None
    return [{"ip": format_ip(endpoint.ip), "vni": endpoint.vni} for endpoint in endpoints]


def _ip_config(recorded: Plain | None) -> IpConfig | None:
    if recorded is None:
        return None
    return IpConfig(
        vpc_subnet=Cidr.parse(recorded["vpc_subnet"]),
        private_ip=parse_ip(recorded["private_ip"]),
        gateway_ip=parse_ip(recorded["gateway_ip"]),
        external_ips=external_ips(recorded["external_ips"]) or ExternalIps(),
        attached_subnets={
            Cidr.parse(subnet["cidr"]): subnet["is_external"] for subnet in recorded.get("attached_subnets") or ()
        },
        transit_ips={
            Cidr.parse(transit["cidr"]): TransitIp(transit["allow_in"], transit["allow_out"])
            for transit in recorded.get("transit_ips") or ()
        },
    )


def _dhcp_options(recorded: Plain) -> DhcpOptions:
    return DhcpOptions(
        hostname=recorded.get("hostname"),
        host_domain=recorded.get("host_domain"),
        domain_search_list=tuple(recorded.get("domain_search_list") or ()),
        dns4_servers=tuple(map(parse_ip, recorded.get("dns4_servers") or ())),
        dns6_servers=tuple(map(parse_ip, recorded.get("dns6_servers") or ())),
    )
