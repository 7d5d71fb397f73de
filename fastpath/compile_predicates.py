"""From a predicate to clauses over the words of a passage.

A condition is a conjunction of clauses, a clause a disjunction of atoms, an atom a masked comparison (`rule_layout`).
Whatever a predicate is made of, it becomes such a condition exactly, or none: predicates of unknown classes, and those
whose condition would be too large, are left to the reference. Packets that rules are asked about have an IP header.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from fastpath.layout import META_FAMILY_SHIFT, META_PROTOCOL_SHIFT, META_SOURCE_PORT_SHIFT
from fastpath.numbering import RouteNumbers
from fastpath.rule_layout import (
    ATOM_NEGATED,
    KIND_ADDRESS,
    KIND_INTERNET_GATEWAY,
    KIND_SUBNET,
    PASSAGE_CLASS,
    PASSAGE_DESTINATION,
    PASSAGE_ETHER_DESTINATION,
    PASSAGE_ETHER_SOURCE,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_TARGET,
    PASSAGE_VNI,
)
from reference.address import Cidr
from reference.packet.protocol import EtherType, IpProtocol
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
from reference.vpc.firewall import VNI_TAG
from reference.vpc.router import TARGET_CLASS_TAG, TARGET_TAG, TargetKind

MOST_ATOMS: Final = 256
"""A condition with more is not compiled."""

_ALL: Final = 0xFFFF_FFFF_FFFF_FFFF
_GROUP_BIT: Final = 1 << 40
_FAMILIES = {EtherType.IPV4: 4, EtherType.IPV6: 6}
_BYTES = {4: 4, 16: 6}
_KINDS = {
    TargetKind.INTERNET_GATEWAY.value: KIND_INTERNET_GATEWAY,
    TargetKind.IP.value: KIND_ADDRESS,
    TargetKind.SUBNET.value: KIND_SUBNET,
}


class Atom(NamedTuple):
    """A comparison; the members are the words of an atom in `rule_layout`."""

    field: int
    mask: int
    first: int
    last: int
    next_mask: int = 0
    next: int = 0

    def negated(self) -> "Atom":
        """The atom that holds when this one does not."""
        return self._replace(field=self.field ^ int(ATOM_NEGATED))


Clause: TypeAlias = tuple[Atom, ...]
"""Holds when one of its atoms does; never without any."""

Condition: TypeAlias = tuple[Clause, ...]
"""Holds when all its clauses do; always without any."""


class TooLarge(ValueError):
    """A condition would have more than `MOST_ATOMS` atoms."""


def compile_predicate(predicate: Predicate, routes: RouteNumbers) -> Condition | None:
    """The condition under which a predicate holds; None for one that is left to the reference."""
    try:
        return _condition(predicate, routes, negated=False)
    except TooLarge:
        return None


def _condition(predicate: Predicate, routes: RouteNumbers, negated: bool) -> Condition | None:
    """The condition under which a predicate holds, or does not. Subclasses of known predicates may mean anything."""
    compiler = _COMPILERS.get(type(predicate))
    if compiler is not None:
        condition = compiler(predicate)
    elif type(predicate) is MetaTag:
        condition = (_tag(predicate, routes),)
    elif type(predicate) is Not:
        return _condition(predicate.predicate, routes, not negated)
    elif type(predicate) is AnyOf:
        return _any_of(predicate.predicates, routes, negated)
    else:
        return None
    if condition is None or not negated:
        return condition
    # It does not hold when, of one of its clauses, no atom does.
    return _product([[(atom.negated(),) for atom in clause] for clause in condition])


def _any_of(predicates: Iterable[Predicate], routes: RouteNumbers, negated: bool) -> Condition | None:
    conditions = []
    for predicate in predicates:
        condition = _condition(predicate, routes, negated)
        if condition is None:
            return None
        conditions.append(condition)
    return tuple(itertools.chain(*conditions)) if negated else _product(conditions)


def _product(choices: Sequence[Sequence[Clause]]) -> Condition:
    """Holds when, of one of the choices, all clauses do: one clause for each way to take a clause of each."""
    size = 1
    for clauses in choices:
        size *= len(clauses)
        if size > MOST_ATOMS:
            raise TooLarge
    product = tuple(tuple(itertools.chain(*chosen)) for chosen in itertools.product(*choices))
    if sum(map(len, product)) > MOST_ATOMS:
        raise TooLarge
    return product


def _equal(field: int, value: int, mask: int = _ALL) -> Atom:
    return Atom(field, mask, value, value)


def _meta(shift: int, bits: int, first: int, last: int) -> Clause:
    """That a field of the meta word is in a range, as far as the field can be."""
    most = (1 << bits) - 1
    first, last = max(first, 0), min(last, most)
    return (Atom(PASSAGE_META, most << shift, first << shift, last << shift),) if first <= last else ()


def _ranges(shift: int, bits: int, ranges: Iterable[NumberRange]) -> Clause:
    return tuple(atom for numbers in ranges for atom in _meta(shift, bits, numbers.first, numbers.last))


def _protocols(protocols: Iterable[int]) -> Clause:
    return tuple(atom for protocol in protocols for atom in _meta(_PROTOCOL, 8, protocol, protocol))


def _family(family: int) -> Clause:
    return _meta(_FAMILY, 8, family, family)


def _ether_type(predicate: EtherTypeIs) -> Condition:
    families = [family for number, family in _FAMILIES.items() if number in predicate.values]
    return (tuple(atom for family in families for atom in _family(family)),)


def _ether(field: int, patterns: Iterable[bytes | EtherAddressGroup]) -> Condition:
    atoms = []
    for pattern in patterns:
        if isinstance(pattern, EtherAddressGroup):
            atoms.append(_equal(field, _GROUP_BIT, _GROUP_BIT))
        elif len(pattern) == 6:
            atoms.append(_equal(field, int.from_bytes(pattern)))
    return (tuple(atoms),)


def _ip(field: int, patterns: tuple[bytes | Cidr, ...]) -> Condition | None:
    prefixes = [pattern if isinstance(pattern, Cidr) else Cidr(pattern, 8 * len(pattern)) for pattern in patterns]
    families = {_BYTES.get(len(prefix.address)) for prefix in prefixes}
    if len(families) != 1 or None in families:
        return None
    return _family(prefixes[0].family), tuple(_prefix(field, prefix) for prefix in prefixes)


def _prefix(field: int, prefix: Cidr) -> Atom:
    bits = 8 * len(prefix.address)
    mask = (1 << bits) - 1 >> bits - prefix.length << bits - prefix.length
    value = int.from_bytes(prefix.address) & mask
    if bits == 32:
        return _equal(field + 1, value, mask)
    return _equal(field, value >> 64, mask >> 64)._replace(next_mask=mask & _ALL, next=value & _ALL)


def _port(shift: int, ranges: Iterable[NumberRange]) -> Condition:
    return _HAS_PORTS, _ranges(shift, 16, ranges)


def _message(shift: int, predicate: IcmpType | IcmpCode) -> Condition:
    return _protocols((predicate.protocol,)), _ranges(shift, 8, predicate.ranges)


def _tag(predicate: MetaTag, routes: RouteNumbers) -> Clause:
    """That a tag has a value. Nothing notes any other tags, nor a VNI that is not written as Python writes it."""
    name, value = predicate.name, predicate.value
    if name == VNI_TAG and value.isascii() and value.isdigit() and value == str(int(value)) and int(value) >> 24 == 0:
        return (_equal(PASSAGE_VNI, int(value) + 1),)
    if name == TARGET_TAG:
        number = routes.number_of_text(value)
        return (_equal(PASSAGE_TARGET, number),) if number else ()
    if name == TARGET_CLASS_TAG and value in _KINDS:
        return (_equal(PASSAGE_CLASS, int(_KINDS[value])),)
    return ()


_PROTOCOL: Final = int(META_PROTOCOL_SHIFT)
_FAMILY: Final = int(META_FAMILY_SHIFT)
_SOURCE_PORT: Final = int(META_SOURCE_PORT_SHIFT)
_HAS_PORTS: Final = _protocols((IpProtocol.TCP, IpProtocol.UDP))
_COMPILERS: dict[type[Predicate], Callable[..., Condition | None]] = {
    EtherTypeIs: _ether_type,
    EtherSource: lambda predicate: _ether(PASSAGE_ETHER_SOURCE, predicate.patterns),
    EtherDestination: lambda predicate: _ether(PASSAGE_ETHER_DESTINATION, predicate.patterns),
    IpSource: lambda predicate: _ip(PASSAGE_SOURCE, predicate.patterns),
    IpDestination: lambda predicate: _ip(PASSAGE_DESTINATION, predicate.patterns),
    IpProtocolIs: lambda predicate: (_protocols(predicate.values),),
    SourcePort: lambda predicate: _port(_SOURCE_PORT, predicate.ranges),
    DestinationPort: lambda predicate: _port(0, predicate.ranges),
    IcmpType: lambda predicate: _message(_SOURCE_PORT, predicate),
    IcmpCode: lambda predicate: _message(_SOURCE_PORT + 8, predicate),
}


def destination_prefixes(predicates: tuple[Predicate, ...]) -> list[Cidr] | None:
    """The prefixes in one of which the destination must lie; None if anything else counts as well."""
    if not predicates:
        return [Cidr(bytes(4), 0), Cidr(bytes(16), 0)]
    if len(predicates) > 1:
        return None
    only = predicates[0]
    choices = only.predicates if type(only) is AnyOf else (only,)
    prefixes: list[Cidr] = []
    for choice in choices:
        if type(choice) is not IpDestination:
            return None
        prefixes += [
            pattern if isinstance(pattern, Cidr) else Cidr(pattern, 8 * len(pattern)) for pattern in choice.patterns
        ]
    return prefixes
