"""Reading recordings: what is accepted, and what a refusal says."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofs.conformance.coverage import RECORDINGS
from proofs.conformance.recording import UnreadableRecording, find, read, read_header
from proofs.conformance.steps import Dump, Process

SMALL = RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz"
PACKET = 3
"""Index among its lines, header included, of a step that processes a packet."""


@pytest.fixture
def lines() -> list[Any]:
    """The lines of a small recording, as plain values."""
    with gzip.open(SMALL, "rt") as stream:
        return [json.loads(line) for line in stream]


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def fault_of(path: Path) -> tuple[int, str]:
    with pytest.raises(UnreadableRecording) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    return caught.value.line, caught.value.fault


def test_plain_and_gzip_are_told_apart_by_content(tmp_path: Path, lines: list[Any]) -> None:
    plain = write(tmp_path / "misnamed.jsonl.gz", lines)
    assert read(plain).steps == read(SMALL).steps


def test_a_step_is_typed(lines: list[Any]) -> None:
    step = next(step for step in read(SMALL).steps if isinstance(step, Process))
    assert step.packet.hex() == next(line["pkt"] for line in lines if line.get("op") == "process")


def test_abbreviated_rules_are_expanded_to_the_last_full_text() -> None:
    recording = read(RECORDINGS / "public" / "3_fw_live_v4.jsonl.gz")
    dumps = [step for step in recording.steps if isinstance(step, Dump)]
    with gzip.open(recording.path, "rt") as stream:
        raw = [json.loads(line) for line in stream][1:]
    abbreviated = 0
    for dump in dumps:
        for layer, raw_layer in zip(dump.result["layers"], raw[dump.i]["result"]["layers"], strict=True):
            for direction in ("rules_in", "rules_out"):
                for rule, raw_rule in zip(layer[direction], raw_layer[direction], strict=True):
                    assert set(rule) == {"id", "hits", "priority", "predicates", "data_predicates", "action"}
                    if isinstance(raw_rule, list):
                        abbreviated += 1
                        assert [rule["id"], rule["hits"]] == raw_rule
    assert abbreviated > 100


def test_a_folder_is_searched_in_order_and_each_file_is_taken_once(tmp_path: Path, lines: list[Any]) -> None:
    (tmp_path / "inner").mkdir()
    second, first = write(tmp_path / "inner" / "b.jsonl", lines), write(tmp_path / "a.jsonl", lines)
    (tmp_path / "README.md").write_text("no recording")
    assert find([tmp_path, first]) == [first, second]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRecording, match="no recording"):
        find([tmp_path])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRecording, match="no such file or folder"):
        find([tmp_path / "nothing.jsonl"])


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(UnreadableRecording, match="neither a file nor a folder"):
        find([tmp_path / "pipe.jsonl"])


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "empty.jsonl", [])
    assert fault_of(path) == (1, "the file is empty, a header line is needed")
    with pytest.raises(UnreadableRecording, match="empty"):
        read_header(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated_gzip_is_refused_with_the_line_it_ends_in(tmp_path: Path, kept: float) -> None:
    whole = SMALL.read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: int(len(whole) * kept)])
    line, fault = fault_of(path)
    assert 1 <= line <= 8
    assert fault == "the gzip data ends early (truncated file)"


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    damaged = bytearray(SMALL.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path = tmp_path / "damaged.jsonl.gz"
    path.write_bytes(damaged)
    assert "gzip data" in fault_of(path)[1] or "JSON" in fault_of(path)[1]


def test_a_line_that_is_not_json_is_named(tmp_path: Path, lines: list[Any]) -> None:
    path = write(tmp_path / "torn.jsonl", lines)
    path.write_text(path.read_text()[:-40])
    line, fault = fault_of(path)
    assert line == len(lines)
    assert fault.startswith("not JSON: ")


@pytest.mark.parametrize("text", [b"\xff\xfe{}", b"[" * 100_000, b"3", b'"text"', b"[]", b"{}", b"\x00"])
def test_other_files_are_refused_at_their_first_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(text)
    assert fault_of(path)[0] == 1


def _set(*keys: Any, to: Any) -> Callable[[list[Any]], None]:
    def change(lines: list[Any]) -> None:
        place: Any = lines
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


def _remove(*keys: Any) -> Callable[[list[Any]], None]:
    def change(lines: list[Any]) -> None:
        place: Any = lines
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "line", "fault"),
    [
        (_set(0, "format", to=2), 1, "format version 2; this runner reads version 1"),
        (_remove(0, "format"), 1, "the header has no member `format`; is this a recording?"),
        (_remove(0, "ports"), 1, "Object missing required field `ports`"),
        (_set(0, "ports", 0, "cfg", "vni", to="7"), 1, "Expected `int`, got `str` - at `$.ports[0].cfg.vni`"),
        (_remove(0, "ports", 0, "layers", 0, "rules_in"), 1, "Object missing required field `rules_in` - at `$[0]`"),
        (_remove(PACKET, "pkt"), PACKET + 1, "Object missing required field `pkt`"),
        (_set(PACKET, "pkt", to="abc"), PACKET + 1, "pkt is not whole bytes in hexadecimal: odd-length string"),
        (
            _set(PACKET, "pkt", to="zz"),
            PACKET + 1,
            "pkt is not whole bytes in hexadecimal: non-hexadecimal digit found",
        ),
        (_set(PACKET, "op", to="teleport"), PACKET + 1, "Invalid value 'teleport' - at `$.op`"),
        (_set(PACKET, "i", to=77), PACKET + 1, f"step number 77 where {PACKET - 1} is due"),
        (_set(PACKET, "port", to="g9"), PACKET + 1, "port 'g9' is not in the header"),
        (_remove(PACKET, "port"), PACKET + 1, "Object missing required field `port`"),
        (_set(PACKET, "dir", to="up"), PACKET + 1, "Invalid enum value 'up' - at `$.dir`"),
        (_remove(PACKET, "result"), PACKET + 1, "Object missing required field `result`"),
        (
            _set(PACKET, "result", to={"kind": "ok"}),
            PACKET + 1,
            "result kind 'ok' does not belong to operation process",
        ),
        (
            _set(PACKET, "result", to={"kind": "modified", "pkt": "00"}),
            PACKET + 1,
            "Object missing required field `l4_hash`",
        ),
        (
            _set(PACKET, "result", to={"kind": "hairpin", "pkt": "0"}),
            PACKET + 1,
            "pkt is not whole bytes in hexadecimal: odd",
        ),
        (_set(0, "ports", 0, "cfg", "ipv4", "private_ip", to="banana"), 1, "private_ip: 'banana' is not an IP address"),
        (_set(0, "ports", 0, "cfg", "guest_mac", to="A8:40"), 1, "guest_mac: 'A8:40' is not a MAC address"),
        (_set(0, "v2b", 0, "prefix", to="10.0.0.0/33"), 1, "prefix: '10.0.0.0/33' is not an IP prefix"),
        (_set(1, "result", to={}), 2, "result kind None does not belong to operation start"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, lines: list[Any], change: Callable[[list[Any]], None], line: int, fault: str
) -> None:
    change(lines)
    found_line, found_fault = fault_of(write(tmp_path / "wrong.jsonl", lines))
    assert found_line == line
    assert fault in found_fault


def test_an_abbreviated_rule_that_was_never_given_is_refused(tmp_path: Path, lines: list[Any]) -> None:
    dump = next(line for line in lines if line.get("op") == "dump")
    dump["result"]["layers"][0]["rules_in"] = [[4242, 0]]
    assert "rule 4242 of layer 'gateway' is abbreviated" in fault_of(write(tmp_path / "wrong.jsonl", lines))[1]


def test_unknown_members_are_counted_and_not_ignored(tmp_path: Path, lines: list[Any]) -> None:
    lines[0]["weather"] = "fine"
    lines[0]["ports"][0]["cfg"]["colour"] = "red"
    lines[1]["mood"] = lines[PACKET]["mood"] = 1
    recording = read(write(tmp_path / "more.jsonl", lines))
    assert dict(recording.unknown) == {
        "header.weather": 1,
        "header.ports[].cfg.colour": 1,
        "start.mood": 1,
        "process.mood": 1,
    }


def test_a_recording_cut_at_a_line_end_is_not_closed(tmp_path: Path, lines: list[Any]) -> None:
    assert read(write(tmp_path / "whole.jsonl", lines)).is_closed
    assert not read(write(tmp_path / "cut.jsonl", lines[:-1])).is_closed
