"""The router: targets, longest prefix, classes, deletion."""

import pytest
import radix
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference.scene import Scene, packed, udp
from reference import DenyReason, Drop, InvalidRouterEntry, LayerDrop, Modified
from reference.action import ActionMeta
from reference.address import Cidr, format_ip
from reference.direction import Direction
from reference.errors import TextError
from reference.packet.parse import parse
from reference.rule import RuleTable
from reference.vpc.router import (
    TARGET_TAG,
    Route,
    RouterAction,
    RouterClass,
    RouterTarget,
    TargetKind,
    route_priority,
    route_rule,
)

SYSTEM, CUSTOM = RouterClass.SYSTEM, RouterClass.CUSTOM
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
DROPPED_BY_ROUTE = Drop(LayerDrop("router", DenyReason.RULE))
NO_ROUTE = Drop(LayerDrop("router", DenyReason.DEFAULT))


@pytest.mark.parametrize(
    ("text", "kind", "printed", "action"),
    [
        ("ig", TargetKind.INTERNET_GATEWAY, "ig", "Target = IG(None)"),
        (f"IG={UUID.upper()}", TargetKind.INTERNET_GATEWAY, f"ig={UUID}", f"Target = IG(Some({UUID}))"),
        ("ip4=10.0.0.1", TargetKind.IP, "ip4=10.0.0.1", "Target = IP: 10.0.0.1"),
        ("ip6=fd00::1", TargetKind.IP, "ip6=fd00::1", "Target = IP: fd00::1"),
        ("sub4=10.0.0.0/8", TargetKind.SUBNET, "sub4=10.0.0.0/8", "Target = Subnet: 10.0.0.0/8"),
        ("sub6=fd00::/64", TargetKind.SUBNET, "sub6=fd00::/64", "Target = Subnet: fd00::/64"),
    ],
)
def test_targets_have_a_text_to_read_one_to_match_and_one_to_show(
    text: str, kind: TargetKind, printed: str, action: str
) -> None:
    target = RouterTarget.parse(text)
    assert target.kind is kind
    assert str(target) == printed
    assert str(RouterAction(target)) == action


def test_the_target_that_drops_has_a_text_too() -> None:
    target = RouterTarget.parse("DROP")
    assert target.kind is TargetKind.DROP
    assert str(target) == "Drop"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "malformed router target: nonsense"),
        ("ig=banana", "badly formed hexadecimal UUID string"),
        ("ip4=banana", "bad IP: invalid IPv4 address syntax"),
        ("ip4=fd00::1", "bad IP: invalid IPv4 address syntax"),
        ("ip6=10.0.0.1", "Invalid IPv6 address"),
        ("sub4=10.0.0.0", "no '/' found"),
        ("sub4=10.0.0/8", "bad IP: malformed ip: 10.0.0"),
        ("sub4=10.0.0.0/33", "bad IPv4 prefix length: 33"),
        ("sub6=10.0.0.0/8", "Bad IP address component: '10.0.0.0'"),
        ("sub6=fd00::/x", "bad prefix length: invalid digit found in string"),
    ],
)
def test_bad_targets_are_refused(text: str, message: str) -> None:
    with pytest.raises(TextError) as refusal:
        RouterTarget.parse(text)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("prefix", "router_class", "priority"),
    [
        ("10.0.0.1/32", CUSTOM, 10),
        ("10.0.0.1/32", SYSTEM, 11),
        ("10.0.0.0/31", CUSTOM, 12),
        ("0.0.0.0/0", SYSTEM, 75),
        ("fd00::1/128", CUSTOM, 10),
        ("::/0", SYSTEM, 267),
    ],
)
def test_priority_follows_prefix_length_then_class(prefix: str, router_class: RouterClass, priority: int) -> None:
    assert route_priority(Cidr.parse(prefix), router_class) == priority


@given(
    st.lists(st.tuples(st.binary(min_size=4, max_size=4), st.integers(0, 32)), min_size=1, max_size=10),
    st.binary(min_size=4, max_size=4),
)
def test_the_longest_prefix_decides_as_in_a_radix_tree(prefixes: list[tuple[bytes, int]], address: bytes) -> None:
    table, tree = RuleTable(), radix.Radix()
    for found, length in prefixes:
        prefix = Cidr.of(bytes((found[0] % 224,)) + found[1:], length)
        table.add(route_rule(Route(prefix, RouterTarget.parse(f"sub4={prefix}"), SYSTEM)))
        tree.add(str(prefix))
    frame = bytes(udp(remote=format_ip(address)))
    meta = ActionMeta()
    packet = parse(Direction.OUT, frame)
    match = table.match(packet, meta)
    best = tree.search_best(format_ip(address))
    if best is None:
        assert match is None
    else:
        assert match is not None
        assert isinstance(match.rule.action, RouterAction)
        match.rule.action.apply(packet, meta)
        assert meta.tags[TARGET_TAG] == f"sub4={best.prefix}"


@pytest.mark.parametrize(
    ("destination", "target", "reason"),
    [
        ("224.0.0.0/4", "ig", "multicast destinations not allowed in router entries"),
        ("ff00::/8", "drop", "multicast destinations not allowed in router entries"),
        ("172.30.0.6/32", "ip6=fd00::1", "ip6=fd00::1"),
        ("fd00::/64", "sub4=10.0.0.0/8", "sub4=10.0.0.0/8"),
    ],
)
def test_destination_and_target_must_go_together(destination: str, target: str, reason: str) -> None:
    with pytest.raises(InvalidRouterEntry) as refusal:
        route_rule(Route(Cidr.parse(destination), RouterTarget.parse(target), SYSTEM))
    assert str(refusal.value) == f"InvalidRouterEntry({destination}, {reason})"


def test_a_custom_route_overrides_a_system_route_of_the_same_length() -> None:
    scene = Scene()
    everything = Cidr.parse("0.0.0.0/0")
    scene.port.router.add(everything, RouterTarget.parse("drop"), CUSTOM)
    assert scene.send(udp()) == DROPPED_BY_ROUTE
    assert isinstance(scene.send(udp(remote="172.30.0.6")), Modified)


def test_deletion_looks_at_the_destination_only() -> None:
    scene = Scene()
    everything = Cidr.parse("0.0.0.0/0")
    assert scene.port.router.delete(everything, RouterTarget.parse("drop"), CUSTOM)
    assert not scene.port.router.delete(everything, RouterTarget.parse("ig"), SYSTEM)
    assert scene.send(udp()) == NO_ROUTE


def test_without_a_route_nothing_to_delete_is_no_error_even_on_a_paused_port() -> None:
    scene = Scene()
    scene.port.pause()
    assert not scene.port.router.delete(Cidr.parse("9.9.9.9/32"), RouterTarget.parse("ig"), SYSTEM)


def test_a_route_by_address_leads_to_another_guest() -> None:
    scene = Scene()
    scene.port.router.add(Cidr.parse("8.8.8.8/32"), RouterTarget.parse("ip4=172.30.0.6"), CUSTOM)
    verdict = scene.send(udp(remote="8.8.8.8"))
    assert isinstance(verdict, Modified)
    assert verdict.packet[38:54] == packed("fd00:0:f7:116::1")


def test_replacing_all_routes_takes_multicast_away() -> None:
    scene = Scene()
    scene.mappings.m2p.set(packed("224.1.2.3"), packed("ff04::1"))
    assert isinstance(scene.send(udp(remote="224.1.2.3")), Modified)
    scene.port.router.replace([])
    assert scene.send(udp(remote="224.1.2.3")) == NO_ROUTE
