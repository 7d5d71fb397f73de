"""Recalling native flows: what a compiled miss began becomes the reference's, as if the reference had begun it.

The reference's objects are made from the arena's words (`revival.py`) and take their places in the tables; nobody is
evicted for it and no table grows, for the flow counted before (`table_entries.py`). The arena's records stay where they
are, as copies from then on, and the mirror keeps them in step. A half that was out of the unified table, and lay in its
bucket for the sake of the layer entries alone, leaves with the mirror's next commit.

Used under the slow lock with the gate closed. Hits of the flow go on meanwhile.
"""

from collections.abc import Iterable

import numpy as np

import reference
from fastpath.atomics import load_relaxed, store_relaxed
from fastpath.capacity import ended, used
from fastpath.compile_flow import key_words
from fastpath.compiler import entry_point
from fastpath.hash_table import entry_at
from fastpath.layout import (
    BUCKET_MASK,
    BUCKET_WORDS,
    BUCKETS_AT,
    KIND_FIREWALL,
    KIND_NAT,
    KIND_TCP,
    KIND_UFT_IN,
    KIND_UFT_OUT,
    KINDS,
    LOW_32,
    PARTNER,
    SLOTS,
)
from fastpath.memory import Words
from fastpath.mirror import Adopted, Mirror
from fastpath.native import NO_NAT, partner_of
from fastpath.native_flow import NativeFlow, native_partner, read_native_flow
from fastpath.revival import Decisions, Revival
from fastpath.table_entries import TableEntries
from fastpath.uft import look_up
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.vpc import firewall, nat


@entry_point
def hand_over(words: Words, first: np.uint64, second: np.uint64) -> None:
    """Note that both halves of a native flow are the reference's from now on.

    Relaxed: misses, who write the words too, are kept out, and hits do not look at them.
    """
    for entry in (first, second):
        at = entry_at(words, entry) + PARTNER
        store_relaxed(words, at, partner_of(load_relaxed(words, at)))


class Recall:
    """The native flows of one port, for its reference."""

    def __init__(self, words: Words, port: reference.Port, mirror: Mirror, decisions: Decisions) -> None:
        self._words = words
        self._port = port
        self._mirror = mirror
        self._revival = Revival(words, port, decisions)
        self._begun = [0] * KINDS
        self._over = [0] * KINDS
        self._recalling = False
        self._watch_tables()

    def _watch_tables(self) -> None:
        """Let the tables find native entries. They must be empty."""
        data = self._port.data
        data.uft.inbound.entries = TableEntries(self, KIND_UFT_IN, Direction.IN)
        data.uft.outbound.entries = TableEntries(self, KIND_UFT_OUT, Direction.OUT)
        data.tcp_flows.entries = TableEntries(self, KIND_TCP, Direction.OUT)
        flows = data.layer(firewall.NAME).flows
        flows.outbound.entries = TableEntries(self, KIND_FIREWALL, Direction.OUT)
        # Behind NAT, where it stands inbound, the firewall sees the mirror of what leaves the guest.
        flows.inbound.entries = TableEntries(self, KIND_FIREWALL, Direction.OUT, mirrored=True)
        flows = data.layer(nat.NAME).flows
        flows.outbound.entries = TableEntries(self, KIND_NAT, Direction.OUT)
        flows.inbound.entries = TableEntries(self, KIND_NAT, Direction.IN)

    # --- how many there are ---

    def follow(self) -> None:
        """Note what misses have begun and ended; once the gate is closed, before the reference does anything."""
        self._begun = [int(used(self._words, kind) - ended(self._words, kind)) for kind in range(KINDS)]
        for name in (firewall.NAME, nat.NAME):
            flows = self._port.data.layer(name).flows
            flows.count = len(flows.outbound)

    def count(self, kind: int) -> int:
        """How many native entries of a kind there are (`layout.KIND_UFT_IN` and following)."""
        return self._begun[kind] - self._over[kind]

    @property
    def has_any(self) -> bool:
        """Whether there are native flows. Each has an entry in the firewall."""
        return self.count(KIND_FIREWALL) != 0

    def note_removed(self, removed: Words) -> None:
        """Take note of native entries that have left the tables; `removed` has a word for each kind."""
        for kind in range(KINDS):
            self._over[kind] += int(removed[kind])

    # --- recalling ---

    def look_for(self, direction: Direction, flow: FlowId) -> bool:
        """Recall the native flow with a half of this key, if there is one; tell whether there was."""
        if self._recalling or not self.has_any:
            return False
        entry = int(look_up(self._words, np.array(key_words(direction, flow), np.uint64), 0))
        if entry == 0 or native_partner(self._words, entry) == 0:
            return False
        self._recall(entry)
        return True

    def recall_all(self) -> None:
        """Recall every native flow: for what looks at whole tables. Takes some 0.1 ms a flow."""
        if not self.has_any:
            return
        first = int(self._words[BUCKETS_AT])
        buckets = self._words[first : first + (int(self._words[BUCKET_MASK]) + 1) * BUCKET_WORDS]
        slots = buckets.reshape(-1, BUCKET_WORDS)[:, 1 : 1 + SLOTS]
        self.recall_each((slots[slots != 0] & LOW_32).tolist())

    def recall_each(self, entries: Iterable[int]) -> None:
        """Recall the native flows to which entries belong."""
        for entry in entries:
            if native_partner(self._words, entry):
                self._recall(entry)

    def _recall(self, entry: int) -> None:
        """Recall the native flow to which an entry belongs."""
        flow = read_native_flow(self._words, entry)
        hand_over(self._words, np.uint64(flow.outbound.entry), np.uint64(flow.inbound.entry))
        self._recalling = True
        try:
            revived = self._revival.revive(flow)
        finally:
            self._recalling = False
        for kind in kinds_of(flow):
            self._over[kind] += 1
        copies = [
            Adopted(revived.halves[direction], direction, half.entry, half.hits, half.length)
            for direction, half in ((Direction.OUT, flow.outbound), (Direction.IN, flow.inbound))
        ]
        self._mirror.adopt(copies, revived.connection, flow.outbound.record)


def kinds_of(flow: NativeFlow) -> list[int]:
    """The kinds of which a native flow has an entry."""
    kinds = [KIND_FIREWALL]
    if flow.nat != NO_NAT:
        kinds.append(KIND_NAT)
    if not flow.inbound.is_dead:
        kinds.append(KIND_UFT_IN)
    if not flow.outbound.is_dead:
        kinds.append(KIND_UFT_OUT)
    if flow.connection is not None and not flow.connection.is_dead:
        kinds.append(KIND_TCP)
    return kinds
