"""The second pass over a frame: versions must be right, lengths must fit, the outermost fault is reported."""

import struct

import pytest

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import TCP, UDP, Layers
from reference.direction import Direction
from reference.packet.errors import (
    BadLength,
    HeaderError,
    HeaderName,
    IllegalValue,
    Location,
    ParseError,
    UnrecognisedTunnelOption,
    Why,
)
from reference.packet.parse import parse

IPV4_FRAME = bytes(frames.ipv4() / UDP() / b"12345678")
IPV6_FRAME = bytes(frames.ipv6() / UDP() / b"12345678")
TUNNEL = 70
"""Bytes of encapsulation without options."""


def with_word(frame: bytes, offset: int, value: int) -> bytes:
    """The frame with another 16-bit word at `offset`."""
    changed = bytearray(frame)
    struct.pack_into(">H", changed, offset, value)
    return bytes(changed)


def with_byte(frame: bytes, offset: int, value: int) -> bytes:
    """The frame with another byte at `offset`."""
    return frame[:offset] + bytes((value,)) + frame[offset + 1 :]


def refusal(direction: Direction, frame: bytes) -> ParseError:
    """The error with which a frame is refused."""
    with pytest.raises(ParseError) as error:
        parse(direction, frame)
    return error.value


def mismatch(direction: Direction, frame: bytes, kind: type[IllegalValue | BadLength]) -> tuple[Location, int, int]:
    """Location, expected and actual value with which a frame is refused."""
    error = refusal(direction, frame)
    assert type(error) is kind
    return error.location, error.expected, error.actual


def test_an_ip_header_must_have_the_version_that_ethernet_announced() -> None:
    as_six = with_byte(IPV4_FRAME, 14, 0x65)
    assert mismatch(Direction.OUT, as_six, IllegalValue) == (Location.IPV4_VERSION, 4, 6)
    as_four = with_byte(IPV6_FRAME, 14, 0x40)
    assert mismatch(Direction.OUT, as_four, IllegalValue) == (Location.IPV6_VERSION, 6, 4)


@pytest.mark.parametrize("words", range(5))
def test_an_ipv4_header_has_at_least_five_words(words: int) -> None:
    frame = with_byte(IPV4_FRAME, 14, 0x40 | words)
    assert mismatch(Direction.OUT, frame, IllegalValue) == (Location.IPV4_HEADER_LENGTH, 5, words)


def test_an_ipv4_packet_is_at_least_as_long_as_its_header_and_at_most_as_the_bytes_there_are() -> None:
    too_short = with_word(IPV4_FRAME, 16, 19)
    assert mismatch(Direction.OUT, too_short, BadLength) == (Location.IPV4_TOTAL_LENGTH_MINIMUM, 20, 19)
    too_long = with_word(IPV4_FRAME, 16, 37)
    assert mismatch(Direction.OUT, too_long, BadLength) == (Location.IPV4_TOTAL_LENGTH, 36, 37)
    for length in (20, 36):
        assert parse(Direction.OUT, with_word(IPV4_FRAME, 16, length)).length == len(IPV4_FRAME)


def test_an_ipv6_payload_is_at_most_as_long_as_the_bytes_there_are() -> None:
    assert mismatch(Direction.OUT, with_word(IPV6_FRAME, 18, 17), BadLength) == (Location.IPV6_PAYLOAD_LENGTH, 16, 17)
    for length in (0, 16):
        assert parse(Direction.OUT, with_word(IPV6_FRAME, 18, length)).length == len(IPV6_FRAME)


def test_a_udp_datagram_is_at_most_as_long_as_the_bytes_there_are() -> None:
    assert mismatch(Direction.OUT, with_word(IPV4_FRAME, 38, 17), BadLength) == (Location.UDP_LENGTH, 16, 17)
    for length in (0, 16):
        assert parse(Direction.OUT, with_word(IPV4_FRAME, 38, length)).length == len(IPV4_FRAME)


def test_the_lengths_of_the_encapsulation_may_be_too_small_but_not_too_great() -> None:
    frame = bytes(frames.encapsulated(IPV4_FRAME))
    payload = len(frame) - 54
    assert mismatch(Direction.IN, with_word(frame, 18, payload + 1), BadLength) == (
        Location.IPV6_PAYLOAD_LENGTH,
        payload,
        payload + 1,
    )
    assert mismatch(Direction.IN, with_word(frame, 58, payload + 1), BadLength) == (
        Location.UDP_LENGTH,
        payload,
        payload + 1,
    )
    assert parse(Direction.IN, with_word(with_word(frame, 18, 0), 58, 0)).length == len(frame)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_geneve_has_version_0(version: int) -> None:
    frame = with_byte(bytes(frames.encapsulated(IPV4_FRAME)), 62, version << 6)
    assert mismatch(Direction.IN, frame, IllegalValue) == (Location.GENEVE_VERSION, 0, version)


def test_the_outermost_fault_is_reported_first() -> None:
    frame = bytes(frames.encapsulated(with_byte(IPV4_FRAME, 14, 0x65)))
    assert mismatch(Direction.IN, frame, IllegalValue)[0] is Location.IPV4_VERSION
    frame = with_byte(frame, 62, 0x40)
    assert mismatch(Direction.IN, frame, IllegalValue)[0] is Location.GENEVE_VERSION
    frame = with_word(frame, 58, 0xFFFF)
    assert mismatch(Direction.IN, frame, BadLength)[0] is Location.UDP_LENGTH
    frame = with_byte(frame, 14, 0)
    assert mismatch(Direction.IN, frame, IllegalValue)[0] is Location.IPV6_VERSION


def test_a_missing_header_is_reported_before_any_wrong_value() -> None:
    frame = with_byte(bytes(frames.ipv4() / TCP()), 14, 0x65)[:-1]
    error = refusal(Direction.OUT, frame)
    assert isinstance(error, HeaderError)
    assert error.header is HeaderName.INNER_TRANSPORT


def critical(options: tuple[Layers, ...]) -> ParseError:
    """The refusal of a frame with the critical flag and these options."""
    return refusal(Direction.IN, bytes(frames.encapsulated(IPV4_FRAME, options=options, critical=1)))


@pytest.mark.parametrize(("option_class", "option_type"), [(0x0129, 0x80), (0x0129, 0x83), (0xFFFF, 0xFF)])
def test_a_critical_option_that_is_not_understood_is_refused_by_name(option_class: int, option_type: int) -> None:
    error = critical((frames.option(0), frames.option(option_type, option_class=option_class)))
    assert isinstance(error, UnrecognisedTunnelOption)
    assert error.to_json() == {"error": "UnrecognisedTunnelOpt", "class": option_class, "type": option_type}


@pytest.mark.parametrize(
    "options", [(), (frames.option(0),), (frames.option(1), frames.option(0x80)), (frames.option(9),)]
)
def test_a_header_with_the_critical_flag_is_refused_in_any_other_case_as_well(options: tuple[Layers, ...]) -> None:
    error = critical(options)
    assert isinstance(error, HeaderError)
    assert (error.header, error.why) == (HeaderName.GENEVE_OPTION, Why.TOO_SMALL)


def test_without_the_critical_flag_no_option_is_looked_at() -> None:
    frame = bytes(frames.encapsulated(IPV4_FRAME, options=(frames.option(0x80), frames.option(1))))
    assert parse(Direction.IN, frame).length == len(frame)
