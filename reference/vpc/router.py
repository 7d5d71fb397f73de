"""The router layer: to what kind of place a packet from the guest goes.

Routes are rules whose priority follows from the prefix length, so that the longest prefix decides, and a custom route
before a system route of the same length. Upstream behaviour: `lib/oxide-vpc/src/engine/router.rs`.
"""

import enum
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from reference.action import Action, ActionMeta, MetaAction, SimpleAction
from reference.address import Cidr, format_ip, is_multicast, parse_ip, parse_unsigned
from reference.direction import Direction
from reference.errors import InvalidRouterEntry, TextError
from reference.layer import DefaultAction, Layer
from reference.packet.packet import Packet
from reference.port_data import PortData
from reference.predicate import AnyOf, IpDestination
from reference.rule import Rule
from reference.semantics import Semantics

NAME = "router"

TARGET_TAG = "router-target"
TARGET_CLASS_TAG = "router-target-class"

MULTICAST_PREFIXES = (Cidr.parse("224.0.0.0/4"), Cidr.parse("ff00::/8"))

_FIRST_PRIORITY = 10


class TargetKind(enum.Enum):
    """Kinds of router targets."""

    DROP = "drop"
    INTERNET_GATEWAY = "ig"
    IP = "ip"
    SUBNET = "subnet"


class RouterClass(enum.Enum):
    """Who made a route: the system, or the customer, whose routes take precedence."""

    SYSTEM = "system"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class RouterTarget:
    """Where a route leads.

    Attributes:
        kind: drop, an internet gateway, the guest with an address, or the guests of a subnet.
        gateway: id of the internet gateway in canonical text, if it is known.
        address: for kind `IP`.
        subnet: for kind `SUBNET`.
    """

    kind: TargetKind
    gateway: str | None = None
    address: bytes = b""
    subnet: Cidr | None = None

    @classmethod
    def parse(cls, text: str) -> "RouterTarget":
        """Parse OPTE's text form: `drop`, `ig`, `ig=UUID`, `ip4=`, `ip6=`, `sub4=`, `sub6=`; raises `TextError`."""
        lowered = text.lower()
        if lowered == "drop":
            return DROP
        if lowered == "ig":
            return INTERNET_GATEWAY
        kind, equals, value = lowered.partition("=")
        if equals and kind == "ig":
            return cls(TargetKind.INTERNET_GATEWAY, gateway=_parse_uuid(value))
        if equals and kind in ("ip4", "ip6"):
            return cls(TargetKind.IP, address=_parse_address(value, 4 if kind == "ip4" else 6))
        if equals and kind in ("sub4", "sub6"):
            return cls(TargetKind.SUBNET, subnet=_parse_subnet(value, 4 if kind == "sub4" else 6))
        raise TextError(f"malformed router target: {lowered}")

    def __str__(self) -> str:
        match self.kind:
            case TargetKind.DROP:
                return "Drop"
            case TargetKind.INTERNET_GATEWAY:
                return "ig" if self.gateway is None else f"ig={self.gateway}"
            case TargetKind.IP:
                return f"ip{4 if len(self.address) == 4 else 6}={format_ip(self.address)}"
            case TargetKind.SUBNET:
                assert self.subnet is not None
                return f"sub{self.subnet.family}={self.subnet}"

    def fits(self, destination: Cidr) -> bool:
        """Whether the target is of the destination's address family, or of none."""
        if self.kind is TargetKind.IP:
            return len(self.address) == len(destination.address)
        if self.kind is TargetKind.SUBNET:
            return self.subnet is not None and self.subnet.family == destination.family
        return True


DROP = RouterTarget(TargetKind.DROP)
INTERNET_GATEWAY = RouterTarget(TargetKind.INTERNET_GATEWAY)


class RouterAction(MetaAction):
    """Notes the target of the route for the later layers."""

    def __init__(self, target: RouterTarget) -> None:
        self.target = target
        self._tags = {TARGET_TAG: str(target), TARGET_CLASS_TAG: target.kind.value}

    def apply(self, packet: Packet, meta: ActionMeta) -> bool:
        meta.tags.update(self._tags)
        meta.router_target = self.target
        return True

    def __str__(self) -> str:
        target = self.target
        if target.kind is TargetKind.INTERNET_GATEWAY:
            return f"Target = IG({'None' if target.gateway is None else f'Some({target.gateway})'})"
        if target.kind is TargetKind.IP:
            return f"Target = IP: {format_ip(target.address)}"
        return f"Target = Subnet: {target.subnet}"


class Route(NamedTuple):
    """A route: packets to the destination prefix go to the target."""

    destination: Cidr
    target: RouterTarget
    router_class: RouterClass


def build(limit: int, semantics: Semantics) -> Layer:
    """The layer without routes. Multicast does not depend on routes."""
    layer = Layer(NAME, DefaultAction.ALLOW, DefaultAction.DENY, limit, semantics)
    multicast = AnyOf(tuple(IpDestination((prefix,)) for prefix in MULTICAST_PREFIXES))
    layer.add_rule(Direction.OUT, Rule(0, SimpleAction.ALLOW, (multicast,)))
    return layer


def route_priority(destination: Cidr, router_class: RouterClass) -> int:
    """Priority of a route: smaller for longer prefixes, and for custom before system routes of one length."""
    missing_bits = len(destination.address) * 8 - destination.length
    return _FIRST_PRIORITY + 2 * missing_bits + (router_class is RouterClass.SYSTEM)


def route_rule(route: Route) -> Rule:
    """The layer rule of a route; raises `InvalidRouterEntry` when destination and target do not go together."""
    destination, target, router_class = route
    if is_multicast(destination.address):
        raise InvalidRouterEntry(str(destination), "multicast destinations not allowed in router entries")
    if not target.fits(destination):
        raise InvalidRouterEntry(str(destination), str(target))
    action: Action = SimpleAction.DENY if target.kind is TargetKind.DROP else RouterAction(target)
    return Rule(route_priority(destination, router_class), action, (IpDestination((destination,)),))


class RouterControl:
    """The routes of a port."""

    def __init__(self, data: PortData) -> None:
        self._data = data

    def add(self, destination: Cidr, target: RouterTarget, router_class: RouterClass) -> None:
        """Add a route; raises `InvalidRouterEntry` or `BadState`."""
        self._data.add_rule(NAME, Direction.OUT, route_rule(Route(destination, target, router_class)))

    def delete(self, destination: Cidr, target: RouterTarget, router_class: RouterClass) -> bool:
        """Delete the first route to a destination; tells whether there was one.

        Only the destination counts, as upstream: target and class of the deleted route may be others.

        Raises:
            InvalidRouterEntry: destination and target do not go together.
            BadState: there is a route, but the port's state does not allow its removal.
        """
        rule = route_rule(Route(destination, target, router_class))
        rule_id = self._data.layer(NAME).outbound.rules.find(rule)
        if rule_id is None:
            return False
        self._data.remove_rule(NAME, Direction.OUT, rule_id)
        return True

    def replace(self, routes: Iterable[Route]) -> None:
        """Replace all rules, also the one that lets multicast pass; raises `InvalidRouterEntry` or `BadState`."""
        self._data.set_rules(NAME, [], [route_rule(route) for route in routes])


def _parse_address(text: str, family: int) -> bytes:
    refusal = "bad IP: invalid IPv4 address syntax" if family == 4 else "Invalid IPv6 address"
    return _address_of_family(text, family, refusal)


def _parse_subnet(text: str, family: int) -> Cidr:
    address_text, slash, length_text = text.partition("/")
    if not slash:
        raise TextError("no '/' found")
    refusal = f"bad IP: malformed ip: {address_text}" if family == 4 else f"Bad IP address component: '{address_text}'"
    address = _address_of_family(address_text, family, refusal)
    try:
        length = parse_unsigned(length_text, 8)
    except TextError as error:
        raise TextError(f"bad prefix length: {error}") from None
    if length > len(address) * 8:
        raise TextError(f"bad IPv{family} prefix length: {length}")
    return Cidr.of(address, length)


def _address_of_family(text: str, family: int, refusal: str) -> bytes:
    try:
        address = parse_ip(text)
    except TextError:
        raise TextError(refusal) from None
    if len(address) != (4 if family == 4 else 16):
        raise TextError(refusal)
    return address


def _parse_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise TextError(str(error)) from None
