"""TAP devices: Ethernet frames of a guest as a file descriptor, with or without segmentation offload (tun(4)).

With offload each frame has a virtio-net header in front: the guest then sends up to 64 kB at once, with the transport
checksum left open, and takes the same. Linux only; needs CAP_NET_ADMIN.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from experiments.errors import CannotRun

HEADER: Final = 10
"""Bytes of a virtio-net header (virtio 1.2, 5.1.6, without the number of buffers)."""
MTU: Final = 1_500
LONGEST: Final = 14 + MTU + 4
LARGEST_SEGMENT: Final = 61_440
"""Bytes of an IP packet before segmentation: with the encapsulation it must fit the 16 bits of a length field."""
LONGEST_OFFLOADED: Final = 14 + LARGEST_SEGMENT + 146

_CLONE: Final = "/dev/net/tun"
_TUNSETIFF, _TUNSETOFFLOAD, _TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_CHECKSUMS, _SEGMENTS_4, _SEGMENTS_6 = 0x01, 0x02, 0x04


@dataclass(frozen=True)
class Device:
    """Where a guest's frames come from and go to: any descriptor that keeps frames apart, a TAP or a socket.

    Attributes:
        descriptor: non-blocking.
        header: bytes in front of each frame.
        longest: bytes of a frame, at most.
    """

    descriptor: int
    header: int = 0
    longest: int = LONGEST


@contextlib.contextmanager
def tap(name: str, *, offload: bool) -> Iterator[Device]:
    """A new TAP device of this name, gone after the block; raises `CannotRun` where there can be none."""
    try:
        descriptor = os.open(_CLONE, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise CannotRun(f"{_CLONE}: {error.strerror}: live guests need Linux, root and TAP devices") from error
    try:
        flags = _IFF_TAP | _IFF_NO_PI | (_IFF_VNET_HDR if offload else 0)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        if offload:
            fcntl.ioctl(descriptor, _TUNSETVNETHDRSZ, struct.pack("i", HEADER))
            fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _CHECKSUMS | _SEGMENTS_4 | _SEGMENTS_6)
        yield Device(descriptor, HEADER, LONGEST_OFFLOADED) if offload else Device(descriptor)
    except OSError as error:
        raise CannotRun(f"TAP device {name}: {error.strerror}: live guests need root") from error
    finally:
        os.close(descriptor)
