"""Mappings: per VPC, by longest prefix, by group."""

import pytest
import radix
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference.scene import packed
from reference.address import Cidr, format_ip
from reference.errors import InvalidMapping
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint

GUEST = packed("172.30.0.9")
ANYWHERE = Cidr.parse("0.0.0.0/0")


def place(vni: int, host: int = 1) -> PhysicalAddress:
    return PhysicalAddress(bytes(5) + bytes((host,)), packed(f"fd00::{host}"), vni)


def endpoint(host: int, vni: int = 99) -> TunnelEndpoint:
    return TunnelEndpoint(packed(f"fd00:99::{host:x}"), vni)


def test_the_same_address_may_be_in_several_vpcs() -> None:
    v2p = Mappings().v2p
    v2p.set(GUEST, place(7))
    v2p.set(GUEST, place(5, host=2))
    assert v2p.get(GUEST, 7) == place(7)
    assert v2p.get(GUEST, 5) == place(5, host=2)
    assert v2p.get(GUEST, 6) is None
    assert v2p.vni_of(GUEST) == 5


def test_clearing_gives_back_what_there_was() -> None:
    v2p = Mappings().v2p
    v2p.set(GUEST, place(7))
    assert v2p.clear(GUEST, 6) is None
    assert v2p.clear(GUEST, 7) == place(7)
    assert v2p.clear(GUEST, 7) is None
    assert v2p.vni_of(GUEST) is None


@given(
    st.lists(st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 32)), max_size=12),
    st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=6),
)
def test_the_longest_prefix_decides_as_in_a_radix_tree(
    prefixes: list[tuple[bytes, int]], destinations: list[bytes]
) -> None:
    v2b, tree = Mappings().v2b, radix.Radix()
    for number, (address, length) in enumerate(prefixes):
        prefix = Cidr.of(address, length)
        v2b.clear(prefix, v2b.set(prefix, []) or ())
        v2b.set(prefix, [endpoint(number + 1)])
        tree.add(str(prefix)).data["host"] = number + 1
    for destination in [*destinations, *(address for address, _ in prefixes)]:
        best = tree.search_best(format_ip(destination))
        expected = None if best is None else (endpoint(best.data["host"]),)
        assert v2b.get(destination) == expected


def test_endpoints_are_added_and_come_in_order_of_their_addresses() -> None:
    v2b = Mappings().v2b
    assert v2b.set(ANYWHERE, [endpoint(3), endpoint(1)]) is None
    assert v2b.set(ANYWHERE, [endpoint(2)]) == (endpoint(1), endpoint(3))
    assert v2b.get(GUEST) == (endpoint(1), endpoint(2), endpoint(3))


def test_endpoints_of_one_address_are_one_whatever_their_vni() -> None:
    v2b = Mappings().v2b
    v2b.set(ANYWHERE, [endpoint(1, 99), endpoint(1, 77)])
    assert v2b.get(GUEST) == (endpoint(1, 77),)
    v2b.set(ANYWHERE, [endpoint(1, 55)])
    assert v2b.get(GUEST) == (endpoint(1, 77),)
    assert v2b.clear(ANYWHERE, [endpoint(1, 11)]) == (endpoint(1, 77),)
    assert v2b.get(GUEST) is None


def test_a_prefix_without_endpoints_is_forgotten_and_a_shorter_one_takes_over() -> None:
    v2b = Mappings().v2b
    longer = Cidr.parse("172.16.0.0/12")
    v2b.set(ANYWHERE, [endpoint(1)])
    v2b.set(longer, [endpoint(2)])
    v2b.clear(longer, [endpoint(2)])
    assert v2b.get(GUEST) == (endpoint(1),)
    assert v2b.clear(longer, []) is None


def test_families_do_not_mix() -> None:
    v2b = Mappings().v2b
    v2b.set(ANYWHERE, [endpoint(1)])
    assert v2b.get(packed("2001:db8::1")) is None


def test_groups_map_to_admin_local_multicast_only() -> None:
    m2p = Mappings().m2p
    group = packed("224.1.2.3")
    assert m2p.set(group, packed("ff04::1")) is None
    assert m2p.set(group, packed("ff04::2")) == packed("ff04::1")
    with pytest.raises(InvalidMapping, match="got: ff05::1"):
        m2p.set(group, packed("ff05::1"))
    assert m2p.get(group) == packed("ff04::2")
    assert m2p.clear(group) == packed("ff04::2")
    assert m2p.clear(group) is None
