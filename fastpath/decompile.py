"""From the words of a half back to a reference entry's key and transform: the inverse of `compile_flow.py`.

The reference keeps a flow's transform as a list, a member from each layer that changes something. The words hold the
sum. For flows that compiled misses begin the list follows from it: outbound NAT, then the encapsulation; inbound the
decapsulation, NAT, and the gateway's address as the sender's.
"""

import struct
from collections.abc import Sequence

from fastpath.layout import (
    ETHER_DESTINATION,
    ETHER_SOURCE,
    IP_DESTINATION,
    IP_SOURCE,
    META_DIRECTION_SHIFT,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    META_SOURCE_PORT_SHIFT,
    OUTBOUND,
    PUSH_AT,
    REWRITE_OUTER_PORT_SHIFT,
    REWRITE_SOURCE_PORT_SHIFT,
    TRANSFORM_DESTINATION_PORT,
    TRANSFORM_ETHER_DESTINATION,
    TRANSFORM_ETHER_SOURCE,
    TRANSFORM_FLAGS,
    TRANSFORM_ICMP_IDENTIFIER,
    TRANSFORM_INTERNAL,
    TRANSFORM_IP_DESTINATION,
    TRANSFORM_IP_SOURCE,
    TRANSFORM_POP,
    TRANSFORM_PUSH_LENGTH_MASK,
    TRANSFORM_SOURCE_PORT,
)
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId
from reference.transform import FlowTransform, HeaderTransform, InnerModification, compile_transform
from reference.vpc.overlay import DECAPSULATION

_LOW_16 = 0xFFFF
_LOW_8 = 0xFF
_ADDRESSES = {4: 4, 6: 16}
_OUTER = struct.Struct(">6s16x16s16s12xI")
"""Of the pushed headers: destination MAC, underlay source and destination, and the VNI in the upper three bytes."""


def key_of_words(key: Sequence[int]) -> tuple[Direction, FlowId]:
    """The direction and the flow id that a key's five words stand for: the inverse of `compile_flow.key_words`."""
    source_high, source_low, destination_high, destination_low, meta = key
    family = meta >> int(META_FAMILY_SHIFT) & _LOW_8
    flow = FlowId(
        meta >> int(META_PROTOCOL_SHIFT) & _LOW_8,
        family,
        _address(family, source_high, source_low),
        _address(family, destination_high, destination_low),
        meta >> int(META_SOURCE_PORT_SHIFT) & _LOW_16,
        meta & _LOW_16,
    )
    return Direction.OUT if meta >> int(META_DIRECTION_SHIFT) == int(OUTBOUND) else Direction.IN, flow


def decompile_flow(flow: FlowId, transform: Sequence[int], rewrite: int) -> FlowTransform:
    """The transform of a half, from the words of its transform record and its own rewrite word.

    Args:
        flow: the half's key.
        transform: `TRANSFORM_WORDS` words.
        rewrite: see `layout.REWRITE`.
    """
    flags = transform[TRANSFORM_FLAGS]
    ether = InnerModification(
        ether_source=_mac(transform[ETHER_SOURCE]) if flags & int(TRANSFORM_ETHER_SOURCE) else None,
        ether_destination=_mac(transform[ETHER_DESTINATION]) if flags & int(TRANSFORM_ETHER_DESTINATION) else None,
    )
    headers = _translation(flow, transform, rewrite)
    if flags & int(TRANSFORM_POP):
        headers = [DECAPSULATION, *headers, HeaderTransform("", ether)]
    else:
        headers.append(HeaderTransform("encap", ether, push=_encapsulation(transform, rewrite)))
    return compile_transform(headers, (), bool(flags & int(TRANSFORM_INTERNAL)))


def _translation(flow: FlowId, transform: Sequence[int], rewrite: int) -> list[HeaderTransform]:
    """What NAT does, if it does anything: a port or identifier changes under source NAT alone."""
    flags = transform[TRANSFORM_FLAGS]
    identifier = destination_port = source_port = None
    if flags & int(TRANSFORM_SOURCE_PORT):
        source_port = rewrite >> int(REWRITE_SOURCE_PORT_SHIFT) & _LOW_16
    if flags & int(TRANSFORM_DESTINATION_PORT):
        destination_port = rewrite & _LOW_16
    if flags & int(TRANSFORM_ICMP_IDENTIFIER):
        identifier = rewrite & _LOW_16
    inner = InnerModification(
        ip_source=_shared_address(flow, transform, IP_SOURCE) if flags & int(TRANSFORM_IP_SOURCE) else None,
        ip_destination=(
            _shared_address(flow, transform, IP_DESTINATION) if flags & int(TRANSFORM_IP_DESTINATION) else None
        ),
        source_port=source_port,
        destination_port=destination_port,
        icmp_identifier=identifier,
    )
    if inner.touches_transport:
        return [HeaderTransform("SNAT", inner)]
    return [HeaderTransform("NAT", inner)] if inner.touches_ip else []


def _encapsulation(transform: Sequence[int], rewrite: int) -> Encapsulation:
    """What is pushed; the outer source port is the flow's own."""
    length = transform[TRANSFORM_FLAGS] & int(TRANSFORM_PUSH_LENGTH_MASK)
    words = -(-length // 8)
    pushed = struct.pack(f"<{words}Q", *transform[PUSH_AT : PUSH_AT + words])[8 * words - length :]
    mac, source, destination, vni = _OUTER.unpack_from(pushed)
    source_port = rewrite >> int(REWRITE_OUTER_PORT_SHIFT) & _LOW_16
    return Encapsulation(mac, source, destination, vni >> 8, source_port, pushed[_OUTER.size :])


def _shared_address(flow: FlowId, transform: Sequence[int], at: int) -> bytes:
    return _address(flow.family, transform[at], transform[at + 1])


def _address(family: int, high: int, low: int) -> bytes:
    return (high << 64 | low).to_bytes(_ADDRESSES[family])


def _mac(word: int) -> bytes:
    return word.to_bytes(6)
