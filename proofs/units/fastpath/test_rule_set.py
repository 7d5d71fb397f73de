"""Rule sets: what actions need, and that what has not changed is shared and never written again."""

from collections.abc import Callable

import numpy as np
import pytest

from fastpath.numbering import MOST_ROUTES, RouteNumbers
from fastpath.rule_compiler import RuleCompiler
from fastpath.rule_layout import (
    ACTION_DENY,
    ACTION_LEAVE,
    ACTION_OUTBOUND_NAT,
    ACTION_REWRITE_SOURCE_MAC,
    ACTION_ROUTE,
    ACTION_SOURCE_NAT,
    ACTION_STATEFUL_ALLOW,
    KIND_ADDRESS,
    RULE_ACTION,
    RULE_PARAMETER,
    RULES_FIREWALL_SINCE,
    RULES_NAT_SINCE,
    RULES_OTHERS_SINCE,
    RULES_PHYSICAL,
    RULES_PRIVATE_4,
    RULES_PRIVATE_6,
    RULES_VNI,
    TABLE_DEFAULT,
)
from fastpath.segments import SPARE_WORDS
from proofs.equivalence import vpc
from proofs.units.fastpath.rule_agreement import EVERYWHERE, FIREWALL, assert_agreement, running_port
from proofs.units.fastpath.rule_engines import COMPILED, LAYERS, Rules, as_address, as_bytes
from proofs.units.fastpath.rule_examples import SIGHT
from reference import Port
from reference.direction import Direction
from reference.errors import BadState
from reference.vpc.config import ExternalIps
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import DROP, INTERNET_GATEWAY, RouterClass, RouterTarget, TargetKind
from reference.vpc.snat import SourceNatAction

DENY_OUT = FirewallRule.parse("dir=out action=deny priority=9 protocol=TCP port=22")

# --- words ---


def test_the_header_says_who_the_guest_is() -> None:
    words = Rules(COMPILED, running_port()).words
    assert words[RULES_VNI] == vpc.VNI
    assert as_bytes(*words[RULES_PHYSICAL : RULES_PHYSICAL + 2]) == vpc.GUEST_UNDERLAY
    assert int(words[RULES_PRIVATE_4]).to_bytes(4) == vpc.GUEST[4]
    assert as_bytes(*words[RULES_PRIVATE_6 : RULES_PRIVATE_6 + 2]) == vpc.GUEST[6]


def test_defaults_are_those_of_the_layers() -> None:
    rules = Rules(COMPILED, running_port())
    defaults = {
        (layer, direction): int(rules.words[rules.table(layer, direction) + TABLE_DEFAULT])
        for layer in LAYERS
        for direction in Direction
    }
    assert defaults["firewall", Direction.IN] == ACTION_DENY
    assert defaults["firewall", Direction.OUT] == ACTION_STATEFUL_ALLOW
    names = {0: "allow", 1: "stateful allow", 2: "deny"}
    for (layer, direction), action in defaults.items():
        assert names[action] == rules.port.data.layer(layer).side(direction).default.value


def test_a_route_says_its_number_kind_and_address() -> None:
    port = running_port()
    target = RouterTarget(TargetKind.IP, address=vpc.PEERS[4][0])
    port.router.replace([])
    port.router.add(EVERYWHERE, target, RouterClass.CUSTOM)
    rules = Rules(COMPILED, port)
    (rule,) = rules.of("router", Direction.OUT)
    at = int(COMPILED.match.parameters_of(rules.words, rule))
    assert rules.words[rule + RULE_ACTION] == ACTION_ROUTE
    expected = (rules.compiler.route_id(target), KIND_ADDRESS, *as_address(target.address)[:2])
    assert tuple(rules.words[at : at + 4]) == expected
    assert rules.compiler.route(int(rules.words[at])) == target


def test_actions_of_gateway_and_nat_have_what_they_need() -> None:
    port = running_port()
    external = ExternalIps(vpc.source_nat(4), floating_ips=(vpc.FLOATING[4], vpc.EPHEMERAL[4]))
    port.set_external_ips(external, None)
    rules = Rules(COMPILED, port)
    by_action = {
        int(rules.words[rule + RULE_ACTION]): rule
        for layer, direction in (("gateway", Direction.IN), ("nat", Direction.OUT))
        for rule in rules.of(layer, direction)
    }
    mac = rules.words[by_action[int(ACTION_REWRITE_SOURCE_MAC)] + RULE_PARAMETER]
    assert int(mac).to_bytes(6) == vpc.GATEWAY_MAC
    at = int(COMPILED.match.parameters_of(rules.words, by_action[int(ACTION_OUTBOUND_NAT)]))
    addresses = [word for address in external.floating_ips for word in as_address(address)[:2]]
    assert list(rules.words[at : at + 5]) == [2, *addresses]
    at = int(COMPILED.match.parameters_of(rules.words, by_action[int(ACTION_SOURCE_NAT)]))
    assert tuple(rules.words[at + 1 : at + 3]) == as_address(vpc.SHARED[4])[:2]
    (action,) = [
        numbered.rule.action
        for numbered in port.data.layer("nat").outbound.rules.rules
        if isinstance(numbered.rule.action, SourceNatAction)
    ]
    assert rules.compiler.pools(int(rules.words[at])) is action.pools


# --- sharing ---


def test_a_rule_set_is_never_changed() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    assert not rules.words.flags.writeable
    former = [(rules.rule_set, rules.words.copy())]
    for _ in range(2 * SPARE_WORDS // 64):
        port.set_firewall_rules(FIREWALL)
        rules.compile()
        former.append((rules.rule_set, rules.words.copy()))
    assert all(np.array_equal(rule_set.words, words) for rule_set, words in former)
    assert_agreement(rules, "router", [SIGHT])


def test_a_new_rule_set_costs_what_is_new_in_it() -> None:
    port = running_port()
    for number in range(1_000):
        port.network.mappings.v2p.set(number.to_bytes(4), vpc.peer())
    rules = Rules(COMPILED, port)
    before = len(rules.words)
    port.add_firewall_rule(DENY_OUT)
    rules.compile()
    assert 0 < len(rules.words) - before < 300


def test_room_is_found_for_what_is_larger_than_any_before() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    for number in range(SPARE_WORDS // 4):
        port.network.mappings.v2p.set(number.to_bytes(4), vpc.peer())
    rules.compile()
    address = (SPARE_WORDS // 4 - 1).to_bytes(4)
    assert COMPILED.destinations.find_guest(rules.words, *as_address(address), np.uint64(vpc.VNI)) != 0
    assert_agreement(rules, "firewall", [SIGHT])


def test_external_addresses_that_a_paused_port_was_given_make_a_rule_set_out_of_date() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    assert rules.compiler.is_current(port)
    port.pause()
    epoch = port.epoch
    with pytest.raises(BadState):
        port.set_external_ips(None, None)
    assert port.epoch == epoch
    assert not rules.compiler.is_current(port)
    assert COMPILED.destinations.owns_external(rules.words, *as_address(vpc.EPHEMERAL[6]))
    rules.compile()
    assert rules.compiler.is_current(port)
    assert not COMPILED.destinations.owns_external(rules.words, *as_address(vpc.EPHEMERAL[6]))


@pytest.mark.parametrize(
    "change",
    [
        lambda port: port.set_firewall_rules(FIREWALL),
        lambda port: port.router.add(EVERYWHERE, DROP, RouterClass.CUSTOM),
        lambda port: port.set_external_ips(None, None),
        lambda port: port.follow_mappings(),
    ],
    ids=["firewall", "routes", "external addresses", "mappings"],
)
def test_a_change_makes_a_rule_set_out_of_date(change: Callable[[Port], None]) -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    change(port)
    assert not rules.compiler.is_current(port)


# --- epochs ---


def since(rules: Rules) -> tuple[int, int]:
    """When the rules of firewall and NAT changed last."""
    return int(rules.words[RULES_FIREWALL_SINCE]), int(rules.words[RULES_NAT_SINCE])


def test_a_change_of_rules_makes_flows_of_its_layer_dirty_though_the_rules_be_equal() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    first = since(rules)
    port.set_external_ips(port.network.families[0].external_ips, port.network.families[1].external_ips)
    rules.compile()
    assert since(rules) == (first[0], port.epoch)
    second = port.epoch
    port.set_firewall_rules(FIREWALL)
    rules.compile()
    assert since(rules) == (port.epoch, second)


@pytest.mark.parametrize(
    "change",
    [
        lambda port: port.router.add(EVERYWHERE, DROP, RouterClass.CUSTOM),
        lambda port: port.set_external_ips(None, None),
        lambda port: port.allow_cidr(EVERYWHERE, Direction.OUT),
        lambda port: port.network.mappings.v2p.set(vpc.PEERS[4][0], vpc.peer(vpc.MOVED_UNDERLAY)),
        lambda port: port.network.mappings.v2b.set(EVERYWHERE, []),
    ],
    ids=["routes", "external addresses", "gateway", "where guests are", "boundary services"],
)
def test_any_change_but_of_the_firewall_may_change_what_packets_become(change: Callable[[Port], object]) -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    first = int(rules.words[RULES_OTHERS_SINCE])
    port.set_firewall_rules(FIREWALL)
    rules.compile()
    assert int(rules.words[RULES_OTHERS_SINCE]) == first < port.epoch
    change(port)
    port.follow_mappings()
    rules.compile()
    assert int(rules.words[RULES_OTHERS_SINCE]) == port.epoch


def test_a_change_elsewhere_makes_no_flow_dirty() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    before = since(rules)
    port.router.add(EVERYWHERE, DROP, RouterClass.CUSTOM)
    port.set_dhcp(port.network.dhcp)
    port.network.mappings.v2p.set(bytes(4), vpc.peer())
    port.follow_mappings()
    rules.compile()
    assert rules.rule_set.epoch == port.epoch
    assert since(rules) == before


# --- numbers ---


def test_equal_targets_have_one_number_for_ever() -> None:
    compiler = RuleCompiler()
    first = compiler.route_id(RouterTarget.parse("ip4=10.0.0.1"))
    other = compiler.route_id(RouterTarget.parse("ip4=10.0.0.2"))
    assert first != other
    assert first == compiler.route_id(RouterTarget.parse("ip4=10.0.0.1"))
    assert compiler.route(first) == RouterTarget.parse("ip4=10.0.0.1")


def test_a_target_that_looks_like_another_has_no_number() -> None:
    compiler = RuleCompiler()
    assert compiler.route_id(INTERNET_GATEWAY) != 0
    assert compiler.route_id(RouterTarget(TargetKind.INTERNET_GATEWAY, address=bytes(4))) == 0


def test_targets_beyond_the_last_number_are_left_to_the_reference() -> None:
    numbers = RouteNumbers()
    for number in range(MOST_ROUTES):
        assert numbers.number_of_text(str(number)) == number + 1
    assert numbers.number_of(INTERNET_GATEWAY) == 0
    port = running_port()
    rules = Rules(COMPILED, port)
    for number in range(MOST_ROUTES):
        rules.compiler.route_id(RouterTarget(TargetKind.INTERNET_GATEWAY, str(number)))
    port.router.add(EVERYWHERE, RouterTarget.parse("ip4=10.9.9.9"), RouterClass.CUSTOM)
    rules.compile()
    assert ACTION_LEAVE in [rules.words[rule + RULE_ACTION] for rule in rules.of("router", Direction.OUT)]


def test_pools_have_one_number_for_ever() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    pools = port.network.families[0].source_nat_pools()
    assert pools is not None
    number = rules.compiler.pools_number(pools)
    port.set_external_ips(None, None)
    rules.compile()
    assert rules.compiler.pools(number) is pools
    with pytest.raises(IndexError):
        rules.compiler.pools(0)
