"""Designs go by name, and are presets of switches; the compiler sees a switch as a constant."""

import enum
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from fastpath.designs import POLICIES, Design, UnknownDesign
from fastpath.policy import NO_OLD_WAYS, Policy, PortLock, TcpState, Transforms
from proofs.equivalence.policies import SWITCHED


def test_every_design_has_a_policy() -> None:
    assert set(POLICIES) == set(Design)


def test_only_fine_has_no_port_lock_and_only_under_rwlock_hits_share_it() -> None:
    locks = {design: policy.port_lock for design, policy in POLICIES.items()}
    assert [design for design, lock in locks.items() if lock is PortLock.NONE] == [Design.FINE]
    assert [design for design, lock in locks.items() if lock is PortLock.SHARED] == [Design.RWLOCK]


def test_mutex_does_everything_the_old_way_and_the_others_only_lock() -> None:
    mutex, fine = POLICIES[Design.MUTEX], POLICIES[Design.FINE]
    steps = {field.name for field in fields(Policy)} - {"misses"}
    assert all(getattr(mutex, step) is not getattr(fine, step) for step in steps)
    assert all(policy.compiles_misses for policy in POLICIES.values())
    for design in (Design.PR585, Design.RWLOCK):
        policy = POLICIES[design]
        assert replace(policy, port_lock=PortLock.NONE, tcp_state=TcpState.WORD) == fine
        assert policy.old_ways == NO_OLD_WAYS


def test_only_mutex_has_the_port_to_itself_until_a_packet_is_finished() -> None:
    assert [design for design, policy in POLICIES.items() if policy.tracks_alone] == [Design.MUTEX]
    assert [design for design, policy in POLICIES.items() if policy.transforms_inside] == [Design.MUTEX]


def test_a_connection_that_is_looked_up_is_looked_up_under_the_lock() -> None:
    policy = Policy(PortLock.SHARED, tcp_state=TcpState.LOOKED_UP)
    assert policy.tracks_inside
    assert not policy.tracks_alone
    assert not policy.transforms_inside


def test_without_a_port_lock_nothing_is_inside_it() -> None:
    policy = Policy(transforms=Transforms.INSIDE, tcp_state=TcpState.LOOKED_UP)
    assert not policy.transforms_inside
    assert not policy.tracks_inside


def test_every_switch_is_flipped_alone_somewhere() -> None:
    fine = Policy()
    changed = {
        name: [field.name for field in fields(Policy) if getattr(policy, field.name) is not getattr(fine, field.name)]
        for name, policy in SWITCHED.items()
    }
    assert all(len(names) == 1 for names in changed.values())
    switches: list[type[enum.Enum]] = [type(getattr(fine, field.name)) for field in fields(Policy)]
    positions = [len(switch) for switch in switches]
    assert len(set(SWITCHED.values())) == sum(positions) - len(positions)


def test_each_old_way_of_working_on_a_packet_has_a_bit_of_its_own() -> None:
    bits = [int(policy.old_ways) for policy in SWITCHED.values() if policy.old_ways != NO_OLD_WAYS]
    assert len(bits) == len(set(bits)) == 5
    assert all(bit.bit_count() == 1 for bit in bits)
    assert sum(bits) == POLICIES[Design.MUTEX].old_ways


def test_policies_cannot_be_changed() -> None:
    policies: Any = POLICIES
    with pytest.raises(TypeError):
        policies[Design.FINE] = Policy(PortLock.EXCLUSIVE)
    with pytest.raises(FrozenInstanceError):
        policies[Design.FINE].port_lock = PortLock.EXCLUSIVE


@pytest.mark.parametrize("design", Design)
def test_a_design_is_known_by_its_name(design: Design) -> None:
    assert Design(design.value) is design


def test_an_unknown_design_is_told_which_ones_there_are() -> None:
    with pytest.raises(
        UnknownDesign, match="no lock design is called 'coarse': choose from mutex, pr585, rwlock, fine"
    ):
        Design("coarse")
