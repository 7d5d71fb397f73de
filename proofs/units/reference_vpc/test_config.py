"""Configuration: what is refused at the boundary."""

import pytest

from proofs.units.reference.scene import packed, vpc_config
from reference import IpConfig, SourceNat, TableLimits, VpcConfig
from reference.address import Cidr


def ipv4_with(address: str) -> IpConfig:
    return IpConfig(Cidr.parse("10.0.0.0/24"), packed(address), packed("10.0.0.1"))


def test_a_complete_configuration_is_accepted() -> None:
    assert vpc_config().mtu == 1500


@pytest.mark.parametrize("ports", [(10, 9), (-1, 5), (1, 65536)])
def test_port_ranges_must_ascend_within_sixteen_bits(ports: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="ascending range within 0-65535"):
        SourceNat(packed("10.0.0.1"), *ports)


@pytest.mark.parametrize("ports", [(0, 65535), (0, 0), (65535, 65535)])
def test_a_port_range_may_hold_any_port(ports: tuple[int, int]) -> None:
    source_nat = SourceNat(packed("10.0.0.1"), *ports)
    assert (source_nat.first_port, source_nat.last_port) == ports


def test_a_vni_has_24_bits() -> None:
    with pytest.raises(ValueError, match="vni 16777216: must fit into 24 bits"):
        VpcConfig(bytes(6), bytes(6), 1 << 24, bytes(16))


def test_addresses_must_be_of_their_family() -> None:
    with pytest.raises(ValueError, match=r"phys_ip of 4 bytes"):
        VpcConfig(bytes(6), bytes(6), 1, bytes(4))
    with pytest.raises(ValueError, match=r"ipv4.private_ip of 16 bytes: must have 4"):
        VpcConfig(bytes(6), bytes(6), 1, bytes(16), ipv4=ipv4_with("fd00::5"))


def test_every_table_has_room_for_something() -> None:
    with pytest.raises(ValueError, match="limit nat=0: must be at least 1"):
        TableLimits(nat=0)
