"""Predicates: what a rule matches. Their texts are those of OPTE's rule dumps.

A predicate looks at the packet as earlier layers left it and at what their actions noted. A predicate with several
values holds when any of them does. Upstream behaviour: `lib/opte/src/engine/predicate.rs`.
"""

import enum
from abc import ABC, abstractmethod
from dataclasses import dataclass

from reference.action import ActionMeta
from reference.address import Cidr, format_ip, format_mac
from reference.packet.packet import Packet
from reference.packet.protocol import IpProtocol

_ETHER_TYPE_NAMES = {0x0806: "ARP", 0x6558: "ETHER", 0x0800: "IPv4", 0x86DD: "IPv6"}
_PROTOCOL_NAMES = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
_ICMP_TYPE_NAMES = {
    0: "echo reply",
    3: "destination unreachable",
    5: "message redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp",
    14: "timestamp reply",
}
_ICMPV6_TYPE_NAMES = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "multicast listener report",
    155: "RPL control message",
}


class Predicate(ABC):
    """A condition on a packet. Predicates of the same kind and values are equal; `str()` is the text in dumps."""

    __slots__ = ()

    @abstractmethod
    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        """Whether the packet fulfils the condition."""


class EtherAddressGroup(enum.Enum):
    """Sets of Ethernet addresses that can stand in place of one address."""

    MULTICAST = "multicast"
    """All addresses with the group bit set (IEEE 802 section 8.2.2)."""


def _ether_address_matches(pattern: bytes | EtherAddressGroup, address: bytes) -> bool:
    if pattern is EtherAddressGroup.MULTICAST:
        return address[0] & 1 == 1
    return address == pattern


def _ether_address_text(pattern: bytes | EtherAddressGroup) -> str:
    return pattern.value if isinstance(pattern, EtherAddressGroup) else format_mac(pattern)


@dataclass(frozen=True, slots=True)
class EtherTypeIs(Predicate):
    """The Ethernet type is one of these numbers."""

    values: tuple[int, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return packet.ethertype in self.values

    def __str__(self) -> str:
        names = (_ETHER_TYPE_NAMES.get(value, f"0x{value:X}") for value in self.values)
        return f"inner.ether.ether_type={','.join(names)}"


@dataclass(frozen=True, slots=True)
class EtherSource(Predicate):
    """The Ethernet source is one of these addresses."""

    patterns: tuple[bytes | EtherAddressGroup, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        address = packet.ethernet.source
        return any(_ether_address_matches(pattern, address) for pattern in self.patterns)

    def __str__(self) -> str:
        return f"inner.ether.src={','.join(map(_ether_address_text, self.patterns))}"


@dataclass(frozen=True, slots=True)
class EtherDestination(Predicate):
    """The Ethernet destination is one of these addresses."""

    patterns: tuple[bytes | EtherAddressGroup, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        address = packet.ethernet.destination
        return any(_ether_address_matches(pattern, address) for pattern in self.patterns)

    def __str__(self) -> str:
        return f"inner.ether.dst={','.join(map(_ether_address_text, self.patterns))}"


def _address_matches(patterns: tuple[bytes | Cidr, ...], address: bytes) -> bool:
    for pattern in patterns:
        if isinstance(pattern, Cidr):
            if pattern.contains(address):
                return True
        elif pattern == address:
            return True
    return False


def _address_texts(patterns: tuple[bytes | Cidr, ...]) -> str:
    return ",".join(str(pattern) if isinstance(pattern, Cidr) else format_ip(pattern) for pattern in patterns)


def _family(pattern: bytes | Cidr) -> int:
    return pattern.family if isinstance(pattern, Cidr) else 4 if len(pattern) == 4 else 6


@dataclass(frozen=True, slots=True)
class IpSource(Predicate):
    """The IP source is one of these addresses or lies in one of these prefixes, all of one family."""

    patterns: tuple[bytes | Cidr, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        flow = packet.flow
        if packet.network is None or flow.family != _family(self.patterns[0]):
            return False
        return _address_matches(self.patterns, flow.source)

    def __str__(self) -> str:
        header = "ip" if _family(self.patterns[0]) == 4 else "ip6"
        return f"inner.{header}.src={_address_texts(self.patterns)}"


@dataclass(frozen=True, slots=True)
class IpDestination(Predicate):
    """The IP destination is one of these addresses or lies in one of these prefixes, all of one family."""

    patterns: tuple[bytes | Cidr, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        flow = packet.flow
        if packet.network is None or flow.family != _family(self.patterns[0]):
            return False
        return _address_matches(self.patterns, flow.destination)

    def __str__(self) -> str:
        header = "ip" if _family(self.patterns[0]) == 4 else "ip6"
        return f"inner.{header}.dst={_address_texts(self.patterns)}"


@dataclass(frozen=True, slots=True)
class IpProtocolIs(Predicate):
    """The protocol of the transport header, after any IPv6 extension headers, is one of these numbers.

    Numbers that OPTE has no name for all print as `Unknown`.
    """

    values: tuple[int, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return packet.network is not None and packet.flow.protocol in self.values

    def __str__(self) -> str:
        names = (_PROTOCOL_NAMES.get(value, "Unknown") for value in self.values)
        return f"inner.ip.proto={','.join(names)}"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """All numbers from `first` to `last`, both included."""

    first: int
    last: int

    def text(self, names: dict[int, str]) -> str:
        """`=first` for a single number, else the range; numbers with a name are printed by name."""
        first = names.get(self.first, str(self.first))
        if self.first == self.last:
            return f"={first}"
        return f"∈({first}..={names.get(self.last, str(self.last))})"


def one_number(value: int) -> tuple[NumberRange, ...]:
    """The ranges that contain one number only."""
    return (NumberRange(value, value),)


def _in_ranges(ranges: tuple[NumberRange, ...], value: int) -> bool:
    return any(numbers.first <= value <= numbers.last for numbers in ranges)


def _range_texts(ranges: tuple[NumberRange, ...], names: dict[int, str] | None = None) -> str:
    return ",".join(numbers.text(names or {}) for numbers in ranges)


def _has_ports(packet: Packet) -> bool:
    return packet.flow.protocol in (IpProtocol.TCP, IpProtocol.UDP)


@dataclass(frozen=True, slots=True)
class SourcePort(Predicate):
    """The TCP or UDP source port lies in one of these ranges."""

    ranges: tuple[NumberRange, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return _has_ports(packet) and _in_ranges(self.ranges, packet.flow.source_port)

    def __str__(self) -> str:
        return f"inner.ulp.src{_range_texts(self.ranges)}"


@dataclass(frozen=True, slots=True)
class DestinationPort(Predicate):
    """The TCP or UDP destination port lies in one of these ranges."""

    ranges: tuple[NumberRange, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return _has_ports(packet) and _in_ranges(self.ranges, packet.flow.destination_port)

    def __str__(self) -> str:
        return f"inner.ulp.dst{_range_texts(self.ranges)}"


@dataclass(frozen=True, slots=True)
class IcmpType(Predicate):
    """The message type of ICMP (`protocol` 1) or ICMPv6 (58) lies in one of these ranges."""

    protocol: IpProtocol
    ranges: tuple[NumberRange, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return packet.flow.protocol == self.protocol and _in_ranges(self.ranges, packet.flow.icmp_type)

    def __str__(self) -> str:
        names = _ICMP_TYPE_NAMES if self.protocol == IpProtocol.ICMP else _ICMPV6_TYPE_NAMES
        return f"inner.icmp.type{_range_texts(self.ranges, names)}"


@dataclass(frozen=True, slots=True)
class IcmpCode(Predicate):
    """The message code of ICMP (`protocol` 1) or ICMPv6 (58) lies in one of these ranges."""

    protocol: IpProtocol
    ranges: tuple[NumberRange, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return packet.flow.protocol == self.protocol and _in_ranges(self.ranges, packet.flow.icmp_code)

    def __str__(self) -> str:
        return f"inner.icmp.code{_range_texts(self.ranges)}"


@dataclass(frozen=True, slots=True)
class MetaTag(Predicate):
    """An earlier action noted this value under this name."""

    name: str
    value: str

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return meta.tags.get(self.name) == self.value

    def __str__(self) -> str:
        return f"meta: {self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class AnyOf(Predicate):
    """At least one of these predicates holds."""

    predicates: tuple[Predicate, ...]

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return any(predicate.matches(packet, meta) for predicate in self.predicates)

    def __str__(self) -> str:
        return f"any({','.join(map(str, self.predicates))})"


@dataclass(frozen=True, slots=True)
class Not(Predicate):
    """The predicate does not hold."""

    predicate: Predicate

    def matches(self, packet: Packet, meta: ActionMeta) -> bool:
        return not self.predicate.matches(packet, meta)

    def __str__(self) -> str:
        return f"!{self.predicate}"
