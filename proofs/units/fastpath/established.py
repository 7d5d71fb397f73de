"""An arena in which some flows are established, packets of theirs, and what compiled code should make of them."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from fastpath import flow as flow_record
from fastpath import tcp, uft
from fastpath.compile_flow import compile_flow, key_words
from fastpath.control import publish
from fastpath.designs import Design
from fastpath.frames import FrameBatch
from fastpath.layout import (
    CONTROL_EPOCH_SHIFT,
    HITS,
    OTHERS_BYTES,
    OTHERS_HITS,
    OWNED_HITS,
    STATE_RUNNING,
    THREAD_HITS,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
)
from fastpath.pipeline import NO_COUNTS, NO_RULES, process_batch_for
from fastpath.reclaim import thread_at
from proofs.equivalence.frames import ACK, TCP, UDP, Content, Tunnel, plain
from proofs.units.fastpath import arenas, packets
from proofs.units.fastpath.arenas import entry_place
from reference.direction import Direction
from reference.packet.emit import Encapsulation
from reference.packet.flow import FlowId, l4_hash
from reference.transform import CompiledTransform, InnerModification
from reference.verdict import Modified

EPOCH = 5
NOW = 1_000
THREAD = 1
FLOWS = 4
every_design = pytest.mark.parametrize("design", Design, ids=lambda design: design.value)

PUSH = Encapsulation(bytes(6), packets.UNDERLAY_A, packets.UNDERLAY_B, 99, 0xBEEF)
TUNNEL = Tunnel(packets.UNDERLAY_B, packets.UNDERLAY_A, 99)

Sight = tuple[Direction, bytes]


class Frame(NamedTuple):
    """A packet of one of the flows of `World`."""

    number: int
    direction: Direction
    flags: int = ACK
    sequence: int = 1
    acknowledgement: int = 1
    payload: bytes = b""


def outbound_flow(number: int) -> FlowId:
    """Flows with an even number are TCP, the others UDP."""
    protocol = TCP if number % 2 == 0 else UDP
    return FlowId(protocol, 4, bytes([10, 0, 0, 5]), bytes([10, 0, 0, 6]), 1_000 + number, 80)


def sight(frame: Frame) -> Sight:
    """The frame as it reaches the port."""
    flow = outbound_flow(frame.number)
    content = Content(frame.payload, frame.flags, frame.sequence, frame.acknowledgement)
    if frame.direction is Direction.OUT:
        return frame.direction, plain(flow, content, packets.MAC_A, packets.MAC_B)
    return frame.direction, TUNNEL.wrap(plain(flow.mirror(), content, packets.MAC_B, packets.MAC_A))


UNKNOWN = Frame(FLOWS + 1, Direction.OUT)
"""Of a flow that there is not."""


def mixed(count: int) -> list[Frame]:
    """Packets in an order that repeats after five: those of one work record differ, and nearly all a stride apart."""
    out, in_ = Direction.OUT, Direction.IN
    turn = [Frame(0, out), Frame(1, in_), Frame(2, out), Frame(2, out, payload=b"more"), Frame(3, in_)]
    return list(itertools.islice(itertools.cycle(turn), count))


class World:
    """An arena with both halves of some established flows: outbound entries 1, 3, ..., inbound 2, 4, ..."""

    def __init__(self) -> None:
        self.words = arenas.small_arena()
        publish(self.words, np.uint64(EPOCH << int(CONTROL_EPOCH_SHIFT)) | STATE_RUNNING)
        for number in range(FLOWS):
            record = number + 1 if number % 2 == 0 else 0
            if record:
                word = tcp.pack_word(tcp.ESTABLISHED, np.uint64(1), np.uint64(1), np.uint64(EPOCH))
                flow_record.thaw(self.words, np.uint64(record), np.uint64(word))
            flow = outbound_flow(number)
            pushed = CompiledTransform(PUSH, InnerModification(ether_source=bytes(6)), False, True)
            popped = CompiledTransform(None, InnerModification(ether_source=bytes(6)), False, False)
            self._write(self.entry(number, Direction.OUT), Direction.OUT, flow, pushed, record)
            self._write(self.entry(number, Direction.IN), Direction.IN, flow.mirror(), popped, record)
            uft.install(self.words, np.uint64(2 * number + 1), np.uint64(2 * number + 2))

    @staticmethod
    def entry(number: int, direction: Direction) -> int:
        """The number of the entry of a flow's half."""
        return 2 * number + (1 if direction is Direction.OUT else 2)

    def _write(self, entry: int, direction: Direction, flow: FlowId, transform: CompiledTransform, record: int) -> None:
        compiled = compile_flow(flow, transform, udp_zero_as_ones=False)
        assert compiled is not None
        at = int(self.words[TRANSFORMS_AT]) + entry * TRANSFORM_WORDS
        self.words[at : at + TRANSFORM_WORDS] = compiled.transform
        payload = (EPOCH << 32 | record, entry << 32 | l4_hash(flow), compiled.rewrite)
        arenas.write_half(self.words, entry, key_words(direction, flow), payload, last_hit_ms=NOW - 1)

    def field(self, frame: Frame, field: int) -> int:
        """A word of the entry of a packet's half; of hits the count alone."""
        word = int(self.words[entry_place(self.words, self.entry(frame.number, frame.direction)) + field])
        return word & int(OWNED_HITS) if field == HITS else word

    def others(self, number: int, direction: Direction) -> tuple[int, int]:
        """Hits and bytes that threads have counted for a half of a connection which another one owns."""
        at = int(flow_record.flow_at(self.words, np.uint64(number + 1))) + (direction is Direction.OUT)
        return int(self.words[at + OTHERS_HITS]), int(self.words[at + OTHERS_BYTES])

    def tcp_word(self, number: int) -> int:
        """The word of a connection."""
        return int(self.words[int(flow_record.tcp_word_at(self.words, np.uint64(number + 1)))])

    def counters(self, thread: int = THREAD) -> tuple[int, int]:
        """A thread's hits, inbound and outbound."""
        line = int(thread_at(self.words, thread))
        return int(self.words[line + THREAD_HITS]), int(self.words[line + THREAD_HITS + 1])


def batch_of(frames: Sequence[Frame | Sight]) -> FrameBatch:
    """The frames, loaded."""
    batch = FrameBatch(max(1, len(frames)), 256)
    batch.load_all(sight(frame) if isinstance(frame, Frame) else frame for frame in frames)
    return batch


def run(
    world: World, batch: FrameBatch, design: Design = Design.FINE, first: int = 0, now: int = NOW, thread: int = THREAD
) -> int:
    """Process a batch; the index where it stopped."""
    process = process_batch_for(design)
    arguments = (world.words, batch.frames, batch.descriptors, batch.work, NO_RULES, NO_COUNTS)
    return int(process(*arguments, first, batch.count, np.uint64(now), thread))


def expected(frame: Frame) -> Modified:
    """What becomes of a packet that hits."""
    direction, wire = sight(frame)
    flow = outbound_flow(frame.number)
    if direction is Direction.OUT:
        return Modified(PUSH.wrap(wire[:6] + bytes(6) + wire[12:]), l4_hash(flow), True)
    return Modified(wire[70:76] + bytes(6) + wire[82:], l4_hash(flow.mirror()), False)
