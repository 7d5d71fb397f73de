"""The VPC side of a port: its configuration as it is now, and the mappings it shares with other ports."""

from reference.address import Cidr
from reference.errors import InvalidIpConfig
from reference.hairpin.options import DhcpOptions
from reference.vpc.config import ExternalIps, IpConfig, TransitIp, VpcConfig
from reference.vpc.mappings import Mappings


class AddressFamily:
    """The guest's addresses of one family, as they are now.

    Attributes:
        private_ip, gateway_ip: fixed at creation.
        external_ips: external addresses.
        attached_subnets: prefixes of the guest; whether they are external.
        transit_ips: prefixes that the guest may forward.
    """

    def __init__(self, config: IpConfig) -> None:
        self.private_ip = config.private_ip
        self.gateway_ip = config.gateway_ip
        self.external_ips: ExternalIps = config.external_ips
        self.attached_subnets: dict[Cidr, bool] = dict(config.attached_subnets)
        self.transit_ips: dict[Cidr, TransitIp] = dict(config.transit_ips)

    @property
    def is_ipv4(self) -> bool:
        """Whether this is the IPv4 family."""
        return len(self.private_ip) == 4

    def owns_external(self, address: bytes) -> bool:
        """Whether an address is one of the guest's own external ones: ephemeral or floating."""
        return address == self.external_ips.ephemeral_ip or address in self.external_ips.floating_ips


class VpcNetwork:
    """Configuration of a port in its present form.

    Attributes:
        config: as given at creation; for what never changes.
        ipv4, ipv6: addresses by family.
        dhcp: what DHCP tells the guest.
        mappings: shared with other ports.
    """

    def __init__(self, config: VpcConfig, mappings: Mappings) -> None:
        self.config = config
        self.ipv4 = AddressFamily(config.ipv4) if config.ipv4 is not None else None
        self.ipv6 = AddressFamily(config.ipv6) if config.ipv6 is not None else None
        self.dhcp: DhcpOptions = config.dhcp
        self.mappings = mappings

    @property
    def families(self) -> list[AddressFamily]:
        """The families that the port has, IPv4 first."""
        return [family for family in (self.ipv4, self.ipv6) if family is not None]

    def family_of(self, prefix: Cidr) -> AddressFamily:
        """The addresses of a prefix's family; raises `InvalidIpConfig` when the port does not have it."""
        family = self.ipv4 if prefix.family == 4 else self.ipv6
        if family is None:
            raise InvalidIpConfig
        return family
