"""Compiled rules decide as the reference's do, whatever the rules and the packet; and the check notices mistakes."""

import random
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import Phase, settings

from fastpath.rule_layout import ACTION_DENY, TABLE_INTERVALS_4_AT
from proofs.equivalence import vpc
from proofs.ledger import Method, claim
from proofs.units.fastpath.rule_agreement import PROPERTIES, assert_agreement, new_port
from proofs.units.fastpath.rule_engines import COMPILED, ENGINES, Change, Found, Rules, interpreted_engine
from proofs.units.fastpath.rule_examples import SIGHT, OddSourcePort, Sight
from reference.action import ActionMeta, SimpleAction
from reference.address import Cidr
from reference.direction import Direction
from reference.packet.packet import Packet
from reference.predicate import (
    AnyOf,
    DestinationPort,
    EtherSource,
    EtherTypeIs,
    IpProtocolIs,
    IpSource,
    MetaTag,
    Not,
    NumberRange,
    Predicate,
    SourcePort,
)
from reference.rule import Rule
from reference.vpc.gateway import DhcpMessageType
from reference.vpc.nat import InboundNat
from reference.vpc.router import (
    DROP,
    INTERNET_GATEWAY,
    TARGET_TAG,
    Route,
    RouterAction,
    RouterClass,
    RouterTarget,
    TargetKind,
)

THOROUGH = {"compiled": settings(max_examples=100), "uncompiled": settings(max_examples=50)}
SEARCH = settings(max_examples=1_000, phases=[Phase.generate], report_multiple_bugs=False, database=None)


@claim(
    "C6",
    "compiled rules find the rule that the reference's find",
    method=Method.TESTED,
    scope="random rules of all layers, of every predicate, and random packets, compiled and not; packets with an IP "
    "header",
    assumptions="what compiled rules leave to the reference, the reference decides",
)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", PROPERTIES)
def test_compiled_rules_find_what_the_reference_finds(kind: str, engine: str) -> None:
    PROPERTIES[kind](ENGINES[engine], THOROUGH[engine])


class Fault(NamedTuple):
    """A mistake, and the property that departs."""

    name: str
    kind: str
    changes: tuple[Change, ...]


def fault(name: str, kind: str, *change: str) -> Fault:
    """One change of the source."""
    return Fault(name, kind, (Change(*change),))


FAULTS = (
    fault(
        "negation is ignored",
        "predicates",
        "match",
        "return is_so != (field & ATOM_NEGATED != _NOTHING)",
        "return is_so",
    ),
    fault(
        "the end of a range is not in it",
        "firewall",
        "match",
        "value <= word_of(rules, atom + ATOM_LAST)",
        "value < word_of(rules, atom + ATOM_LAST)",
    ),
    fault(
        "the second word of an address does not count",
        "firewall",
        "compile_predicates",
        "next_mask=mask & _ALL, next=value & _ALL",
        "next_mask=0, next=0",
    ),
    fault(
        "a prefix is a bit too short",
        "firewall",
        "compile_predicates",
        "mask = (1 << bits) - 1 >> bits - prefix.length << bits - prefix.length",
        "mask = (1 << bits) - 1 >> bits - prefix.length + 1 << bits - prefix.length + 1",
    ),
    fault(
        "families are not told apart",
        "firewall",
        "compile_predicates",
        "return _family(prefixes[0].family), tuple(",
        "return (), tuple(",
    ),
    fault(
        "all atoms of a clause must hold",
        "firewall",
        "match",
        "while atom < clause and not atom_holds",
        "while atom < clause and atom_holds",
    ),
    fault(
        "every protocol has ports",
        "firewall",
        "compile_predicates",
        "return _HAS_PORTS, _ranges(shift, 16, ranges)",
        "return (_ranges(shift, 16, ranges),)",
    ),
    fault(
        "the code of a message is its type",
        "firewall",
        "compile_predicates",
        "_message(_SOURCE_PORT + 8, predicate)",
        "_message(_SOURCE_PORT, predicate)",
    ),
    fault("VNI 0 is none", "firewall", "compile_predicates", "int(value) + 1),)", "int(value)),)"),
    fault("the last rule is followed by another", "firewall", "compile_tables", "body[start + RULE_NEXT] = 0", "pass"),
    fault(
        "an unknown predicate always holds",
        "predicates",
        "compile_rules",
        "is_exact = not rule.data_predicates and None not in conditions",
        "is_exact = not rule.data_predicates",
    ),
    fault(
        "a condition on the body always holds",
        "predicates",
        "compile_rules",
        "is_exact = not rule.data_predicates and None not in conditions",
        "is_exact = None not in conditions",
    ),
    fault(
        "an interval begins one address late",
        "routes",
        "intervals",
        "if not is_below(high, low, rules[middle + ROW_START], rules[middle + ROW_START + 1]):",
        "if is_below(rules[middle + ROW_START], rules[middle + ROW_START + 1], high, low):",
    ),
    fault(
        "the innermost prefix decides",
        "routes",
        "intervals",
        "= min(stack[top + PREFIX_RANK], prefixes[at + PREFIX_RANK])",
        "= prefixes[at + PREFIX_RANK]",
    ),
    fault(
        "behind a prefix nothing is said",
        "routes",
        "intervals",
        "if depth > 0 else _NOTHING\n",
        "if depth < 0 else _NOTHING\n",
    ),
    fault(
        "a table is not compiled anew", "firewall", "compile_tables", "if rules == former.rules:", "if former.rules:"
    ),
    fault(
        "a class of targets is another",
        "network",
        "compile_predicates",
        "TargetKind.INTERNET_GATEWAY.value: KIND_INTERNET_GATEWAY,",
        "TargetKind.INTERNET_GATEWAY.value: KIND_SUBNET,",
    ),
    fault(
        "the group bit is another",
        "network",
        "compile_predicates",
        "_GROUP_BIT: Final = 1 << 40",
        "_GROUP_BIT: Final = 1 << 47",
    ),
)


@pytest.mark.parametrize("mistake", FAULTS, ids=lambda mistake: mistake.name)
def test_a_mistake_shows(mistake: Fault) -> None:
    engine = interpreted_engine(*mistake.changes)
    # Rules that go wrong may also lead out of the array.
    with pytest.raises((AssertionError, IndexError)):
        PROPERTIES[mistake.kind](engine, SEARCH)


def outbound_rules(*rules: Rule) -> Rules:
    """The compiled rules of a port whose firewall has just these rules, one before the other."""
    port = new_port()
    for priority, rule in enumerate(rules):
        port.data.add_rule("firewall", Direction.OUT, replace(rule, priority=priority))
    return Rules(COMPILED, port)


def found_for(rules: Rules, sight: Sight = SIGHT) -> Found:
    """What the firewall says about a packet from the guest."""
    packet = sight.packet()
    return rules.match("firewall", Direction.OUT, packet, sight.meta(packet))


DENY = SimpleAction.DENY
DENIES = int(ACTION_DENY)


@pytest.mark.parametrize(
    "predicate",
    [
        *(kind(()) for kind in (EtherTypeIs, EtherSource, IpProtocolIs, SourcePort, DestinationPort, AnyOf)),
        EtherSource((b"short",)),
        IpProtocolIs((6 + 256,)),
        DestinationPort((NumberRange(23, 21), NumberRange(65_536, 70_000), NumberRange(-5, -1))),
        MetaTag("colour", "red"),
        MetaTag("vni", "0" + str(vpc.VNI)),
        MetaTag("router-target-class", "drop"),
    ],
    ids=str,
)
def test_what_never_holds_is_compiled_to_that(predicate: Predicate) -> None:
    assert found_for(outbound_rules(Rule(0, DENY, (predicate,)))) == Found(None, None)
    assert found_for(outbound_rules(Rule(0, DENY, (Not(predicate),)))) == Found(0, DENIES)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(0, DENY, (OddSourcePort(),)),
        Rule(0, DENY, (Not(AnyOf((IpProtocolIs((6,)), OddSourcePort()))), IpProtocolIs((6,)))),
        Rule(0, DENY, (), (DhcpMessageType(1),)),
        Rule(0, DENY, (IpSource((vpc.GUEST[4], vpc.GUEST[6])),)),
        Rule(0, SimpleAction.HANDLE_PACKET),
        Rule(0, RouterAction(DROP)),
    ],
    ids=["unknown", "unknown inside", "about the body", "two families", "handled elsewhere", "a route to nowhere"],
)
def test_a_rule_that_cannot_be_compiled_is_left_to_the_reference_where_it_might_hold(rule: Rule) -> None:
    elsewhere = replace(rule, predicates=(IpProtocolIs((17,)), *rule.predicates))
    assert found_for(outbound_rules(rule)).is_left
    assert found_for(outbound_rules(elsewhere, Rule(0, DENY))) == Found(1, DENIES)


def test_a_subclass_may_mean_anything() -> None:
    class NotTcp(IpProtocolIs):
        """The opposite of what it looks like."""

        def matches(self, packet: Packet, meta: ActionMeta) -> bool:
            return not super().matches(packet, meta)

    class Nothing(InboundNat):
        """Does not do what it looks like."""

    assert found_for(outbound_rules(Rule(0, DENY, (NotTcp((6,)),)))).is_left
    family = new_port().network.families[0]
    assert found_for(outbound_rules(Rule(0, Nothing(family)))).is_left


def test_a_predicate_need_not_be_hashable() -> None:
    class Unhashable(OddSourcePort):
        """Has no hash."""

        __hash__ = None  # type: ignore[assignment]

    assert found_for(outbound_rules(Rule(0, DENY, (Unhashable(),)))).is_left


def test_a_condition_that_would_be_too_large_is_left_to_the_reference() -> None:
    pair = Not(IpSource((vpc.PEERS[4][0], vpc.PEERS[4][1])))
    large = AnyOf((pair,) * 9)
    assert found_for(outbound_rules(Rule(0, DENY, (AnyOf((pair,) * 3),)))) == Found(0, DENIES)
    assert found_for(outbound_rules(Rule(0, DENY, (large,)))).is_left


def test_a_tag_that_no_target_has_yet_holds_for_the_target_that_gets_it() -> None:
    target = RouterTarget(TargetKind.IP, address=vpc.PEERS[4][1])
    rules = outbound_rules(Rule(0, DENY, (MetaTag(TARGET_TAG, str(target)),)))
    assert found_for(rules) == Found(None, None)
    assert found_for(rules, SIGHT._replace(target=target)) == Found(0, DENIES)


def test_thousands_of_routes_are_found_like_few() -> None:
    port = new_port()
    rng = random.Random(7)
    every = {
        Cidr.of(bytes([10, *rng.choices(range(4), k=3)]), rng.randrange(8, 33)): RouterClass.CUSTOM
        for _ in range(3_000)
    }
    port.router.replace(Route(prefix, INTERNET_GATEWAY, kind) for prefix, kind in every.items())
    rules = Rules(COMPILED, port)
    assert rules.words[rules.table("router", Direction.OUT) + TABLE_INTERVALS_4_AT] != 0
    sights = [
        SIGHT._replace(flow=SIGHT.flow._replace(destination=bytes([10, *rng.choices(range(5), k=3)])))
        for _ in range(100)
    ]
    assert_agreement(rules, "router", sights)
