"""A capture file being read: knows its name and position, so that a complaint names the place."""

import struct
from io import BufferedReader
from typing import Any

from experiments.capture.errors import CaptureError

LINK_TYPE_ETHERNET = 1
"""LINKTYPE_ETHERNET of the tcpdump.org link-layer header type registry."""

LARGEST_PACKET = 262_144
"""Bytes; libpcap's MAXIMUM_SNAPLEN. A longer packet is taken for a damaged length field."""


class Source:
    """A binary stream read strictly forwards, in the byte order that its file declares."""

    def __init__(self, stream: BufferedReader, path: str) -> None:
        self.path = path
        self.offset = 0
        self.byte_order = "<"
        self._stream = stream

    def take(self, count: int, field: str) -> bytes:
        """The next `count` bytes, which hold `field`; `CaptureError` when the file ends before."""
        data = self._stream.read(count)
        if len(data) != count:
            raise self.error(
                field,
                f"the file is truncated: {len(data)} of {count} bytes at offset {self.offset}",
                "record or copy it again",
            )
        self.offset += count
        return data

    def at_end(self) -> bool:
        """Whether nothing is left to read."""
        return not self._stream.peek(1)

    def unpack(self, layout: str, data: bytes) -> tuple[Any, ...]:
        """`struct.unpack_from` in the file's byte order, which `layout` leaves out."""
        return struct.unpack_from(self.byte_order + layout, data)

    def error(self, field: str, problem: str, fix: str) -> CaptureError:
        """The exception that says `problem` about `field` of this file."""
        return CaptureError(self.path, field, problem, fix)

    def corrupt(self, field: str, problem: str) -> CaptureError:
        """The exception for a field whose value cannot be right."""
        return self.error(field, f"the file is corrupt: {problem}", "record or copy it again")

    def check_link_type(self, link_type: int, field: str) -> None:
        """Raises `CaptureError` unless the link type is Ethernet."""
        if link_type != LINK_TYPE_ETHERNET:
            raise self.error(
                field,
                f"link type {link_type} is not Ethernet ({LINK_TYPE_ETHERNET})",
                "record on an Ethernet interface (not on 'any', a tunnel or a monitor-mode radio)",
            )

    def check_lengths(self, captured: int, original: int, field: str) -> None:
        """Raises `CaptureError` for lengths that no recorder writes."""
        if captured > LARGEST_PACKET:
            raise self.corrupt(field, f"captured length {captured} is above {LARGEST_PACKET}")
        if captured > original:
            raise self.corrupt(field, f"captured length {captured} is above the original length {original}")
