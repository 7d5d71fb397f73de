"""The list of shapes is complete: whatever a VPC port compiles has a shape that is on it, and each one is compiled."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.equivalence import vpc
from proofs.equivalence.frames import EXTERNAL_OPTION, ICMP, ICMPV6, TCP, UDP, Content, Tunnel, plain
from proofs.ledger import Method, claim
from proofs.smt.transform_shapes import EVERY_SHAPE, IN_CI, Shape, shape_of
from proofs.units.fastpath import rule_examples as examples
from reference import Port
from reference.address import Cidr, parse_ip
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.vpc.config import ExternalIps, IpConfig, TransitIp
from reference.vpc.firewall import FirewallRule
from reference.vpc.router import INTERNET_GATEWAY, Route, RouterClass, RouterTarget

GROUP = {4: parse_ip("224.0.0.5"), 6: parse_ip("ff02::114")}
SUBNET = {4: Cidr.parse("198.18.0.0/24"), 6: Cidr.parse("2001:db8:9::/64")}
"""External subnets of the guest."""
GROUP_UNDERLAY = parse_ip("ff04::5")
OPEN = [FirewallRule.parse("dir=in action=allow priority=1")]
PROTOCOLS = (TCP, UDP, ICMP, ICMPV6)
REQUEST = {ICMP: 8, ICMPV6: 128}


class Packet(NamedTuple):
    """A packet to or from the guest, by its flow and the outer VNI of an inbound one."""

    direction: Direction
    flow: FlowId
    vni: int = vpc.VNI

    def frame(self) -> bytes:
        """Its bytes."""
        if self.direction is Direction.OUT:
            return plain(self.flow, Content(payload=b"payload"), vpc.GATEWAY_MAC, vpc.GUEST_MAC)
        inner = plain(self.flow, Content(payload=b"payload"), vpc.GUEST_MAC, vpc.PEER_MAC)
        options = b"" if self.vni == vpc.VNI else EXTERNAL_OPTION
        return Tunnel(vpc.PEER_UNDERLAY, vpc.GUEST_UNDERLAY, self.vni, options).wrap(inner)


def port_with(families: dict[int, IpConfig | None], *, replaces: bool) -> Port:
    """A running port with open firewall, a way out and a group; `replaces`: no rule lets multicast pass the router."""
    mappings = vpc.mappings()
    for group in GROUP.values():
        mappings.m2p.set(group, GROUP_UNDERLAY)
    port = Port(replace(vpc.config(), ipv4=families[4], ipv6=families[6]), vpc.ROOMY, mappings)
    routes = []
    for family in (4, 6):
        subnet = vpc.SUBNET[family]
        routes.append(Route(Cidr.parse(vpc.EVERYTHING[family]), INTERNET_GATEWAY, RouterClass.SYSTEM))
        routes.append(Route(Cidr.parse(subnet), RouterTarget.parse(f"sub{family}={subnet}"), RouterClass.SYSTEM))
    if replaces:
        port.router.replace(routes)
    else:
        for route in routes:
            port.router.add(*route)
    port.set_firewall_rules(OPEN)
    port.start()
    return port


def shapes_in(port: Port) -> Iterator[Shape]:
    """Shapes of all transforms that the port has compiled."""
    for direction in Direction:
        for flow, entry in port.uft.table(direction).entries.items():
            if entry.transform.compiled is not None:
                yield shape_of(direction, flow, entry.transform.compiled)


def addresses(family: int, external: ExternalIps) -> dict[int, IpConfig | None]:
    """The usual guest, with these external addresses and an external subnet in a family."""
    usual = vpc.config()
    found: dict[int, IpConfig | None] = {4: usual.ipv4, 6: usual.ipv6}
    one = found[family]
    assert one is not None
    return {**found, family: replace(one, external_ips=external, attached_subnets={SUBNET[family]: True})}


def ordinary_packets(family: int) -> Iterator[Packet]:
    """Packets of all protocols between the guest and neighbours, the internet and a group."""
    guest, own = vpc.GUEST[family], (vpc.GUEST[family], vpc.EPHEMERAL[family], vpc.FLOATING[family])
    for protocol in PROTOCOLS:
        first = REQUEST.get(protocol, 1000)
        for other in (vpc.PEERS[family][0], vpc.INTERNET[family][0], GROUP[family]):
            for source in (guest, SUBNET[family].address):
                yield Packet(Direction.OUT, FlowId(protocol, family, source, other, first, 80))
        for address in own:
            outside = FlowId(protocol, family, vpc.INTERNET[family][0], address, first, 80)
            yield Packet(Direction.IN, outside, vpc.BOUNDARY_VNI)
        yield Packet(Direction.IN, FlowId(protocol, family, vpc.PEERS[family][0], guest, first, 80))


@pytest.mark.slow
def test_every_shape_is_compiled_by_some_port() -> None:
    found: set[Shape] = set()
    for family in (4, 6):
        for external in (
            ExternalIps(),
            ExternalIps(snat=vpc.source_nat(family)),
            ExternalIps(ephemeral_ip=vpc.EPHEMERAL[family]),
            ExternalIps(floating_ips=(vpc.FLOATING[family],)),
        ):
            for packet in ordinary_packets(family):
                for replaces in (False, True):
                    port = port_with(addresses(family, external), replaces=replaces)
                    port.process(packet.direction, packet.frame(), 0)
                    found |= set(shapes_in(port))
    assert set(map(str, set(EVERY_SHAPE) - found)) == set()
    assert set(map(str, found - set(EVERY_SHAPE))) == set()


# --- any configuration, any packets ---


def external_ips(family: int) -> st.SearchStrategy[ExternalIps]:
    """External addresses of all kinds, the same one for several purposes included."""
    own = st.sampled_from((vpc.EPHEMERAL[family], vpc.FLOATING[family], vpc.SHARED[family]))
    return st.builds(
        ExternalIps,
        snat=st.none() | st.just(vpc.source_nat(family)),
        ephemeral_ip=st.none() | own,
        floating_ips=st.lists(own, max_size=2, unique=True).map(tuple),
    )


def configurations(family: int) -> st.SearchStrategy[IpConfig]:
    """The guest's addresses, attached subnets and prefixes that it forwards for."""
    return st.builds(
        IpConfig,
        vpc_subnet=st.just(Cidr.parse(vpc.SUBNET[family])),
        private_ip=st.just(vpc.GUEST[family]),
        gateway_ip=st.just(vpc.GATEWAY[family]),
        external_ips=external_ips(family),
        attached_subnets=st.dictionaries(examples.prefixes(family), st.booleans(), max_size=2),
        transit_ips=st.dictionaries(
            examples.prefixes(family), st.builds(TransitIp, st.booleans(), st.booleans()), max_size=2
        ),
    )


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Packets mostly of the guest, also from and to other addresses; ICMP of both families in both, of any type."""
    family, protocol = draw(examples.families), draw(st.sampled_from(PROTOCOLS))
    near = draw(
        st.sampled_from((vpc.GUEST[family],) * 3 + (vpc.EPHEMERAL[family], vpc.FLOATING[family], vpc.SHARED[family]))
        | examples.addresses(family)
    )
    far = draw(st.sampled_from((*vpc.PEERS[family], *vpc.INTERNET[family], GROUP[family])) | examples.addresses(family))
    numbers = st.sampled_from((0, 3, 8, 128, 129, 1000, 1025))
    first = draw(numbers.filter(lambda number: number < 256) if protocol in REQUEST else numbers)
    direction = draw(examples.directions)
    source, destination = (near, far) if direction is Direction.OUT else (far, near)
    vni = draw(st.sampled_from((vpc.VNI, vpc.BOUNDARY_VNI)))
    return Packet(direction, FlowId(protocol, family, source, destination, first, draw(numbers)), vni)


@pytest.mark.slow
@claim(
    "C5",
    f"every transform that a VPC port compiles has one of the {len(EVERY_SHAPE)} listed shapes; emission is proved for "
    f"{len(IN_CI)} of them in every run, for all in `make prove`",
    method=Method.TESTED,
    scope="80 generated ports: addresses of all kinds, subnets, forwarded prefixes, routes; up to 12 packets each",
)
@settings(max_examples=80)
@given(
    four=configurations(4),
    six=configurations(6),
    routes=st.lists(examples.routes(), max_size=3),
    replaces=st.booleans(),
    some=st.lists(packets(), min_size=1, max_size=12),
)
def test_whatever_a_port_compiles_has_a_shape_on_the_list(
    four: IpConfig, six: IpConfig, routes: list[Route], replaces: bool, some: list[Packet]
) -> None:
    port = port_with({4: four, 6: six}, replaces=replaces)
    for route in routes:
        port.router.add(*route)
    for packet in some:
        port.process(packet.direction, packet.frame(), 0)
    assert set(shapes_in(port)) <= set(EVERY_SHAPE)
