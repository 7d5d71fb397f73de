"""The header of a recording: ports, their configuration, and the shared mapping tables.

Field names are the member names of recordings/FORMAT.md, section 3. Addresses, prefixes and MAC addresses stay text
here; the engine that is set up from them parses them.
"""

from __future__ import annotations

from typing import Any, dataclass_transform

import msgspec

FORMAT_VERSION = 1


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True):
    """Base of everything read from a recording: immutable."""


class SnatRange(Record):
    """One external address and the ports, both inclusive, that source NAT may use on it."""

    external_ip: str
    ports: tuple[int, int]


class ExternalIps(Record):
    """The external addresses of one family: source NAT, ephemeral, and floating in their order."""

    snat: SnatRange | None = None
    ephemeral_ip: str | None = None
    floating_ips: tuple[str, ...] = ()


class AttachedSubnet(Record):
    """A subnet the guest answers for besides its own address."""

    cidr: str
    is_external: bool


class TransitIp(Record):
    """A prefix the gateway lets through although it is not the guest's own."""

    cidr: str
    allow_in: bool
    allow_out: bool


class FamilyConfig(Record):
    """What a port is given for IPv4 or for IPv6."""

    vpc_subnet: str
    private_ip: str
    gateway_ip: str
    external_ips: ExternalIps
    attached_subnets: tuple[AttachedSubnet, ...] = ()
    transit_ips: tuple[TransitIp, ...] = ()


class DhcpConfig(Record):
    """What the gateway's DHCP answers carry."""

    hostname: str | None = None
    host_domain: str | None = None
    domain_search_list: tuple[str, ...] = ()
    dns4_servers: tuple[str, ...] = ()
    dns6_servers: tuple[str, ...] = ()


class PortConfig(Record):
    """The configuration of one port (`cfg`)."""

    guest_mac: str
    gateway_mac: str
    vni: int
    phys_ip: str
    mtu: int
    dhcp: DhcpConfig
    ipv4: FamilyConfig | None = None
    ipv6: FamilyConfig | None = None


class Limits(Record):
    """Table sizes: unified flow table per direction, TCP flows, and the flow table of each layer."""

    uft: int
    tcp: int
    gateway: int
    firewall: int
    router: int
    nat: int
    overlay: int


class RouterEntry(Record):
    """One route: destination prefix, target text and class (`system` or `custom`)."""

    dest: str
    target: str
    class_: str = msgspec.field(name="class")


class Setup(Record):
    """Control operations made before step 0: router entries one by one, firewall rules in one call."""

    router: tuple[RouterEntry, ...] = ()
    firewall: tuple[str, ...] = ()


class PortHeader(Record):
    """One port of a recording, and everything observable about it after its set-up."""

    name: str
    cfg: PortConfig
    limits: Limits
    setup: Setup
    epoch: int
    port_state: str
    layers: list[dict[str, Any]]
    stats: dict[str, Any]
    flows: dict[str, Any]


class Phys(Record):
    """Where a virtual address lives: inner MAC, underlay address and VNI."""

    ether: str
    ip: str
    vni: int


class V2p(Record):
    """One entry of the virtual-to-physical mapping."""

    ip: str
    phys: Phys


class Endpoint(Record):
    """One boundary tunnel endpoint."""

    ip: str
    vni: int


class V2b(Record):
    """One entry of the virtual-to-boundary mapping."""

    prefix: str
    endpoints: tuple[Endpoint, ...]


class M2p(Record):
    """One entry of the multicast group mapping."""

    group: str
    underlay: str


class Header(Record):
    """The first line of a recording."""

    format: int
    source: str
    name: str
    about: str
    features: tuple[str, ...]
    t_ms: int
    ports: tuple[PortHeader, ...]
    v2p: tuple[V2p, ...] = ()
    v2b: tuple[V2b, ...] = ()
    m2p: tuple[M2p, ...] = ()
    build: str | None = None
