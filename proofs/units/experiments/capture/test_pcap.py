"""Classic pcap: what is written is read back, by us and by scapy."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.capture import CaptureError, Frame, pcap
from proofs.units.experiments.capture import scapy_oracle
from proofs.units.experiments.capture.frames import decoded, decoded_or_refused, frames, written

nameless_frames = st.lists(frames(st.just("")), max_size=5)
byte_orders = st.sampled_from("<>")


@given(nameless_frames, byte_orders)
def test_a_nanosecond_file_gives_back_every_frame(recorded: list[Frame], byte_order: str) -> None:
    content = written(lambda stream: pcap.write(stream, recorded, byte_order=byte_order))
    assert decoded(pcap.read, content) == recorded


@given(nameless_frames, byte_orders)
def test_a_microsecond_file_gives_back_every_frame_to_the_microsecond(recorded: list[Frame], byte_order: str) -> None:
    content = written(lambda stream: pcap.write(stream, recorded, byte_order=byte_order, nanoseconds=False))
    rounded = [replace(frame, timestamp_ns=frame.timestamp_ns // 1000 * 1000) for frame in recorded]
    assert decoded(pcap.read, content) == rounded


@given(nameless_frames.filter(bool), byte_orders, st.booleans())
def test_scapy_reads_what_is_written(recorded: list[Frame], byte_order: str, nanoseconds: bool) -> None:
    content = written(lambda stream: pcap.write(stream, recorded, byte_order=byte_order, nanoseconds=nanoseconds))
    unit_ns = 1 if nanoseconds else 1000
    seen = scapy_oracle.read_pcap(content)
    assert [(data, meta.sec, meta.usec, meta.wirelen) for data, meta in seen] == [
        (
            frame.data,
            frame.timestamp_ns // 10**9,
            frame.timestamp_ns % 10**9 // unit_ns,
            frame.original_length,
        )
        for frame in recorded
    ]


@given(nameless_frames.filter(bool), byte_orders, st.booleans())
def test_what_scapy_writes_is_read(recorded: list[Frame], byte_order: str, nanoseconds: bool) -> None:
    unit_ns = 1 if nanoseconds else 1000
    content = scapy_oracle.write_pcap(recorded, byte_order=byte_order, nanoseconds=nanoseconds)
    assert decoded(pcap.read, content) == [
        replace(frame, timestamp_ns=frame.timestamp_ns // unit_ns * unit_ns) for frame in recorded
    ]


@given(nameless_frames.filter(bool), st.data())
def test_a_file_cut_inside_a_record_is_called_truncated(recorded: list[Frame], data: st.DataObject) -> None:
    content = written(lambda stream: pcap.write(stream, recorded))
    last_record = 16 + len(recorded[-1].data)
    missing = data.draw(st.integers(1, last_record - 1))
    with pytest.raises(CaptureError, match=f"packet {len(recorded)} .*truncated"):
        decoded(pcap.read, content[:-missing])


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_are_read_or_refused(content: bytes) -> None:
    magic = next(iter(pcap.MAGICS))
    recorded = decoded_or_refused(pcap.read, magic + content)
    if recorded is not None:
        assert sum(16 + len(frame.data) for frame in recorded) == len(content) - 20
