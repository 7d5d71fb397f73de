"""What a slow operation does about misses: it keeps them out, and tells them what they need once it is over.

`MissControl` is for a port whose misses are the reference's, all of them: there is nothing to do. `CompiledMisses`
carries out what `docs/misses.md` says about slow operations: the gate, native flows, rule sets, room.

Used under the slow lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import reference
from fastpath.capacity import deal_anew
from fastpath.current_rules import NOTHING_COMPILED, CurrentRules
from fastpath.gate import close_gate, open_gate
from fastpath.layout import KIND_FIREWALL, KIND_NAT, KIND_TCP, KIND_UFT_IN, KIND_UFT_OUT, KINDS
from fastpath.lent_ports import LentPorts
from fastpath.memory import Words
from fastpath.mirror import Mirror
from fastpath.recall import Recall
from fastpath.reclaim import Limbo
from fastpath.sweep import Sweeper
from reference.flow_table import FlowTable
from reference.vpc import firewall, nat


class MissControl:
    """Misses that the reference alone decides about."""

    @property
    def rules(self) -> tuple[Words, Words]:
        """The rule set that misses go by now, and its counters: for a batch to take along. At any time."""
        return NOTHING_COMPILED

    @contextmanager
    def excluded(self) -> Iterator[None]:
        """Keep misses out, from before the slow operation looks at anything until after its last step."""
        yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep misses out while rules are published, by a slow operation that looks at no flow."""
        yield

    def prepare(self) -> None:
        """Do ahead, beside misses, what `follow_rules` would do."""

    def follow_rules(self) -> None:
        """Let misses go by the rules that the port has now. For a slow operation that changes nothing else."""

    def follow(self) -> None:
        """Let misses go by what the slow operation has made of the port; before they are let in again."""

    def recall_all(self) -> None:
        """Make every flow the reference's."""

    def bring_counters_home(self) -> None:
        """Add what misses have counted to the port's counters."""

    def next_due(self, now_ms: int, position: int) -> int:
        """Where, from a position on, a native flow is past its time to live; 0 for nowhere. Without the slow lock."""
        return 0

    def expire(self, now_ms: int, position: int) -> int:
        """Remove some native flows past their time to live from a position on; where to go on. Outside `excluded`."""
        return position

    def recall_due(self, now_ms: int) -> None:
        """Make those flows the reference's that `expire` has left although they are due."""

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Remove all native flows once the reference has forgotten its own; none of them if that raises."""
        yield

    @contextmanager
    def cleared_unified(self) -> Iterator[None]:
        """As `cleared`, for the unified table: the halves of all native flows leave it."""
        yield


class CompiledMisses(MissControl):
    """Misses in compiled code."""

    def __init__(self, words: Words, port: reference.Port, mirror: Mirror, *, waits_for_hits: bool) -> None:
        """`waits_for_hits`: as for `control.Control`. The tables of the port must be empty."""
        self._words = words
        self._port = port
        self._rules = CurrentRules(port, words)
        self._recall = Recall(words, port, mirror, self._rules)
        self._ports = LentPorts(words, port.data.layer(nat.NAME), self._rules.pools_number)
        self._limbo = Limbo(words)
        self._sweeper = Sweeper(words, self._limbo, waits_for_hits)
        self._waits_for_hits = waits_for_hits
        self._is_settled = True
        data = port.data
        self._room = np.zeros(KINDS, np.uint64)
        self._tables: tuple[tuple[int, FlowTable[Any]], ...] = (
            (KIND_UFT_IN, data.uft.inbound),
            (KIND_UFT_OUT, data.uft.outbound),
            (KIND_FIREWALL, data.layer(firewall.NAME).flows.outbound),
            (KIND_NAT, data.layer(nat.NAME).flows.outbound),
            (KIND_TCP, data.tcp_flows),
        )

    @property
    def rules(self) -> tuple[Words, Words]:
        """The rule set that misses go by now, and its counters: for a batch to take along. At any time."""
        return self._rules.latest

    @contextmanager
    def excluded(self) -> Iterator[None]:
        """Close the gate and count native flows; in the end deal out the room that is left, and open it."""
        close_gate(self._words)
        self._is_settled = False
        try:
            self._limbo.collect()
            self._recall.follow()
            self._ports.collect()
            yield
        finally:
            if not self._is_settled:
                self._settle()
            open_gate(self._words)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Close the gate for a moment: ports and room stay as they were dealt, and flows are not counted."""
        close_gate(self._words)
        try:
            yield
        finally:
            open_gate(self._words)

    def prepare(self) -> None:
        """Compile the rules, beside misses that go by those before."""
        self._rules.prepare()

    def follow_rules(self) -> None:
        """Let misses go by the rules that the port has now."""
        self._rules.follow()

    def follow(self) -> None:
        """Compile the rules if they have changed, and deal out ports and room."""
        self._rules.follow()
        self._settle()

    def _settle(self) -> None:
        """Lend the ports and deal out the room that is left.

        Before the new control word if all goes well: from then on flows wait for the gate.
        """
        self._ports.lend()
        self._deal_room()
        self._is_settled = True

    def _deal_room(self) -> None:
        """How many more entries misses may begin: all that the tables have room for, native entries counted."""
        for kind, table in self._tables:
            self._room[kind] = max(0, table.limit - len(table))
        deal_anew(self._words, self._room)

    def recall_all(self) -> None:
        """Make every flow the reference's."""
        self._recall.recall_all()

    def bring_counters_home(self) -> None:
        """Add what misses have counted to the port's counters."""
        self._rules.bring_home()

    def next_due(self, now_ms: int, position: int) -> int:
        """Where, from a position on, a native flow is past its time to live; 0 for nowhere. Without the slow lock.

        Nowhere, where hits take a port lock: a hit that is past it does not notice a dead mark, and would wipe it out.
        The reference expires those flows, and their copies leave their buckets.
        """
        return self._sweeper.next_due(now_ms, position) if self._waits_for_hits else 0

    def expire(self, now_ms: int, position: int) -> int:
        """Remove some native flows past their time to live from a position on; where to go on. Outside `excluded`."""
        following, removed = self._sweeper.expire_chunk(now_ms, position)
        self._recall.note_removed(removed)
        return following

    def recall_due(self, now_ms: int) -> None:
        """Make those flows the reference's that `expire` has left although they are due.

        They own ports of source NAT, which come back in the order in which the reference removes flows.
        """
        self._recall.recall_each(self._sweeper.due(now_ms))

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Remove all native flows once the reference has forgotten its own; none of them if that raises.

        Those that own ports of source NAT become the reference's before, for the same reason.
        """
        self._recall.recall_each(self._sweeper.owning_ports())
        yield
        if self._recall.has_any:
            self._recall.note_removed(self._sweeper.clear())

    @contextmanager
    def cleared_unified(self) -> Iterator[None]:
        """As `cleared`, for the unified table: the halves of all native flows leave it, or become the reference's."""
        if self._waits_for_hits:
            yield
            self._recall.note_removed(self._sweeper.clear_unified())
        else:
            self._recall.recall_all()
            yield
