"""Capture files as scapy, an independent implementation, reads and writes them."""

import io
import tempfile
from collections.abc import Iterable
from typing import Any

from scapy import utils

from experiments.capture.frame import Frame

scapy: Any = utils
"""scapy's annotations do not admit what its code does (streams in place of file names)."""

ETHERNET = 1


def read_pcap(content: bytes) -> list[tuple[bytes, Any]]:
    """Packets with `sec`, `usec` (in the file's own unit) and `wirelen`."""
    reader = scapy.RawPcapReader(io.BytesIO(content))
    assert reader.linktype == ETHERNET
    return list(reader)


def write_pcap(frames: Iterable[Frame], *, byte_order: str, nanoseconds: bool) -> bytes:
    """A pcap file of these frames."""
    stream = io.BytesIO()
    writer = scapy.PcapWriter(stream, linktype=ETHERNET, endianness=byte_order, nano=nanoseconds)
    writer.write_header(None)
    for frame in frames:
        writer.write_packet(
            frame.data,
            sec=frame.timestamp_ns // 10**9,
            usec=frame.timestamp_ns % 10**9 // (1 if nanoseconds else 1000),
            wirelen=frame.original_length,
        )
    writer.flush()
    return stream.getvalue()


def read_pcapng(content: bytes) -> list[tuple[bytes, Any]]:
    """Packets with `linktype`, `tsresol`, `tshigh`, `tslow`, `wirelen`, `ifname`, `comments`."""
    return list(scapy.RawPcapNgReader(io.BytesIO(content)))


def write_pcapng(frames: Iterable[Frame]) -> bytes:
    """A pcapng file of these frames; scapy rounds the times to about a microsecond."""
    with tempfile.NamedTemporaryFile() as file:
        with scapy.PcapNgWriter(file.name) as writer:
            writer.linktype = ETHERNET
            writer.write_header(None)
            for frame in frames:
                writer.write_packet(
                    frame.data,
                    sec=frame.timestamp_ns / 10**9,
                    wirelen=frame.original_length,
                )
        return file.read()
