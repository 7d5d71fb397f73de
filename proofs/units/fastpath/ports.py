"""Fast ports, and the parts they are made of, in the VPC of the stories; packets to and from a neighbour."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import fastpath
import reference
from fastpath import uft
from fastpath.arena import new_arena
from fastpath.compile_flow import key_words
from fastpath.designs import POLICIES, Design
from fastpath.geometry import Geometry
from fastpath.layout import POOLS, THREAD_COUNT, THREAD_HITS
from fastpath.memory import Words
from fastpath.policy import Misses, Policy
from fastpath.reclaim import thread_at
from fastpath.seats import NoSeat
from fastpath.slow_path import SlowPath
from proofs.equivalence import vpc
from proofs.equivalence.frames import ACK, SYN, TCP, UDP, Content, Tunnel, plain
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.uft import UftEntry
from reference.vpc.config import TableLimits

NOW = 1_000_000
LIMITS = TableLimits(uft=64, tcp=64, gateway=64, firewall=64, nat=64)
PLAIN = Content()
OUT, IN = Direction.OUT, Direction.IN
TUNNEL = Tunnel(vpc.PEER_UNDERLAY, vpc.GUEST_UNDERLAY, vpc.VNI)


def fast_port(design: Design | str = Design.FINE, limits: TableLimits = LIMITS, **arguments: Any) -> fastpath.Port:
    """A running fast port."""
    port = fastpath.Port(vpc.config(), limits, vpc.mappings(), design=design, seed=1, **{"threads": 4, **arguments})
    vpc.set_up(port)
    return port


def without_misses(design: Design | str = Design.FINE) -> Policy:
    """A design's policy, but for misses: all of them are the reference's."""
    return replace(POLICIES[Design(design)], misses=Misses.REFERENCE)


def reference_port(limits: TableLimits = LIMITS, **arguments: Any) -> reference.Port:
    """A running reference port."""
    port = reference.Port(vpc.config(), limits, vpc.mappings(), **arguments)
    vpc.set_up(port)
    return port


def flow(number: int, protocol: int = UDP, family: int = 4) -> FlowId:
    """The outbound flow id of one of many conversations with a neighbour."""
    return FlowId(protocol, family, vpc.GUEST[family], vpc.PEERS[family][0], 2_000 + number, 80)


def outbound(number: int, content: Content = PLAIN, protocol: int = UDP) -> bytes:
    """A packet of the guest."""
    return plain(flow(number, protocol), content, vpc.GATEWAY_MAC, vpc.GUEST_MAC)


def inbound(number: int, content: Content = PLAIN, protocol: int = UDP) -> bytes:
    """A packet of the neighbour."""
    return TUNNEL.wrap(plain(flow(number, protocol).mirror(), content, vpc.GUEST_MAC, vpc.GATEWAY_MAC))


def handshake(number: int) -> list[tuple[Direction, bytes]]:
    """The three packets by which the guest opens a connection."""
    return [
        (OUT, outbound(number, Content(flags=SYN), TCP)),
        (IN, inbound(number, Content(flags=SYN | ACK, acknowledgement=1), TCP)),
        (OUT, outbound(number, Content(flags=ACK, sequence=1, acknowledgement=1), TCP)),
    ]


def is_hit(port: fastpath.Port, direction: Direction, frame: bytes, now_ms: int = NOW) -> bool:
    """Process a frame; whether it hit the unified flow table in compiled code."""
    batch = fastpath.FrameBatch(1, 2_048)
    batch.load(direction, frame)
    before = hits_of(port)
    port.process_batch(batch, now_ms)
    return hits_of(port) > before


def hits_of(port: fastpath.Port) -> int:
    """How many packets have hit in compiled code so far."""
    lines = (int(thread_at(port.words, thread)) for thread in range(int(port.words[THREAD_COUNT])))
    return sum(int(port.words[line + THREAD_HITS]) + int(port.words[line + THREAD_HITS + 1]) for line in lines)


class Parts:
    """A reference port, its arena and its slow path, without the surface of a port around them.

    Attributes:
        geometry: of the arena.
        words: the arena.
        port: the reference port; change it inside `slow_path.operation` only.
        slow_path: keeps the two in step.
    """

    def __init__(
        self,
        limits: TableLimits = LIMITS,
        geometry: Geometry | None = None,
        design: Design = Design.FINE,
        misses: Misses = Misses.REFERENCE,
    ) -> None:
        pools = POOLS if misses is Misses.COMPILED else 0
        self.geometry = geometry or Geometry(entries=2 * limits.uft, spare=16, threads=3, pools=pools)
        self.words: Words = new_arena(self.geometry, 1)
        self.port = reference.Port(vpc.config(), limits, vpc.mappings())
        self.slow_path = SlowPath(self.port, self.words, replace(POLICIES[design], misses=misses))
        with self.slow_path.operation() as port:
            vpc.set_up(port)

    def process(self, direction: Direction, frame: bytes, now_ms: int = NOW) -> reference.Verdict:
        """One packet, slowly."""
        with self.slow_path.operation() as port:
            return port.process(direction, frame, now_ms)

    def converse(self, number: int, now_ms: int = NOW) -> None:
        """A datagram and its answer, so that both halves of the flow are there."""
        self.process(OUT, outbound(number), now_ms)
        self.process(IN, inbound(number), now_ms)

    def connect(self, number: int, now_ms: int = NOW) -> None:
        """Open a connection."""
        for direction, frame in handshake(number):
            self.process(direction, frame, now_ms)

    def entry(self, direction: Direction, flow: FlowId) -> int:
        """The arena's entry of a half, 0 if it cannot be found."""
        return int(uft.look_up(self.words, np.array(key_words(direction, flow), np.uint64), 0))

    def original(self, direction: Direction, flow: FlowId) -> UftEntry:
        """The reference's entry of a half."""
        return self.port.uft.table(direction).entries[flow]


LONG_ENOUGH = 20.0
"""Seconds."""


def elsewhere(call: Callable[[], object]) -> object:
    """What a call gives, or which error it raises, on a thread of its own."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except NoSeat as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LONG_ENOUGH)
    return results[0]
