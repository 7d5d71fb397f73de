"""Classic pcap files (draft-ietf-opsawg-pcap): both byte orders, microseconds and nanoseconds."""

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from experiments.capture.frame import Frame
from experiments.capture.source import LARGEST_PACKET, LINK_TYPE_ETHERNET, Source

MICROSECONDS = 0xA1B2C3D4
NANOSECONDS = 0xA1B23C4D
MAGICS = {
    struct.pack(byte_order + "I", magic): (byte_order, 1_000 if magic == MICROSECONDS else 1)
    for byte_order in "<>"
    for magic in (MICROSECONDS, NANOSECONDS)
}
"""The first four bytes of a file -> byte order, nanoseconds in one unit of a record's fraction."""

VERSION = (2, 4)
NANOSECONDS_PER_SECOND = 1_000_000_000


def read(source: Source) -> Iterator[Frame]:
    """Frames of a pcap file, in file order. Raises `CaptureError`."""
    source.byte_order, unit_ns = MAGICS[source.take(4, "magic number")]
    header = source.take(20, "file header")
    major, minor, _zone, _digits, _snap_length, link_type = source.unpack("HHiIII", header)
    if (major, minor) != VERSION:
        raise source.error("version", f"pcap {major}.{minor} is not 2.4", "convert it with 'editcap -F pcap'")
    source.check_link_type(link_type, "link type")
    number = 0
    while not source.at_end():
        number += 1
        record = source.take(16, f"packet {number} header")
        seconds, fraction, captured, original = source.unpack("IIII", record)
        source.check_lengths(captured, original, f"packet {number} length")
        data = source.take(captured, f"packet {number} data")
        yield Frame(seconds * NANOSECONDS_PER_SECOND + fraction * unit_ns, "", data, original)


def write(stream: BinaryIO, frames: Iterable[Frame], *, byte_order: str = "<", nanoseconds: bool = True) -> None:
    """Writes a pcap file. Interface names are lost; so is what is below the unit of time."""
    magic, unit_ns = (NANOSECONDS, 1) if nanoseconds else (MICROSECONDS, 1_000)
    stream.write(struct.pack(byte_order + "IHHiIII", magic, *VERSION, 0, 0, LARGEST_PACKET, LINK_TYPE_ETHERNET))
    for frame in frames:
        seconds, rest_ns = divmod(frame.timestamp_ns, NANOSECONDS_PER_SECOND)
        lengths = (len(frame.data), frame.original_length)
        stream.write(struct.pack(byte_order + "IIII", seconds, rest_ns // unit_ns, *lengths))
        stream.write(frame.data)
