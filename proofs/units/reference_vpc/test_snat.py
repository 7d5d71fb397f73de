"""Source NAT: pools, their order, and what cannot be translated."""

import pytest

from proofs.units.reference.scene import outbound_packet, packed, tcp, udp
from proofs.units.reference_packet.frames import GUEST_IP, ICMP, ICMPv6EchoRequest, ipv4, ipv6
from reference.action import ActionMeta
from reference.direction import Direction
from reference.errors import LayerError
from reference.vpc.config import SourceNat
from reference.vpc.snat import PortPool, PortPools, SourceNatAction, SourceNatDescriptor

EXTERNAL = packed("10.77.77.13")


def action(first: int = 10, last: int = 12) -> SourceNatAction:
    config = SourceNat(EXTERNAL, first, last)
    return SourceNatAction(packed(GUEST_IP), config, PortPools(config))


def descriptor_of(made: SourceNatAction, layers: object) -> SourceNatDescriptor:
    descriptor = made.describe(outbound_packet(layers))
    assert isinstance(descriptor, SourceNatDescriptor)
    return descriptor


def test_the_highest_free_port_is_taken_first() -> None:
    pool = PortPool(10, 12)
    assert [pool.take(), pool.take(), pool.take()] == [12, 11, 10]


def test_a_port_given_back_is_the_next_to_be_taken() -> None:
    pool = PortPool(10, 12)
    pool.take()
    pool.take()
    pool.give_back(12)
    assert pool.take() == 12


def test_an_empty_pool_is_exhausted() -> None:
    pool = PortPool(10, 10)
    pool.take()
    with pytest.raises(LayerError, match=r"SNAT Pool \(exhausted\)"):
        pool.take()


def test_tcp_udp_and_echo_have_pools_of_their_own() -> None:
    made = action()
    for layers in (udp(), tcp("S"), ipv4() / ICMP(type=8, id=7)):
        assert descriptor_of(made, layers).external_port == 12


def test_a_descriptor_translates_there_and_back() -> None:
    descriptor = descriptor_of(action(), udp(5000))
    meta = ActionMeta()
    outward = descriptor.header_transform(Direction.OUT, meta).inner
    inward = descriptor.header_transform(Direction.IN, ActionMeta()).inner
    assert (outward.ip_source, outward.source_port) == (EXTERNAL, 12)
    assert (inward.ip_destination, inward.destination_port) == (packed(GUEST_IP), 5000)
    assert meta.external_ip_applied


def test_an_echo_has_its_identifier_translated() -> None:
    descriptor = descriptor_of(action(), ipv4() / ICMP(type=8, id=7))
    assert descriptor.header_transform(Direction.OUT, ActionMeta()).inner.icmp_identifier == 12
    assert descriptor.header_transform(Direction.IN, ActionMeta()).inner.icmp_identifier == 7
    assert str(descriptor) == "SNAT_ICMP_ECHO"


@pytest.mark.parametrize("message", [ICMP(type=0, id=7), ICMP(type=3), ICMP(type=8, code=1, id=7)])
def test_other_messages_are_refused_and_cost_no_port(message: object) -> None:
    made = action(10, 10)
    assert made.describe(outbound_packet(ipv4() / message)) is None
    assert descriptor_of(made, ipv4() / ICMP(type=8, id=7)).external_port == 10


def test_the_other_familys_icmp_is_an_error() -> None:
    with pytest.raises(LayerError, match=r"unexpected ULP: ICMPv6"):
        action().describe(outbound_packet(ipv6() / ICMPv6EchoRequest()))


def test_the_port_returns_when_the_descriptor_is_dropped_by_all() -> None:
    made = action(10, 10)
    descriptor = descriptor_of(made, udp())
    descriptor.hold()
    descriptor.hold()
    descriptor.drop()
    with pytest.raises(LayerError):
        made.describe(outbound_packet(udp()))
    descriptor.drop()
    assert descriptor_of(made, udp()).external_port == 10


def test_a_flow_keeps_its_port_as_long_as_the_guest_has_the_pool_and_the_pool_the_port() -> None:
    config = SourceNat(EXTERNAL, 10, 12)
    pools = PortPools(config)
    descriptor = descriptor_of(SourceNatAction(packed(GUEST_IP), config, pools), udp())
    assert descriptor.is_valid()
    pools.change_range(SourceNat(EXTERNAL, 10, 11))
    assert not descriptor.is_valid()
    pools.change_range(config)
    assert descriptor.is_valid()
    pools.retired = True
    assert not descriptor.is_valid()


def test_a_pool_whose_range_changes_never_hands_out_a_taken_port() -> None:
    pool = PortPool(10, 12)
    assert (pool.take(), pool.take()) == (12, 11)
    pool.change_range(11, 14)
    assert [pool.take(), pool.take()] == [14, 13]
    pool.give_back(12)
    assert pool.take() == 12
    pool.change_range(13, 14)
    pool.give_back(11)
    assert pool.free == []
    pool.change_range(10, 14)
    assert pool.free == [10, 11]


@pytest.mark.parametrize(
    ("external", "text"), [("10.77.77.13", "10.77.77.13:10-12"), ("2001:db8::1", "[2001:db8::1]:10-12")]
)
def test_the_action_is_shown_as_address_and_range(external: str, text: str) -> None:
    private = packed(GUEST_IP if "." in external else "fd00::5")
    config = SourceNat(packed(external), 10, 12)
    assert str(SourceNatAction(private, config, PortPools(config))) == text
