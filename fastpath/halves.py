"""The arena's copy of one unified entry and of one TCP flow, and the way home of what hits have counted in them.

Counters in the arena only rise; each copy remembers how much of them the reference already has. So nothing is counted
twice, and nothing is lost as long as the copy is read once more after its last hit.
"""

import numpy as np

from fastpath import tcp, uft
from fastpath.fin import FIN_LEFT, fin_word, pack_fin, sequence_of_fin
from fastpath.flow import flow_at
from fastpath.layout import DEAD, INBOUND, OUTBOUND
from fastpath.memory import Words
from reference.direction import Direction
from reference.tcp_flows import TcpFlow
from reference.uft import UftEntry

_LIFE_MASK = int(DEAD) - 1


class Connection:
    """The copy of one TCP flow.

    Attributes:
        original: the reference's flow.
        record: number of the arena's flow record.
        halves: the halves that name the record.
    """

    __slots__ = ("halves", "original", "record")

    def __init__(self, original: TcpFlow, record: int) -> None:
        self.original = original
        self.record = record
        self.halves: set[Half] = set()

    def word(self, epoch: int) -> np.uint64:
        """The TCP word for the state in which the reference has the flow."""
        flow = self.original
        return tcp.pack_word(
            np.uint64(flow.state),
            np.uint64(flow.guest_sequence or 0),
            np.uint64(flow.guest_sequence is not None),
            np.uint64(epoch),
        )

    def fin(self) -> np.uint64:
        """The FIN word for the number of the guest's FIN that the reference has; 0 for none."""
        flow = self.original
        if not flow.semantics.fin_ends_after_payload:
            return FIN_LEFT
        return tcp.ZERO if flow.fin_sequence is None else pack_fin(np.uint64(flow.fin_sequence))


class Half:
    """The copy of one unified entry.

    Attributes:
        original: the reference's entry.
        direction: the way the flow's packets travel.
        entry: number of the arena's entry.
        at: index of its first word.
        connection: the copy of the TCP flow; None for other protocols.
        last_hit_ms: the entry's life word when it was last read.
    """

    __slots__ = ("_bytes", "_hits", "at", "connection", "direction", "entry", "last_hit_ms", "original")

    def __init__(
        self,
        original: UftEntry,
        direction: Direction,
        entry: int,
        at: int,
        connection: Connection | None,
    ) -> None:
        self.original = original
        self.direction = direction
        self.entry = entry
        self.at = at
        self.connection = connection
        self.last_hit_ms = original.last_hit_ms
        self._hits = 0
        self._bytes = 0

    def count_as_known(self, hits: int, length: int) -> None:
        """Say how much of the arena's counters the reference has already."""
        self._hits, self._bytes = hits, length

    def bring_home(self, words: Words) -> None:
        """Add to the reference's entry, and to its TCP flow, what hits have counted since the last time."""
        record = self.connection.record if self.connection is not None else 0
        way = INBOUND if self.direction is Direction.IN else OUTBOUND
        hits, life, total, numbers = map(int, uft.left_by_hits(words, self.at, np.uint64(record), way))
        new_hits, self._hits = hits - self._hits, hits
        known_ms, self.last_hit_ms = self.last_hit_ms, life & _LIFE_MASK
        self.original.hits += new_hits
        self.original.last_hit_ms = max(self.original.last_hit_ms, self.last_hit_ms)
        if self.connection is not None:
            new_bytes, self._bytes = total - self._bytes, total
            flow = self.connection.original
            if self.last_hit_ms > known_ms:
                # A hit leaves its time first and is counted last: the time counts even if the hit is not counted yet.
                flow.last_hit_ms = max(flow.last_hit_ms, self.last_hit_ms)
            self._add_segments(flow, new_hits, new_bytes, numbers)

    def _add_segments(self, flow: TcpFlow, segments: int, length: int, numbers: int) -> None:
        flow.hits += segments
        if self.direction is Direction.IN:
            flow.segments_in += segments
            flow.bytes_in += length
        else:
            flow.segments_out += segments
            flow.bytes_out += length
        if segments == 0:
            return
        sequence, acknowledgement = divmod(numbers, 1 << 32)
        if self.direction is Direction.IN:
            flow.inbound_flow = self.original.flow
            flow.remote_sequence = sequence
            flow.remote_acknowledgement = acknowledgement
        else:
            flow.guest_acknowledgement = acknowledgement


def read_word(words: Words, connection: Connection, word: np.uint64) -> None:
    """Let the reference's flow have what a TCP word says, loaded from its record just now, and what is beside it."""
    flow = connection.original
    flow.state = int(tcp.state_of(word))
    if word & tcp.SEQUENCE_KNOWN:
        flow.guest_sequence = int(tcp.sequence_of(word))
    number = sequence_of_fin(word, fin_word(words, flow_at(words, np.uint64(connection.record))))
    if number is not None:
        flow.fin_sequence = number
