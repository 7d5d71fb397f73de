"""A trial with real guests, and what is said where there can be none."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.errors import CannotRun
from experiments.live.guests import PROGRAMS, check_machine
from experiments.live.programs import make_file

REPOSITORY = Path(__file__).parents[4]
PRIVILEGED = sys.platform == "linux" and os.geteuid() == 0 and Path("/dev/net/tun").exists()


def test_a_machine_without_the_programs_is_told_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRun, match="apt-get install curl iperf3 iproute2 iputils-ping udhcpc"):
        check_machine()


def test_a_user_without_privileges_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(CannotRun, match="root"):
        check_machine()


def test_a_file_has_the_size_that_is_wanted_and_the_hash_that_is_told(tmp_path: Path) -> None:
    told = make_file(tmp_path / "file", 100_000)
    assert (tmp_path / "file").stat().st_size == 100_000
    said = subprocess.run(["sha256sum", tmp_path / "file"], capture_output=True, text=True, timeout=10, check=True)
    assert said.stdout.split()[0] == told


@pytest.mark.slow
@pytest.mark.skipif(
    not PRIVILEGED or any(shutil.which(program) is None for program in PROGRAMS),
    reason="live guests need Linux, root, TAP devices and the packages of experiments/README.md",
)
def test_guests_lease_ping_talk_and_transfer_while_rules_and_designs_change() -> None:
    plan = ["--design", "fine", "--guests", "3", "--seconds", "1", "--megabytes", "20"]
    command = [sys.executable, "-m", "experiments.live", *plan]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.search(r"All (\d+) steps have succeeded", done.stdout)
    assert steps
    assert int(steps[1]) == 1 + 3 + 3 + 4 + 1 + 2
    assert "checksum equal" in done.stdout
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=10, check=True)
    assert f"lockstep-guest0-{os.getpid()}" not in namespaces.stdout
