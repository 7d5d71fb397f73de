"""Attached subnets and transit prefixes: what changes, and when the rules are made anew."""

import pytest

from proofs.units.reference.scene import Scene, vpc_config
from reference import BadState, InvalidIpConfig, Port, TransitIp
from reference.address import Cidr
from reference.direction import Direction

PREFIX = Cidr.parse("10.9.0.0/16")


def test_attaching_raises_the_epoch_by_two_and_only_if_something_changes() -> None:
    port = Scene().port
    epoch = port.epoch
    port.attach_subnet(PREFIX, is_external=True)
    assert port.epoch == epoch + 2
    port.attach_subnet(PREFIX, is_external=True)
    assert port.epoch == epoch + 2
    port.attach_subnet(PREFIX, is_external=False)
    assert port.epoch == epoch + 4


def test_detaching_tells_whether_there_was_something_to_detach() -> None:
    port = Scene().port
    port.attach_subnet(PREFIX, is_external=True)
    assert port.detach_subnet(PREFIX)
    epoch = port.epoch
    assert not port.detach_subnet(PREFIX)
    assert port.epoch == epoch


def test_removing_an_unknown_transit_prefix_still_makes_the_rules_anew() -> None:
    port = Scene().port
    epoch = port.epoch
    assert not port.remove_cidr(PREFIX, Direction.IN)
    assert port.epoch == epoch + 1


def test_a_transit_prefix_is_forgotten_when_both_directions_are_closed() -> None:
    port = Scene().port
    family = port.network.ipv4
    assert family is not None
    port.allow_cidr(PREFIX, Direction.IN)
    port.allow_cidr(PREFIX, Direction.OUT)
    assert family.transit_ips == {PREFIX: TransitIp(allow_in=True, allow_out=True)}
    assert port.remove_cidr(PREFIX, Direction.IN)
    assert family.transit_ips == {PREFIX: TransitIp(allow_in=False, allow_out=True)}
    assert port.remove_cidr(PREFIX, Direction.OUT)
    assert family.transit_ips == {}


def test_on_a_paused_port_the_configuration_changes_without_effect_until_the_next_refresh() -> None:
    port = Scene().port
    port.pause()
    with pytest.raises(BadState):
        port.attach_subnet(PREFIX, is_external=True)
    port.start()
    assert port.detach_subnet(PREFIX)


def test_a_prefix_of_a_missing_family_is_refused() -> None:
    port = Port(vpc_config(with_ipv6=False))
    for operation in (port.allow_cidr, port.remove_cidr):
        with pytest.raises(InvalidIpConfig):
            operation(Cidr.parse("fd66::/32"), Direction.IN)
