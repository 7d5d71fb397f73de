"""Reports: one line per recording, and an account that shows the step, the packet and both values of every field."""

import msgspec
import pytest

from proofs.conformance import report
from proofs.conformance.compare import Difference
from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import Recording, find, read
from proofs.conformance.replay import Mismatch, Replay, replay
from proofs.conformance.steps import Process, SetFirewallRules
from proofs.units.conformance.playback import Playback

RECORDING = read(RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz")
PACKET_STEP = next(step for step in RECORDING.steps if isinstance(step, Process))


def with_result(**changed: object) -> Replay:
    """A replay in which the recording expects something else of its first packet."""
    result = PACKET_STEP.result | changed
    step = msgspec.structs.replace(PACKET_STEP, result=result)
    steps = tuple(step if step.i == other.i else other for other in RECORDING.steps)
    return replay(Recording(RECORDING.path, RECORDING.header, steps), Playback(RECORDING))


def test_a_recording_that_passes_is_one_line() -> None:
    done = replay(RECORDING, Playback(RECORDING))
    assert report.line(done).split() == ["pass", "m_negative-counters_v4", "6", "steps"]
    assert report.account(done) == ""


def test_a_recording_that_differs_shows_its_first_difference_in_one_line() -> None:
    done = with_result(l4_hash=1)
    line = report.line(done)
    assert "\n" not in line
    assert line.startswith("DIFF  m_negative-counters_v4")
    assert f"step {PACKET_STEP.i} (process out): result.l4_hash: expected 1, got " in line


def test_the_account_names_file_and_line_step_and_packet() -> None:
    account = report.account(with_result(l4_hash=1))
    assert f"{RECORDING.path}, line {PACKET_STEP.i + 2}" in account
    assert f"step {PACKET_STEP.i} at {PACKET_STEP.t_ms} ms, port g1: process" in account
    assert f"packet out, {len(PACKET_STEP.packet)} bytes: Ether / IP / TCP" in account
    assert "TCP, from byte 34: sport=" in account


def test_a_packet_that_differs_is_compared_field_by_field_and_byte_by_byte() -> None:
    packet = bytearray.fromhex(PACKET_STEP.result["pkt"])
    packet[21] ^= 0xFF
    account = report.account(with_result(pkt=packet.hex()))
    assert f"IPv6.hlim (byte 21): expected {packet[21]}, got {packet[21] ^ 0xFF}" in account
    assert f"from byte 21: expected {packet[21]:02x}, got {packet[21] ^ 0xFF:02x}" in account


def test_a_packet_that_should_not_be_there_is_shown_as_a_value() -> None:
    result = {"kind": "drop", "reason": "tcp_err"}
    step = msgspec.structs.replace(PACKET_STEP, result=result)
    steps = (*RECORDING.steps[: step.i], step)
    account = report.account(replay(Recording(RECORDING.path, RECORDING.header, steps), Playback(RECORDING)))
    assert "result.pkt\n        expected absent\n        got      0000" in account


def test_the_arguments_of_a_control_operation_are_shown() -> None:
    recording = read(RECORDINGS / "museum" / "m_flow-gauge_v4.jsonl.gz")
    step = next(step for step in recording.steps if isinstance(step, SetFirewallRules))
    mismatch = Mismatch(step, (Difference("epoch", 1, 2),), step.result)
    account = report.account(Replay(recording, step.i, 0, mismatch))
    assert "rules = ('dir=in action=allow" in account
    assert "epoch\n        expected 1\n        got      2" in account


def test_a_long_value_is_cut_and_its_length_told() -> None:
    assert report.shown("x" * 1000) == "x" * 200 + "... (1000 characters)"


def test_very_many_differences_are_counted_rather_than_shown() -> None:
    found = tuple(Difference(f"stats.c{number}", 0, 1) for number in range(100))
    account = report.account(Replay(RECORDING, 0, 0, Mismatch(PACKET_STEP, found, PACKET_STEP.result)))
    assert account.endswith("... and 60 more differences in this step")


@pytest.mark.parametrize("path", find([RECORDINGS / "public"])[::9], ids=lambda path: path.name)
def test_an_account_can_be_given_of_any_step(path: object) -> None:
    recording = read(path)  # type: ignore[arg-type]
    for step in recording.steps[:: max(1, len(recording.steps) // 50)]:
        found = (Difference("result.pkt", "00ff", step.result.get("pkt", "")), Difference("result.value", None, 3))
        assert report.account(Replay(recording, step.i, 0, Mismatch(step, found, step.result)))
