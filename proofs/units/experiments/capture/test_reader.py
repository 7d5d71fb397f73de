"""Opening a capture: its first bytes tell the format, and bad input is refused in one line."""

import gzip
import io
import struct
from pathlib import Path

import pytest

from experiments.capture import CaptureError, Frame, pcap, pcapng, read

FRAME = Frame(1_700_000_000_123_456_789, "", bytes(range(60)), 60)


def pcap_bytes(*frames: Frame) -> bytes:
    stream = io.BytesIO()
    pcap.write(stream, frames)
    return stream.getvalue()


def pcapng_bytes(*frames: Frame) -> bytes:
    stream = io.BytesIO()
    writer = pcapng.Writer(stream)
    for frame in frames:
        writer.write(frame)
    return stream.getvalue()


def with_link_type(content: bytes, link_type: int) -> bytes:
    return content[:20] + struct.pack("<I", link_type) + content[24:]


@pytest.mark.parametrize("encode", [pcap_bytes, pcapng_bytes])
def test_the_format_is_found_by_the_first_bytes(tmp_path: Path, encode: object) -> None:
    assert callable(encode)
    file = tmp_path / "anything.bin"
    file.write_bytes(encode(FRAME, FRAME))
    assert list(read(file)) == [FRAME, FRAME]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "file: the file is empty", id="no byte"),
        pytest.param(pcap_bytes(), "packets: the capture is empty", id="pcap without packets"),
        pytest.param(pcapng_bytes(), "packets: the capture is empty", id="pcapng without packets"),
        pytest.param(pcap_bytes(FRAME)[:-1], "packet 1 data: .*truncated", id="cut pcap"),
        pytest.param(pcapng_bytes(FRAME)[:-1], "block at .*truncated", id="cut pcapng"),
        pytest.param(pcap_bytes(FRAME)[:10], "file header: .*truncated", id="cut header"),
        pytest.param(b"\x0a", "magic number: .*no capture file", id="one byte"),
        pytest.param(b"%PDF-1.7 and so on", "magic number: .*pcap or pcapng", id="something else"),
        pytest.param(gzip.compress(pcap_bytes(FRAME)), "compressed.*gunzip", id="gzip"),
        pytest.param(with_link_type(pcap_bytes(FRAME), 113), "link type 113 is not Ethernet", id="cooked"),
        pytest.param(pcap_bytes(Frame(0, "", bytes(60), 1514)), "only 60 of 1514 bytes", id="snapped"),
        pytest.param(pcapng_bytes(Frame(0, "", bytes(60), 1514)), "only 60 of 1514 bytes", id="snapped ng"),
        pytest.param(
            pcap_bytes(FRAME) + struct.pack("<IIII", 0, 0, 2**30, 2**30),
            "packet 2 length: .*corrupt",
            id="absurd length",
        ),
    ],
)
def test_bad_input_is_refused_with_file_field_and_fix(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "bad.pcap"
    file.write_bytes(content)
    with pytest.raises(CaptureError, match=complaint) as caught:
        list(read(file))
    message = str(caught.value)
    assert message.startswith(str(file))
    assert message.endswith(caught.value.fix)
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"missing.pcap: file: cannot be read: No such file"):
        list(read(tmp_path / "missing.pcap"))


def test_a_folder_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="Is a directory"):
        list(read(tmp_path))
