"""Parsing in place agrees with the reference about every frame it accepts, and reads no byte outside the frame."""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastpath.compile_flow import key_words
from fastpath.layout import (
    KEY_WORDS,
    WORK_ACKNOWLEDGEMENT,
    WORK_ENCAPSULATION,
    WORK_KEY,
    WORK_NETWORK,
    WORK_SEQUENCE,
    WORK_TCP_FLAGS,
    WORK_TRANSPORT,
)
from fastpath.parse import parse as parse_compiled
from proofs.equivalence.frames import ICMP, ICMPV6, TCP, UDP, Content, Tunnel, plain
from proofs.units.fastpath import arenas, packets
from proofs.units.fastpath.packets import Guarded, Sight, Slot, damaged, damages, good_frames, unusual_frames
from reference.direction import Direction
from reference.packet import parse as reference_parse
from reference.packet.errors import ParseError
from reference.packet.flow import FlowId
from reference.packet.packet import Packet

UNCOMPILED = arenas.plain("fastpath.parse")
MARGIN = 160
"""Foreign bytes on either side: more than any header that a wrong length could lead to is long."""


class Found(NamedTuple):
    """What parsing finds: the key, the offsets within the frame, and for TCP its flags and numbers."""

    key: tuple[int, ...]
    encapsulation: int
    network: int
    transport: int
    tcp: tuple[int, ...]


def found_in(slot: Slot, accepted: bool) -> Found | None:
    """The work record of a frame, None if it was left to the slow path."""
    work = [int(word) for word in slot.work]
    assert accepted or work[WORK_NETWORK] == 0
    if not accepted:
        return None
    key = tuple(work[WORK_KEY : WORK_KEY + KEY_WORDS])
    network, transport = work[WORK_NETWORK] - slot.start, work[WORK_TRANSPORT] - slot.start
    is_tcp = key[-1] >> 32 & 0xFF == TCP
    tcp = tuple(work[at] for at in (WORK_TCP_FLAGS, WORK_SEQUENCE, WORK_ACKNOWLEDGEMENT)) if is_tcp else ()
    return Found(key, work[WORK_ENCAPSULATION], network, transport, tcp)


def parsed(direction: Direction, frame: bytes, margin: bytes = b"") -> Found | None:
    """What the compiled code finds in a frame between foreign bytes."""
    slot = Slot.holding(direction, frame, margin, margin)
    accepted = parse_compiled(slot.frames, slot.descriptors, 0, slot.work, 0)
    return found_in(slot, bool(accepted))


def parsed_under_guard(direction: Direction, frame: bytes) -> Found | None:
    """What the plain functions find, on an array that raises when any other byte is read."""
    slot = Slot.holding(direction, frame, bytes(MARGIN), bytes(MARGIN))
    guarded: Any = Guarded(slot.frames, range(MARGIN, MARGIN + len(frame)))
    return found_in(slot, bool(UNCOMPILED.parse(guarded, slot.descriptors, 0, slot.work, 0)))


def expected(direction: Direction, frame: bytes) -> Found | None:
    """What the reference says of a frame, None for one that it refuses or that is not plain."""
    try:
        packet = reference_parse.parse(direction, frame)
    except ParseError:
        return None
    if packet.network is None or packet.transport is None or has_extension_headers(packet):
        return None
    tcp = packet.tcp
    return Found(
        key_words(direction, packet.flow),
        packet.encapsulation_length,
        packet.network.offset,
        packet.transport.offset,
        (tcp.flags, tcp.sequence, tcp.acknowledgement) if tcp is not None else (),
    )


def has_extension_headers(packet: Packet) -> bool:
    """Whether anything stands between an IPv6 header and its transport."""
    assert packet.network is not None
    assert packet.transport is not None
    is_outer = packet.outer is not None and packet.outer.transport.offset != packet.outer.network.offset + 40
    return is_outer or (packet.flow.family == 6 and packet.transport.offset != packet.network.offset + 40)


def check(direction: Direction, frame: bytes) -> Found | None:
    """The compiled code says what the reference says; so do the plain functions, which are watched."""
    found = expected(direction, frame)
    assert parsed(direction, frame, bytes(MARGIN)) == found
    assert parsed(direction, frame, b"\xff" * MARGIN) == found
    assert parsed_under_guard(direction, frame) == found
    return found


@given(sight=good_frames())
def test_every_plain_frame_is_accepted_as_the_reference_does(sight: Sight) -> None:
    found = check(sight.direction, sight.frame)
    assert found is not None
    if sight.flow.protocol in (TCP, UDP):
        assert found.key == key_words(sight.direction, sight.flow)


@given(sight=good_frames())
@settings(max_examples=40)
def test_a_frame_cut_anywhere_is_accepted_only_where_the_reference_does(sight: Sight) -> None:
    for length in range(len(sight.frame)):
        check(sight.direction, sight.frame[:length])


def cut_with_lengths(sight: Sight, length: int) -> bytes:
    """The frame cut to a length, with length fields, as far as they are still there, that say so."""
    packet = reference_parse.parse(sight.direction, sight.frame)
    assert packet.network is not None
    assert packet.transport is not None
    fields = [(packet.network.offset, 2 if packet.flow.family == 4 else 4, 0 if packet.flow.family == 4 else 40)]
    if packet.udp is not None:
        fields.append((packet.transport.offset, 4, 0))
    if packet.outer is not None:
        fields += [(packet.outer.network.offset, 4, 40), (packet.outer.transport.offset, 4, 0)]
    cut = bytearray(sight.frame[:length])
    for header, field, uncounted in fields:
        if header + field + 2 <= length:
            cut[header + field : header + field + 2] = max(0, length - header - uncounted).to_bytes(2)
    return bytes(cut)


@given(sight=good_frames())
@settings(max_examples=40)
def test_a_frame_that_ends_inside_a_header_but_says_so_is_accepted_only_where_the_reference_does(sight: Sight) -> None:
    for length in range(len(sight.frame)):
        check(sight.direction, cut_with_lengths(sight, length))


@given(sight=good_frames(), damage=damages)
@settings(max_examples=300)
def test_a_damaged_frame_is_accepted_only_where_the_reference_does(sight: Sight, damage: list[tuple[int, int]]) -> None:
    check(sight.direction, damaged(sight.frame, damage))


@given(sight=unusual_frames(), damage=st.just([]) | damages)
def test_a_frame_with_extension_headers_or_critical_options_is_never_taken_for_another_flow(
    sight: Sight, damage: list[tuple[int, int]]
) -> None:
    check(sight.direction, damaged(sight.frame, damage))


@given(direction=st.sampled_from(Direction), frame=st.binary(max_size=180))
@example(direction=Direction.OUT, frame=b"")
@example(direction=Direction.IN, frame=b"")
def test_meaningless_bytes_are_accepted_only_where_the_reference_does(direction: Direction, frame: bytes) -> None:
    check(direction, frame)


def _sights() -> list[Sight]:
    tunnel = Tunnel(packets.UNDERLAY_A, packets.UNDERLAY_B, 99, bytes.fromhex("0129000001290201") + bytes(4))
    bare = Content(payload=b"payload")
    full = bare._replace(transport_options=b"\1" * 4, network_options=b"\1" * 4, padding=bytes(3))
    sights = []
    kinds = ((4, TCP), (6, TCP), (4, UDP), (6, UDP), (4, ICMP), (6, ICMPV6))
    for (family, protocol), content in itertools.product(kinds, (bare, full)):
        size = 4 if family == 4 else 16
        echo = {ICMP: 8, ICMPV6: 128}.get(protocol, 1_000)
        flow = FlowId(protocol, family, b"\x0a" * size, b"\x0b" * size, echo, 53)
        frame = plain(flow, content, packets.MAC_A, packets.MAC_B)
        sights += [Sight(Direction.OUT, frame, flow), Sight(Direction.IN, tunnel.wrap(frame), flow)]
    return sights


@pytest.mark.parametrize(
    "sight", _sights(), ids=lambda sight: f"{sight.direction.value}-{sight.flow[:2]}-{len(sight.frame)}"
)
def test_any_value_of_any_header_byte_is_judged_as_the_reference_does(sight: Sight) -> None:
    """Every byte with every single bit flipped, and set to the values at the ends of its range."""
    direction, frame, _ = sight
    verdicts = set()
    for position in range(len(frame)):
        value = frame[position]
        for other in {*(value ^ 1 << bit for bit in range(8)), 0x00, 0xFF, value - 1 & 0xFF, value + 1 & 0xFF}:
            changed = frame[:position] + bytes([other]) + frame[position + 1 :]
            found = expected(direction, changed)
            assert parsed(direction, changed) == found, f"byte {position} is {other:#04x}"
            verdicts.add(found is None)
    assert verdicts == {True, False}


@given(sight=good_frames(), margin=st.binary(min_size=MARGIN, max_size=MARGIN))
def test_bytes_around_the_frame_have_no_say(sight: Sight, margin: bytes) -> None:
    for length in (len(sight.frame), len(sight.frame) // 2):
        frame = sight.frame[:length]
        assert parsed(sight.direction, frame, margin) == parsed(sight.direction, frame, bytes(MARGIN))


@given(sight=good_frames())
def test_parsing_leaves_frame_and_descriptor_alone(sight: Sight) -> None:
    slot = Slot.holding(sight.direction, sight.frame)
    descriptors = slot.descriptors.copy()
    parse_compiled(slot.frames, slot.descriptors, 0, slot.work, 0)
    assert slot.frame() == sight.frame
    assert np.array_equal(slot.descriptors, descriptors)


def test_each_frame_of_a_batch_is_found_by_its_descriptor_and_noted_in_its_record() -> None:
    slot = Slot.holding(Direction.OUT, _sights()[0].frame)
    descriptors = np.concatenate([np.zeros(8, np.uint64), slot.descriptors])
    work = np.concatenate([np.zeros(16, np.uint64), slot.work, np.zeros(16, np.uint64)])
    assert parse_compiled(slot.frames, descriptors, 8, work, 16)
    assert parse_compiled(slot.frames, slot.descriptors, 0, slot.work, 0)
    assert np.array_equal(work[16:32], slot.work)
    assert not work[:16].any()
    assert not work[32:].any()
