"""Slow operations: one after the other, in the reference, mirrored before they return.

A slow operation holds the slow lock from beginning to end; under a design with a port lock, that one too. When it ends,
also by an exception, the arena has followed the reference, and hits go by the new control word.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import reference
from fastpath.claims import Claims
from fastpath.control import Control
from fastpath.layout import THREAD_HITS
from fastpath.memory import Words
from fastpath.mirror import Mirror, Side
from fastpath.miss_control import CompiledMisses, MissControl
from fastpath.policy import Policy
from fastpath.port_lock import lock_port, unlock_port
from fastpath.reclaim import sum_over_threads
from reference.direction import Direction
from reference.flow_table import FlowTable
from reference.port_data import PortState
from reference.semantics import Semantics


class SlowPath:
    """The reference port behind a fast port, and the lock around it.

    Attributes:
        port: the reference port; to be used inside `operation` only.
        mirror: keeps the arena in step with it.
        misses: keeps misses out meanwhile, and knows the flows that they have begun.
        tickets: how many slow operations there have been.
    """

    def __init__(self, port: reference.Port, words: Words, policy: Policy) -> None:
        """The tables of the port must be empty. Misses are compiled only under `Semantics.CORRECT`."""
        self.port = port
        self.mirror = Mirror(words, port.semantics)
        self.tickets = 0
        self._words = words
        self._policy = policy
        waits_for_hits = not policy.has_port_lock
        self._control = Control(words, waits_for_hits=waits_for_hits)
        self._lock = threading.Lock()
        self._latest = threading.local()
        self._counted = {Direction.IN: 0, Direction.OUT: 0}
        self._mappings_published = port.mappings_seen
        self.misses = MissControl()
        compiled = policy.compiles_misses and port.semantics == Semantics.CORRECT
        if compiled:
            self.misses = CompiledMisses(words, port, self.mirror, waits_for_hits=waits_for_hits)
        self._watch(claims=compiled)

    def _watch(self, *, claims: bool) -> None:
        data = self.port.data
        data.uft.inbound.watcher = Side(self.mirror, Direction.IN)
        data.uft.outbound.watcher = Side(self.mirror, Direction.OUT)
        data.tcp_flows.watcher = self.mirror
        for table, direction in self._tables():
            table.before_eviction = self._seal
            if claims:
                table.watcher = Claims(self._words, table, direction, table.watcher)

    def _tables(self) -> Iterator[tuple[FlowTable[Any], Direction]]:
        """All tables of flows, each with the direction of its keys."""
        data = self.port.data
        yield from (
            (data.uft.inbound, Direction.IN),
            (data.uft.outbound, Direction.OUT),
            (data.tcp_flows, Direction.OUT),
        )
        for layer in data.layers:
            yield from ((layer.inbound.table, Direction.IN), (layer.outbound.table, Direction.OUT))

    def _seal(self) -> None:
        """A full table is about to compare its entries: no hit may change them meanwhile."""
        self._control.seal()
        self.misses.recall_all()
        self.mirror.synchronise()

    @property
    def ticket(self) -> int:
        """Rank of the calling thread's latest slow operation, 1 for the port's first; 0 before the thread had one."""
        ticket: int = getattr(self._latest, "ticket", 0)
        return ticket

    @property
    def is_behind_mappings(self) -> bool:
        """Whether hits do not go by the present mappings yet. To be asked without the lock, never of the port.

        An operation under way may have made new mappings hold for the port already, and not for hits yet.
        """
        port = self.port
        return port.semantics.mappings_reach_live_flows and self._mappings_published != port.network.mappings.version

    def wait_for_turn(self) -> None:
        """Return when the slow operation under way, if there is one, is over."""
        with self._lock:
            pass

    @contextmanager
    def operation(self, *, whole: bool = False) -> Iterator[reference.Port]:
        """Run a slow operation on the reference port. `whole`: one that needs every flow in the reference's tables."""
        with self._lock, self._carried_out(whole):
            yield self.port

    @contextmanager
    def firewall_change(self) -> Iterator[reference.Port]:
        """A slow operation that changes the firewall's rules and nothing else: it looks at no flow.

        So misses go on by the old rules, and are kept out only when the new ones have been compiled, for as long as it
        takes to publish them. Under a design with a port lock they are kept out throughout.
        """
        if self._policy.has_port_lock:
            with self.operation() as port:
                yield port
            return
        with self._lock:
            self._take_ticket()
            try:
                yield self.port
                self.misses.prepare()
            finally:
                with self.misses.held():
                    self._follow(self.misses.follow_rules)

    @contextmanager
    def expiry(self, now_ms: int) -> Iterator[reference.Port]:
        """The slow operation that expires flows; raises `BadState` unless running. Native flows have expired first."""
        if self.is_behind_mappings:
            # No miss may see what expires here and go by mappings that had changed before.
            with self._lock, self.misses.excluded():
                self.misses.follow()
        # The lock is given back between two chunks: packets that wait for one do not wait for all.
        position = self.misses.next_due(now_ms, 1)
        while position:
            with self._lock:
                # Under the lock: nothing expires on a port that has been paused.
                if self.port.state is not PortState.RUNNING:
                    break
                position = self.misses.expire(now_ms, position)
            position = self.misses.next_due(now_ms, position)
        with self._lock, self._carried_out(whole=False):
            self.port.data.require_state(PortState.RUNNING)
            self.misses.recall_due(now_ms)
            self.mirror.stop_expiring(now_ms)
            yield self.port

    @contextmanager
    def observation(self, *, whole: bool = False) -> Iterator[reference.Port]:
        """A slow operation that looks at the whole port: what hits and misses have counted is brought home first."""
        with self.operation(whole=whole) as port:
            self.mirror.synchronise()
            self._bring_counters_home()
            yield port

    @contextmanager
    def _carried_out(self, whole: bool) -> Iterator[None]:
        """From the exclusion of misses until everything has followed the reference. Under the slow lock."""
        with self.misses.excluded(), self._hits_excluded():
            self._take_ticket()
            try:
                if whole:
                    self.misses.recall_all()
                yield
            finally:
                self._follow(self.misses.follow)

    def _take_ticket(self) -> None:
        self.tickets += 1
        self._latest.ticket = self.tickets

    def _follow(self, let_misses_follow: Callable[[], None]) -> None:
        """Let arena, misses and hits follow the reference, each of them whatever befalls the others."""
        try:
            self.mirror.commit(self.port.epoch)
        finally:
            try:
                let_misses_follow()
            finally:
                self._control.follow(self.port.state, self.port.epoch)
                self._mappings_published = self.port.mappings_seen

    @contextmanager
    def _hits_excluded(self) -> Iterator[None]:
        """Hold the port lock, where hits take it."""
        if not self._policy.has_port_lock:
            yield
            return
        lock_port(self._words)
        try:
            yield
        finally:
            unlock_port(self._words)

    def _bring_counters_home(self) -> None:
        """Add the hits and misses of all threads to the port's counters."""
        self.misses.bring_counters_home()
        for way, direction in enumerate((Direction.IN, Direction.OUT)):
            total = int(sum_over_threads(self._words, THREAD_HITS + way))
            new, self._counted[direction] = total - self._counted[direction], total
            statistics = self.port.data.statistics.of(direction)
            statistics.uft_hit += new
            statistics.modified += new
