"""From the mappings of a host to what `destinations.py` looks up.

Other ports' threads may change the mappings meanwhile: each table is copied, in steps that no change comes between.
"""

from collections.abc import Iterator
from itertools import chain, compress
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from fastpath.destinations import (
    GUEST_ETHER,
    GUEST_UNDERLAY,
    GUEST_VNI,
    GUEST_WHERE,
    GUEST_WORDS,
    index_guests,
)
from fastpath.intervals import LONGEST, interval_list, prefix_words, ranked
from fastpath.layout import SHIFT_32
from fastpath.memory import Words
from fastpath.segments import Segment
from reference.address import Cidr
from reference.vpc.mappings import Mappings, PhysicalAddress, TunnelEndpoint, VirtualToBoundary, VirtualToPhysical

Tables: TypeAlias = dict[int, dict[bytes, PhysicalAddress]]
"""Guests by VNI and virtual address."""

MOST_TRIES = 8
"""How often a table is copied that changes all the time; the version of the copy tells then that it is out of date."""

_LOW_64 = 0xFFFF_FFFF_FFFF_FFFF


class Guests(NamedTuple):
    """The guests of a host, as a segment; all places are relative to it.

    Attributes:
        version: of the mappings; they may be newer.
        tables: what was compiled, in the order of the records.
        mask: length of each index less one.
        vni_index, records: where the second index and the records are; the first index is at 0.
    """

    version: int
    tables: Tables
    segment: Segment
    mask: int
    vni_index: int
    records: int


NO_GUESTS: Final = Guests(-1, {}, Segment(np.zeros(0, np.uint64)), 0, 0, 0)


def compile_guests(table: VirtualToPhysical, former: Guests = NO_GUESTS) -> Guests:
    """The guests that are mapped now; records of VPCs in which nothing has changed are taken from before."""
    version, tables = _copy(table)
    kept = {vni: guests for vni, guests in tables.items() if former.tables.get(vni) == guests}
    changed = {vni: guests for vni, guests in tables.items() if vni not in kept}
    records = np.concatenate([*_former_records(former, kept), _records(changed)])
    count = len(records)
    slots = 1 << max(3, (2 * count).bit_length())
    words = np.zeros(2 * slots + count * GUEST_WORDS, np.uint64)
    words[2 * slots :] = records.reshape(-1)
    for index, by_vni in ((0, True), (slots, False)):
        index_guests(words, index, np.uint64(slots - 1), 2 * slots, count, by_vni)
    in_order = {vni: kept[vni] for vni in former.tables if vni in kept}
    return Guests(version, in_order | changed, Segment(words), slots - 1, slots, 2 * slots)


def _former_records(former: Guests, kept: Tables) -> Iterator[Words]:
    """The records of some VPCs, in the order in which they were."""
    records = former.segment.words[former.records :].reshape(-1, GUEST_WORDS)
    first = 0
    for vni, guests in former.tables.items():
        if vni in kept:
            yield records[first : first + len(guests)]
        first += len(guests)


def _copy(table: VirtualToPhysical) -> tuple[int, Tables]:
    """All mappings, as they were together at one moment unless they change all the time, and their version before."""
    for _ in range(MOST_TRIES):
        version = table.version
        copy = table.copy()
        if table.version == version:
            break
    return version, copy


def _records(tables: Tables) -> Words:
    """One record for each mapping; no step of this is taken for each of them in Python."""
    addresses = list(chain.from_iterable(tables.values()))
    places = list(chain.from_iterable(table.values() for table in tables.values()))
    count = len(addresses)
    records = np.zeros((count, GUEST_WORDS), np.uint64)
    sizes = np.fromiter(map(len, addresses), np.int64, count)
    for family, size, words in ((4, 4, slice(1, 2)), (6, 16, slice(0, 2))):
        chosen = sizes == size
        joined = b"".join(compress(addresses, chosen.tolist()))
        halves = np.frombuffer(joined, ">u4" if family == 4 else ">u8")
        records[chosen, words] = halves.reshape(-1, words.stop - words.start)
        records[chosen, GUEST_WHERE] = np.uint64(family) << SHIFT_32
    vnis = np.repeat(np.fromiter(tables, np.uint64), [len(table) for table in tables.values()])
    records[:, GUEST_WHERE] |= vnis
    records[:, GUEST_VNI] = vnis
    ethers = np.zeros((count, 8), np.uint8)
    ethers[:, 2:] = np.frombuffer(b"".join(map(attrgetter("ether"), places)), np.uint8).reshape(-1, 6)
    records[:, GUEST_ETHER] = ethers.view(">u8")[:, 0]
    underlays = np.frombuffer(b"".join(map(attrgetter("ip"), places)), ">u8")
    records[:, GUEST_UNDERLAY : GUEST_UNDERLAY + 2] = underlays.reshape(-1, 2)
    return records


class Boundary(NamedTuple):
    """Boundary services for destinations of either family, as segments.

    Attributes:
        version: of the mappings; they may be newer.
        ipv4, ipv6: a list of intervals, and behind it the endpoints of each prefix: their number, then
            `ENDPOINT_WORDS` each.
    """

    version: int
    ipv4: Segment
    ipv6: Segment


def compile_boundary(table: VirtualToBoundary) -> Boundary:
    """The boundary services that are mapped now."""
    version = table.version
    prefixes = table.copy()
    return Boundary(version, _services(prefixes, 4), _services(prefixes, 6))


def _services(prefixes: dict[Cidr, tuple[TunnelEndpoint, ...]], family: int) -> Segment:
    # The reference finds no prefix that has host bits.
    known = [
        prefix for prefix in prefixes if prefix.family == family and Cidr.of(prefix.address, prefix.length) == prefix
    ]
    known.sort(key=lambda prefix: LONGEST[family] - prefix.length)
    places: list[int] = []
    words: list[int] = []
    for prefix in known:
        places.append(len(words))
        words.append(len(prefixes[prefix]))
        for endpoint in prefixes[prefix]:
            underlay = int.from_bytes(endpoint.ip)
            words += [underlay >> 64, underlay & _LOW_64, endpoint.vni]
    intervals = interval_list(ranked(map(prefix_words, known)), np.array(places, np.uint64))
    return Segment(np.concatenate([intervals, np.array(words, np.uint64)]))


class Destinations(NamedTuple):
    """All that is compiled from the mappings."""

    guests: Guests
    boundary: Boundary

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Their segments."""
        return self.guests.segment, self.boundary.ipv4, self.boundary.ipv6


def follow_mappings(mappings: Mappings, former: Destinations | None) -> Destinations:
    """The mappings as they are now; what has not changed is taken from before."""
    guests = NO_GUESTS if former is None else former.guests
    if guests.version != mappings.v2p.version:
        guests = compile_guests(mappings.v2p, guests)
    boundary = None if former is None else former.boundary
    if boundary is None or boundary.version != mappings.v2b.version:
        boundary = compile_boundary(mappings.v2b)
    return Destinations(guests, boundary)
