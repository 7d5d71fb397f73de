"""Dissection for reports: offsets are right, and no frame whatever makes it raise."""

import hypothesis.strategies as st
import pytest
from hypothesis import given
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from proofs.conformance import dissect
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import read
from proofs.conformance.steps import Process

FRAME = bytes(Ether(dst="a8:40:25:00:00:01") / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=1025, dport=22) / b"data")


def test_fields_lie_where_the_headers_put_them() -> None:
    places = {(field.header, field.name): (field.offset, field.length) for field in dissect.fields(FRAME)}
    assert places["Ethernet", "dst"] == (0, 6)
    assert places["IP", "src"] == (26, 4)
    assert places["TCP", "sport"] == (34, 2)
    assert places["Raw", "load"] == (54, 4)


def test_an_encapsulated_frame_shows_the_inner_headers_under_a_number() -> None:
    recording = read(RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz")
    frame = next(bytes.fromhex(step.result["pkt"]) for step in recording.steps if step.result["kind"] == "modified")
    headers = list(dict.fromkeys(field.header for field in dissect.fields(frame)))
    assert headers == ["Ethernet", "IPv6", "UDP", "GENEVE", "Ethernet#2", "IP", "TCP"]


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(frame: bytes) -> None:
    assert isinstance(dissect.summary(frame), str)
    assert all(0 <= field.offset <= len(frame) for field in dissect.fields(frame))


@pytest.mark.parametrize("name", ["8_truncated_v4", "8_bitflips_v6", "8_lengths_v6", "5_gateway_v4"])
def test_no_recorded_frame_makes_it_raise(name: str) -> None:
    steps = read(RECORDINGS / "public" / f"{name}.jsonl.gz").steps
    frames = [step.packet for step in steps if isinstance(step, Process)]
    assert len(frames) > 100
    for frame in frames:
        assert dissect.summary(frame)
        assert dissect.fields(frame)


def test_differing_fields_are_named_with_both_values() -> None:
    changed = FRAME[:34] + b"\x04\x02" + FRAME[36:]
    assert dissect.field_differences(FRAME, changed) == [("TCP.sport (byte 34-35)", "1025", "1026")]


def test_a_header_that_only_one_side_has_is_absent_on_the_other() -> None:
    other = bytes(Ether(dst="a8:40:25:00:00:01") / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1025, dport=22))
    rows = {
        field.partition(" ")[0]: (expected, got) for field, expected, got in dissect.field_differences(FRAME, other)
    }
    assert rows["TCP.dport"] == ("22", "absent")
    assert rows["UDP.dport"] == ("absent", "22")


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_differing_bytes_turn_one_frame_into_the_other(expected: bytes, got: bytes) -> None:
    rebuilt = bytearray(expected)
    for offset, wanted, found in reversed(dissect.differing_bytes(expected, got)):
        assert wanted != found
        assert rebuilt[offset : offset + len(wanted)] == wanted
        rebuilt[offset : offset + len(wanted)] = found
    assert bytes(rebuilt) == got
