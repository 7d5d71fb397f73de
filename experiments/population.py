"""An arena with any number of established TCP flows between the guest and a neighbour, made in seconds.

The halves are written as the mirror writes them and installed by the kernel that a slow operation uses; a million
misses through the reference would take an hour.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fastpath import compile_flow, tcp, uft
from fastpath.arena import new_arena
from fastpath.compiler import entry_point
from fastpath.control import publish
from fastpath.geometry import Geometry
from fastpath.layout import (
    ACTION,
    BINDING,
    CONTROL_EPOCH_SHIFT,
    ENTRIES_AT,
    ENTRY_WORDS,
    FLOW_WORDS,
    FLOWS_AT,
    KEY,
    META_SOURCE_PORT_SHIFT,
    REWRITE,
    REWRITE_OUTER_PORT_SHIFT,
    STATE_RUNNING,
    TCP_WORD,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
)
from fastpath.memory import Words
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId
from reference.packet.protocol import IpProtocol
from reference.transform import CompiledTransform, InnerModification

EPOCH: Final = 1
FIRST_PORT: Final = 1_024
PORTS: Final = 60_000
"""Source ports of the guest for each port of the neighbour."""
NEIGHBOUR_PORT: Final = 80
GUEST, NEIGHBOUR = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 6])
GUEST_MAC, NEIGHBOUR_MAC = bytes.fromhex("a84025fafa37"), bytes.fromhex("a84025fafa38")
GATEWAY_MAC = bytes.fromhex("a84025ff7777")
GUEST_HOST, NEIGHBOUR_HOST = (bytes.fromhex("fd00") + bytes(13) + bytes([host]) for host in (1, 2))
VNI: Final = 99

_OUTBOUND = CompiledTransform(
    Encapsulation(bytes(6), GUEST_HOST, NEIGHBOUR_HOST, VNI, 0),
    InnerModification(ether_destination=NEIGHBOUR_MAC),
    False,
    True,
)
_INBOUND = CompiledTransform(None, InnerModification(ether_source=GATEWAY_MAC), False, False)


class NotInstalled(Exception):
    """The table has no room for the flows: a geometry that is too small."""


@dataclass(frozen=True)
class Population:
    """Established flows.

    Attributes:
        words: the arena.
        count: how many flows; flow `n` has the ports `ports(n)`.
    """

    words: Words
    count: int

    def ports(self, numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The guest's and the neighbour's port of each flow."""
        return FIRST_PORT + numbers % PORTS, NEIGHBOUR_PORT + numbers // PORTS


def populated(count: int, threads: int) -> Population:
    """A new arena with `count` flows, both halves of each, for as many threads. Raises `NotInstalled`."""
    words = new_arena(Geometry(entries=2 * count, threads=threads), seed=count)
    population = Population(words, count)
    publish(words, np.uint64(EPOCH << int(CONTROL_EPOCH_SHIFT)) | STATE_RUNNING)
    numbers = np.arange(count)
    guest_port, neighbour_port = population.ports(numbers)
    entries = words[int(words[ENTRIES_AT]) :][: (2 * count + 1) * ENTRY_WORDS].reshape(-1, ENTRY_WORDS)[1:]
    for half, direction in enumerate((Direction.OUT, Direction.IN)):
        _write(words, entries[half::2], direction, *(ports.astype(np.uint64) for ports in (guest_port, neighbour_port)))
    flows = words[int(words[FLOWS_AT]) :][: (count + 1) * FLOW_WORDS].reshape(-1, FLOW_WORDS)[1:]
    flows[:, TCP_WORD] = tcp.pack_word(tcp.ESTABLISHED, np.uint64(1), np.uint64(1), np.uint64(EPOCH))
    if _install_all(words, count) != count:
        raise NotInstalled(f"{count} flows do not fit the table")
    return population


def _write(
    words: Words,
    entries: npt.NDArray[np.uint64],
    direction: Direction,
    guest_port: npt.NDArray[np.uint64],
    neighbour_port: npt.NDArray[np.uint64],
) -> None:
    """Write one half of every flow, and the transform that they share."""
    outbound = direction is Direction.OUT
    flow = FlowId(IpProtocol.TCP, 4, GUEST, NEIGHBOUR, 0, 0)
    compiled = compile_flow.compile_flow(flow, _OUTBOUND if outbound else _INBOUND, udp_zero_as_ones=True)
    assert compiled is not None
    transform = 1 if outbound else 2
    at = int(words[TRANSFORMS_AT]) + transform * TRANSFORM_WORDS
    words[at : at + TRANSFORM_WORDS] = np.array(compiled.transform, np.uint64)
    key = compile_flow.key_words(direction, flow if outbound else flow.mirror())
    source, destination = (guest_port, neighbour_port) if outbound else (neighbour_port, guest_port)
    entries[:, KEY : KEY + 4] = np.array(key[:4], np.uint64)
    entries[:, KEY + 4] = np.uint64(key[4]) | source << META_SOURCE_PORT_SHIFT | destination
    records = np.arange(1, len(entries) + 1, dtype=np.uint64)
    entries[:, BINDING] = np.uint64(EPOCH << 32) | records
    entries[:, ACTION] = np.uint64(transform << 32) | records
    entries[:, REWRITE] = (records & np.uint64(0xFFFF)) << REWRITE_OUTER_PORT_SHIFT if outbound else 0


@entry_point
def _install_all(words: Words, count: int) -> int:
    installed = 0
    for number in range(count):
        first = np.uint64(2 * number + 1)
        if uft.install(words, first, first + np.uint64(1)) == uft.DONE:
            installed += 1
    return installed
