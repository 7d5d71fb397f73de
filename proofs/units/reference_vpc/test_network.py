"""The VPC side of a port: families, and which external addresses are the guest's own."""

import pytest

from proofs.units.reference.scene import packed, vpc_config
from reference import ExternalIps, InvalidIpConfig, Mappings
from reference.address import Cidr
from reference.vpc.network import VpcNetwork


def test_only_ephemeral_and_floating_addresses_are_the_guests_own() -> None:
    external = ExternalIps(ephemeral_ip=packed("10.0.0.1"), floating_ips=(packed("10.0.0.2"),))
    family = VpcNetwork(vpc_config(external), Mappings()).families[0]
    owned = [address for address in ("10.0.0.1", "10.0.0.2", "10.77.77.13") if family.owns_external(packed(address))]
    assert owned == ["10.0.0.1", "10.0.0.2"]


def test_families_come_ipv4_first_and_only_if_configured() -> None:
    both = VpcNetwork(vpc_config(), Mappings())
    one = VpcNetwork(vpc_config(with_ipv6=False), Mappings())
    assert [family.is_ipv4 for family in both.families] == [True, False]
    assert [family.is_ipv4 for family in one.families] == [True]
    with pytest.raises(InvalidIpConfig):
        one.family_of(Cidr.parse("fd00::/8"))


def test_two_networks_of_one_configuration_change_independently() -> None:
    config = vpc_config()
    first, second = VpcNetwork(config, Mappings()), VpcNetwork(config, Mappings())
    assert first.ipv4 is not None
    assert second.ipv4 is not None
    first.ipv4.attached_subnets[Cidr.parse("10.0.0.0/8")] = True
    assert second.ipv4.attached_subnets == {}
