"""Records the bundled capture anew: `make capture`, or `python -m experiments.record_capture`.

Needs Linux, root, and the Debian packages iproute2 ethtool iperf3 curl iputils-ping. It makes two
network namespaces of its own, lets real programs talk between them for a few seconds, takes down what
the guest's interface sends and receives, and removes the namespaces again, also when it is interrupted.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from experiments import capture
from experiments.capture import pcapng
from experiments.recording import conversation
from experiments.recording.programs import RecordingError, check_programs
from experiments.recording.sniffer import Sniffer
from experiments.recording.topology import GUEST_INTERFACE, topology

BUNDLED = Path(__file__).parent / "data" / "bundled.pcapng"
LARGEST_FILE = 2_000_000
"""Bytes; the capture is part of the repository."""


def record(output: Path, report: conversation.Report) -> list[capture.Frame]:
    """Records into `output`, which is replaced only by a complete recording; returns the frames.

    Raises `RecordingError` for everything that the machine or the user must change.
    """
    _check_platform()
    check_programs()
    with topology() as places:
        sniffer = Sniffer(places.guest, GUEST_INTERFACE)
        with sniffer.recording():
            report("network namespaces")
            places.bring_up()
            conversation.hold(places, report)
    # The kernel stamps a frame before it queues it, so that two directions can come out of order.
    frames = sorted(sniffer.frames, key=lambda frame: frame.timestamp_ns)
    _write(frames, output)
    return frames


def _check_platform() -> None:
    if sys.platform != "linux":
        raise RecordingError("recording needs Linux (network namespaces)")
    if os.geteuid() != 0:
        raise RecordingError("recording needs root (network namespaces): run it with sudo")


def _write(frames: list[capture.Frame], output: Path) -> None:
    unfinished = output.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as stream:
            writer = pcapng.Writer(stream, application="lockstep experiments.record_capture")
            for frame in frames:
                writer.write(frame)
        size = unfinished.stat().st_size
        if size > LARGEST_FILE:
            raise RecordingError(f"the recording has {size} bytes, more than {LARGEST_FILE}")
        unfinished.replace(output)
    except OSError as error:
        raise RecordingError(f"cannot write {output}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def main(
    output: Annotated[Path, typer.Option(help="The capture file to write.")] = BUNDLED,
) -> None:
    """Records a capture of iperf3, curl and ping between two network namespaces."""
    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with console.status("") as status:
            frames = record(output, lambda step: status.update(f"Recording: {step}"))
    except RecordingError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - one plain line, never wrapped
        raise typer.Exit(2) from None
    seconds = (frames[-1].timestamp_ns - frames[0].timestamp_ns) / 1e9
    console.print(f"{output}: {len(frames)} frames in {seconds:.1f} s, {output.stat().st_size} bytes")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    """Lets the namespaces be removed before the process ends."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
