"""Running programs inside a network namespace, with a limit on their time."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import NewType

Namespace = NewType("Namespace", str)
"""The name of a network namespace as `ip netns` knows it."""

SECONDS = 30.0
"""A program that runs longer has failed."""

PACKAGES = {
    "ip": "iproute2",
    "ethtool": "ethtool",
    "iperf3": "iperf3",
    "curl": "curl",
    "ping": "iputils-ping",
}
"""The programs that a recording needs -> the Debian packages that hold them."""


class RecordingError(Exception):
    """The recording is impossible here or went wrong; `str()` is one line that says what to do."""


def check_programs(packages: Mapping[str, str] = PACKAGES) -> None:
    """Raises `RecordingError`, naming the packages to install, when a program is missing."""
    missing = sorted(package for name, package in packages.items() if shutil.which(name) is None)
    if missing:
        raise RecordingError(f"programs are missing: apt-get install {' '.join(missing)}")


def run(
    namespace: Namespace | None, command: Sequence[str], accepted: Sequence[int] = (0,), seconds: float = SECONDS
) -> str:
    """Runs a program to its end, in the caller's namespace for None; returns its standard output.

    Raises `RecordingError` when it ends with a status that is not `accepted` or takes too long.
    """
    words = [*_prefix(namespace), *command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise RecordingError(f"'{' '.join(words)}' ran longer than {seconds:.0f} s") from error
    if done.returncode not in accepted:
        said = " ".join((done.stderr or done.stdout).split())
        raise RecordingError(f"'{' '.join(words)}' failed with {done.returncode}: {said}")
    return done.stdout


@contextlib.contextmanager
def serving(namespace: Namespace, command: Sequence[str], folder: str = "/") -> Iterator[None]:
    """Keeps a server running in `folder` for the duration of the block."""
    words = [*_prefix(namespace), *command]
    server = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def _prefix(namespace: Namespace | None) -> list[str]:
    return ["ip", "netns", "exec", namespace] if namespace else []
