"""What is demanded of compiled rules, as properties: they find the rule that the reference finds.

Each property is a function of an engine that looks for a counterexample, so that engines with faults can be put to it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.equivalence import vpc
from proofs.units.fastpath import rule_examples as examples
from proofs.units.fastpath.rule_engines import Engine, Rules
from proofs.units.fastpath.rule_examples import Sight
from reference import Port
from reference.action import HairpinAction, SimpleAction
from reference.address import Cidr
from reference.direction import Direction
from reference.predicate import AnyOf, Not, Predicate
from reference.rule import Rule
from reference.vpc.config import ExternalIps, IpConfig, SourceNat, TransitIp, VpcConfig
from reference.vpc.firewall import FirewallRule
from reference.vpc.gateway import DhcpMessageType
from reference.vpc.overlay import MulticastVniValidator
from reference.vpc.router import INTERNET_GATEWAY, Route, RouterClass

FIREWALL = [FirewallRule.parse(text) for text in vpc.DEFAULT_FIREWALL]
EVERYWHERE = Cidr.parse(vpc.EVERYTHING[4])

Property: TypeAlias = Callable[[Engine, settings], None]


def new_port(config: VpcConfig | None = None) -> Port:
    """A port of the usual guest, or of another one."""
    return Port(config or vpc.config(), vpc.ROOMY, vpc.mappings())


def running_port() -> Port:
    """A port with the usual firewall and a way out."""
    port = new_port()
    port.start()
    port.set_firewall_rules(FIREWALL)
    port.router.add(EVERYWHERE, INTERNET_GATEWAY, RouterClass.SYSTEM)
    return port


def assert_agreement(rules: Rules, layer: str, sights: list[Sight]) -> None:
    """Compiled and reference rules of a layer find the same rule for each packet, in both directions.

    A rule that is left to the reference may stand in front of that one.
    """
    for sight in sights:
        packet = sight.packet()
        meta = sight.meta(packet)
        for direction in Direction:
            table = rules.port.data.layer(layer).side(direction).rules
            expected = table.match(packet, meta)
            position = None if expected is None else table.rules.index(expected)
            found = rules.match(layer, direction, packet, meta)
            if found.is_left and found.position is not None:
                assert may_be_left(table.rules[found.position].rule)
                assert position is None or position >= found.position
            else:
                assert found.position == position


def may_be_left(rule: Rule) -> bool:
    """Whether there is a reason to leave a rule to the reference."""
    action = rule.action
    rare = isinstance(action, HairpinAction | MulticastVniValidator) or action is SimpleAction.HANDLE_PACKET
    return rare or bool(rule.data_predicates) or any(map(is_odd, rule.predicates))


def is_odd(predicate: Predicate) -> bool:
    """Whether a predicate is of an unknown class, or so deep that its clauses may be too many."""
    if isinstance(predicate, Not):
        return is_odd(predicate.predicate)
    if isinstance(predicate, AnyOf):
        return any(isinstance(inner, AnyOf) for inner in predicate.predicates) or any(map(is_odd, predicate.predicates))
    return isinstance(predicate, examples.OddSourcePort)


def firewall(engine: Engine, effort: settings) -> None:
    """Rules of the firewall, also after some have been added and removed."""

    @effort
    @given(
        rules=st.lists(examples.firewall_rules, max_size=8),
        more=st.lists(examples.firewall_rules, max_size=2),
        sights=examples.some_sights,
    )
    def holds(rules: list[FirewallRule], more: list[FirewallRule], sights: list[Sight]) -> None:
        port = new_port()
        port.set_firewall_rules(rules)
        compiled = Rules(engine, port)
        assert_agreement(compiled, "firewall", sights)
        for rule in more:
            port.add_firewall_rule(rule)
        for rule in rules[:1]:
            port.remove_firewall_rule(rule.direction, 0)
        compiled.compile()
        assert_agreement(compiled, "firewall", sights)

    holds()


def routes(engine: Engine, effort: settings) -> None:
    """Routes: the longest prefix, custom routes first, multicast beside them or not."""

    @effort
    @given(
        some=st.lists(examples.routes(), max_size=12),
        replaces=st.booleans(),
        sights=examples.some_sights,
    )
    def holds(some: list[Route], replaces: bool, sights: list[Sight]) -> None:
        port = new_port()
        if replaces:
            port.router.replace(some)
        else:
            for route in some:
                port.router.add(*route)
        compiled = Rules(engine, port)
        assert_agreement(compiled, "router", sights)
        for route in some[:1]:
            port.router.delete(*route)
        compiled.compile()
        assert_agreement(compiled, "router", sights)

    holds()


def predicates(engine: Engine, effort: settings) -> None:
    """Any predicates, known and unknown, nested and not."""
    odd = st.just(examples.OddSourcePort())
    mixed = examples.trees(examples.leaves | odd)
    rule = st.builds(
        Rule,
        priority=st.integers(0, 2),
        action=st.sampled_from((SimpleAction.ALLOW, SimpleAction.DENY, SimpleAction.STATEFUL_ALLOW)),
        predicates=st.lists(
            st.one_of(examples.leaves, examples.trees(examples.leaves), examples.trees(odd), mixed),
            max_size=3,
        ).map(tuple),
        data_predicates=st.sampled_from(((), (), (), (DhcpMessageType(1),))),
    )

    @effort
    @given(rules=st.lists(rule, max_size=5), sights=examples.some_sights)
    def holds(rules: list[Rule], sights: list[Sight]) -> None:
        port = new_port()
        for one in rules:
            port.data.add_rule("firewall", Direction.OUT, one)
        assert_agreement(Rules(engine, port), "firewall", sights)

    holds()


def _external_ips(family: int) -> st.SearchStrategy[ExternalIps]:
    address = st.sampled_from((vpc.EPHEMERAL[family], vpc.FLOATING[family], vpc.SHARED[family]))
    return st.builds(
        ExternalIps,
        snat=st.none() | address.map(lambda one: SourceNat(one, 1000, 1001)),
        ephemeral_ip=st.none() | address,
        floating_ips=st.lists(address, max_size=2, unique=True).map(tuple),
    )


def _addresses(family: int) -> st.SearchStrategy[IpConfig]:
    return st.builds(
        IpConfig,
        vpc_subnet=st.just(Cidr.parse(vpc.SUBNET[family])),
        private_ip=st.just(vpc.GUEST[family]),
        gateway_ip=st.just(vpc.GATEWAY[family]),
        external_ips=_external_ips(family),
        attached_subnets=st.dictionaries(examples.prefixes(family), st.booleans(), max_size=2),
        transit_ips=st.dictionaries(
            examples.prefixes(family), st.builds(TransitIp, st.booleans(), st.booleans()), max_size=2
        ),
    )


_configs = st.builds(
    VpcConfig,
    guest_mac=st.just(vpc.GUEST_MAC),
    gateway_mac=st.just(vpc.GATEWAY_MAC),
    vni=st.just(vpc.VNI),
    phys_ip=st.just(vpc.GUEST_UNDERLAY),
    ipv4=st.none() | _addresses(4),
    ipv6=st.none() | _addresses(6),
)
_gateways = st.dictionaries(
    st.sampled_from([table[family] for table in (vpc.EPHEMERAL, vpc.FLOATING, vpc.SHARED) for family in (4, 6)]),
    st.frozensets(st.sampled_from([text for text in examples.GATEWAYS if text is not None])),
)


def network(engine: Engine, effort: settings) -> None:
    """The rules of gateway, NAT and overlay, for any configuration of the network."""

    @effort
    @given(config=_configs, gateways=st.none() | _gateways, data=st.data(), sights=examples.some_sights)
    def holds(config: VpcConfig, gateways: Any, data: st.DataObject, sights: list[Sight]) -> None:
        port = new_port(config)
        compiled = Rules(engine, port)
        for layer in ("gateway", "nat", "overlay"):
            assert_agreement(compiled, layer, sights)
        ipv4 = None if config.ipv4 is None else data.draw(_external_ips(4))
        ipv6 = None if config.ipv6 is None else data.draw(_external_ips(6))
        port.set_external_ips(ipv4, ipv6, gateways)
        compiled.compile()
        assert_agreement(compiled, "nat", sights)

    holds()


PROPERTIES: Mapping[str, Property] = {
    "firewall": firewall,
    "routes": routes,
    "predicates": predicates,
    "network": network,
}
