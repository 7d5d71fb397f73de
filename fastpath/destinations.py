"""Where packets go: guests by address and VNI, boundary services by prefix, and the port's own external addresses.

Guests are records in a list, with two indices in front of it: one by address and VNI, one by address alone, which has
the guest of lowest VNI. An index is a hash table with linear probing; a slot is `tag << 32 | record`, counted from 1,
and 0 for none. At most half of the slots are in use.
"""

from typing import Final

import numpy as np

from fastpath.atomics import multiply_mix
from fastpath.compiler import called_kernel, entry_point, kernel
from fastpath.intervals import find_interval
from fastpath.layout import LOW_32, ONE, SHIFT_32, Index
from fastpath.memory import Words
from fastpath.rule_layout import (
    RULES_BOUNDARY_4_AT,
    RULES_BOUNDARY_6_AT,
    RULES_GUEST_INDEX_AT,
    RULES_GUESTS_AT,
    RULES_GUESTS_MASK,
    RULES_OWNED_AT,
    RULES_VNI_INDEX_AT,
)

GUEST_ADDRESS: Final = 0
"""Two words, as in keys."""
GUEST_WHERE: Final = 2
"""`family << 32 | VNI`."""
GUEST_ETHER: Final = 3
GUEST_UNDERLAY: Final = 4
"""Two words."""
GUEST_VNI: Final = 6
GUEST_WORDS: Final = 8

PLACE_ETHER: Final = 0
PLACE_UNDERLAY: Final = 1
PLACE_VNI: Final = 3
"""Where a guest is, as `find_guest` finds it: MAC address, underlay address (two words), VNI."""

ENDPOINT_UNDERLAY: Final = 0
ENDPOINT_VNI: Final = 2
ENDPOINT_WORDS: Final = 3
"""A tunnel endpoint: underlay address (two words), VNI."""

OWNED_WORDS: Final = 3

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_ANY_VNI = np.uint64(1 << 24)
_SPREAD_HIGH = np.uint64(0x9E37_79B9_7F4A_7C15)
_SPREAD_LOW = np.uint64(0xD1B5_4A32_D192_ED03)


@kernel
def guest_hash(high: np.uint64, low: np.uint64, where: np.uint64) -> np.uint64:
    """The hash of an address with `family << 32 | VNI`; `_ANY_VNI` in place of the VNI for the other index."""
    return multiply_mix(high ^ where ^ _SPREAD_HIGH, multiply_mix(low ^ _SPREAD_LOW, where ^ _SPREAD_HIGH))


@kernel
def same_guest(
    words: Words, guest: Index, high: np.uint64, low: np.uint64, where: np.uint64, ignored: np.uint64
) -> bool:
    """Whether the record is of this address, and of this VNI unless those bits are ignored."""
    return (
        words[guest + GUEST_ADDRESS] == high
        and words[guest + GUEST_ADDRESS + 1] == low
        and (words[guest + GUEST_WHERE] ^ where) & ~ignored == _NOTHING
    )


@kernel
def probe(
    words: Words,
    index: Index,
    mask: np.uint64,
    guests: Index,
    high: np.uint64,
    low: np.uint64,
    where: np.uint64,
    by_vni: bool,
) -> tuple[Index, Index]:
    """The slot and the record that an index has for an address; slot where it would go, and 0, if there is none."""
    key = where if by_vni else where & ~LOW_32 | _ANY_VNI
    ignored = _NOTHING if by_vni else LOW_32
    hash_ = guest_hash(high, low, key)
    place = hash_ & mask
    while True:
        slot = index + np.int64(place)
        content = words[slot]
        if content == _NOTHING:
            return slot, 0
        if content >> SHIFT_32 == hash_ >> SHIFT_32:
            guest = guests + np.int64((content & LOW_32) - ONE) * GUEST_WORDS
            if same_guest(words, guest, high, low, where, ignored):
                return slot, guest
        place = (place + ONE) & mask


@entry_point
def index_guests(words: Words, index: Index, mask: np.uint64, guests: Index, count: Index, by_vni: bool) -> None:
    """Fill an empty index with `count` guests. Of several under one key, the one of lowest VNI stays."""
    for number in range(count):
        guest = guests + number * GUEST_WORDS
        high, low, where = words[guest], words[guest + 1], words[guest + GUEST_WHERE]
        slot, present = probe(words, index, mask, guests, high, low, where, by_vni)
        if present == 0 or words[guest + GUEST_VNI] < words[present + GUEST_VNI]:
            key = where if by_vni else where & ~LOW_32 | _ANY_VNI
            words[slot] = guest_hash(high, low, key) >> SHIFT_32 << SHIFT_32 | np.uint64(number + 1)


@called_kernel
def find_guest(rules: Words, high: np.uint64, low: np.uint64, family: np.uint64, vni: np.uint64) -> Index:
    """Index of where a guest of a VPC is (`PLACE_ETHER` and following); 0 for an address that is not mapped there."""
    mask = rules[RULES_GUESTS_MASK]
    if mask == _NOTHING:
        return 0
    index, guests = np.int64(rules[RULES_GUEST_INDEX_AT]), np.int64(rules[RULES_GUESTS_AT])
    guest = probe(rules, index, mask, guests, high, low, family << SHIFT_32 | vni, True)[1]
    return guest + GUEST_ETHER if guest != 0 else 0


@called_kernel
def vni_of(rules: Words, high: np.uint64, low: np.uint64, family: np.uint64) -> np.uint64:
    """The lowest VNI in which an address is mapped, plus 1; 0 for none."""
    mask = rules[RULES_GUESTS_MASK]
    if mask == _NOTHING:
        return _NOTHING
    index, guests = np.int64(rules[RULES_VNI_INDEX_AT]), np.int64(rules[RULES_GUESTS_AT])
    guest = probe(rules, index, mask, guests, high, low, family << SHIFT_32, False)[1]
    return rules[guest + GUEST_VNI] + ONE if guest != 0 else _NOTHING


@called_kernel
def find_boundary(rules: Words, high: np.uint64, low: np.uint64, family: np.uint64) -> Index:
    """Index of the number of tunnel endpoints for a destination, followed by them; 0 if no prefix contains it."""
    at = np.int64(rules[RULES_BOUNDARY_4_AT if family == _FAMILY_4 else RULES_BOUNDARY_6_AT])
    return find_interval(rules, at, high, low) if at != 0 else 0


@called_kernel
def owns_external(rules: Words, high: np.uint64, low: np.uint64, family: np.uint64) -> bool:
    """Whether an address is one of the guest's own external ones: ephemeral or floating."""
    at = np.int64(rules[RULES_OWNED_AT])
    owned = at + 1
    for _ in range(np.int64(rules[at])):
        if rules[owned] == family and rules[owned + 1] == high and rules[owned + 2] == low:
            return True
        owned += OWNED_WORDS
    return False
