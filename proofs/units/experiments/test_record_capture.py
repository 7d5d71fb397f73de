"""Recording says what it needs; the bundled capture is what the README of its folder promises."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import capture
from experiments.record_capture import LARGEST_FILE
from experiments.recording import topology as place
from experiments.recording.programs import PACKAGES, RecordingError, check_programs
from proofs.units.experiments.frames import BUNDLED, bundled

REPOSITORY = Path(__file__).parents[3]
UNUSABLE = 2
PRIVILEGED = sys.platform == "linux" and os.geteuid() == 0
LONGEST_FRAME = 14 + place.MTU


def record(output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.record_capture", "--output", str(output)]
    variables = os.environ | environment
    return subprocess.run(
        command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecordingError, match="apt-get install curl ethtool iperf3 iproute2 iputils-ping"):
        check_programs()


def test_a_machine_that_cannot_record_is_told_so_in_one_line(tmp_path: Path) -> None:
    run = record(tmp_path / "new.pcapng", PATH=str(tmp_path))
    assert run.returncode == UNUSABLE
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(
    not PRIVILEGED or any(shutil.which(program) is None for program in PACKAGES),
    reason="recording needs Linux, root and the packages of experiments/data/README.md",
)
def test_a_new_recording_can_be_read_and_leaves_no_namespace(tmp_path: Path) -> None:
    run = record(tmp_path / "new.pcapng")
    assert run.returncode == 0, run.stderr
    assert len(list(capture.read(tmp_path / "new.pcapng"))) > 1000
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=10, check=True)
    assert "lockstep-" not in namespaces.stdout


def test_the_bundled_capture_is_small_and_holds_whole_unsegmented_frames() -> None:
    assert BUNDLED.stat().st_size <= LARGEST_FILE
    assert all(14 <= len(frame.data) <= LONGEST_FRAME for frame in bundled())
    assert {frame.interface for frame in bundled()} == {place.GUEST_INTERFACE}


def test_the_bundled_capture_is_in_the_order_of_its_times() -> None:
    times = [frame.timestamp_ns for frame in bundled()]
    assert times == sorted(times)
