"""Configuration of a port: who the guest is, and how large the tables are.

Addresses are network-order bytes (4 or 16), MAC addresses 6 bytes; `reference.address` reads and writes their texts.
Upstream behaviour: `lib/oxide-vpc/src/api.rs`, `cfg.rs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reference.address import Cidr
from reference.hairpin.options import DhcpOptions


@dataclass(frozen=True)
class SourceNat:
    """Source NAT: a shared external address, with the ports from `first_port` to `last_port` for this guest."""

    external_ip: bytes
    first_port: int
    last_port: int

    def __post_init__(self) -> None:
        if not 0 <= self.first_port <= self.last_port <= 0xFFFF:
            raise ValueError(f"ports {self.first_port}-{self.last_port}: must be an ascending range within 0-65535")


@dataclass(frozen=True)
class ExternalIps:
    """External addresses of one family.

    Attributes:
        snat: shared address with a range of ports, for flows begun by the guest.
        ephemeral_ip: an address of the guest's own.
        floating_ips: further addresses of the guest's own, preferred to the ephemeral one; the order matters.
    """

    snat: SourceNat | None = None
    ephemeral_ip: bytes | None = None
    floating_ips: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class TransitIp:
    """Directions in which a prefix that is not the guest's own may pass."""

    allow_in: bool = False
    allow_out: bool = False


@dataclass(frozen=True)
class IpConfig:
    """The guest's addresses of one family.

    Attributes:
        vpc_subnet: the VPC subnet that the guest is in.
        private_ip: the guest's address.
        gateway_ip: the address of the gateway that the port imitates.
        external_ips: see `ExternalIps`.
        attached_subnets: prefixes that belong to the guest besides its address; the value tells whether they are
            external.
        transit_ips: prefixes for which the guest may forward.
    """

    vpc_subnet: Cidr
    private_ip: bytes
    gateway_ip: bytes
    external_ips: ExternalIps = field(default_factory=ExternalIps)
    attached_subnets: Mapping[Cidr, bool] = field(default_factory=dict)
    transit_ips: Mapping[Cidr, TransitIp] = field(default_factory=dict)


@dataclass(frozen=True)
class VpcConfig:
    """The guest behind a port, in at least one address family.

    Attributes:
        guest_mac, gateway_mac: MAC addresses.
        vni: virtual network identifier of the VPC, 24 bits.
        phys_ip: underlay IPv6 address of the host.
        ipv4, ipv6: addresses by family; None when the guest does not have the family.
        dhcp: what DHCP tells the guest.
        mtu: bytes of an IP packet that the guest may send; announced by NDP.
    """

    guest_mac: bytes
    gateway_mac: bytes
    vni: int
    phys_ip: bytes
    ipv4: IpConfig | None = None
    ipv6: IpConfig | None = None
    dhcp: DhcpOptions = field(default_factory=DhcpOptions)
    mtu: int = 1500

    def __post_init__(self) -> None:
        if not 0 <= self.vni < 1 << 24:
            raise ValueError(f"vni {self.vni}: must fit into 24 bits")
        if len(self.phys_ip) != 16:
            raise ValueError(f"phys_ip of {len(self.phys_ip)} bytes: must be an IPv6 address")
        for name, addresses, length in (("ipv4", self.ipv4, 4), ("ipv6", self.ipv6, 16)):
            if addresses is not None and len(addresses.private_ip) != length:
                raise ValueError(f"{name}.private_ip of {len(addresses.private_ip)} bytes: must have {length}")


@dataclass(frozen=True)
class TableLimits:
    """Capacities of the flow tables, in flows. The unified flow table's limit holds for each direction."""

    uft: int = 8192
    tcp: int = 8192
    gateway: int = 8192
    firewall: int = 8192
    router: int = 1
    nat: int = 8192
    overlay: int = 1

    def __post_init__(self) -> None:
        for name, limit in vars(self).items():
            if limit < 1:
                raise ValueError(f"limit {name}={limit}: must be at least 1")
