"""The words of a half from its passage: what the layers have decided, as a header transform and a rewrite word.

The same as `compile_flow.compile_flow` makes of a reference entry, in compiled code. A transform is put together in the
batch's work array and then interned (`transforms.py`).
"""

from typing import Final

import numpy as np

from fastpath.checksum import delta_of_words, fold
from fastpath.compiler import kernel
from fastpath.layout import (
    ETHER_DESTINATION,
    ETHER_SOURCE,
    IP_DESTINATION,
    IP_SOURCE,
    LOW_8,
    LOW_16,
    META_PROTOCOL_SHIFT,
    META_SOURCE_PORT_SHIFT,
    OUTBOUND,
    PUSH_AT,
    REWRITE_CHECKSUM_SHIFT,
    REWRITE_OUTER_PORT_SHIFT,
    REWRITE_SOURCE_PORT_SHIFT,
    TRANSFORM_CHECKSUMS,
    TRANSFORM_DESTINATION_PORT,
    TRANSFORM_ETHER_DESTINATION,
    TRANSFORM_ETHER_SOURCE,
    TRANSFORM_FLAGS,
    TRANSFORM_ICMP_IDENTIFIER,
    TRANSFORM_INTERNAL,
    TRANSFORM_IP_DESTINATION,
    TRANSFORM_IP_SOURCE,
    TRANSFORM_POP,
    TRANSFORM_SOURCE_PORT,
    TRANSFORM_UDP_ONES,
    TRANSFORM_WORDS,
    Index,
)
from fastpath.memory import Words
from fastpath.native import NO_NAT, SOURCE_NAT
from fastpath.parse import ICMP, ICMPV6, TCP
from fastpath.passage import PLACE, PLACE_HASH, SOURCE_MAC
from fastpath.rule_layout import (
    PASSAGE_DESTINATION,
    PASSAGE_INTERNAL,
    PASSAGE_META,
    PASSAGE_SOURCE,
    RULES_PHYSICAL,
)

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_MAC_MASK = np.uint64((1 << 48) - 1)

# The outer headers of `reference.packet.emit.Encapsulation`, in little-endian words behind two bytes of padding.
PUSHED: Final = np.uint64(70)
PUSHED_WITH_OPTION: Final = np.uint64(78)
_ETHER_TYPE = np.uint64(0xDD86 << 48)
_IPV6_HEAD = np.uint64(0x8011_0000_0000_0060)
_UDP_PORT = np.uint64(0x17 << 16 | 0xC1 << 24)
_GENEVE_HEAD = np.uint64(0x65 << 16 | 0x58 << 24)
_OPTION_WORDS = np.uint64(2)
_MSS_OPTION = np.uint64(0x01 | 0x29 << 8 | 0x02 << 16 | 0x01 << 24)

_BYTE = np.uint64(8)
_SHIFT_32, _SHIFT_40 = np.uint64(32), np.uint64(40)
_PORTS = np.uint64(0xFFFF_FFFF)
_ODD_BYTES = np.uint64(0x00FF_00FF_00FF_00FF)
_ODD_PAIRS = np.uint64(0x0000_FFFF_0000_FFFF)
_SHIFT_16 = np.uint64(16)


@kernel
def swap_bytes(value: np.uint64) -> np.uint64:
    """The eight bytes in the other order."""
    value = (value & _ODD_BYTES) << _BYTE | value >> _BYTE & _ODD_BYTES
    value = (value & _ODD_PAIRS) << _SHIFT_16 | value >> _SHIFT_16 & _ODD_PAIRS
    return value << _SHIFT_32 | value >> _SHIFT_32


@kernel
def compose_transform(
    rules: Words, work: Words, at: Index, direction: np.uint64, nat: np.uint64, content: Index
) -> None:
    """Write the header transform of a passage that was let through to `work[content]` and following.

    `nat` is what NAT does to the flow: `native.NO_NAT` and following.
    """
    for word in range(TRANSFORM_WORDS):
        work[content + word] = _NOTHING
    flags = TRANSFORM_UDP_ONES
    if nat != NO_NAT:
        flags |= TRANSFORM_CHECKSUMS | translate_addresses(work, at, direction, content)
        if nat == SOURCE_NAT:
            flags |= translated_port(work[at + PASSAGE_META], direction)
    if direction == OUTBOUND:
        flags |= TRANSFORM_ETHER_DESTINATION | push_headers(rules, work, at, content)
        work[content + ETHER_DESTINATION] = work[at + PLACE]
        if work[at + PASSAGE_INTERNAL] != _NOTHING:
            flags |= TRANSFORM_INTERNAL
    else:
        flags |= TRANSFORM_POP
        if work[at + SOURCE_MAC] != _NOTHING:
            flags |= TRANSFORM_ETHER_SOURCE
            work[content + ETHER_SOURCE] = work[at + SOURCE_MAC] & _MAC_MASK
    work[content + TRANSFORM_FLAGS] = flags


@kernel
def translate_addresses(work: Words, at: Index, direction: np.uint64, content: Index) -> np.uint64:
    """The address that NAT changes in one direction; the flag for it."""
    if direction == OUTBOUND:
        for word in range(2):
            work[content + IP_SOURCE + word] = work[at + PASSAGE_SOURCE + word]
        return TRANSFORM_IP_SOURCE
    for word in range(2):
        work[content + IP_DESTINATION + word] = work[at + PASSAGE_DESTINATION + word]
    return TRANSFORM_IP_DESTINATION


@kernel
def translated_port(meta: np.uint64, direction: np.uint64) -> np.uint64:
    """The flag for the port, or echo identifier, that source NAT changes in one direction."""
    protocol = meta >> META_PROTOCOL_SHIFT & LOW_8
    if protocol == ICMP or protocol == ICMPV6:
        return TRANSFORM_ICMP_IDENTIFIER
    return TRANSFORM_SOURCE_PORT if direction == OUTBOUND else TRANSFORM_DESTINATION_PORT


@kernel
def push_headers(rules: Words, work: Words, at: Index, content: Index) -> np.uint64:
    """Write the outer headers, the lengths and the UDP source port left out; how many bytes they have."""
    to = content + PUSH_AT
    vni = work[at + PLACE + 3]
    has_option = (
        work[at + PASSAGE_INTERNAL] != _NOTHING and work[at + PASSAGE_META] >> META_PROTOCOL_SHIFT & LOW_8 == TCP
    )
    work[to + 1] = _ETHER_TYPE
    work[to + 2] = _IPV6_HEAD
    work[to + 3] = swap_bytes(rules[RULES_PHYSICAL])
    work[to + 4] = swap_bytes(rules[RULES_PHYSICAL + 1])
    work[to + 5] = swap_bytes(work[at + PLACE + 1])
    work[to + 6] = swap_bytes(work[at + PLACE + 2])
    work[to + 7] = _UDP_PORT
    geneve = _GENEVE_HEAD | (vni >> _SHIFT_16 & LOW_8) << _SHIFT_32 | (vni >> _BYTE & LOW_8) << _SHIFT_40
    geneve |= (vni & LOW_8) << np.uint64(48)
    if has_option:
        work[to + 8] = geneve | _OPTION_WORDS
        work[to + 9] = _MSS_OPTION
        return PUSHED_WITH_OPTION
    work[to + 8] = geneve
    return PUSHED


@kernel
def compose_rewrite(work: Words, at: Index, key: Index, direction: np.uint64, nat: np.uint64) -> np.uint64:
    """The rewrite word of the half with the key at `work[key]`, whose passage is at `work[at]`."""
    rewrite = _NOTHING
    if direction == OUTBOUND:
        rewrite = (work[at + PLACE_HASH] & LOW_16) << REWRITE_OUTER_PORT_SHIFT
    if nat == NO_NAT:
        return rewrite
    rewrite |= checksum_delta(work, at, key) << REWRITE_CHECKSUM_SHIFT
    if nat == SOURCE_NAT:
        meta = work[at + PASSAGE_META]
        flag = translated_port(meta, direction)
        if flag == TRANSFORM_SOURCE_PORT:
            rewrite |= (meta >> META_SOURCE_PORT_SHIFT & LOW_16) << REWRITE_SOURCE_PORT_SHIFT
        else:
            rewrite |= meta & LOW_16
    return rewrite


@kernel
def checksum_delta(work: Words, at: Index, key: Index) -> np.uint64:
    """What the translation adds to the sum of the flow's transport checksums (`compile_flow.checksum_delta`)."""
    total = _NOTHING
    meta = work[at + PASSAGE_META]
    if meta >> META_PROTOCOL_SHIFT & LOW_8 != ICMP:
        for word in range(4):
            if work[key + word] != work[at + word]:
                total += delta_of_words(work[key + word], work[at + word])
    ports, new_ports = work[key + 4] & _PORTS, meta & _PORTS
    if ports != new_ports:
        total += delta_of_words(ports, new_ports)
    return fold(total)
