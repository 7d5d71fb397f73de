"""Transforms in place give the frames that the reference gives, byte for byte, and touch no neighbour."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.compile_flow import compile_flow
from fastpath.layout import (
    FRAME_FLAGS,
    FRAME_L4_HASH,
    FRAME_VERDICT,
    HEADROOM,
    PUSH_BYTES,
    TRANSFORM_WORDS,
    VERDICT_MODIFIED,
)
from fastpath.memory import Words
from fastpath.parse import parse as parse_compiled
from fastpath.transform import apply, transform_at
from proofs.equivalence.frames import ICMP, ICMPV6, TCP, UDP, Checksum, Content, Tunnel, plain
from proofs.units.fastpath import arenas, packets
from proofs.units.fastpath.packets import Guarded, Sight, Slot, address, good_frames, ports
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId, is_echo
from reference.packet.modify import finish_checksums
from reference.packet.parse import parse
from reference.transform import FlowTransform, HeaderTransform, InnerModification, compile_transform

UNCOMPILED = arenas.plain("fastpath.transform")
RECORD = 2
"""Number of the transform record in use; the ones beside it hold rubbish."""

macs = st.binary(min_size=6, max_size=6)
hashes = st.integers(0, 2**32 - 1)


class Emitted(NamedTuple):
    """A finished frame and what goes with it."""

    frame: bytes
    l4_hash: int
    mtu_unrestricted: bool


class Case(NamedTuple):
    """A frame and what its flow does to it."""

    sight: Sight
    transform: FlowTransform
    l4_hash: int


@st.composite
def modifications(draw: st.DrawFn, flow: FlowId) -> InnerModification:
    """New values for any of the fields that a flow's packets have; an ICMP message's identifier if it is an echo."""

    def maybe(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | values)

    has_ports = flow.protocol in (TCP, UDP)
    return InnerModification(
        ether_source=maybe(macs),
        ether_destination=maybe(macs),
        ip_source=maybe(address(flow.family)),
        ip_destination=maybe(address(flow.family)),
        source_port=maybe(ports) if has_ports else None,
        destination_port=maybe(ports) if has_ports else None,
        icmp_identifier=maybe(ports) if is_echo(flow.protocol, flow.source_port) else None,
    )


def _split(inner: InnerModification) -> list[HeaderTransform]:
    """The same modification by three layers: Ethernet, IP, transport."""
    return [
        HeaderTransform(inner=InnerModification(inner.ether_source, inner.ether_destination)),
        HeaderTransform(inner=InnerModification(ip_source=inner.ip_source, ip_destination=inner.ip_destination)),
        HeaderTransform(
            inner=InnerModification(
                source_port=inner.source_port,
                destination_port=inner.destination_port,
                icmp_identifier=inner.icmp_identifier,
            )
        ),
    ]


@st.composite
def encapsulations(draw: st.DrawFn) -> Encapsulation:
    """Encapsulations with as many options as a transform record has room for."""
    options = bytes(4 * draw(st.integers(0, (PUSH_BYTES - 70) // 4)))
    return Encapsulation(
        draw(macs), draw(address(6)), draw(address(6)), draw(st.integers(0, 2**24 - 1)), draw(ports), options
    )


@st.composite
def cases(draw: st.DrawFn, sights: st.SearchStrategy[Sight] | None = None) -> Case:
    """Good frames and transformations as layers make them: inbound the encapsulation goes, outbound one may come."""
    sight = draw(sights if sights is not None else good_frames())
    inner = draw(modifications(parse(sight.direction, sight.frame).flow))
    headers = [HeaderTransform(inner=inner)] if draw(st.booleans()) else _split(inner)
    if sight.direction is Direction.IN:
        headers.insert(draw(st.integers(0, len(headers))), HeaderTransform(pop=True))
    elif draw(st.booleans()):
        headers.append(HeaderTransform(push=draw(encapsulations())))
    return Case(sight, compile_transform(headers, [], draw(st.booleans())), draw(hashes))


def by_reference(case: Case) -> Emitted:
    """What the reference makes of a frame."""
    packet = parse(case.sight.direction, case.sight.frame)
    compiled = case.transform.compiled
    assert compiled is not None
    case.transform.apply(packet)
    finish_checksums(packet, send_udp_zero_as_ones=False)
    spec = case.transform.emit_spec(packet, case.l4_hash, compiled.internal_destination)
    return Emitted(spec.apply(packet), spec.l4_hash, spec.mtu_unrestricted)


def arena_with(content: tuple[int, ...]) -> Words:
    """An arena with a transform record between others that hold rubbish."""
    words = arenas.small_arena()
    at = int(transform_at(words, np.uint64(RECORD << 32)))
    words[at - TRANSFORM_WORDS : at + 2 * TRANSFORM_WORDS] = 0x5A5A_5A5A_5A5A_5A5A
    words[at : at + TRANSFORM_WORDS] = content
    return words


def applied(case: Case, slot: Slot, apply_: Any = apply, frames: Any = None) -> Emitted:
    """What the kernels make of the frame in a slot."""
    compiled = case.transform.compiled
    assert compiled is not None
    flow = compile_flow(parse(case.sight.direction, case.sight.frame).flow, compiled, udp_zero_as_ones=False)
    assert flow is not None
    words = arena_with(flow.transform)
    before = words.copy()
    assert parse_compiled(slot.frames, slot.descriptors, 0, slot.work, 0)
    frames = slot.frames if frames is None else frames
    action, rewrite = np.uint64(RECORD << 32 | case.l4_hash), np.uint64(flow.rewrite)
    apply_(words, frames, slot.descriptors, 0, slot.work, 0, action, rewrite)
    assert np.array_equal(words, before)
    assert slot.descriptors[FRAME_VERDICT] == VERDICT_MODIFIED
    return Emitted(slot.frame(), int(slot.descriptors[FRAME_L4_HASH]), bool(slot.descriptors[FRAME_FLAGS]))


def room_in_front(case: Case) -> int:
    """Bytes in front of a frame that may be written: what is pushed, in whole words."""
    assert case.transform.compiled is not None
    push = case.transform.compiled.push
    return 0 if push is None else -(-len(push.header) // 8) * 8


def slot_for(case: Case, before: bytes, after: bytes) -> Slot:
    """The frame with exactly the room it needs, between foreign bytes."""
    return Slot.holding(case.sight.direction, case.sight.frame, before + bytes(room_in_front(case)), after)


@given(case=cases())
def test_a_frame_is_finished_as_by_the_reference(case: Case) -> None:
    assert applied(case, slot_for(case, b"", b"")) == by_reference(case)


@given(case=cases(), neighbour=st.binary(min_size=64, max_size=64))
def test_bytes_of_the_neighbours_are_neither_read_nor_written(case: Case, neighbour: bytes) -> None:
    slot = slot_for(case, neighbour, neighbour)
    assert applied(case, slot) == by_reference(case)
    assert slot.frames[:64].tobytes() == slot.frames[-64:].tobytes() == neighbour


@given(case=cases())
def test_the_plain_functions_stay_inside_the_frame_and_its_headroom(case: Case) -> None:
    slot = slot_for(case, bytes(64), bytes(64))
    end = slot.start + len(case.sight.frame)
    guarded = Guarded(slot.frames, range(slot.start, end), range(64, end))
    with np.errstate(over="ignore"):
        assert applied(case, slot, UNCOMPILED.apply, guarded) == by_reference(case)


def outbound(content: Content, protocol: int = UDP, family: int = 4) -> Sight:
    """A frame of the guest."""
    size = 4 if family == 4 else 16
    first = {ICMP: 8, ICMPV6: 128}.get(protocol, 5_000)
    flow = FlowId(protocol, family, b"\x0a" * size, b"\x0b" * size, first, 53)
    return Sight(Direction.OUT, plain(flow, content, packets.MAC_A, packets.MAC_B), flow)


ENCAPSULATION = Encapsulation(bytes(6), packets.UNDERLAY_A, packets.UNDERLAY_B, 99, 0xBEEF)


def changed(sight: Sight, inner: InnerModification, push: Encapsulation | None = None) -> bytes:
    """The frame under a transformation, which the reference agrees about."""
    headers = [HeaderTransform(inner=inner, push=push, pop=sight.direction is Direction.IN)]
    case = Case(sight, compile_transform(headers, [], False), 7)
    emitted = applied(case, slot_for(case, b"", b""))
    assert emitted == by_reference(case)
    return emitted.frame


@pytest.mark.parametrize("family", [4, 6])
def test_a_datagram_without_checksum_stays_without(family: int) -> None:
    sight = outbound(Content(checksum=Checksum.ABSENT), family=family)
    new = changed(sight, InnerModification(source_port=1, ip_source=b"\7" * (4 if family == 4 else 16)))
    assert parse(Direction.OUT, new).flow.source_port == 1
    at = 14 + (20 if family == 4 else 40) + 6
    assert new[at : at + 2] == b"\0\0"


def test_a_segment_whose_checksum_is_zero_is_updated_like_any_other() -> None:
    sight = outbound(Content(checksum=Checksum.ABSENT), protocol=TCP)
    new = changed(sight, InnerModification(source_port=5_001))
    assert new[14 + 20 + 16 :][:2] == b"\xff\xfe"


def test_a_wrong_ipv4_header_checksum_becomes_right_and_a_wrong_transport_checksum_stays_wrong() -> None:
    good, bad = outbound(Content()), outbound(Content(checksum=Checksum.WRONG, header_checksum=False))
    inner = InnerModification(ip_source=b"\7\7\7\7")
    new_good, new_bad = changed(good, inner), changed(bad, inner)
    assert new_bad[24:26] == new_good[24:26]
    assert new_bad[40:42] != new_good[40:42]


def test_checksums_are_left_alone_where_only_ethernet_changes() -> None:
    sight = outbound(Content(checksum=Checksum.WRONG, header_checksum=False))
    assert changed(sight, InnerModification(ether_source=b"\2" * 6))[12:] == sight.frame[12:]


@pytest.mark.parametrize("words", range((PUSH_BYTES - 70) // 4 + 1))
def test_encapsulation_with_options_ends_where_the_frame_begins(words: int) -> None:
    push = Encapsulation(bytes(6), packets.UNDERLAY_A, packets.UNDERLAY_B, 99, 0xBEEF, bytes(range(4 * words)))
    sight = outbound(Content(payload=b"payload"))
    new = changed(sight, InnerModification(), push)
    assert new[70 : 70 + 4 * words] == bytes(range(4 * words))
    assert new[70 + 4 * words :] == sight.frame


def test_the_longest_encapsulation_fits_the_headroom() -> None:
    push = Encapsulation(bytes(6), packets.UNDERLAY_A, packets.UNDERLAY_B, 99, 1, bytes((PUSH_BYTES - 70) // 4 * 4))
    case = Case(outbound(Content()), compile_transform([HeaderTransform(push=push)], [], False), 7)
    assert room_in_front(case) == HEADROOM
    assert applied(case, slot_for(case, b"", b"")) == by_reference(case)


@pytest.mark.parametrize("length", [65_464, 65_465, 65_466, 65_519, 65_520, 65_549, 70_000])
def test_a_length_too_great_for_its_field_is_written_as_the_greatest(length: int) -> None:
    frame = plain(outbound(Content()).flow, Content(), packets.MAC_A, packets.MAC_B)
    sight = Sight(Direction.OUT, frame + bytes(length - len(frame)), outbound(Content()).flow)
    new = changed(sight, InnerModification(), ENCAPSULATION)
    assert int.from_bytes(new[18:20]) == int.from_bytes(new[58:60]) == min(length + 16, 0xFFFF)


def test_an_inbound_frame_loses_its_encapsulation_with_options() -> None:
    inner = outbound(Content(payload=b"payload"))
    tunnel = Tunnel(packets.UNDERLAY_A, packets.UNDERLAY_B, 99, bytes.fromhex("01290201") + bytes(4))
    sight = Sight(Direction.IN, tunnel.wrap(inner.frame), inner.flow)
    assert changed(sight, InnerModification()) == inner.frame


@given(case=cases(), unrestricted=st.booleans())
def test_the_descriptor_says_whether_the_destination_is_inside(case: Case, unrestricted: bool) -> None:
    compiled = compile_transform(case.transform.headers, [], unrestricted)
    emitted = applied(case._replace(transform=compiled), slot_for(case, b"", b""))
    assert emitted.mtu_unrestricted is unrestricted
    assert emitted.l4_hash == case.l4_hash
