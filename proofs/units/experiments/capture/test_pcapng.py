"""pcapng: what is written is read back, by us and by scapy, and what others write is read."""

import struct
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.capture import CaptureError, Frame, pcapng
from proofs.units.experiments.capture import scapy_oracle
from proofs.units.experiments.capture.frames import decoded, decoded_or_refused, frames, written

named_frames = st.lists(frames(st.sampled_from(["", "guest0", "näme"])), max_size=6)
byte_orders = st.sampled_from("<>")


def file_of(recorded: list[Frame], comment: str = "") -> bytes:
    def write(stream: BinaryIO) -> None:
        writer = pcapng.Writer(stream)
        for frame in recorded:
            writer.write(frame, comment)

    return written(write)


def block(kind: int, body: bytes, byte_order: str) -> bytes:
    length = struct.pack(byte_order + "I", 12 + len(body))
    return struct.pack(byte_order + "I", kind) + length + body + length


def section(byte_order: str) -> bytes:
    return block(0x0A0D0D0A, struct.pack(byte_order + "IHHq", 0x1A2B3C4D, 1, 0, -1), byte_order)


def interface(byte_order: str, *, snap_length: int = 0, options: bytes = b"") -> bytes:
    head = struct.pack(byte_order + "HHI", scapy_oracle.ETHERNET, 0, snap_length)
    return block(1, head + options, byte_order)


def enhanced(byte_order: str, ticks: int, data: bytes, number: int = 0) -> bytes:
    head = struct.pack(byte_order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, byte_order)


@given(named_frames, st.text(max_size=20))
def test_what_is_written_is_read_back(recorded: list[Frame], comment: str) -> None:
    assert decoded(pcapng.read, file_of(recorded, comment)) == recorded


@given(named_frames, st.text(min_size=1, max_size=20))
def test_scapy_reads_what_is_written(recorded: list[Frame], comment: str) -> None:
    seen = scapy_oracle.read_pcapng(file_of(recorded, comment))
    assert [data for data, _ in seen] == [frame.data for frame in recorded]
    for frame, (_, meta) in zip(recorded, seen, strict=True):
        assert meta.linktype == scapy_oracle.ETHERNET
        assert meta.tsresol == 10**9
        assert meta.tshigh << 32 | meta.tslow == frame.timestamp_ns
        assert meta.wirelen == frame.original_length
        assert (meta.ifname or b"").decode() == frame.interface
        assert meta.comments == [comment.encode()]


@given(st.lists(frames(st.just("")), min_size=1, max_size=5))
def test_what_scapy_writes_is_read(recorded: list[Frame]) -> None:
    read_back = decoded(pcapng.read, scapy_oracle.write_pcapng(recorded))
    assert [(frame.data, frame.original_length) for frame in read_back] == [
        (frame.data, frame.original_length) for frame in recorded
    ]
    for frame, wrote in zip(read_back, recorded, strict=True):
        assert abs(frame.timestamp_ns - wrote.timestamp_ns) < 3000


@given(byte_orders, st.integers(0, 2**64 - 1))
def test_times_without_a_resolution_are_microseconds(byte_order: str, ticks: int) -> None:
    content = section(byte_order) + interface(byte_order) + enhanced(byte_order, ticks, b"abcd")
    assert decoded(pcapng.read, content) == [Frame(ticks * 1000, "", b"abcd", 4)]


@pytest.mark.parametrize(
    ("resolution", "ticks", "nanoseconds"),
    [(0, 7, 7 * 10**9), (3, 7, 7 * 10**6), (12, 7999, 7), (0x8A, 512, 500_000_000)],
)
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_time_resolution_is_a_power_of_ten_or_of_two(
    byte_order: str, resolution: int, ticks: int, nanoseconds: int
) -> None:
    option = struct.pack(byte_order + "HHBxxxHH", 9, 1, resolution, 0, 0)
    described = interface(byte_order, options=option)
    content = section(byte_order) + described + enhanced(byte_order, ticks, b"abcd")
    assert decoded(pcapng.read, content)[0].timestamp_ns == nanoseconds


def test_a_time_offset_counts_seconds() -> None:
    option = struct.pack("<HHqHH", 14, 8, 100, 0, 0)
    content = section("<") + interface("<", options=option) + enhanced("<", 5, b"abcd")
    assert decoded(pcapng.read, content)[0].timestamp_ns == 100 * 10**9 + 5000


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_simple_packet_has_the_first_interface_and_no_time(byte_order: str) -> None:
    packet = block(3, struct.pack(byte_order + "I", 3) + b"abc\0", byte_order)
    content = section(byte_order) + interface(byte_order) + packet
    assert decoded(pcapng.read, content) == [Frame(0, "", b"abc", 3)]


def test_a_simple_packet_is_cut_at_the_snap_length() -> None:
    packet = block(3, struct.pack("<I", 100) + b"abcd", "<")
    content = section("<") + interface("<", snap_length=4) + packet
    assert decoded(pcapng.read, content) == [Frame(0, "", b"abcd", 100)]


def test_each_section_counts_its_interfaces_anew() -> None:
    first = section("<") + interface("<") + enhanced("<", 1, b"abcd")
    second = section(">") + interface(">") + enhanced(">", 2, b"efgh")
    assert [frame.data for frame in decoded(pcapng.read, first + second)] == [b"abcd", b"efgh"]
    with pytest.raises(CaptureError, match=r"packet 2, interface: .*number 0 of 0"):
        decoded(pcapng.read, first + section(">") + enhanced(">", 2, b"efgh"))


def test_other_blocks_are_stepped_over() -> None:
    statistics = block(5, bytes(12), "<")
    content = section("<") + interface("<") + statistics + enhanced("<", 1, b"abcd")
    assert [frame.data for frame in decoded(pcapng.read, content)] == [b"abcd"]


def test_a_block_whose_two_lengths_differ_is_corrupt() -> None:
    content = bytearray(section("<") + interface("<"))
    content[-1] ^= 1
    with pytest.raises(CaptureError, match=r"block at offset 28, length: .*corrupt"):
        decoded(pcapng.read, bytes(content))


@pytest.mark.parametrize("length", [0, 8, 13, 2**31])
def test_an_impossible_block_length_is_corrupt(length: int) -> None:
    content = section("<") + struct.pack("<II", 1, length) + bytes(100)
    with pytest.raises(CaptureError, match=f"length: .*corrupt: {length} bytes"):
        decoded(pcapng.read, content)


def test_the_obsolete_packet_block_is_refused_with_a_way_out() -> None:
    with pytest.raises(CaptureError, match=r"obsolete packet block.*editcap"):
        decoded(pcapng.read, section("<") + interface("<") + block(2, bytes(20), "<"))


@given(st.binary(max_size=300), byte_orders)
def test_any_bytes_after_a_section_header_are_read_or_refused(content: bytes, byte_order: str) -> None:
    recorded = decoded_or_refused(pcapng.read, section(byte_order) + interface(byte_order) + content)
    assert recorded is None or sum(len(frame.data) for frame in recorded) <= len(content)


@given(named_frames.filter(bool), st.data())
def test_one_damaged_byte_never_raises_anything_but_a_capture_error(recorded: list[Frame], data: st.DataObject) -> None:
    content = bytearray(file_of(recorded))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    read_back = decoded_or_refused(pcapng.read, bytes(content))
    assert read_back is None or len(read_back) <= len(recorded)
