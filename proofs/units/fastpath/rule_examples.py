"""What Hypothesis draws for rule sets: few addresses, ports and names, so that rules and packets often meet."""

from typing import NamedTuple

from hypothesis import strategies as st

from proofs.equivalence import vpc
from proofs.equivalence.frames import ICMP, ICMPV6, TCP, UDP, Content, plain
from reference.action import ActionMeta
from reference.address import Cidr, parse_ip
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.packet import Packet
from reference.packet.parse import parse
from reference.packet.protocol import IpProtocol
from reference.predicate import (
    AnyOf,
    DestinationPort,
    EtherAddressGroup,
    EtherDestination,
    EtherSource,
    EtherTypeIs,
    IcmpCode,
    IcmpType,
    IpDestination,
    IpProtocolIs,
    IpSource,
    MetaTag,
    Not,
    NumberRange,
    Predicate,
    SourcePort,
)
from reference.vpc.firewall import FirewallAction, FirewallRule, ProtocolFilter, VniFilter
from reference.vpc.router import (
    DROP,
    INTERNET_GATEWAY,
    TARGET_CLASS_TAG,
    TARGET_TAG,
    Route,
    RouterAction,
    RouterClass,
    RouterTarget,
    TargetKind,
)

MACS = (vpc.GUEST_MAC, vpc.GATEWAY_MAC, vpc.PEER_MAC, b"\xff" * 6, bytes.fromhex("333300000002"), bytes(6))
ADDRESSES = {
    4: (
        *(vpc.GUEST[4], vpc.GATEWAY[4], *vpc.PEERS[4], vpc.INTERNET[4][0]),
        *map(parse_ip, ("0.0.0.0", "255.255.255.255", "10.0.0.5", "10.0.0.4", "10.0.1.4", "224.0.0.5")),
    ),
    6: (
        *(vpc.GUEST[6], vpc.GATEWAY[6], *vpc.PEERS[6], vpc.INTERNET[6][0]),
        *map(parse_ip, ("::", "ff02::2", "::10.0.0.5", "ff" * 2 + ":ffff" * 7, "fe80::1", "fd00:0:0:1::5")),
    ),
}
"""Among them addresses of both families that are the same number."""

LENGTHS = {4: (0, 1, 8, 24, 31, 32), 6: (0, 1, 8, 63, 64, 65, 127, 128)}
PORTS = (0, 1, 22, 23, 80, 0x1600, 65535)
VNIS = (0, 7, vpc.VNI, 2**24 - 1)
GATEWAYS = (None, "95c1b0a6-0b1c-4b0e-9b5a-0e4b1a9a3d4b", "11111111-0b1c-4b0e-9b5a-0e4b1a9a3d4b")

families = st.sampled_from((4, 6))
directions = st.sampled_from(Direction)


def addresses(family: int) -> st.SearchStrategy[bytes]:
    """Addresses of a family."""
    return st.sampled_from(ADDRESSES[family])


def prefixes(family: int) -> st.SearchStrategy[Cidr]:
    """Prefixes of a family: at, around and far from the boundaries of words."""
    return st.builds(Cidr.of, addresses(family), st.sampled_from(LENGTHS[family]))


def hosts(family: int) -> st.SearchStrategy[bytes | Cidr]:
    """Addresses and prefixes."""
    return st.one_of(addresses(family), prefixes(family))


# --- packets ---


class Sight(NamedTuple):
    """A packet as a layer sees it: its flow, code and Ethernet addresses, and what has been noted."""

    flow: FlowId
    code: int
    ether_destination: bytes
    ether_source: bytes
    vni: int | None
    target: RouterTarget | None

    def packet(self) -> Packet:
        """The packet."""
        frame = plain(self.flow, Content(payload=bytes(8), code=self.code), self.ether_destination, self.ether_source)
        return parse(Direction.OUT, frame)

    def meta(self, packet: Packet) -> ActionMeta:
        """What has been noted."""
        meta = ActionMeta()
        if self.vni is not None:
            meta.tags["vni"] = str(self.vni)
        if self.target is not None:
            RouterAction(self.target).apply(packet, meta)
        return meta


@st.composite
def flows(draw: st.DrawFn) -> FlowId:
    """Flow ids; ICMP of both families in both."""
    family = draw(families)
    protocol = draw(st.sampled_from((TCP, UDP, ICMP, ICMPV6)))
    first = draw(st.sampled_from((0, 8, 128, 133, 135, 137)) if protocol in (ICMP, ICMPV6) else st.sampled_from(PORTS))
    return FlowId(
        protocol, family, draw(addresses(family)), draw(addresses(family)), first, draw(st.sampled_from(PORTS))
    )


SIGHT = Sight(
    FlowId(TCP, 4, vpc.GUEST[4], vpc.PEERS[4][0], 1000, 22),
    0,
    vpc.GATEWAY_MAC,
    vpc.GUEST_MAC,
    vpc.VNI,
    INTERNET_GATEWAY,
)
"""A segment from the guest."""

targets = st.one_of(
    st.sampled_from(GATEWAYS).map(lambda gateway: RouterTarget(TargetKind.INTERNET_GATEWAY, gateway)),
    families.flatmap(addresses).map(lambda address: RouterTarget(TargetKind.IP, address=address)),
    families.flatmap(prefixes).map(lambda prefix: RouterTarget(TargetKind.SUBNET, subnet=prefix)),
)

sights = st.builds(
    Sight,
    flow=flows(),
    code=st.sampled_from((0, 0, 1, 255)),
    ether_destination=st.sampled_from(MACS),
    ether_source=st.sampled_from(MACS),
    vni=st.none() | st.sampled_from(VNIS),
    target=st.none() | targets,
)
some_sights = st.lists(sights, min_size=1, max_size=8)

# --- rules ---

ranges = st.tuples(st.sampled_from((*PORTS, -1, 70_000)), st.sampled_from((*PORTS, -1, 70_000))).map(
    lambda ends: NumberRange(*ends)
)
_some_ranges = st.lists(ranges | st.sampled_from(PORTS).map(lambda port: NumberRange(port, port)), max_size=3).map(
    tuple
)
_codes = st.lists(st.sampled_from((NumberRange(0, 0), NumberRange(1, 200), NumberRange(128, 300))), max_size=2).map(
    tuple
)
_icmp = st.sampled_from((IpProtocol.ICMP, IpProtocol.ICMPV6))
_ether_patterns = st.lists(st.sampled_from((*MACS, EtherAddressGroup.MULTICAST)), max_size=3).map(tuple)
_ip_patterns = families.flatmap(lambda family: st.lists(hosts(family), min_size=1, max_size=3).map(tuple))
_tags = st.one_of(
    st.sampled_from((*map(str, VNIS), "007", "+7", "-1", "x", "", str(2**24), "\u0667")).map(
        lambda value: MetaTag("vni", value)
    ),
    st.sampled_from(("ig", "ip", "subnet", "drop", "x")).map(lambda value: MetaTag(TARGET_CLASS_TAG, value)),
    targets.map(lambda target: MetaTag(TARGET_TAG, str(target))),
    st.just(MetaTag("colour", "7")),
)

leaves: st.SearchStrategy[Predicate] = st.one_of(
    st.lists(st.sampled_from((0x0800, 0x86DD, 0x0806, 0x1234)), max_size=2).map(lambda v: EtherTypeIs(tuple(v))),
    st.builds(EtherSource, _ether_patterns),
    st.builds(EtherDestination, _ether_patterns),
    st.builds(IpSource, _ip_patterns),
    st.builds(IpDestination, _ip_patterns),
    st.lists(st.sampled_from((1, 2, 6, 17, 58, 255, 300)), max_size=3).map(lambda v: IpProtocolIs(tuple(v))),
    st.builds(SourcePort, _some_ranges),
    st.builds(DestinationPort, _some_ranges),
    st.builds(IcmpType, _icmp, _some_ranges | _codes),
    st.builds(IcmpCode, _icmp, _codes),
    _tags,
)


class OddSourcePort(Predicate):
    """A predicate that the compiler cannot know."""

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return packet.flow.source_port % 2 == 1

    def __str__(self) -> str:
        return "odd"


def trees(leaf: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    """Predicates, some of them made of others."""
    return st.recursive(
        leaf,
        lambda inner: st.builds(Not, inner) | st.lists(inner, max_size=3).map(lambda some: AnyOf(tuple(some))),
        max_leaves=4,
    )


protocol_filters = st.one_of(
    st.just(ProtocolFilter(arp=True)),
    st.sampled_from((1, 6, 17, 58, 2)).map(lambda number: ProtocolFilter(protocol=number)),
    st.builds(
        ProtocolFilter,
        protocol=st.sampled_from((ICMP, ICMPV6)),
        icmp_type=st.sampled_from((0, 8, 128, 133)),
        icmp_codes=st.none() | st.sampled_from((NumberRange(0, 0), NumberRange(1, 255))),
    ),
)

firewall_rules = st.builds(
    FirewallRule,
    direction=directions,
    action=st.sampled_from(FirewallAction),
    priority=st.integers(0, 3),
    hosts=st.none() | families.flatmap(hosts) | st.sampled_from(VNIS).map(VniFilter),
    protocol=st.none() | protocol_filters,
    ports=st.none() | st.lists(st.sampled_from(PORTS), min_size=1, max_size=4).map(tuple),
)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Routes that the router accepts."""
    family = draw(families)
    destination = draw(prefixes(family).filter(lambda prefix: not is_group(prefix)))
    target = draw(st.sampled_from((DROP, INTERNET_GATEWAY)) | targets.filter(lambda one: one.fits(destination)))
    return Route(destination, target, draw(st.sampled_from(RouterClass)))


def is_group(prefix: Cidr) -> bool:
    """Whether a prefix is one of multicast, to which there are no routes."""
    return prefix.address[0] >> 4 == 0xE if prefix.family == 4 else prefix.address[0] == 0xFF
