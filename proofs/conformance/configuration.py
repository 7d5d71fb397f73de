"""From a recording's header to the reference's configuration types."""

from __future__ import annotations

from typing import Any

import msgspec

from proofs.conformance import header
from reference.address import Cidr, format_ip, format_mac, parse_ip, parse_mac
from reference.hairpin.options import DhcpOptions
from reference.vpc.config import ExternalIps, IpConfig, SourceNat, TableLimits, TransitIp, VpcConfig
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint


def vpc_config(recorded: header.PortConfig) -> VpcConfig:
    """The configuration of one port."""
    return VpcConfig(
        guest_mac=parse_mac(recorded.guest_mac),
        gateway_mac=parse_mac(recorded.gateway_mac),
        vni=recorded.vni,
        phys_ip=parse_ip(recorded.phys_ip),
        ipv4=_ip_config(recorded.ipv4),
        ipv6=_ip_config(recorded.ipv6),
        dhcp=_dhcp_options(recorded.dhcp),
        mtu=recorded.mtu,
    )


def table_limits(recorded: header.Limits) -> TableLimits:
    """The table sizes of one port."""
    return TableLimits(**msgspec.structs.asdict(recorded))


def mappings(recorded: header.Header) -> Mappings:
    """The mapping tables that all ports of a recording share, as they are before step 0."""
    tables = Mappings()
    for guest in recorded.v2p:
        tables.v2p.set(parse_ip(guest.ip), physical_address(guest.phys))
    for boundary in recorded.v2b:
        tables.v2b.set(Cidr.parse(boundary.prefix), map(tunnel_endpoint, boundary.endpoints))
    for group in recorded.m2p:
        tables.m2p.set(parse_ip(group.group), parse_ip(group.underlay))
    return tables


def external_ips(recorded: header.ExternalIps) -> ExternalIps:
    """The external addresses of one family."""
    snat = None
    if recorded.snat is not None:
        snat = SourceNat(parse_ip(recorded.snat.external_ip), *recorded.snat.ports)
    ephemeral = None if recorded.ephemeral_ip is None else parse_ip(recorded.ephemeral_ip)
    return ExternalIps(snat, ephemeral, tuple(map(parse_ip, recorded.floating_ips)))


def physical_address(recorded: header.Phys) -> PhysicalAddress:
    """Where a guest is."""
    return PhysicalAddress(parse_mac(recorded.ether), parse_ip(recorded.ip), recorded.vni)


def plain_physical_address(physical: PhysicalAddress | None) -> dict[str, Any] | None:
    """The inverse of `physical_address`, as recorded in a result."""
    if physical is None:
        return None
    return {"ether": format_mac(physical.ether), "ip": format_ip(physical.ip), "vni": physical.vni}


def tunnel_endpoint(recorded: header.Endpoint) -> TunnelEndpoint:
    """A boundary tunnel endpoint."""
    return TunnelEndpoint(parse_ip(recorded.ip), recorded.vni)


def plain_tunnel_endpoints(endpoints: tuple[TunnelEndpoint, ...] | None) -> list[dict[str, Any]] | None:
    """Endpoints as recorded in a result."""
    if endpoints is None:
        return None
    return [{"ip": format_ip(endpoint.ip), "vni": endpoint.vni} for endpoint in endpoints]


def _ip_config(recorded: header.FamilyConfig | None) -> IpConfig | None:
    if recorded is None:
        return None
    return IpConfig(
        vpc_subnet=Cidr.parse(recorded.vpc_subnet),
        private_ip=parse_ip(recorded.private_ip),
        gateway_ip=parse_ip(recorded.gateway_ip),
        external_ips=external_ips(recorded.external_ips),
        attached_subnets={Cidr.parse(subnet.cidr): subnet.is_external for subnet in recorded.attached_subnets},
        transit_ips={
            Cidr.parse(transit.cidr): TransitIp(transit.allow_in, transit.allow_out) for transit in recorded.transit_ips
        },
    )


def _dhcp_options(recorded: header.DhcpConfig) -> DhcpOptions:
    return DhcpOptions(
        hostname=recorded.hostname,
        host_domain=recorded.host_domain,
        domain_search_list=recorded.domain_search_list,
        dns4_servers=tuple(map(parse_ip, recorded.dns4_servers)),
        dns6_servers=tuple(map(parse_ip, recorded.dns6_servers)),
    )
