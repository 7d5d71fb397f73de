"""The VPC side of a port: its configuration as it is now, and the mappings it shares with other ports."""

from reference.address import Cidr
from reference.errors import InvalidIpConfig
from reference.hairpin.options import DhcpOptions
from reference.semantics import Semantics
from reference.vpc.config import ExternalIps, IpConfig, TransitIp, VpcConfig
from reference.vpc.mappings import Mappings
from reference.vpc.snat import PortPools


class AddressFamily:
    """The guest's addresses of one family, as they are now.

    Attributes:
        private_ip, gateway_ip: fixed at creation.
        external_ips: external addresses.
        attached_subnets: prefixes of the guest; whether they are external.
        transit_ips: prefixes that the guest may forward.
    """

    def __init__(self, config: IpConfig, semantics: Semantics) -> None:
        self.private_ip = config.private_ip
        self.gateway_ip = config.gateway_ip
        self.external_ips: ExternalIps = config.external_ips
        self.attached_subnets: dict[Cidr, bool] = dict(config.attached_subnets)
        self.transit_ips: dict[Cidr, TransitIp] = dict(config.transit_ips)
        self._semantics = semantics
        self._pools: PortPools | None = None

    @property
    def is_ipv4(self) -> bool:
        """Whether this is the IPv4 family."""
        return len(self.private_ip) == 4

    def owns_external(self, address: bytes) -> bool:
        """Whether an address is one of the guest's own external ones: ephemeral or floating."""
        return address == self.external_ips.ephemeral_ip or address in self.external_ips.floating_ips

    def source_nat_pools(self) -> PortPools | None:
        """The ports for source NAT as configured now, to be asked for when the rules are made anew.

        As long as the address is the same, the pools are, and flows keep their ports. Upstream gets new pools each
        time, in which the ports that flows have are not reserved.
        """
        snat, former = self.external_ips.snat, self._pools
        if former is not None:
            same = snat is not None and snat.external_ip == former.external_ip
            if snat is not None and same and self._semantics.external_ports_are_reserved:
                former.change_range(snat)
                return former
            former.retired = True
        self._pools = None if snat is None else PortPools(snat)
        return self._pools


class VpcNetwork:
    """Configuration of a port in its present form.

    Attributes:
        config: as given at creation; for what never changes.
        ipv4, ipv6: addresses by family.
        dhcp: what DHCP tells the guest.
        mappings: shared with other ports.
    """

    def __init__(self, config: VpcConfig, mappings: Mappings, semantics: Semantics = Semantics.CORRECT) -> None:
        self.config = config
        self.ipv4 = AddressFamily(config.ipv4, semantics) if config.ipv4 is not None else None
        self.ipv6 = AddressFamily(config.ipv6, semantics) if config.ipv6 is not None else None
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
