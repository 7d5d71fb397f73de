"""Where packets go: compiled mappings say what the reference's tables say, and are compiled when they change only."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fastpath import compile_destinations, intervals
from fastpath.compile_destinations import MOST_TRIES, compile_guests
from fastpath.destinations import (
    ENDPOINT_UNDERLAY,
    ENDPOINT_VNI,
    ENDPOINT_WORDS,
    PLACE_ETHER,
    PLACE_UNDERLAY,
    PLACE_VNI,
)
from proofs.equivalence import vpc
from proofs.ledger import Method, claim
from proofs.units.fastpath import rule_examples as examples
from proofs.units.fastpath.rule_agreement import new_port
from proofs.units.fastpath.rule_engines import (
    COMPILED,
    ENGINES,
    Change,
    Engine,
    Rules,
    as_address,
    as_bytes,
    interpreted_engine,
)
from reference import Port
from reference.address import Cidr
from reference.vpc.config import ExternalIps
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint, VirtualToPhysical

THOROUGH = {"compiled": settings(max_examples=100), "uncompiled": settings(max_examples=40)}
SEARCH = settings(max_examples=1_000, phases=[Phase.generate], report_multiple_bugs=False, database=None)

Property: TypeAlias = Callable[[Engine, settings], None]
_UNDERLAYS = tuple(bytes.fromhex("fd00") + bytes([last]) * 14 for last in range(4))
_VNIS = st.sampled_from((0, 7, vpc.VNI, 2**24 - 1))
_addresses = examples.families.flatmap(examples.addresses)
_prefixes = examples.families.flatmap(examples.prefixes)
_endpoints = st.lists(st.builds(TunnelEndpoint, st.sampled_from(_UNDERLAYS), _VNIS), max_size=3)


def guest(rules: Rules, address: bytes, vni: int) -> PhysicalAddress | None:
    """Where a guest is, by compiled mappings."""
    at = int(rules.engine.destinations.find_guest(rules.words, *as_address(address), np.uint64(vni)))
    if at == 0:
        return None
    words = rules.words[at:]
    underlay = as_bytes(words[PLACE_UNDERLAY], words[PLACE_UNDERLAY + 1])
    return PhysicalAddress(int(words[PLACE_ETHER]).to_bytes(6), underlay, int(words[PLACE_VNI]))


def vni_of(rules: Rules, address: bytes) -> int | None:
    """The lowest VNI of an address, by compiled mappings."""
    found = int(rules.engine.destinations.vni_of(rules.words, *as_address(address)))
    return found - 1 if found else None


def endpoints(rules: Rules, address: bytes) -> tuple[TunnelEndpoint, ...] | None:
    """The ways out of the rack, by compiled mappings."""
    at = int(rules.engine.destinations.find_boundary(rules.words, *as_address(address)))
    if at == 0:
        return None
    every = rules.words[at + 1 : at + 1 + ENDPOINT_WORDS * int(rules.words[at])].reshape(-1, ENDPOINT_WORDS)
    return tuple(
        TunnelEndpoint(as_bytes(one[ENDPOINT_UNDERLAY], one[ENDPOINT_UNDERLAY + 1]), int(one[ENDPOINT_VNI]))
        for one in every
    )


def owns(rules: Rules, address: bytes) -> bool:
    """Whether an external address is the guest's, by compiled rules."""
    return bool(rules.engine.destinations.owns_external(rules.words, *as_address(address)))


def port_with(mappings: Mappings) -> Port:
    """A port beside which others may change the mappings."""
    return Port(vpc.config(), vpc.ROOMY, mappings)


def guests(engine: Engine, effort: settings) -> None:
    """Guests of several VPCs, who come, move and leave."""
    place = st.builds(PhysicalAddress, st.sampled_from(examples.MACS), st.sampled_from(_UNDERLAYS), _VNIS)

    change = st.tuples(_addresses, place, st.sampled_from((True, True, False)))

    @effort
    @given(
        rounds=st.lists(st.lists(change, max_size=8), min_size=1, max_size=4),
        asked=st.lists(st.tuples(_addresses, _VNIS), max_size=10),
    )
    def holds(rounds: list[list[tuple[bytes, PhysicalAddress, bool]]], asked: list[tuple[bytes, int]]) -> None:
        table = Mappings()
        rules = Rules(engine, port_with(table))
        for changes in rounds:
            for address, place, comes in changes:
                if comes:
                    table.v2p.set(address, place)
                else:
                    table.v2p.clear(address, place.vni)
            rules.compile()
            for address, vni in [*asked, *((address, place.vni) for some in rounds for address, place, _ in some)]:
                assert guest(rules, address, vni) == table.v2p.get(address, vni)
                assert vni_of(rules, address) == table.v2p.vni_of(address)

    holds()


def boundary(engine: Engine, effort: settings) -> None:
    """Boundary services: the longest prefix, none, and prefixes without endpoints."""

    @effort
    @given(
        come=st.lists(st.tuples(_prefixes, _endpoints), max_size=12),
        go=st.lists(st.tuples(_prefixes, _endpoints), max_size=3),
        asked=st.lists(_addresses, min_size=1, max_size=20),
    )
    def holds(
        come: list[tuple[Cidr, list[TunnelEndpoint]]], go: list[tuple[Cidr, list[TunnelEndpoint]]], asked: list[bytes]
    ) -> None:
        table = Mappings()
        rules = Rules(engine, port_with(table))
        for is_set, members in ((True, come), (False, go)):
            for prefix, services in members:
                table.v2b.set(prefix, services) if is_set else table.v2b.clear(prefix, services)
            rules.compile()
            for address in asked:
                assert endpoints(rules, address) == table.v2b.get(address)

    holds()


def owned(engine: Engine, effort: settings) -> None:
    """The guest's own external addresses, as they are now, also on a port whose rules may not change."""

    def external(family: int) -> st.SearchStrategy[ExternalIps]:
        some = examples.addresses(family)
        return st.builds(
            ExternalIps, ephemeral_ip=st.none() | some, floating_ips=st.lists(some, max_size=3, unique=True).map(tuple)
        )

    @effort
    @given(ipv4=external(4), ipv6=external(6), asked=st.lists(_addresses, min_size=1, max_size=20))
    def holds(ipv4: ExternalIps, ipv6: ExternalIps, asked: list[bytes]) -> None:
        port = new_port()
        rules = Rules(engine, port)
        port.set_external_ips(ipv4, ipv6)
        rules.compile()
        for address in asked:
            owner = port.network.ipv4 if len(address) == 4 else port.network.ipv6
            assert owner is not None
            assert owns(rules, address) == owner.owns_external(address)

    holds()


PROPERTIES: dict[str, Property] = {"guests": guests, "boundary": boundary, "owned": owned}


@claim(
    "C6",
    "compiled mappings and external addresses say what the reference's tables say",
    method=Method.TESTED,
    scope="random mappings of both families, set and cleared, and random addresses; compiled and not",
)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", PROPERTIES)
def test_compiled_mappings_say_what_the_reference_says(kind: str, engine: str) -> None:
    PROPERTIES[kind](ENGINES[engine], THOROUGH[engine])


class Fault(NamedTuple):
    """A mistake, and the property that departs."""

    name: str
    kind: str
    changes: tuple[Change, ...]


def fault(name: str, kind: str, *change: str) -> Fault:
    """One change of the source."""
    return Fault(name, kind, (Change(*change),))


_ONE_HASH = Change(
    "destinations", "return multiply_mix(high ^ where", "return ONE | _NOTHING & multiply_mix(high ^ where"
)
"""All guests have the same place in an index, and the same tag."""

_LAST_GUEST = "if present == 0 or words[guest + GUEST_VNI] < words[present + GUEST_VNI]:"

FAULTS = (
    Fault(
        "guests of all VPCs are one",
        "guests",
        (_ONE_HASH, Change("destinations", "ignored = _NOTHING if by_vni else LOW_32", "ignored = LOW_32")),
    ),
    fault(
        "families are not told apart",
        "guests",
        "compile_destinations",
        "np.uint64(family) << SHIFT_32",
        "np.uint64(4) << SHIFT_32",
    ),
    fault("the last VNI counts, not the lowest", "guests", "destinations", _LAST_GUEST, "if True:"),
    fault("the first VNI counts, not the lowest", "guests", "destinations", _LAST_GUEST, "if present == 0:"),
    Fault(
        "the upper half of an address does not count",
        "guests",
        (_ONE_HASH, Change("destinations", "words[guest + GUEST_ADDRESS] == high", "True")),
    ),
    fault(
        "guests that have left are still there",
        "guests",
        "compile_destinations",
        "if guests.version != mappings.v2p.version:",
        "if guests.version < 0:",
    ),
    fault(
        "records of one VPC are taken for those of another",
        "guests",
        "compile_destinations",
        "        first += len(guests)",
        "            first += len(guests)",
    ),
    fault(
        "the order of records is forgotten",
        "guests",
        "compile_destinations",
        "in_order | changed, Segment",
        "tables, Segment",
    ),
    fault(
        "the shortest prefix decides",
        "boundary",
        "compile_destinations",
        "LONGEST[family] - prefix.length)",
        "prefix.length)",
    ),
    fault(
        "services that have gone are still there",
        "boundary",
        "compile_destinations",
        "if boundary is None or boundary.version != mappings.v2b.version:",
        "if boundary is None:",
    ),
    fault(
        "the last address of a prefix is not in it",
        "boundary",
        "intervals",
        "last = first | (1 << bits) - 1",
        "last = first | max((1 << bits) - 2, 0)",
    ),
    fault(
        "behind a prefix all goes on",
        "boundary",
        "intervals",
        "place = places[np.int64(stack[top - PREFIX_WORDS + PREFIX_RANK])] if depth > 0",
        "place = places[np.int64(stack[top - PREFIX_WORDS + PREFIX_RANK])] if depth >= 0",
    ),
    fault("addresses of one number are the same", "owned", "destinations", "if rules[owned] == family and ", "if "),
    fault(
        "the ephemeral address is not owned",
        "owned",
        "rule_compiler",
        "for address in (*ephemeral, *external.floating_ips):",
        "for address in external.floating_ips:",
    ),
)


@pytest.mark.parametrize("mistake", FAULTS, ids=lambda mistake: mistake.name)
def test_a_mistake_shows(mistake: Fault) -> None:
    engine = interpreted_engine(*mistake.changes)
    # What goes wrong may also lead out of the array.
    with pytest.raises((AssertionError, IndexError)):
        PROPERTIES[mistake.kind](engine, SEARCH)


def test_guests_are_found_although_all_hashes_are_the_same() -> None:
    PROPERTIES["guests"](interpreted_engine(_ONE_HASH), THOROUGH["uncompiled"])


def test_a_prefix_with_host_bits_is_found_by_nobody() -> None:
    table = Mappings()
    table.v2b.set(Cidr(vpc.INTERNET[4][0], 24), [TunnelEndpoint(_UNDERLAYS[1], 9)])
    table.v2b.set(Cidr.parse("198.51.0.0/16"), [TunnelEndpoint(_UNDERLAYS[0], 9)])
    rules = Rules(COMPILED, port_with(table))
    assert endpoints(rules, vpc.INTERNET[4][0]) == table.v2b.get(vpc.INTERNET[4][0]) is not None


def watched(function: Callable[..., object], seen: list[object]) -> Callable[..., object]:
    """The same function, noting what it is called with."""

    def call(table: object, *others: object) -> object:
        seen.append(table)
        return function(table, *others)

    return call


def test_mappings_are_compiled_when_they_change_only(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    for name in ("compile_guests", "compile_boundary"):
        monkeypatch.setattr(compile_destinations, name, watched(getattr(compile_destinations, name), compiled))
    port = new_port()
    rules = Rules(COMPILED, port)
    compiled.clear()
    port.set_firewall_rules([])
    rules.compile()
    assert compiled == []
    mappings = port.network.mappings
    mappings.v2p.set(bytes(4), vpc.peer())
    rules.compile()
    assert compiled == [mappings.v2p]
    mappings.v2b.clear(Cidr.parse(vpc.EVERYTHING[4]), [])
    rules.compile()
    assert compiled == [mappings.v2p, mappings.v2b]


class Changing(VirtualToPhysical):
    """Mappings that another port changes while they are copied: a guest comes to one VPC, then to the next."""

    def __init__(self, changes: int) -> None:
        super().__init__()
        self.copies = 0
        self._changes = changes
        for vni in (1, 2):
            self.set(bytes(4), PhysicalAddress(bytes(6), _UNDERLAYS[0], vni))

    def copy(self) -> dict[int, dict[bytes, PhysicalAddress]]:
        self.copies += 1
        first = dict(self._tables[1])
        if self.copies <= self._changes:
            for vni in (1, 2):
                self.set(bytes([self.copies, 0, 0, 0]), PhysicalAddress(bytes(6), _UNDERLAYS[0], vni))
        return {1: first, 2: dict(self._tables[2])}


def test_mappings_that_change_while_they_are_copied_are_copied_again() -> None:
    table = Changing(changes=2)
    compiled = compile_guests(table)
    assert table.copies == 3
    assert compiled.version == table.version


def test_mappings_that_never_rest_are_out_of_date_when_compiled() -> None:
    table = Changing(changes=2 * MOST_TRIES)
    compiled = compile_guests(table)
    assert table.copies == MOST_TRIES
    assert compiled.version < table.version


@pytest.mark.parametrize("high", [0, 7, 2**64 - 1])
def test_intervals_cover_every_address(high: int) -> None:
    everything = Cidr(bytes(16), 0)
    words = intervals.interval_list(intervals.ranked([intervals.prefix_words(everything)]), np.zeros(1, np.uint64))
    assert intervals.find_interval(words, 0, np.uint64(high), np.uint64(high)) == len(words)
