"""Compiled rule sets find the rule that the reference finds, for every packet; and a fault in them is found."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath import intervals, match
from fastpath.interpreted import Interpreted, replace_once
from proofs.ledger import Method, claim
from proofs.smt.rule_sets import agreement, found_for_real
from proofs.smt.source import SOURCE_TEXT, broken
from proofs.units.fastpath import rule_examples as examples
from proofs.units.fastpath.rule_agreement import new_port, running_port
from proofs.units.fastpath.rule_engines import COMPILED, LAYERS, Change, Engine, Rules, interpreted_engine
from reference import Port
from reference.action import SimpleAction
from reference.address import Cidr
from reference.direction import Direction
from reference.rule import Rule
from reference.vpc.firewall import FirewallRule
from reference.vpc.gateway import DhcpMessageType
from reference.vpc.router import INTERNET_GATEWAY, Route, RouterClass

EVERY_PACKET = "every packet with an IP header, every VNI and router target noted"
AS_NOTED = "passages have fields and tags as misses write them; a rule left to the reference is the reference's"

IN_CI = settings(max_examples=5)
AT_LENGTH = settings(max_examples=80)


def prove_agreement(port: Port, layer: str, direction: Direction) -> None:
    """For packets of both families. Raises Refuted, Unknown."""
    rules = Rules(COMPILED, port)
    for family in (4, 6):
        machine, goal, _ = agreement(rules, layer, direction, family)
        machine.prove(goal, f"rules of {layer}, {direction}, IPv{family}")


@pytest.mark.parametrize("layer", LAYERS)
@claim(
    "C6",
    "the compiled rules of a running port find the rule that the reference's find",
    method=Method.PROVED,
    scope=f"the usual guest's port, all layers, both directions; {EVERY_PACKET}",
    assumptions=AS_NOTED,
)
def test_the_rules_of_a_running_port_decide_like_the_reference(layer: str) -> None:
    for direction in Direction:
        prove_agreement(running_port(), layer, direction)


def with_firewall(rules: list[FirewallRule]) -> Port:
    """A port with these rules."""
    port = new_port()
    port.set_firewall_rules(rules)
    return port


def with_any_rules(rules: list[Rule]) -> Port:
    """A port with these rules in its firewall."""
    port = new_port()
    for rule in rules:
        port.data.add_rule("firewall", Direction.OUT, rule)
    return port


def with_routes(some: list[Route], *, replaces: bool) -> Port:
    """A port with these routes, in place of the rule that lets multicast pass, or beside it."""
    port = new_port()
    if replaces:
        port.router.replace(some)
    else:
        for route in some:
            port.router.add(*route)
    return port


ANY_RULE = st.builds(
    Rule,
    priority=st.integers(0, 2),
    action=st.sampled_from((SimpleAction.ALLOW, SimpleAction.DENY, SimpleAction.STATEFUL_ALLOW)),
    predicates=st.lists(
        st.one_of(examples.leaves, examples.trees(examples.leaves), st.just(examples.OddSourcePort())), max_size=3
    ).map(tuple),
    data_predicates=st.sampled_from(((), (), (), (DhcpMessageType(1),))),
)


def over_generated_rules(effort: settings) -> list[Callable[[], None]]:
    """The proof for firewalls, rules of any predicates and routes, as many of each as the effort says."""

    @effort
    @given(rules=st.lists(examples.firewall_rules, max_size=6), direction=examples.directions)
    def firewalls(rules: list[FirewallRule], direction: Direction) -> None:
        prove_agreement(with_firewall(rules), "firewall", direction)

    @effort
    @given(rules=st.lists(ANY_RULE, max_size=4))
    def any_rules(rules: list[Rule]) -> None:
        prove_agreement(with_any_rules(rules), "firewall", Direction.OUT)

    @effort
    @given(some=st.lists(examples.routes(), max_size=8), replaces=st.booleans())
    def routes(some: list[Route], replaces: bool) -> None:
        prove_agreement(with_routes(some, replaces=replaces), "router", Direction.OUT)

    return [firewalls, any_rules, routes]


KINDS = ("firewalls", "any predicates", "routes")


@pytest.mark.slow
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
@claim(
    "C6",
    "compiled rules find the rule that the reference's find",
    method=Method.PROVED,
    scope=f"15 generated rule sets: firewalls, rules of any predicates, routes; {EVERY_PACKET}",
    assumptions=AS_NOTED,
)
def test_generated_rules_decide_like_the_reference(kind: int) -> None:
    over_generated_rules(IN_CI)[kind]()


@pytest.mark.prove
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
@claim(
    "C6",
    "compiled rules find the rule that the reference's find",
    method=Method.PROVED,
    scope=f"240 generated rule sets: firewalls, rules of any predicates, routes; {EVERY_PACKET}",
    assumptions=AS_NOTED,
)
def test_many_generated_rules_decide_like_the_reference(kind: int) -> None:
    over_generated_rules(AT_LENGTH)[kind]()


COMPILER_FAULTS = [
    Change("compile_predicates", "next_mask=mask & _ALL, next=value & _ALL", "next_mask=0, next=0"),
    Change(
        "compile_predicates", "return _HAS_PORTS, _ranges(shift, 16, ranges)", "return (_ranges(shift, 16, ranges),)"
    ),
    Change("compile_predicates", "return _family(prefixes[0].family), tuple(", "return (), tuple("),
    Change("compile_predicates", "int(value) + 1),)", "int(value)),)"),
]
FIREWALL = [
    FirewallRule.parse(text)
    for text in (
        "dir=in priority=10 action=allow hosts=subnet=10.0.0.0/24 port=22,80",
        "dir=in priority=11 action=deny hosts=ip=fd00::7",
        "dir=in priority=12 action=allow hosts=vni=7",
    )
]
ROUTES = ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "172.16.0.0/12", "fd00::/8", "fd00:0:0:1::/64")
Place: TypeAlias = tuple[str, Direction, int]
"""A table and a family of packets."""
FIREWALL_AND_NAT: Sequence[Place] = (
    ("firewall", Direction.IN, 4),
    ("firewall", Direction.IN, 6),
    ("nat", Direction.OUT, 4),
)


@pytest.mark.parametrize("change", COMPILER_FAULTS, ids=[change.new for change in COMPILER_FAULTS])
def test_a_fault_in_the_rule_compiler_is_refuted_by_a_packet_that_meets_another_rule(change: Change) -> None:
    assert departs(interpreted_engine(change), match)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<= value <=", "< value <="),
        ("if atom >= clause:", "if atom > clause:"),
    ],
)
def test_a_fault_in_the_search_is_refuted_by_a_packet_that_meets_another_rule(old: str, new: str) -> None:
    faulty = broken(match, old, new)
    assert departs(COMPILED._replace(match=faulty), faulty)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(high == other_high and low < other_low)", "(high == other_high and low <= other_low)"),
        ("high, low = (high, low + ONE) if low != _ONES", "high, low = (high, low) if low != _ONES"),
    ],
)
def test_a_fault_in_the_intervals_of_routes_is_refuted_by_a_packet_that_takes_another_route(old: str, new: str) -> None:
    name, rewrite = intervals.__name__, replace_once(old, new)
    copies = Interpreted({name: rewrite})
    vars(copies.module(name))[SOURCE_TEXT] = rewrite(Path(str(intervals.__file__)).read_text(encoding="utf-8"))
    engine = Engine(*(copies.module(f"fastpath.{part}") for part in ("rule_compiler", "match", "destinations")))
    some = [Route(Cidr.parse(text), INTERNET_GATEWAY, RouterClass.SYSTEM) for text in ROUTES]
    port = with_routes(some, replaces=True)
    assert departs(engine, engine.match, port, [("router", Direction.OUT, 4), ("router", Direction.OUT, 6)])


def departs(
    engine: Engine, module: ModuleType, port: Port | None = None, places: Sequence[Place] = FIREWALL_AND_NAT
) -> bool:
    """Whether the claim is refuted for some layer, by a packet for which the faulty rules really find another rule."""
    if port is None:
        port = running_port()
        port.set_firewall_rules(FIREWALL)
    rules, right = Rules(engine, port), Rules(COMPILED, port)
    for layer, direction, family in places:
        machine, goal, _ = agreement(rules, layer, direction, family, module)
        values = machine.counterexample(goal, layer)
        if values is not None:
            position, expected = found_for_real(rules, layer, direction, family, values)
            assert position != expected
            position, expected = found_for_real(right, layer, direction, family, values)
            assert position == expected
            return True
    return False
