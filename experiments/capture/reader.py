"""Opens a capture of either format and refuses, in one line, what the experiments cannot use."""

import os
from collections.abc import Iterator
from pathlib import Path

from experiments.capture import pcap, pcapng
from experiments.capture.errors import CaptureError
from experiments.capture.frame import Frame
from experiments.capture.source import Source

GZIP_MAGIC = b"\x1f\x8b"


def read(path: str | os.PathLike[str]) -> Iterator[Frame]:
    """Frames of a pcap or pcapng file, in file order.

    Every problem is a `CaptureError`: a file that cannot be opened, that is no capture, is
    truncated or corrupt, holds no packet, was not recorded on Ethernet, or holds packets that the
    recorder cut short.
    """
    name = os.fspath(path)
    number = 0
    try:
        with Path(path).open("rb") as stream:
            for number, frame in enumerate(_decoder(Source(stream, name), stream.peek(4)[:4]), 1):
                _check_whole(frame, name, number)
                yield frame
    except OSError as error:
        raise CaptureError(name, "file", f"cannot be read: {error.strerror}", "name a readable file") from error
    if not number:
        raise CaptureError(name, "packets", "the capture is empty", "record it again while there is traffic")


def _decoder(source: Source, magic: bytes) -> Iterator[Frame]:
    if magic == pcapng.MAGIC:
        return pcapng.read(source)
    if magic in pcap.MAGICS:
        return pcap.read(source)
    if not magic:
        raise source.error("file", "the file is empty", "record it again while there is traffic")
    if magic.startswith(GZIP_MAGIC):
        raise source.error("file", "the file is compressed with gzip", "unpack it with gunzip first")
    raise source.error("magic number", f"0x{magic.hex()} belongs to no capture file", "give a pcap or pcapng file")


def _check_whole(frame: Frame, path: str, number: int) -> None:
    if len(frame.data) < frame.original_length:
        raise CaptureError(
            path,
            f"packet {number}",
            f"only {len(frame.data)} of {frame.original_length} bytes were captured",
            "record whole packets ('tcpdump -s 0')",
        )
