"""The firewall: rule texts, the predicates they become, and defaults."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference.scene import Scene, from_internet, from_neighbour, udp
from proofs.units.reference_packet.frames import TCP, UDP
from reference import DenyReason, Direction, Drop, LayerDrop, Modified
from reference.errors import TextError
from reference.packet.protocol import IpProtocol
from reference.vpc.firewall import FirewallAction, FirewallRule, ProtocolFilter, join_ranges

DENIED_BY_DEFAULT = Drop(LayerDrop("firewall", DenyReason.DEFAULT))
DENIED_BY_RULE = Drop(LayerDrop("firewall", DenyReason.RULE))


def predicates(text: str) -> list[str]:
    return [str(predicate) for predicate in FirewallRule.parse(text).rule().predicates]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("", []),
        ("protocol=any port=any hosts=any", []),
        ("protocol=TCP port=22", ["inner.ip.proto=TCP", "inner.ulp.dst=22"]),
        ("port=22,80,81,82,443", ["inner.ulp.dst=22,∈(80..=82),=443"]),
        ("protocol=arp", ["inner.ether.ether_type=ARP"]),
        ("protocol=ICMP", ["inner.ip.proto=ICMP"]),
        ("protocol=icmp:8", ["inner.icmp.type=echo request"]),
        ("protocol=icmp:3,1-4", ["inner.icmp.type=destination unreachable", "inner.icmp.code∈(1..=4)"]),
        ("protocol=icmp6:128,0", ["inner.icmp.type=echo request", "inner.icmp.code=0"]),
        ("protocol=proto:132", ["inner.ip.proto=Unknown"]),
        ("hosts=vni=1287581", ["meta: vni=1287581"]),
    ],
)
def test_filters_become_predicates(filters: str, expected: list[str]) -> None:
    assert predicates(f"dir=in action=allow priority=10 {filters}".strip()) == expected


def test_a_message_type_without_codes_matches_any_code() -> None:
    echo = ProtocolFilter(protocol=IpProtocol.ICMP, icmp_type=8)
    rule = FirewallRule(Direction.IN, FirewallAction.ALLOW, 10, protocol=echo).rule()
    assert [str(predicate) for predicate in rule.predicates] == ["inner.icmp.type=echo request"]


@pytest.mark.parametrize(
    ("direction", "hosts", "expected"),
    [
        ("in", "ip=10.0.0.1", "inner.ip.src=10.0.0.1"),
        ("out", "ip=fd00::1", "inner.ip6.dst=fd00::1"),
        ("in", "subnet=fd00::/64", "inner.ip6.src=fd00::/64"),
        ("out", "subnet=10.0.0.7/8", "inner.ip.dst=10.0.0.0/8"),
    ],
)
def test_hosts_are_those_of_the_remote_side(direction: str, hosts: str, expected: str) -> None:
    assert predicates(f"priority=1 action=deny dir={direction} hosts={hosts}") == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad token: "),
        ("dir=in action=allow priority=1  port=5", "bad token: "),
        ("dir=in", "missing 'action' key"),
        ("action=allow priority=1", "missing direction ('dir') key"),
        ("dir=in action=allow", "missing 'priority' key"),
        ("dir=up action=allow priority=1", "invalid direction: up"),
        ("dir=in action=maybe priority=1", "invalid action: maybe ('allow' or 'deny')"),
        ("priority=70000", "bad priority: '70000' number too large to fit in target type"),
        ("port=0", "invalid port: 0"),
        ("port=x", "invalid digit found in string"),
        ("protocol=TCP:8", "cannot specify filter for protocol: tcp"),
        ("protocol=sctp", "unknown protocol: sctp"),
        ("protocol=ICMP:300", "number too large to fit in target type"),
        ("hosts=ip=banana", "Invalid IP address"),
        ("hosts=foo=1", "invalid address type: foo"),
        ("hosts=10.0.0.1", "malformed address specification: 10.0.0.1"),
        ("hosts=subnet=10.0.0.1/33", "Invalid IP CIDR"),
        ("hosts=vni=99999999", "TooLarge"),
        ("hosts=vni=many", "Unparsable"),
        ("colour=red", "invalid key: colour=red"),
    ],
)
def test_bad_texts_are_refused_in_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(TextError) as refusal:
        FirewallRule.parse(text)
    assert str(refusal.value) == message


@given(st.sets(st.integers(0, 60)))
def test_joined_ranges_hold_exactly_the_numbers_and_leave_gaps_between(numbers: set[int]) -> None:
    ranges = join_ranges(numbers)
    assert {n for r in ranges for n in range(r.first, r.last + 1)} == numbers
    assert all(left.last + 1 < right.first for left, right in pairwise(ranges))


def test_without_rules_only_the_guest_may_begin() -> None:
    scene = Scene(rules=())
    assert scene.receive(from_neighbour(TCP(dport=22))) == DENIED_BY_DEFAULT
    assert isinstance(scene.send(udp()), Modified)


def test_a_vni_rule_lets_the_vpc_in_but_not_the_internet() -> None:
    scene = Scene(rules=("dir=in action=allow priority=1 hosts=vni=1287581",))
    assert isinstance(scene.receive(from_neighbour(UDP(dport=9))), Modified)
    assert scene.receive(from_neighbour(UDP(dport=10), vni=5)) == DENIED_BY_DEFAULT
    assert scene.receive(from_internet(UDP(dport=9), destination="172.30.0.5")) == DENIED_BY_DEFAULT


def test_the_vni_of_the_destination_can_be_filtered_too() -> None:
    scene = Scene(rules=("dir=out action=deny priority=1 hosts=vni=1287581",))
    assert scene.send(udp(remote="172.30.0.6")) == DENIED_BY_RULE
    assert isinstance(scene.send(udp()), Modified)


def test_a_removed_rule_lives_on_in_the_flows_it_allowed() -> None:
    scene = Scene(rules=("dir=in action=allow priority=1 protocol=udp",))
    scene.receive(from_neighbour(UDP(sport=1, dport=9)))
    scene.port.remove_firewall_rule(Direction.IN, 0)
    assert isinstance(scene.receive(from_neighbour(UDP(sport=1, dport=9))), Modified)
    assert scene.receive(from_neighbour(UDP(sport=2, dport=9))) == DENIED_BY_DEFAULT
