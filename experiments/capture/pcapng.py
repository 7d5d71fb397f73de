"""pcapng files (draft-ietf-opsawg-pcapng): a chain of length-prefixed blocks.

Reads section headers of both byte orders, interface descriptions with their time resolution,
enhanced and simple packets; steps over the other blocks (statistics, names, decryption secrets).
Writes one little-endian section of enhanced packets with nanosecond times.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from experiments.capture.frame import Frame
from experiments.capture.source import LARGEST_PACKET, LINK_TYPE_ETHERNET, Source

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6

MAGIC = struct.pack("<I", SECTION_HEADER)
"""The first four bytes of a file: a palindrome, the same in both byte orders."""

BYTE_ORDERS = {struct.pack(order + "I", 0x1A2B3C4D): order for order in "<>"}

OPTION_END = 0
OPTION_COMMENT = 1
INTERFACE_NAME = 2
INTERFACE_TIME_RESOLUTION = 9
INTERFACE_TIME_OFFSET = 14
SECTION_APPLICATION = 4

BLOCK_OVERHEAD = 12
"""Bytes of a block around its body: type, total length, and the total length again."""

LARGEST_BLOCK = 1 << 24
"""Bytes; a longer block is taken for a damaged length field."""

MICROSECOND_RESOLUTION = 6
NANOSECOND_RESOLUTION = 9
NANOSECONDS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Interface:
    """What a section says about one recording interface; times count `ticks_per_second`."""

    name: str
    snap_length: int
    ticks_per_second: int
    offset_seconds: int

    def nanoseconds(self, ticks: int) -> int:
        """A packet's time stamp in nanoseconds since 1970, rounded down."""
        return self.offset_seconds * NANOSECONDS_PER_SECOND + ticks * NANOSECONDS_PER_SECOND // self.ticks_per_second


def read(source: Source) -> Iterator[Frame]:
    """Frames of all sections of a pcapng file, in file order. Raises `CaptureError`."""
    interfaces: list[Interface] = []
    number = 0
    while not source.at_end():
        kind, body = _read_block(source)
        if kind == SECTION_HEADER:
            interfaces = []
        elif kind == INTERFACE_DESCRIPTION:
            interfaces.append(_interface(source, body, len(interfaces)))
        elif kind in _PACKET_DECODERS:
            number += 1
            yield _PACKET_DECODERS[kind](source, body, interfaces, number)
        elif kind == OBSOLETE_PACKET:
            raise source.error(
                f"block at offset {source.offset}",
                "the obsolete packet block is not supported",
                "rewrite it with 'editcap -F pcapng'",
            )


def _read_block(source: Source) -> tuple[int, bytes]:
    field = f"block at offset {source.offset}"
    head = source.take(8, field)
    if head[:4] == MAGIC:
        order_magic = source.take(4, f"{field}, byte-order magic")
        if order_magic not in BYTE_ORDERS:
            raise source.corrupt(f"{field}, byte-order magic", f"0x{order_magic.hex()}")
        source.byte_order = BYTE_ORDERS[order_magic]
    else:
        order_magic = b""
    kind, length = source.unpack("II", head)
    if length % 4 or not BLOCK_OVERHEAD + len(order_magic) <= length <= LARGEST_BLOCK:
        raise source.corrupt(f"{field}, length", f"{length} bytes")
    body = order_magic + source.take(length - BLOCK_OVERHEAD - len(order_magic), field)
    (length_again,) = source.unpack("I", source.take(4, f"{field}, second length"))
    if length_again != length:
        raise source.corrupt(f"{field}, length", f"{length} at the front and {length_again} at the back")
    return kind, body


def _interface(source: Source, body: bytes, number: int) -> Interface:
    field = f"interface {number}"
    _check_size(source, body, 8, field)
    link_type, _reserved, snap_length = source.unpack("HHI", body)
    source.check_link_type(link_type, f"{field}, link type")
    options = _options(source, body[8:], field)
    resolution = options.get(INTERFACE_TIME_RESOLUTION, bytes([MICROSECOND_RESOLUTION]))
    offset = options.get(INTERFACE_TIME_OFFSET, bytes(8))
    _check_size(source, resolution, 1, f"{field}, if_tsresol")
    _check_size(source, offset, 8, f"{field}, if_tsoffset")
    base = 2 if resolution[0] & 0x80 else 10
    return Interface(
        name=options.get(INTERFACE_NAME, b"").decode("utf-8", "replace").rstrip("\0"),
        snap_length=snap_length,
        ticks_per_second=base ** (resolution[0] & 0x7F),
        offset_seconds=source.unpack("q", offset)[0],
    )


def _options(source: Source, data: bytes, field: str) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        _check_size(source, data[position:], 4, f"{field}, options")
        code, length = source.unpack("HH", data[position : position + 4])
        if code == OPTION_END:
            break
        _check_size(source, data[position + 4 :], length, f"{field}, option {code}")
        options[code] = data[position + 4 : position + 4 + length]
        position += 4 + _padded(length)
    return options


def _enhanced_packet(source: Source, body: bytes, interfaces: list[Interface], number: int) -> Frame:
    field = f"packet {number}"
    _check_size(source, body, 20, field)
    index, high, low, captured, original = source.unpack("IIIII", body)
    if index >= len(interfaces):
        raise source.corrupt(f"{field}, interface", f"number {index} of {len(interfaces)}")
    source.check_lengths(captured, original, f"{field}, length")
    _check_size(source, body, 20 + captured, f"{field}, data")
    interface = interfaces[index]
    return Frame(interface.nanoseconds(high << 32 | low), interface.name, body[20 : 20 + captured], original)


def _simple_packet(source: Source, body: bytes, interfaces: list[Interface], number: int) -> Frame:
    field = f"packet {number}"
    _check_size(source, body, 4, field)
    if not interfaces:
        raise source.corrupt(f"{field}, interface", "no interface has been described")
    (original,) = source.unpack("I", body)
    captured = min(original, interfaces[0].snap_length or original)
    source.check_lengths(captured, original, f"{field}, length")
    _check_size(source, body, 4 + captured, f"{field}, data")
    return Frame(0, interfaces[0].name, body[4 : 4 + captured], original)


_PACKET_DECODERS = {ENHANCED_PACKET: _enhanced_packet, SIMPLE_PACKET: _simple_packet}


def _check_size(source: Source, data: bytes, needed: int, field: str) -> None:
    if len(data) < needed:
        raise source.corrupt(field, f"{len(data)} bytes where {needed} are needed")


def _padded(length: int) -> int:
    return (length + 3) & ~3


class Writer:
    """Writes one little-endian section with nanosecond times to a binary stream."""

    def __init__(self, stream: BinaryIO, application: str = "lockstep") -> None:
        self._stream = stream
        self._interfaces: dict[str, int] = {}
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        self._block(SECTION_HEADER, section + _option(SECTION_APPLICATION, application.encode()) + _END)

    def write(self, frame: Frame, comment: str = "") -> None:
        """Appends a frame, and before an interface's first frame the interface's description."""
        index = self._interface_index(frame.interface)
        head = struct.pack(
            "<IIIII",
            index,
            frame.timestamp_ns >> 32,
            frame.timestamp_ns & 0xFFFFFFFF,
            len(frame.data),
            frame.original_length,
        )
        options = _option(OPTION_COMMENT, comment.encode()) + _END if comment else b""
        self._block(ENHANCED_PACKET, head + _pad(frame.data) + options)

    def _interface_index(self, name: str) -> int:
        if name not in self._interfaces:
            self._interfaces[name] = len(self._interfaces)
            head = struct.pack("<HHI", LINK_TYPE_ETHERNET, 0, LARGEST_PACKET)
            options = _option(INTERFACE_NAME, name.encode()) if name else b""
            options += _option(INTERFACE_TIME_RESOLUTION, bytes([NANOSECOND_RESOLUTION]))
            self._block(INTERFACE_DESCRIPTION, head + options + _END)
        return self._interfaces[name]

    def _block(self, kind: int, body: bytes) -> None:
        length = struct.pack("<I", BLOCK_OVERHEAD + len(body))
        self._stream.write(struct.pack("<I", kind) + length + body + length)


_END = struct.pack("<HH", OPTION_END, 0)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _pad(value)


def _pad(data: bytes) -> bytes:
    return data.ljust(_padded(len(data)), b"\0")
