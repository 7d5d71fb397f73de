"""Taking down every frame of an interface in another network namespace (packet(7))."""

import contextlib
import ctypes
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from experiments.capture.frame import Frame
from experiments.recording.programs import Namespace, RecordingError

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
CLONE_NEWNET = 0x40000000
NAMED_NAMESPACES = Path("/run/netns")

RECEIVE_BUFFER_BYTES = 64 << 20
LONGEST_FRAME = 65_600
POLL_SECONDS = 0.1


class Sniffer:
    """Collects the frames that an interface sends and receives; times are the kernel's."""

    def __init__(self, namespace: Namespace, interface: str) -> None:
        self.frames: list[Frame] = []
        self._interface = interface
        self._socket = _packet_socket(namespace, interface)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._collect, name=f"sniffer of {interface}")

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Records during the block; raises `RecordingError` after it when a frame was missed."""
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()
            missed = self._missed()
            self._socket.close()
        if missed:
            raise RecordingError(f"{missed} frames were missed: the machine is busy, try again")

    def _collect(self) -> None:
        while True:
            try:
                data, ancillary, _flags, _address = self._socket.recvmsg(LONGEST_FRAME, 128)
            except TimeoutError:
                if self._stop.is_set():
                    return
                continue
            except OSError as error:
                if error.errno == errno.ENETDOWN:  # said once, while the link is still down
                    continue
                raise
            time_ns = _kernel_time_ns(ancillary)
            self.frames.append(Frame(time_ns, self._interface, data, len(data)))

    def _missed(self) -> int:
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        _seen, missed = struct.unpack("II", statistics)
        return int(missed)


def _packet_socket(namespace: Namespace, interface: str) -> socket.socket:
    """A socket stays in the namespace that its thread was in; the thread is given up afterwards."""
    opened: list[socket.socket] = []
    failures: list[OSError] = []

    def open_there() -> None:
        try:
            _enter(namespace)
            sniffing = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sniffing.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
            sniffing.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sniffing.settimeout(POLL_SECONDS)
            sniffing.bind((interface, ETH_P_ALL))
            opened.append(sniffing)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=open_there)
    thread.start()
    thread.join()
    if failures:
        raise RecordingError(f"cannot record {interface} in {namespace}: {failures[0]}")
    return opened[0]


def _enter(namespace: Namespace) -> None:
    """Moves the calling thread into the namespace (setns(2)); `os.setns` came with Python 3.12."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    descriptor = os.open(NAMED_NAMESPACES / namespace, os.O_RDONLY)
    try:
        if setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _kernel_time_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    raise RecordingError("the kernel gave a frame no time stamp (SO_TIMESTAMPNS)")
