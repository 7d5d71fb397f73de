"""The main job as its users meet it: a command, its output, its exit status."""

import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from experiments import capture
from experiments.capture import Frame, pcap
from experiments.equality import Difference
from experiments.main_job import FAILED, UNUSABLE, main
from proofs.units.experiments.frames import BUNDLED, GUEST, ICMP, IP, PEER, TCP, UDP, received, recorded, sent

REPOSITORY = Path(__file__).parents[3]
SECONDS = 300


def main_job(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.main_job", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=SECONDS, check=False)


def write_capture(path: Path, frames: list[Frame]) -> Path:
    stream = io.BytesIO()
    pcap.write(stream, frames)
    path.write_bytes(stream.getvalue())
    return path


def assert_one_line_about(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == UNUSABLE, run.stderr
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    for word in words:
        assert word in run.stderr


CONVERSATION = recorded(
    *[
        sent(IP(src=GUEST, dst=PEER) / UDP(sport=1000, dport=53) / b"question"),
        received(IP(src=PEER, dst=GUEST) / UDP(sport=53, dport=1000) / b"answer"),
    ]
    * 3
)


def bad_content(kind: str) -> bytes:
    content = BUNDLED.read_bytes()
    first_block = struct.unpack("<I", content[4:8])[0]
    match kind:
        case "truncated":
            return content[:-100]
        case "corrupt":
            return content[: first_block + 4] + b"\xff" * 4 + content[first_block + 8 :]
        case "empty file":
            return b""
        case "no packets":
            return content[:first_block]
        case "not Ethernet":
            return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 113)
        case _:
            return b"This is not a capture at all.\n"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("truncated", "truncated"),
        ("corrupt", "corrupt"),
        ("empty file", "the file is empty"),
        ("no packets", "the capture is empty"),
        ("not Ethernet", "link type 113 is not Ethernet"),
        ("text", "belongs to no capture file"),
    ],
)
def test_a_capture_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, kind: str, words: str) -> None:
    file = tmp_path / "bad.pcapng"
    file.write_bytes(bad_content(kind))
    run = main_job("--capture", file, "--guest", GUEST, "--output", tmp_path / "results")
    assert_one_line_about(run, str(file), words)
    assert not (tmp_path / "results").exists()


def test_a_missing_capture_is_refused(tmp_path: Path) -> None:
    assert_one_line_about(main_job("--capture", tmp_path / "none.pcap", "--guest", GUEST), "none.pcap", "No such file")


@pytest.mark.parametrize("guest", ["192.0.2.1", "not-an-address"])
def test_a_wrong_guest_is_refused_with_the_addresses_there_are(guest: str) -> None:
    assert_one_line_about(main_job("--guest", guest), guest, "10.0.0.5, 10.0.0.6, 198.51.100.7")


def test_a_capture_of_ones_own_needs_a_guest(tmp_path: Path) -> None:
    file = write_capture(tmp_path / "own.pcap", CONVERSATION)
    assert_one_line_about(main_job("--capture", file), "--guest", f"{GUEST}, {PEER}")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    file = write_capture(tmp_path / "own.pcap", CONVERSATION)
    run = main_job("--capture", file, "--guest", GUEST, "--output", tmp_path / "file" / "results")
    assert_one_line_about(run, "output folder", str(tmp_path / "file"))


def test_a_capture_of_ones_own_is_checked_measured_and_drawn(tmp_path: Path) -> None:
    file = write_capture(tmp_path / "own.pcap", CONVERSATION)
    run = main_job("--capture", file, "--guest", GUEST, "--output", tmp_path / "results", "--seconds", "0.5")
    assert run.returncode == 0, run.stderr
    assert "Equal to the reference for all 6 packets" in run.stdout
    (folder,) = (tmp_path / "results").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "throughput.png", "underlay.pcapng"]
    assert len(list(capture.read(folder / "underlay.pcapng"))) == 3
    record = json.loads((folder / "run.json").read_text())
    assert record["capture"]["name"] == "own.pcap"
    settings = record["throughput"]["settings"]
    assert {(setting["design"], setting["threads"]) for setting in settings} == {
        (design, threads) for design in ("mutex", "pr585", "rwlock", "fine") for threads in (1, 2)
    }
    assert all(setting["packets_per_second"]["median"] > 0 for setting in settings)


def test_a_capture_with_nothing_to_measure_is_checked_all_the_same(tmp_path: Path) -> None:
    echo = sent(IP(src=GUEST, dst="10.0.0.1") / ICMP())
    file = write_capture(tmp_path / "echo.pcap", recorded(echo, echo))
    run = main_job("--capture", file, "--guest", GUEST, "--output", tmp_path / "results")
    assert run.returncode == 0, run.stderr
    assert "Equal to the reference for all 2 packets" in run.stdout
    assert "Nothing to measure" in run.stdout
    (folder,) = (tmp_path / "results").iterdir()
    assert json.loads((folder / "run.json").read_text())["throughput"] is None


def test_a_capture_in_which_nothing_lasts_is_checked_all_the_same(tmp_path: Path) -> None:
    reset = recorded(sent(IP(src=GUEST, dst=PEER) / TCP(sport=1000, dport=80, flags="R")))
    path = write_capture(tmp_path / "reset.pcap", reset)
    run = main_job("--capture", path, "--guest", GUEST, "--output", tmp_path)
    assert run.returncode == 0, run.stderr
    assert "Nothing to measure" in run.stdout


def test_a_difference_is_reported_and_leaves_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    difference = Difference("fine on 2 threads: step 3", "Modified", "Drop")
    monkeypatch.setattr("experiments.main_job.differences", lambda _scenario, _setting: iter([difference]))
    file = write_capture(tmp_path / "own.pcap", CONVERSATION)
    with pytest.raises(typer.Exit) as ended:
        main(file, GUEST, tmp_path / "results")
    assert ended.value.exit_code == FAILED
    said = capsys.readouterr().err
    assert said.startswith("error: The fast path differs from the reference:\nfine on 2 threads: step 3\n")
    assert list((tmp_path / "results").iterdir()) == []
