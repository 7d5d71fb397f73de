"""What guests do: ping, iperf3 over TCP and UDP both ways, a large file with its checksum compared."""

import contextlib
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from experiments.experiment import SEED
from experiments.live.guests import Guest
from experiments.recording.programs import RecordingError, run, serving

PORT: Final = 5_201
HTTP_PORT: Final = 8_080
PATIENCE: Final = 240.0
"""Seconds that a program may take, on a machine with company."""
_DATAGRAM: Final = 1_400
_START_SECONDS: Final = 20.0
_CHUNK: Final = 1 << 24


@dataclass(frozen=True)
class Throughput:
    """What iperf3 has measured.

    Attributes:
        gigabits: a second, as received.
        retransmitted: segments, by TCP.
        lost: share of datagrams, by UDP.
    """

    gigabits: float
    retransmitted: int = 0
    lost: float = 0.0


def ping(sender: Guest, address: str, count: int = 5) -> float:
    """Send echo requests, all of which must be answered; the mean time in milliseconds. Raises `RecordingError`."""
    said = run(sender.namespace, ["ping", "-q", "-i", "0.05", "-c", str(count), "-W", "5", address])
    if " 0% packet loss" not in said:
        raise RecordingError(f"ping {address}: {' '.join(said.split())}")
    return float(said.rsplit("=", 1)[1].split("/")[1])


@contextlib.contextmanager
def listening(receiver: Guest) -> Iterator[None]:
    """An iperf3 server during the block."""
    with serving(receiver.namespace, ["iperf3", "--server", "--bind", receiver.address.text]):
        deadline = time.monotonic() + _START_SECONDS
        while f":{PORT}" not in run(receiver.namespace, ["ss", "-ltn"]):
            if time.monotonic() > deadline:
                raise RecordingError("the iperf3 server does not listen")
            time.sleep(0.05)
        yield


def iperf(sender: Guest, receiver: Guest, seconds: int, *, reverse: bool = False, udp_megabits: int = 0) -> Throughput:
    """A single stream to a receiver that listens, or from it, for whole seconds: iperf3 takes less for no end at all.

    Raises `RecordingError`.
    """
    words = ["iperf3", "--client", receiver.address.text, "--json", "--time", str(seconds)]
    words += ["--reverse"] if reverse else []
    if udp_megabits:
        words += ["--udp", "--bitrate", f"{udp_megabits}M", "--length", str(_DATAGRAM)]
    else:
        words += ["--omit", "0.5" if seconds > 2 else "0"]
    found: Any = json.loads(run(sender.namespace, words, seconds=PATIENCE))
    if "error" in found:
        raise RecordingError(f"iperf3: {found['error']}")
    end = found["end"]
    if udp_megabits:
        total = end["sum"]
        received = total["bits_per_second"] * (1 - total["lost_percent"] / 100)
        return Throughput(received / 1e9, lost=total["lost_percent"] / 100)
    return Throughput(end["sum_received"]["bits_per_second"] / 1e9, end["sum_sent"].get("retransmits", 0))


@contextlib.contextmanager
def offering(owner: Guest, folder: Path) -> Iterator[None]:
    """A web server of a folder's files during the block."""
    with serving(owner.namespace, [sys.executable, "-m", "http.server", str(HTTP_PORT)], str(folder)):
        deadline = time.monotonic() + _START_SECONDS
        while f":{HTTP_PORT}" not in run(owner.namespace, ["ss", "-ltn"]):
            if time.monotonic() > deadline:
                raise RecordingError("the web server does not listen")
            time.sleep(0.05)
        yield


def fetch(client: Guest, owner: Guest, name: str) -> str:
    """Fetch a file that another guest offers; the SHA-256 of what arrived. Raises `RecordingError`."""
    url = f"http://{owner.address.text}:{HTTP_PORT}/{name}"
    pipeline = f"set -o pipefail; curl --silent --show-error --fail {url} | sha256sum"
    return run(client.namespace, ["bash", "-c", pipeline], seconds=PATIENCE).split()[0]


def make_file(path: Path, size: int) -> str:
    """Write so many random bytes; their SHA-256."""
    random, digest = np.random.default_rng(SEED), hashlib.sha256()
    with path.open("wb") as stream:
        for start in range(0, size, _CHUNK):
            piece = random.bytes(min(_CHUNK, size - start))
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()
