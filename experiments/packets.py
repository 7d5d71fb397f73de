"""Packets to measure with: first packets of flows, or packets of running ones, in batches that are written anew.

A `Stream` is one thread's frames: the headers of a batch, and for each packet the ports that make it one of a flow.
"""

import enum
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from experiments.forwarding import RESTORED_BYTES
from experiments.population import GATEWAY_MAC, GUEST, GUEST_HOST, GUEST_MAC, NEIGHBOUR, NEIGHBOUR_HOST, VNI
from experiments.replay import BATCH
from experiments.small_vpc import INTERNET
from fastpath import FrameBatch
from fastpath.layout import HEADROOM
from fastpath.memory import Words
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.headers import TcpFlag
from reference.packet.protocol import EtherType, IpProtocol

FRAME_SIZE: Final = 512
PAYLOAD: Final = bytes(18)
"""Fills a frame up to Ethernet's least length, and a little more."""
_ENCAPSULATION: Final = 70
_ETHERNET_AND_IP: Final = 34
_CHECKSUM: Final = 0x1234
"""Any but 0, which says that there is none; a port does not check it, and keeps it in step when addresses change."""
FIRST_PORT: Final = 1_024
_PORTS: Final = 60_000


class Way(enum.Enum):
    """Where packets come from and go to."""

    NEIGHBOUR = "to a neighbour"
    """From the guest to another one of its VPC, without translation."""
    INTERNET = "to the internet"
    """From the guest to the internet, its address translated one to one."""
    ARRIVING = "from a neighbour"
    """From a neighbour, encapsulated, to the guest."""

    @property
    def direction(self) -> Direction:
        """Of such a packet at the port."""
        return Direction.IN if self is Way.ARRIVING else Direction.OUT


@dataclass(frozen=True)
class Traffic:
    """What packets are like: the way they go, and UDP datagrams or TCP segments that open a connection."""

    way: Way = Way.NEIGHBOUR
    protocol: IpProtocol = IpProtocol.UDP

    @property
    def frame(self) -> bytes:
        """A packet as it reaches the port; its ports are zero."""
        inward = self.way is Way.ARRIVING
        source, destination = (NEIGHBOUR if inward else GUEST), (GUEST if inward else self._remote)
        transport = self._transport() + PAYLOAD
        ethernet = struct.pack(">6s6sH", *((GUEST_MAC, GATEWAY_MAC) if inward else (GATEWAY_MAC, GUEST_MAC)), 0x0800)
        assert ethernet[12:] == struct.pack(">H", EtherType.IPV4)
        length = 20 + len(transport)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, self.protocol, 0, source, destination)
        frame = ethernet + ip + transport
        return Encapsulation(bytes(6), NEIGHBOUR_HOST, GUEST_HOST, VNI, 0).wrap(frame) if inward else frame

    @property
    def _remote(self) -> bytes:
        return INTERNET if self.way is Way.INTERNET else NEIGHBOUR

    def _transport(self) -> bytes:
        if self.protocol == IpProtocol.TCP:
            return struct.pack(">HHIIBBHHH", 0, 0, 1_000, 0, 0x50, TcpFlag.SYN, 0xFFFF, _CHECKSUM, 0)
        return struct.pack(">HHHH", 0, 0, 8 + len(PAYLOAD), _CHECKSUM)


class Stream:
    """One thread's frames.

    Attributes:
        batch: the frames, `BATCH` of them.
        direction: in which they travel.
        headers, descriptors: what they are before they are processed.
        ports: of the packets one after the other, `source << 16 | destination`: a whole number of batches.
        ports_at: where they are in a frame's slot.
    """

    def __init__(self, traffic: Traffic, flows: npt.NDArray[np.int64]) -> None:
        """`flows`: the number of the flow to which each packet belongs, a multiple of `BATCH` of them."""
        if len(flows) % BATCH:
            raise ValueError(f"{len(flows)} packets: must be a multiple of {BATCH}")
        self.ports: Words = _ports_of(flows)
        self.direction = traffic.way.direction
        self.batch = FrameBatch(BATCH, FRAME_SIZE)
        for _ in range(BATCH):
            self.batch.load(traffic.way.direction, traffic.frame)
        rows = self.batch.frames.reshape(BATCH, self.batch.slot)
        self.headers: Words = rows[:, HEADROOM : HEADROOM + RESTORED_BYTES].copy().reshape(-1).view(np.uint64)
        self.descriptors: Words = self.batch.descriptors.copy()
        self.ports_at = HEADROOM + _ETHERNET_AND_IP + (_ENCAPSULATION if traffic.way is Way.ARRIVING else 0)

    @property
    def batches(self) -> int:
        """How many there are."""
        return len(self.ports) // BATCH


def _ports_of(flows: npt.NDArray[np.int64]) -> Words:
    """A pair of ports for each flow."""
    many, few = FIRST_PORT + flows % _PORTS, 80 + flows // _PORTS
    return (many << 16 | few).astype(np.uint64)


def new_flows(first: int, count: int) -> npt.NDArray[np.int64]:
    """The numbers of `count` flows from `first` on, each once."""
    return np.arange(first, first + count)


def turns(first: int, count: int, packets: int) -> npt.NDArray[np.int64]:
    """Flows from `first` on in random order, each as often as any other if `packets` is a multiple of `count`."""
    return first + np.random.default_rng(435).permutation(packets) % count
