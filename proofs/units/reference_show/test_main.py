"""The command: a story, one step in full, and one line that names file and line for whatever cannot be read."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofs.conformance.coverage import RECORDINGS
from reference.show.__main__ import main

STORY = RECORDINGS / "museum" / "m_negative-counters_v4.jsonl.gz"
NAT = RECORDINGS / "public" / "2_snat_v4.jsonl.gz"
PANIC = RECORDINGS / "panics" / "panic_tcp_seq_max_v4.jsonl.gz"
TWO_PORTS = RECORDINGS / "public" / "1_g2g_tcp_v4.jsonl.gz"
MAPPINGS = RECORDINGS / "museum" / "m_v2p-outlived_v4.jsonl.gz"

Edit = Callable[[list[Any]], object]


@pytest.fixture(autouse=True)
def a_terminal_of_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_a_recording_is_told_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, STORY)
    assert text.startswith("m_negative-counters_v4: A single outbound RST")
    assert [line.split()[0] for line in text.splitlines() if line.startswith("#")] == [f"#{i}" for i in range(6)]
    assert "TCP 1000 > 80 RST seq 1 ack 0" in text
    assert "    router      rule 1 (priority 31): Meta: Target = Subnet: 172.30.0.0/22\n" in text
    assert "    =>          modified, 132 bytes, l4_hash 1446654568" in text
    assert "firewall in: + TCP 172.30.0.6:80 > 172.30.0.5:1000" in text
    assert "out_uft_flows 0 > 18446744073709551615" in text
    assert "but the recording says" not in text


def test_no_line_is_wider_than_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in (72, 100, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = shown(capsys, NAT, "--step", 6).splitlines() + shown(capsys, STORY).splitlines()
        assert width - 30 < max(map(len, lines)) <= width


def test_one_step_is_shown_in_full_with_its_tables_before_and_after(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, NAT, "--step", 6)
    assert text.startswith("#6  1000.000 s  g1  process out 48 bytes")
    assert "unified     hit" in text
    changed = [line.strip() for line in text.partition("unified out: 1")[2].splitlines()]
    assert sum(line.startswith("- UDP 172.30.0.5:33000 > 93.184.216.34:53") for line in changed) == 1
    assert sum(line.startswith("+ UDP 172.30.0.5:33000 > 93.184.216.34:53  hits 1") for line in changed) == 1
    assert "= UDP 93.184.216.34:53 > 10.77.77.13:4096" in text


def test_the_predicates_of_the_rules_that_matched_are_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(shown(capsys, NAT, "--step", 1).split())
    assert "rule 0 (priority 100): Stateful: 10.77.77.13:1025-4096 if inner.ether.ether_type=" in text


def test_what_the_recording_says_otherwise_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "but the recording says: panic: " in shown(capsys, PANIC)


def test_two_ports_and_shared_tables_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, TWO_PORTS)
    assert "  g1  process out" in text
    assert "  g2  process in" in text
    assert " s  set_v2p ip=" in shown(capsys, MAPPINGS)


def test_the_semantics_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, NAT, "--step", 1, "--semantics", "correct")
    assert "unified in: 0 before, 1 after" in text


def lines_of(path: Path) -> list[Any]:
    with gzip.open(path, "rt") as stream:
        return [json.loads(line) for line in stream]


def drop_packet(lines: list[Any]) -> None:
    del lines[3]["pkt"]


@pytest.mark.parametrize(
    ("edit", "line", "fault"),
    [
        (lambda lines: lines[0].pop("format"), 1, "no header of format version 1"),
        (lambda lines: lines[0].pop("ports"), 1, "the member 'ports' is missing"),
        (lambda lines: lines[0]["ports"][0]["cfg"].update(vni="many"), 1, "not supported between"),
        (lambda lines: lines[3].update(segs=["x"]), 4, "the reference cannot replay this: TypeError"),
        (lambda lines: lines[2].update(i=7), 3, "step number 7 where 1 is due"),
        (lambda lines: lines[1].pop("t_ms"), 2, "the member 't_ms' is missing"),
        (lambda lines: lines[2].update(op="fly"), 3, "no operation is called 'fly'"),
        (lambda lines: lines[3].update(pkt="0"), 4, "Odd-length string"),
        (drop_packet, 4, "the member 'pkt' is missing"),
        (lambda lines: lines[3].update(port="g7"), 4, "port 'g7' is not in the header"),
        (lambda lines: lines.insert(2, []), 3, "a JSON object is needed, not list"),
    ],
)
def test_a_damaged_recording_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, edit: Edit, line: int, fault: str
) -> None:
    lines = lines_of(STORY)
    edit(lines)
    path = tmp_path / "damaged.jsonl"
    path.write_text("".join(json.dumps(plain) + "\n" for plain in lines))
    assert main([str(path)]) == 2
    [message] = capsys.readouterr().err.splitlines()
    assert message.startswith(f"{path}:{line}: ")
    assert fault in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: the file is empty"),
        (b"\x89PNG\r\n", ":1: not JSON"),
        (b"[" * 100_000, ":1: JSON nested too deeply"),
        (STORY.read_bytes()[:-40], ": the gzip data ends early"),
    ],
    ids=["empty", "an image", "nested", "cut short"],
)
def test_a_file_that_is_no_recording_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert main([str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(str(path))
    assert message in line


def test_a_missing_file_and_a_missing_step_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'nothing'}: No such file or directory\n"
    assert main([str(STORY), "--step", "6"]) == 2
    assert capsys.readouterr().err == f"{STORY}: no step 6; the last step is 5\n"


@pytest.mark.parametrize("arguments", [["--step", "-1"], ["--step", "x"], ["--semantics", "new"], []])
def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *([str(STORY)] if arguments else [])])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_reader_that_has_seen_enough_ends_the_story_quietly() -> None:
    command = [sys.executable, "-m", "reference.show", str(NAT)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=RECORDINGS.parents[2]
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
