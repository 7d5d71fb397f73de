"""From the mappings of a host to what `destinations.py` looks up.

Other ports' threads may change the mappings meanwhile: each table is copied, in steps that no change comes between.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from fastpath.destinations import (
    ENDPOINT_WORDS,
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
from reference.vpc.mappings import PhysicalAddress, TunnelEndpoint, VirtualToBoundary, VirtualToPhysical

_LOW_64 = 0xFFFF_FFFF_FFFF_FFFF


MOST_TRIES = 8
"""How often a table is copied that changes all the time; the version of the copy tells then that it is out of date."""


class Guests(NamedTuple):
    """The guests of a host, as a segment; all places are relative to it.

    Attributes:
        version: of the mappings; they may be newer.
        mask: length of each index less one.
        vni_index, guests: where the second index and the records are; the first index is at 0.
    """

    version: int
    segment: Segment
    mask: int
    vni_index: int
    guests: int


def compile_guests(table: VirtualToPhysical) -> Guests:
    """The guests that are mapped now."""
    version, tables = _copy(table)
    records = np.concatenate([_empty(), *_records(tables)])
    count = len(records)
    slots = 1 << max(3, (2 * count).bit_length())
    words = np.zeros(2 * slots + count * GUEST_WORDS, np.uint64)
    words[2 * slots :] = records.reshape(-1)
    for index, by_vni in ((0, True), (slots, False)):
        index_guests(words, index, np.uint64(slots - 1), 2 * slots, count, by_vni)
    return Guests(version, Segment(words), slots - 1, slots, 2 * slots)


def _copy(table: VirtualToPhysical) -> tuple[int, dict[int, dict[bytes, PhysicalAddress]]]:
    """All mappings, as they were together at one moment unless they change all the time, and their version before."""
    for _ in range(MOST_TRIES):
        version = table.version
        copy = table.copy()
        if table.version == version:
            break
    return version, copy


def _empty() -> Words:
    return np.zeros((0, GUEST_WORDS), np.uint64)


def _records(tables: dict[int, dict[bytes, PhysicalAddress]]) -> Iterable[Words]:
    for vni, table in tables.items():
        for family, size in ((4, 4), (6, 16)):
            items = [item for item in table.items() if len(item[0]) == size]
            if items:
                yield _records_of(items, family, vni)


def _records_of(items: list[tuple[bytes, PhysicalAddress]], family: int, vni: int) -> Words:
    """Records of guests of one family in one VPC."""
    records = np.zeros((len(items), GUEST_WORDS), np.uint64)
    addresses = b"".join([address for address, _ in items])
    if family == 4:
        records[:, 1] = np.frombuffer(addresses, ">u4")
    else:
        records[:, 0:2] = np.frombuffer(addresses, ">u8").reshape(-1, 2)
    records[:, GUEST_WHERE] = np.uint64(family) << SHIFT_32 | np.uint64(vni)
    # A MAC address is padded to a word in front.
    places = b"".join([b"\0\0" + place.ether + place.ip for _, place in items])
    records[:, GUEST_ETHER : GUEST_UNDERLAY + 2] = np.frombuffer(places, ">u8").reshape(-1, 3)
    records[:, GUEST_VNI] = vni
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
    places, words = [], []
    for prefix in known:
        places.append(len(words))
        words.append(len(prefixes[prefix]))
        for endpoint in prefixes[prefix]:
            underlay = int.from_bytes(endpoint.ip)
            words += [underlay >> 64, underlay & _LOW_64, endpoint.vni]
    intervals = interval_list(ranked(map(prefix_words, known)), np.array(places, np.uint64))
    return Segment(np.concatenate([intervals, np.array(words, np.uint64)]))
