"""The passage of one packet, or of its reply, through the compiled layers: what is known of it on the way.

A passage is a record in the batch's work array: the packet's flow and Ethernet addresses as the layers so far have left
them, what their actions have noted, and what is to be counted. It belongs to the thread.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_be16, load_be32, load_u8
from fastpath.compiler import kernel
from fastpath.layout import (
    FRAME_OFFSET,
    KEY_WORDS,
    LOW_8,
    LOW_16,
    META_FAMILY_SHIFT,
    META_MASK,
    META_PROTOCOL_SHIFT,
    ONE,
    SHIFT_16,
    WORK_ENCAPSULATION,
    WORK_KEY,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.parse import ETHERNET_LENGTH, GENEVE_LENGTH, ICMP, ICMPV6, IPV6_LENGTH, UDP_LENGTH
from fastpath.rule_layout import (
    PASSAGE_DESTINATION,
    PASSAGE_ETHER_DESTINATION,
    PASSAGE_ETHER_SOURCE,
    PASSAGE_META,
    PASSAGE_SOURCE,
    PASSAGE_WORDS,
)

GATEWAY: Final = 0
FIREWALL: Final = 1
ROUTER: Final = 2
NAT: Final = 3
OVERLAY: Final = 4
LAYERS: Final = 5

# --- more words of a passage ---

COUNTED: Final = 12
"""For each layer the counter that this packet adds to; 0 where it has not been."""
DENIED: Final = 17
"""Why the packet was denied: `layer << 8 | reason`."""
DENIED_COUNTER: Final = 18
"""The counter of denials that it adds to, or 0."""
BEGINS: Final = 19
"""A bit for each layer in which the packet begins a flow."""
NAT_KIND: Final = 20
NAT_ADDRESS: Final = 21
"""What NAT does to a new flow, and the external address in two words."""
ROUTE_AT: Final = 23
"""The parameter of the route."""
OUTER_VNI: Final = 24
"""The VNI of the encapsulation plus 1; 0 for a packet from outside the rack."""
SOURCE_MAC: Final = 25
"""The address that the gateway puts in front, plus 1 << 48; 0 for none."""
PLACE: Final = 26
"""Where the packet goes: Ethernet address, underlay address in two words, VNI."""
PLACE_HASH: Final = 30
"""Layer-4 hash of the flow as it leaves the port."""
OFFERED: Final = 32
"""The port that source NAT may give the flow, plus 1; 0 before one has been offered."""
NAT_POOLS: Final = 33
"""The number of the pools that it comes from."""
KNOWN_ROUTE: Final = 31
"""Where NAT has an entry: the route for which it was found good; 0 for none yet."""
PLACE_KNOWN: Final = 34
"""1 where the packet goes as the halves say, and `PLACE` is not asked for."""
MESSAGE: Final = 48
"""Eight words in which the hash's message is put together."""

_NOTHING = np.uint64(0)
_FAMILY_4 = np.uint64(4)
_BYTE = np.uint64(8)
_PORTS_MASK = np.uint64(0xFFFF_FFFF)
_ECHO_REQUEST, _ECHO_REPLY = np.uint64(8), np.uint64(0)
_ECHO_REQUEST_6, _ECHO_REPLY_6 = np.uint64(128), np.uint64(129)
_GROUP_4, _GROUP_6 = np.uint64(0xE), np.uint64(0xFF)
_GROUP_SHIFT_4, _GROUP_SHIFT_6 = np.uint64(28), np.uint64(56)
_OPTION_CLASS = np.uint64(0x0129)
_OPTION_LENGTH_MASK = np.uint64(0x1F)
_GENEVE_LENGTH_MASK = np.uint64(0x3F)
_KNOWN_OPTIONS = np.uint64(3)


@kernel
def family_of(work: Words, at: Index) -> np.uint64:
    """Address family of a passage: 4 or 6."""
    return work[at + PASSAGE_META] >> META_FAMILY_SHIFT & LOW_8


@kernel
def protocol_of(work: Words, at: Index) -> np.uint64:
    """IP protocol of a passage."""
    return work[at + PASSAGE_META] >> META_PROTOCOL_SHIFT & LOW_8


@kernel
def load_mac(frames: Frame, offset: Index) -> np.uint64:
    """An Ethernet address as a number of 48 bits."""
    return load_be32(frames, offset) << SHIFT_16 | load_be16(frames, offset + 4)


@kernel
def begin_passage(frames: Frame, descriptors: Words, frame: Index, work: Words, record: Index, at: Index) -> None:
    """The passage of a parsed frame that has seen no layer yet."""
    clear_passage(work, at)
    for word in range(KEY_WORDS):
        work[at + word] = work[record + WORK_KEY + word]
    work[at + PASSAGE_META] &= META_MASK
    start = np.int64(descriptors[frame + FRAME_OFFSET])
    encapsulation = np.int64(work[record + WORK_ENCAPSULATION])
    work[at + PASSAGE_ETHER_DESTINATION] = load_mac(frames, start + encapsulation)
    work[at + PASSAGE_ETHER_SOURCE] = load_mac(frames, start + encapsulation + 6)
    if encapsulation != 0:
        geneve = start + ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH
        if not is_external(frames, geneve):
            work[at + OUTER_VNI] = (load_be32(frames, geneve + 4) >> _BYTE) + ONE


@kernel
def clear_passage(work: Words, at: Index) -> None:
    """Nothing is known of the packet."""
    for word in range(PASSAGE_WORDS):
        work[at + word] = _NOTHING


@kernel
def is_external(frames: Frame, geneve: Index) -> bool:
    """Whether the Geneve header has Oxide's option for packets from outside the rack.

    As `reference.packet.packet.Outer.is_external`; `parse.skip_encapsulation` has seen to it that the options fit.
    """
    option = geneve + GENEVE_LENGTH
    end = option + 4 * np.int64(load_u8(frames, geneve) & _GENEVE_LENGTH_MASK)
    while option < end:
        length = load_u8(frames, option + 3) & _OPTION_LENGTH_MASK
        kind = load_u8(frames, option + 2)
        if load_be16(frames, option) == _OPTION_CLASS and kind < _KNOWN_OPTIONS:
            if kind == _NOTHING:
                return True
            if length == _NOTHING:
                return False
        option += 4 + 4 * np.int64(length)
    return False


@kernel
def mirror_flow(work: Words, origin: Index, to: Index) -> None:
    """Write the flow of the packets that travel the other way (`reference.packet.flow.FlowId.mirror`)."""
    meta = work[origin + PASSAGE_META] & META_MASK
    work[to + PASSAGE_META] = meta & ~_PORTS_MASK | mirror_ports(meta)
    high, low = work[origin + PASSAGE_SOURCE], work[origin + PASSAGE_SOURCE + 1]
    work[to + PASSAGE_SOURCE] = work[origin + PASSAGE_DESTINATION]
    work[to + PASSAGE_SOURCE + 1] = work[origin + PASSAGE_DESTINATION + 1]
    work[to + PASSAGE_DESTINATION], work[to + PASSAGE_DESTINATION + 1] = high, low


@kernel
def mirror_ports(meta: np.uint64) -> np.uint64:
    """The two layer-4 words of a mirrored flow, as the low half of its meta word."""
    protocol = meta >> META_PROTOCOL_SHIFT & LOW_8
    first, second = meta >> SHIFT_16 & LOW_16, meta & LOW_16
    if protocol == ICMP:
        if first == _ECHO_REQUEST or first == _ECHO_REPLY:
            first ^= _ECHO_REQUEST
    elif protocol == ICMPV6:
        if first == _ECHO_REQUEST_6 or first == _ECHO_REPLY_6:
            first ^= ONE
    else:
        first, second = second, first
    return first << SHIFT_16 | second


@kernel
def is_multicast(work: Words, at: Index) -> bool:
    """Whether a passage's destination is a multicast group (`reference.address.is_multicast`)."""
    if family_of(work, at) == _FAMILY_4:
        return work[at + PASSAGE_DESTINATION + 1] >> _GROUP_SHIFT_4 == _GROUP_4
    return work[at + PASSAGE_DESTINATION] >> _GROUP_SHIFT_6 == _GROUP_6
