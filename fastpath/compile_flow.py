"""From a reference entry to the words of a half: what the slow path returned, compiled for hits.

A transform record holds what many flows share; what is peculiar to one flow goes into its entry. Upstream behaviour:
`Transforms::compile` in `lib/opte/src/engine/port/mod.rs`.
"""

from typing import NamedTuple

import numpy as np

from fastpath.checksum import delta_of_words, fold
from fastpath.layout import (
    ETHER_DESTINATION,
    ETHER_SOURCE,
    INBOUND,
    IP_DESTINATION,
    IP_SOURCE,
    META_DIRECTION_SHIFT,
    META_FAMILY_SHIFT,
    META_PROTOCOL_SHIFT,
    META_SOURCE_PORT_SHIFT,
    OUTBOUND,
    PUSH_AT,
    PUSH_BYTES,
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
)
from fastpath.transform import OUTER_TRANSPORT
from reference.direction import Direction
from reference.packet.flow import FlowId, is_echo
from reference.packet.protocol import IpProtocol
from reference.transform import CompiledTransform, InnerModification

_ICMP = (IpProtocol.ICMP, IpProtocol.ICMPV6)


class CompiledFlow(NamedTuple):
    """What a half consists of.

    Attributes:
        transform: words of the transform record, shared by all flows for which they are equal.
        rewrite: the flow's own word, see `layout.REWRITE`.
    """

    transform: tuple[int, ...]
    rewrite: int


def key_words(direction: Direction, flow: FlowId) -> tuple[int, int, int, int, int]:
    """The five words of a half's key, as `parse.parse` makes them from a packet."""
    source, destination = int.from_bytes(flow.source), int.from_bytes(flow.destination)
    code = INBOUND if direction is Direction.IN else OUTBOUND
    meta = (
        int(code) << int(META_DIRECTION_SHIFT)
        | flow.family << int(META_FAMILY_SHIFT)
        | flow.protocol << int(META_PROTOCOL_SHIFT)
        | flow.source_port << int(META_SOURCE_PORT_SHIFT)
        | flow.destination_port
    )
    return *_halves(source), *_halves(destination), meta


def compile_flow(flow: FlowId, transform: CompiledTransform, udp_zero_as_ones: bool) -> CompiledFlow | None:
    """Compile a flow's single-pass transform; None when its pushed bytes exceed a transform record.

    `udp_zero_as_ones` is `Semantics.udp_zero_as_ones`.
    """
    words = [0] * TRANSFORM_WORDS
    pushed = transform.push.header if transform.push is not None else b""
    if len(pushed) > PUSH_BYTES:
        return None
    inner = transform.inner
    flags = len(pushed)
    flags |= int(TRANSFORM_POP) if transform.push is None else 0
    flags |= int(TRANSFORM_INTERNAL) if transform.internal_destination else 0
    flags |= int(TRANSFORM_CHECKSUMS) if transform.checksums_dirty else 0
    flags |= int(TRANSFORM_UDP_ONES) if udp_zero_as_ones else 0
    for value, flag, at in (
        (inner.ether_destination, TRANSFORM_ETHER_DESTINATION, ETHER_DESTINATION),
        (inner.ether_source, TRANSFORM_ETHER_SOURCE, ETHER_SOURCE),
    ):
        if value is not None:
            flags |= int(flag)
            words[at] = int.from_bytes(value)
    for value, flag, at in (
        (inner.ip_source, TRANSFORM_IP_SOURCE, IP_SOURCE),
        (inner.ip_destination, TRANSFORM_IP_DESTINATION, IP_DESTINATION),
    ):
        if value is not None:
            flags |= int(flag)
            words[at : at + 2] = _halves(int.from_bytes(value))
    port_flags, ports = _ports(flow, inner)
    words[TRANSFORM_FLAGS] = flags | port_flags
    words[PUSH_AT:] = _right_aligned(pushed)
    outer_port = transform.push.source_port if transform.push is not None else 0
    rewrite = checksum_delta(flow, inner) << int(REWRITE_CHECKSUM_SHIFT) | outer_port << int(REWRITE_OUTER_PORT_SHIFT)
    return CompiledFlow(tuple(words), rewrite | ports)


def checksum_delta(flow: FlowId, inner: InnerModification) -> int:
    """What the modification adds to the one's complement sum of the flow's transport checksums.

    Addresses count wherever the checksum covers a pseudo header, that is everywhere but in ICMP over IPv4.
    """
    total = 0
    if flow.protocol != IpProtocol.ICMP:
        for old, new in ((flow.source, inner.ip_source), (flow.destination, inner.ip_destination)):
            if new is not None:
                for old_word, new_word in zip(_halves(int.from_bytes(old)), _halves(int.from_bytes(new)), strict=True):
                    total += _delta(old_word, new_word)
    if flow.protocol in _ICMP:
        changes = [(flow.destination_port, _identifier(flow, inner))]
    else:
        changes = [(flow.source_port, inner.source_port), (flow.destination_port, inner.destination_port)]
    total += sum(_delta(old_port, new_port) for old_port, new_port in changes if new_port is not None)
    return int(fold(np.uint64(total)))


def _delta(old: int, new: int) -> int:
    return int(delta_of_words(np.uint64(old), np.uint64(new)))


def _halves(address: int) -> tuple[int, int]:
    return address >> 64, address & 0xFFFF_FFFF_FFFF_FFFF


def _ports(flow: FlowId, inner: InnerModification) -> tuple[int, int]:
    """Flags of the transform and the low half of the rewrite word."""
    if flow.protocol in _ICMP:
        identifier = _identifier(flow, inner)
        return (0, 0) if identifier is None else (int(TRANSFORM_ICMP_IDENTIFIER), identifier)
    flags = ports = 0
    if inner.source_port is not None:
        flags |= int(TRANSFORM_SOURCE_PORT)
        ports |= inner.source_port << int(REWRITE_SOURCE_PORT_SHIFT)
    if inner.destination_port is not None:
        flags |= int(TRANSFORM_DESTINATION_PORT)
        ports |= inner.destination_port
    return flags, ports


def _identifier(flow: FlowId, inner: InnerModification) -> int | None:
    """The new ICMP identifier; only echoes have one."""
    return inner.icmp_identifier if is_echo(flow.protocol, flow.source_port) else None


def _right_aligned(pushed: bytes) -> list[int]:
    """The pushed bytes as little-endian words, padded in front; the outer source port, the flow's own, is left out."""
    shared = bytearray(pushed)
    if shared:
        shared[OUTER_TRANSPORT : OUTER_TRANSPORT + 2] = bytes(2)
    padded = shared.rjust(-(-len(shared) // 8) * 8, b"\0").ljust(PUSH_BYTES, b"\0")
    return [int(word) for word in np.frombuffer(padded, "<u8")]
