"""Rule sets: what has not changed is shared and never written again; what was counted comes home once."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fastpath import rule_counts
from fastpath.interpreted import interpreted, replace_once
from fastpath.layout import INBOUND, LINE, OUTBOUND
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
    COUNT_DENIED,
    COUNT_ENTRY,
    COUNT_MISS,
    COUNT_MODIFIED,
    COUNT_NO_RULE,
    COUNT_TABLE_WORDS,
    COUNT_TABLES,
    KIND_ADDRESS,
    RULE_ACTION,
    RULE_PARAMETER,
    RULES_COUNTERS,
    RULES_FIREWALL_SINCE,
    RULES_NAT_SINCE,
    RULES_PHYSICAL,
    RULES_PRIVATE_4,
    RULES_PRIVATE_6,
    RULES_VNI,
    TABLE_COUNTER,
    TABLE_DEFAULT,
    TABLE_FIRST_RULE,
)
from fastpath.rule_set import RuleSet
from fastpath.segments import SPARE_WORDS
from proofs.equivalence import vpc
from proofs.units.fastpath.rule_agreement import assert_agreement, new_port
from proofs.units.fastpath.rule_engines import COMPILED, LAYERS, THREADS, Rules, as_address, as_bytes
from proofs.units.fastpath.test_match import SIGHT
from reference import Port
from reference.address import Cidr
from reference.direction import Direction
from reference.vpc.config import ExternalIps
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import DROP, INTERNET_GATEWAY, RouterClass, RouterTarget, TargetKind
from reference.vpc.snat import SourceNatAction

FIREWALL = [FirewallRule.parse(text) for text in vpc.DEFAULT_FIREWALL]
DENY_OUT = FirewallRule.parse("dir=out action=deny priority=9 protocol=TCP port=22")
EVERYWHERE = Cidr.parse("0.0.0.0/0")


def running_port() -> Port:
    """A port with the usual firewall and a way out."""
    port = new_port()
    port.start()
    port.set_firewall_rules(FIREWALL)
    port.router.add(EVERYWHERE, INTERNET_GATEWAY, RouterClass.SYSTEM)
    return port


def actions(rules: Rules, layer: str, direction: Direction) -> Iterator[int]:
    """Index of each rule of a table."""
    rule = int(rules.words[rules.table(layer, direction) + TABLE_FIRST_RULE])
    while rule:
        yield rule
        rule = int(rules.engine.match.next_rule(rules.words, rule))


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
    (rule,) = actions(rules, "router", Direction.OUT)
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
        for rule in actions(rules, layer, direction)
    }
    mac = rules.words[by_action[int(ACTION_REWRITE_SOURCE_MAC)] + RULE_PARAMETER]
    assert int(mac).to_bytes(6) == vpc.GATEWAY_MAC
    at = int(COMPILED.match.parameters_of(rules.words, by_action[int(ACTION_OUTBOUND_NAT)]))
    addresses = [word for address in external.floating_ips for word in as_address(address)[:2]]
    assert list(rules.words[at : at + 5]) == [2, *addresses]
    number = int(rules.words[by_action[int(ACTION_SOURCE_NAT)] + RULE_PARAMETER])
    (action,) = [
        numbered.rule.action
        for numbered in port.data.layer("nat").outbound.rules.rules
        if isinstance(numbered.rule.action, SourceNatAction)
    ]
    assert rules.compiler.pools(number) is action.pools


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
    assert ACTION_LEAVE in [rules.words[rule + RULE_ACTION] for rule in actions(rules, "router", Direction.OUT)]


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


# --- counters ---


class Counting:
    """A thread's record of counters."""

    def __init__(self, rules: Rules, thread: int) -> None:
        self.rules = rules
        self.rule_set: RuleSet = rules.rule_set
        self.record = thread * int(rules.words[RULES_COUNTERS])

    def count(self, layer: str, direction: Direction, counter: int) -> None:
        """Count one more."""
        table = self.rules.table(layer, direction)
        rule_counts.count(self.rule_set.counts, self.record + int(self.rule_set.words[table + TABLE_COUNTER]) + counter)

    def packet(self, direction: Direction, is_modified: bool) -> None:
        """Count a packet, last."""
        way = INBOUND if direction is Direction.IN else OUTBOUND
        rule_counts.count_packet(self.rule_set.counts, self.record, way, is_modified)


def test_every_thread_has_cache_lines_of_its_own() -> None:
    rule_set = Rules(COMPILED, running_port()).rule_set
    width = int(rule_set.words[RULES_COUNTERS])
    assert width % LINE == 0
    assert rule_set.counts.ctypes.data % (8 * LINE) == 0
    assert len(rule_set.counts) == THREADS * width


def test_counters_do_not_overlap() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    places = []
    for layer in LAYERS:
        for direction in Direction:
            table = rules.table(layer, direction)
            first = int(rules.words[table + TABLE_COUNTER])
            own = [
                int(COMPILED.match.counter_of(rules.words, table, rule)) for rule in actions(rules, layer, direction)
            ]
            places += [*range(first, first + COUNT_TABLE_WORDS), *own]
    assert sorted(places) == list(range(COUNT_TABLES, COUNT_TABLES + len(places)))
    assert max(places) < rules.words[RULES_COUNTERS]


def play(rules: Rules, thread: int) -> None:
    """One thread counts: a packet that its second rule lets in, one that no rule lets in, one by an entry."""
    counting = Counting(rules, thread)
    counting.count("firewall", Direction.IN, COUNT_TABLE_WORDS + 1)
    counting.packet(Direction.IN, is_modified=True)
    counting.count("firewall", Direction.IN, COUNT_NO_RULE)
    counting.count("firewall", Direction.IN, COUNT_DENIED)
    counting.packet(Direction.IN, is_modified=False)
    counting.count("nat", Direction.OUT, COUNT_ENTRY)
    counting.packet(Direction.OUT, is_modified=True)


def test_what_was_counted_comes_home_once() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    for times in (1, 2):
        play(rules, 0)
        play(rules, THREADS - 1)
        for _ in range(2):
            rules.rule_set.bring_home(port.data)
        inbound, outbound = port.data.statistics.inbound, port.data.statistics.outbound
        assert (inbound.uft_miss, inbound.modified, inbound.drop, inbound.drop_layer) == (
            4 * times,
            2 * times,
            2 * times,
            2 * times,
        )
        assert (outbound.uft_miss, outbound.modified, outbound.drop, outbound.drop_layer) == (
            2 * times,
            2 * times,
            0,
            0,
        )
        side = port.data.layer("firewall").inbound
        assert [rule.hits for rule in side.rules.rules] == [0, 2 * times, 0, 0, 0]
        counted = side.statistics
        assert (counted.rule_match, counted.rule_nomatch, counted.lft_miss, counted.deny) == (
            2 * times,
            2 * times,
            4 * times,
            2 * times,
        )
        assert side.default_hits == 2 * times
        assert port.data.layer("nat").outbound.statistics.lft_hit == 2 * times


def test_hits_are_those_of_the_rules_that_were_compiled() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    former, second = rules.rule_set, port.data.layer("firewall").inbound.rules.rules[1]
    play(rules, 0)
    port.remove_firewall_rule(Direction.IN, port.data.layer("firewall").inbound.rules.rules[0].id)
    rules.compile()
    former.bring_home(port.data)
    rules.rule_set.bring_home(port.data)
    assert second.hits == 1
    assert [rule.hits for rule in port.data.layer("firewall").inbound.rules.rules] == [1, 0, 0, 0]


def test_a_packet_that_is_being_counted_comes_home_whole_in_the_end() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    counting = Counting(rules, 1)
    steps: list[Callable[[], None]] = [
        lambda: counting.count("firewall", Direction.IN, COUNT_NO_RULE),
        lambda: counting.count("firewall", Direction.IN, COUNT_DENIED),
        lambda: counting.packet(Direction.IN, is_modified=False),
        lambda: counting.count("firewall", Direction.IN, COUNT_TABLE_WORDS),
        lambda: counting.packet(Direction.IN, is_modified=True),
    ]
    drops = []
    for step in steps:
        step()
        rules.rule_set.bring_home(port.data)
        drops.append(port.data.statistics.inbound.drop)
    assert drops == [0, 0, 1, 1, 1]
    assert port.data.statistics.inbound.modified == 1
    assert port.data.layer("firewall").inbound.statistics.lft_miss == 2


def test_a_packet_that_is_modified_but_not_yet_counted_takes_no_drop_back() -> None:
    port = running_port()
    rules = Rules(COMPILED, port)
    first, second = Counting(rules, 0), Counting(rules, 1)
    drops = []
    for step in (
        lambda: first.packet(Direction.IN, is_modified=False),
        lambda: rule_counts.count(rules.rule_set.counts, second.record + COUNT_MODIFIED),
        lambda: second.packet(Direction.OUT, is_modified=True),
        lambda: rule_counts.count(rules.rule_set.counts, second.record + COUNT_MISS),
        lambda: first.packet(Direction.IN, is_modified=False),
    ):
        step()
        rules.rule_set.bring_home(port.data)
        drops.append(port.data.statistics.inbound.drop)
    assert drops == [1, 1, 1, 1, 2]


def test_counting_a_packet_first_would_lose_what_else_is_counted_for_it() -> None:
    """Why the order matters: here a thread counts the packet before its rule, and the rule's count is seen late."""
    port = running_port()
    rules = Rules(COMPILED, port)
    counting = Counting(rules, 0)
    counting.packet(Direction.IN, is_modified=True)
    rules.rule_set.bring_home(port.data)
    counting.count("firewall", Direction.IN, COUNT_TABLE_WORDS)
    rules.rule_set.bring_home(port.data)
    assert port.data.layer("firewall").inbound.statistics.lft_miss == 0


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("rule_counts", "seen[2 * thread + way] = packets", "pass"),
        ("rule_set", "self._home[:] = self._totals", "pass"),
        ("rule_counts", "totals[word] = _NOTHING", "pass"),
        ("rule_set", "self._denied[way] = denied", "pass"),
    ],
    ids=["seen packets are forgotten", "what came home is forgotten", "totals are added twice", "drops come twice"],
)
def test_a_mistake_in_counting_shows(module: str, old: str, new: str) -> None:
    copy = interpreted("fastpath.rule_compiler", {f"fastpath.{module}": replace_once(old, new)})
    port = running_port()
    rules = Rules(COMPILED._replace(compiler=copy), port)
    for _ in range(2):
        play(rules, 0)
        with np.errstate(over="ignore"):
            rules.rule_set.bring_home(port.data)
            rules.rule_set.bring_home(port.data)
    statistics = port.data.statistics.inbound
    assert (statistics.uft_miss, statistics.modified, statistics.drop) != (4, 2, 2)
