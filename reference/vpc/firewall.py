"""The firewall layer: which flows may begin.

Inbound everything is denied that no rule allows; outbound everything is allowed that no rule denies. Allowed flows are
stateful, so that their replies pass. Upstream behaviour: `lib/oxide-vpc/src/engine/firewall.rs`; rule texts:
`FirewallRule` in `api.rs`.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from reference.action import SimpleAction
from reference.address import Cidr, parse_ip, parse_unsigned
from reference.direction import Direction
from reference.errors import TextError
from reference.layer import DefaultAction, Layer
from reference.packet.protocol import EtherType, IpProtocol
from reference.predicate import (
    DestinationPort,
    EtherTypeIs,
    IcmpCode,
    IcmpType,
    IpDestination,
    IpProtocolIs,
    IpSource,
    MetaTag,
    NumberRange,
    Predicate,
    one_number,
)
from reference.rule import Rule
from reference.semantics import Semantics

NAME = "firewall"

VNI_TAG = "vni"
"""Name under which the VNI of the other side is noted in the action metadata, in decimal."""


class FirewallAction(enum.Enum):
    """What a firewall rule decides."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class VniFilter:
    """All addresses of a VPC."""

    vni: int


@dataclass(frozen=True, slots=True)
class ProtocolFilter:
    """Packets of a protocol.

    Attributes:
        arp: ARP instead of an IP protocol.
        protocol: IP protocol number; None only for ARP.
        icmp_type: message type of ICMP or ICMPv6, if it matters.
        icmp_codes: range of its codes, if it matters.
    """

    arp: bool = False
    protocol: int | None = None
    icmp_type: int | None = None
    icmp_codes: NumberRange | None = None


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """A firewall rule.

    Attributes:
        direction: the direction of packets that may begin a flow.
        priority: 0 to 65535; the smaller number decides first.
        hosts: address, prefix or VPC of the remote side; None for any.
        protocol: None for any.
        ports: destination ports; None for any.
    """

    direction: Direction
    action: FirewallAction
    priority: int
    hosts: bytes | Cidr | VniFilter | None = None
    protocol: ProtocolFilter | None = None
    ports: tuple[int, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> "FirewallRule":
        """Parse OPTE's text form: `dir=in action=allow priority=10 hosts=ip=10.0.0.1 protocol=tcp port=22,80`.

        Direction, action and priority are required; case does not matter. Beyond OPTE, `protocol=proto:N` names an IP
        protocol by number.

        Raises:
            TextError: with OPTE's message.
        """
        values: dict[str, object] = {}
        for token in text.lower().split(" "):
            key, equals, value = token.partition("=")
            if not equals:
                raise TextError(f"bad token: {token}")
            if key not in _PARSERS:
                raise TextError(f"invalid key: {token}")
            values[key] = _PARSERS[key](value)
        for key, shown in (("action", "'action'"), ("dir", "direction ('dir')"), ("priority", "'priority'")):
            if key not in values:
                raise TextError(f"missing {shown} key")
        return cls(
            direction=values["dir"],  # type: ignore[arg-type]
            action=values["action"],  # type: ignore[arg-type]
            priority=values["priority"],  # type: ignore[arg-type]
            hosts=values.get("hosts"),  # type: ignore[arg-type]
            protocol=values.get("protocol"),  # type: ignore[arg-type]
            ports=values.get("port"),  # type: ignore[arg-type]
        )

    def rule(self) -> Rule:
        """The layer rule that implements this rule."""
        predicates = [*_protocol_predicates(self.protocol), *_port_predicates(self.ports)]
        predicates += _host_predicates(self.hosts, self.direction)
        action = SimpleAction.STATEFUL_ALLOW if self.action is FirewallAction.ALLOW else SimpleAction.DENY
        return Rule(self.priority, action, tuple(predicates))


def build(limit: int, semantics: Semantics) -> Layer:
    """The layer without rules."""
    return Layer(NAME, DefaultAction.DENY, DefaultAction.STATEFUL_ALLOW, limit, semantics)


def layer_rules(rules: Iterable[FirewallRule]) -> tuple[list[Rule], list[Rule]]:
    """Inbound and outbound layer rules, in the order given."""
    inbound: list[Rule] = []
    outbound: list[Rule] = []
    for rule in rules:
        (inbound if rule.direction is Direction.IN else outbound).append(rule.rule())
    return inbound, outbound


def _protocol_predicates(filters: ProtocolFilter | None) -> list[Predicate]:
    if filters is None:
        return []
    if filters.arp:
        return [EtherTypeIs((EtherType.ARP,))]
    assert filters.protocol is not None
    if filters.icmp_type is None:
        return [IpProtocolIs((filters.protocol,))]
    protocol = IpProtocol(filters.protocol)
    predicates: list[Predicate] = [IcmpType(protocol, one_number(filters.icmp_type))]
    if filters.icmp_codes is not None:
        predicates.append(IcmpCode(protocol, (filters.icmp_codes,)))
    return predicates


def _port_predicates(ports: tuple[int, ...] | None) -> list[Predicate]:
    return [] if ports is None else [DestinationPort(join_ranges(ports))]


def join_ranges(numbers: Iterable[int]) -> tuple[NumberRange, ...]:
    """The fewest ranges that hold exactly these numbers, ascending."""
    ranges: list[NumberRange] = []
    for number in sorted(set(numbers)):
        if ranges and number == ranges[-1].last + 1:
            ranges[-1] = NumberRange(ranges[-1].first, number)
        else:
            ranges.append(NumberRange(number, number))
    return tuple(ranges)


def _host_predicates(hosts: bytes | Cidr | VniFilter | None, direction: Direction) -> list[Predicate]:
    if hosts is None:
        return []
    if isinstance(hosts, VniFilter):
        return [MetaTag(VNI_TAG, str(hosts.vni))]
    return [IpSource((hosts,)) if direction is Direction.IN else IpDestination((hosts,))]


def _parse_direction(text: str) -> Direction:
    try:
        return Direction(text)
    except ValueError:
        raise TextError(f"invalid direction: {text}") from None


def _parse_action(text: str) -> FirewallAction:
    try:
        return FirewallAction(text)
    except ValueError:
        raise TextError(f"invalid action: {text} ('allow' or 'deny')") from None


def _parse_priority(text: str) -> int:
    try:
        return parse_unsigned(text, 16)
    except TextError as error:
        raise TextError(f"bad priority: '{text}' {error}") from None


def _parse_hosts(text: str) -> bytes | Cidr | VniFilter | None:
    if text == "any":
        return None
    kind, equals, value = text.partition("=")
    if not equals:
        raise TextError(f"malformed address specification: {text}")
    if kind == "ip":
        return parse_ip(value)
    if kind == "subnet":
        return Cidr.parse(value)
    if kind == "vni":
        return VniFilter(_parse_vni(value))
    raise TextError(f"invalid address type: {kind}")


def _parse_vni(text: str) -> int:
    try:
        vni = parse_unsigned(text, 32)
    except TextError:
        raise TextError("Unparsable") from None
    if vni >> 24:
        raise TextError("TooLarge")
    return vni


def _parse_protocol(text: str) -> ProtocolFilter | None:
    name, colon, filters = text.partition(":")
    if name == "proto" and colon:
        return ProtocolFilter(protocol=parse_unsigned(filters, 8))
    if name in _ICMP_PROTOCOLS and colon:
        return _parse_icmp(_ICMP_PROTOCOLS[name], filters)
    if colon:
        raise TextError(f"cannot specify filter for protocol: {name}")
    if name not in _PROTOCOLS:
        raise TextError(f"unknown protocol: {name}")
    return _PROTOCOLS[name]


def _parse_icmp(protocol: IpProtocol, text: str) -> ProtocolFilter:
    type_text, comma, codes_text = text.partition(",")
    codes: NumberRange | None = None
    if comma:
        first_text, dash, last_text = codes_text.partition("-")
        first = parse_unsigned(first_text, 8)
        codes = NumberRange(first, parse_unsigned(last_text, 8) if dash else first)
    return ProtocolFilter(protocol=protocol, icmp_type=parse_unsigned(type_text, 8), icmp_codes=codes)


def _parse_ports(text: str) -> tuple[int, ...] | None:
    if text in ("any", "any,"):
        return None
    ports = tuple(parse_unsigned(part, 16) for part in text.split(","))
    if 0 in ports:
        raise TextError("invalid port: 0")
    return ports


_ICMP_PROTOCOLS = {"icmp": IpProtocol.ICMP, "icmp6": IpProtocol.ICMPV6}
_PROTOCOLS = {
    "any": None,
    "arp": ProtocolFilter(arp=True),
    "tcp": ProtocolFilter(protocol=IpProtocol.TCP),
    "udp": ProtocolFilter(protocol=IpProtocol.UDP),
    "icmp": ProtocolFilter(protocol=IpProtocol.ICMP),
    "icmp6": ProtocolFilter(protocol=IpProtocol.ICMPV6),
}
_PARSERS = {
    "dir": _parse_direction,
    "action": _parse_action,
    "priority": _parse_priority,
    "hosts": _parse_hosts,
    "protocol": _parse_protocol,
    "port": _parse_ports,
}
