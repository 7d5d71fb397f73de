"""Frames of every kind that the compiled code serves, and of some that it leaves alone, in buffers that are watched."""

import struct
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from fastpath.layout import (
    DESCRIPTOR_WORDS,
    FRAME_DIRECTION,
    FRAME_LENGTH,
    FRAME_OFFSET,
    INBOUND,
    OUTBOUND,
    WORK_WORDS,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from proofs.equivalence.frames import ICMP, ICMPV6, TCP, UDP, Checksum, Content, Tunnel, plain
from reference.direction import Direction
from reference.packet.flow import FlowId

MAC_A, MAC_B = bytes.fromhex("a84025fafa37"), bytes.fromhex("a84025ff7777")
UNDERLAY_A, UNDERLAY_B = bytes.fromhex("fd00" + "11" * 14), bytes.fromhex("fd00" + "22" * 14)
ECHO_TYPES = (8, 0, 128, 129)

ports = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 0xFFFF])
payloads = st.binary(max_size=40)
_option_words = st.integers(0, 10).map(lambda count: b"\1" * (4 * count))


class Sight(NamedTuple):
    """A frame, the way it travels, and the flow it was built from."""

    direction: Direction
    frame: bytes
    flow: FlowId


def address(family: int) -> st.SearchStrategy[bytes]:
    """Addresses of a family."""
    size = 4 if family == 4 else 16
    return st.binary(min_size=size, max_size=size)


@st.composite
def flows(draw: st.DrawFn) -> FlowId:
    """Flow ids of both families and all protocols, ICMP of the other family and messages without code included."""
    family = draw(st.sampled_from([4, 6]))
    protocol = draw(st.sampled_from([TCP, UDP, ICMP, ICMPV6]))
    first, second = draw(ports), draw(ports)
    if protocol in (ICMP, ICMPV6):
        first = draw(st.sampled_from(ECHO_TYPES) | st.integers(0, 0xFF))
    return FlowId(protocol, family, draw(address(family)), draw(address(family)), first, second)


contents = st.fixed_dictionaries(
    {
        "payload": payloads,
        "flags": st.integers(0, 0xFF),
        "sequence": st.integers(0, 2**32 - 1),
        "acknowledgement": st.integers(0, 2**32 - 1),
        "checksum": st.sampled_from(Checksum),
        "header_checksum": st.booleans(),
        "transport_options": _option_words,
        "network_options": _option_words,
        "padding": st.binary(max_size=12),
        "hop_limit": st.integers(0, 255),
        "code": st.just(0) | st.integers(0, 255),
    }
).map(lambda members: Content(**members))


@st.composite
def tunnel_options(draw: st.DrawFn) -> bytes:
    """Geneve options that fill their area."""
    sizes = draw(st.lists(st.integers(0, 6), max_size=3))
    return b"".join(b"\x01\x29" + bytes([draw(st.integers(0, 255)), size]) + bytes(4 * size) for size in sizes)


@st.composite
def good_frames(draw: st.DrawFn) -> Sight:
    """Frames that every datapath should forward."""
    flow = draw(flows())
    frame = plain(flow, draw(contents), MAC_A, MAC_B)
    direction = draw(st.sampled_from(Direction))
    if direction is Direction.IN:
        tunnel = Tunnel(UNDERLAY_A, UNDERLAY_B, draw(st.integers(0, 2**24 - 1)), draw(tunnel_options()))
        frame = tunnel._replace(source_port=draw(ports)).wrap(frame)
    return Sight(direction, frame, flow)


@st.composite
def unusual_frames(draw: st.DrawFn) -> Sight:
    """Good frames that OPTE may forward but the compiled code does not know: extension headers, critical options."""
    flow = draw(flows())
    frame = plain(flow, draw(contents), MAC_A, MAC_B)
    if flow.family == 6:
        frame = with_extension(frame, draw(st.sampled_from([0, 43, 44, 60, 135, 139, 140, 253, 254])))
    tunnel = Tunnel(UNDERLAY_A, UNDERLAY_B, 7, draw(tunnel_options()), critical=draw(st.booleans()))
    if draw(st.booleans()):
        return Sight(Direction.OUT, frame, flow)
    frame = tunnel.wrap(frame)
    if draw(st.booleans()):
        frame = with_extension(frame, 60)
    return Sight(Direction.IN, frame, flow)


def with_extension(frame: bytes, kind: int) -> bytes:
    """The frame with an extension header of eight bytes behind its first IPv6 header."""
    packet = bytearray(frame)
    following = packet[20]
    packet[20] = kind
    length = struct.unpack_from(">H", packet, 18)[0]
    struct.pack_into(">H", packet, 18, length + 8)
    packet[54:54] = bytes([following, 0]) + bytes(6)
    return bytes(packet)


damages = st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), min_size=1, max_size=4)


def damaged(frame: bytes, damage: list[tuple[int, int]]) -> bytes:
    """The frame with some bytes, counted modulo its length, replaced."""
    packet = bytearray(frame)
    for position, value in damage:
        packet[position % len(packet)] = value
    return bytes(packet)


class Slot(NamedTuple):
    """A frame in a buffer between foreign bytes, with its descriptor and room for a work record."""

    frames: Frame
    descriptors: Words
    work: Words
    start: int

    @classmethod
    def holding(cls, direction: Direction, frame: bytes, before: bytes = b"", after: bytes = b"") -> "Slot":
        """A buffer of its own for the frame; the work record holds rubbish."""
        descriptors = np.zeros(DESCRIPTOR_WORDS, np.uint64)
        descriptors[FRAME_OFFSET], descriptors[FRAME_LENGTH] = len(before), len(frame)
        descriptors[FRAME_DIRECTION] = INBOUND if direction is Direction.IN else OUTBOUND
        work = np.full(WORK_WORDS, 0xA5A5_A5A5_A5A5_A5A5, np.uint64)
        return cls(np.frombuffer(bytearray(before + frame + after), np.uint8), descriptors, work, len(before))

    def frame(self) -> bytes:
        """The frame where the descriptor says that it is now."""
        start = int(self.descriptors[FRAME_OFFSET])
        return self.frames[start : start + int(self.descriptors[FRAME_LENGTH])].tobytes()


class Trespass(AssertionError):
    """A kernel reached for bytes that are not the frame's."""


class Guarded:
    """The bytes of a buffer of which only some may be read, and some written; for kernels without the compiler."""

    def __init__(self, frames: Frame, readable: range, writable: range = range(0)) -> None:
        self._frames = frames
        self._readable = readable
        self._writable = writable

    def __getitem__(self, place: slice | int) -> Frame:
        self._check(place, self._readable, "read")
        return self._frames[place]

    def __setitem__(self, place: slice | int, value: Frame) -> None:
        self._check(place, self._writable, "written")
        self._frames[place] = value

    def _check(self, place: slice | int, allowed: range, verb: str) -> None:
        first, end = (place.start, place.stop) if isinstance(place, slice) else (place, place + 1)
        if not allowed.start <= first <= end <= allowed.stop:
            raise Trespass(f"bytes {first} to {end} {verb}, allowed are {allowed.start} to {allowed.stop}")
