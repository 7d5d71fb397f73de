"""The fast port: compiled hits and misses beside the reference's slow path.

`Port` has the surface of `reference.Port`, plus batches. Hits in the unified flow table, most misses, and the segments
that end connections are served by compiled code, on any number of threads at once. Everything else is a slow operation:
what compiled code leaves (`docs/misses.md`), expiry, reconfiguration, a dump. Slow operations follow one another and
run in the reference (`slow_path.py`).

Thread safety: every method may be called from any thread at any time. After `pause`, `reset` or a change of rules has
returned, no packet is processed under the old state. A batch belongs to the thread that processes it. A call that
raises leaves the port usable.
"""

import threading
from collections.abc import Sequence

import numpy as np

import reference
from fastpath.arena import new_arena
from fastpath.designs import POLICIES, Design
from fastpath.frames import FrameBatch
from fastpath.geometry import Geometry
from fastpath.layout import DEAD, POOLS
from fastpath.memory import Words
from fastpath.pipeline import process_batch_under
from fastpath.policy import Policy
from fastpath.reconfiguration import Reconfiguration
from fastpath.seats import Seats
from fastpath.slow_path import SlowPath
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.port_data import PortState
from reference.semantics import Semantics
from reference.tcp import TcpState
from reference.verdict import Verdict
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings

_SINGLE_FRAME_SIZE = 9216
"""Room for a jumbo frame; a longer one takes the slow path."""


_PATIENCE = 64
"""How often a packet waits for slow operations before it becomes one itself."""

_END_OF_TIME_MS = int(DEAD)
"""The life word keeps times below its dead mark."""


class TimeOutOfRange(ValueError):
    """A time that the arena cannot hold. Times are milliseconds from a zero of the caller's choice."""


class Port(Reconfiguration):
    """A port of the Oxide VPC whose hits take no lock, or the lock of the design.

    Attributes:
        design: how hits and slow operations exclude each other.
        policy: the switches behind it.
        words: the arena, for measurements and proofs that drive the kernels themselves.
    """

    def __init__(
        self,
        config: VpcConfig,
        limits: TableLimits | None = None,
        mappings: Mappings | None = None,
        semantics: Semantics = Semantics.CORRECT,
        design: Design | str = Design.FINE,
        threads: int = 64,
        seed: int | None = None,
        policy: Policy | None = None,
    ) -> None:
        """Make a port in state `READY`.

        Args:
            config: the guest and its addresses.
            limits: capacities of the flow tables.
            mappings: where destinations are; ports of one host share them.
            semantics: which of upstream's behaviours to follow.
            design: a lock design or its name.
            threads: how many threads may process packets at once.
            seed: makes the hash secret reproducible; for tests only.
            policy: switches to use in place of the design's, to measure one step alone.
        """
        limits = limits or TableLimits()
        self.design = Design(design)
        self.policy = policy or POLICIES[self.design]
        geometry = Geometry(entries=2 * limits.uft, threads=threads, pools=POOLS)
        self.words = new_arena(geometry, seed)
        port = reference.Port(config, limits, mappings, semantics)
        super().__init__(SlowPath(port, self.words, self.policy))
        self._process_batch = process_batch_under(self.policy)
        self._seats = Seats(threads)
        self._single = threading.local()
        # Upstream's clock may go back, and takes time stamps of hits back with it; hits here only ever move them on.
        self._clock_may_go_back = not semantics.hits_never_take_time_back
        self._latest_ms = 0

    def seat(self) -> int:
        """The calling thread's number among those that process packets; raises `seats.NoSeat` when all are taken."""
        return self._seats.mine()

    @property
    def state(self) -> PortState:
        """Where in its lifecycle the port is."""
        return self._slow_path.port.state

    @property
    def epoch(self) -> int:
        """Rises with every change of rules."""
        return self._slow_path.port.epoch

    @property
    def refused(self) -> int:
        """How many entries have found no room in the arena; the slow path serves them until there is some."""
        return self._slow_path.mirror.refused

    @property
    def rules(self) -> tuple[Words, Words]:
        """The rule set that misses go by now, and its counters, for measurements that drive the kernels themselves.

        Good for as long as they are held. A frame may wait for newer ones (`FrameBatch.waits`, `wait_for_turn`).
        """
        return self._slow_path.misses.rules

    def wait_for_turn(self) -> None:
        """Return when the slow operation under way, if there is one, is over."""
        self._slow_path.wait_for_turn()

    @property
    def ticket(self) -> int:
        """Rank of the calling thread's latest slow operation on this port; 0 before its first.

        Slow operations, whether packets or control, took effect in the order of their tickets.
        """
        return self._slow_path.ticket

    def process(
        self,
        direction: Direction,
        packet: bytes | bytearray | memoryview,
        now_ms: int,
        segments: Sequence[int] = (),
    ) -> Verdict:
        """Decide about one packet; as `reference.Port.process`. Raises `TimeOutOfRange`."""
        self._check_time(now_ms)
        if segments or len(packet) > _SINGLE_FRAME_SIZE:
            return self._process_slowly(direction, packet, now_ms, segments)
        batch: FrameBatch | None = getattr(self._single, "batch", None)
        if batch is None:
            batch = self._single.batch = FrameBatch(capacity=1, frame_size=_SINGLE_FRAME_SIZE)
        batch.clear()
        batch.load(direction, packet)
        self.process_batch(batch, now_ms)
        return batch.verdict(0)

    def process_batch(self, batch: FrameBatch, now_ms: int) -> None:
        """Decide about all frames of a batch, in their order, at `now_ms` milliseconds.

        Afterwards the batch has the verdicts, and its frames are as they leave the port. Raises `TimeOutOfRange`.
        """
        self._check_time(now_ms)
        seat, now = self.seat(), np.uint64(now_ms)
        position = waits = 0
        if batch.count and self._slow_path.is_behind_mappings:
            with self._slow_path.operation() as port:
                # Another thread may have come first: to follow twice would make every entry stale once more.
                if port.is_behind_mappings:
                    port.follow_mappings()
        while position < batch.count:
            if not self._goes_back(now_ms):
                arguments = (self.words, batch.frames, batch.descriptors, batch.work, *self.rules)
                before, position = position, int(self._process_batch(*arguments, position, batch.count, now, seat))
                waits = waits + 1 if position == before else 1
            if batch.waits(position) and waits < _PATIENCE:
                self._slow_path.wait_for_turn()
            elif position < batch.count:
                verdict = self._process_slowly(batch.direction(position), batch.frame(position), now_ms)
                batch.decide(position, verdict, self.ticket)
                position, waits = position + 1, 0

    def _check_time(self, now_ms: int) -> None:
        if not 0 <= now_ms < _END_OF_TIME_MS:
            raise TimeOutOfRange(f"now_ms={now_ms}: must be at least 0 and less than 2**63")

    def _goes_back(self, now_ms: int) -> bool:
        """Whether hits would miss that the clock has gone back."""
        if not self._clock_may_go_back:
            return False
        if now_ms < self._latest_ms:
            return True
        self._latest_ms = now_ms
        return False

    def _process_slowly(
        self,
        direction: Direction,
        packet: bytes | bytearray | memoryview,
        now_ms: int,
        segments: Sequence[int] = (),
    ) -> Verdict:
        self._latest_ms = max(self._latest_ms, now_ms)
        with self._slow_path.operation() as port:
            return port.process(direction, packet, now_ms, segments)

    def start(self) -> None:
        """Begin to process packets; from any state."""
        with self._slow_path.operation() as port:
            port.start()

    def pause(self) -> None:
        """Stop processing packets, keeping all flows; raises `BadState` unless running."""
        with self._slow_path.operation() as port:
            port.pause()

    def reset(self) -> None:
        """Forget all flows and stop processing packets; from any state."""
        with self._slow_path.operation() as port, self._slow_path.misses.cleared():
            port.reset()

    def expire(self, now_ms: int) -> None:
        """Remove flows past their time to live; raises `BadState` unless running, or `TimeOutOfRange`."""
        self._check_time(now_ms)
        with self._slow_path.expiry(now_ms) as port:
            port.expire(now_ms)

    def clear_uft(self) -> None:
        """Empty the unified flow table; raises `BadState` unless running."""
        with self._slow_path.operation() as port, self._slow_path.misses.cleared_unified():
            port.clear_uft()

    def clear_lft(self, layer: str) -> None:
        """Forget a layer's flows; raises `BadState` unless running, or `LayerNotFound`."""
        with self._slow_path.operation(whole=True) as port:
            port.clear_lft(layer)

    def tcp_state(self, flow: FlowId) -> TcpState | None:
        """State of the connection with this outbound flow id."""
        with self._slow_path.operation() as port:
            return port.tcp_state(flow)

    def statistics(self) -> dict[str, object]:
        """All counters by OPTE's names; exact when no batch is under way."""
        with self._slow_path.observation() as port:
            return port.statistics()

    def flow_counts(self) -> dict[str, object]:
        """The number of entries in every flow table."""
        with self._slow_path.operation() as port:
            return port.flow_counts()

    def snapshot(self) -> dict[str, object]:
        """Everything observable about the port, as plain comparable values.

        Each flow is read at one moment, different flows perhaps at different ones while other threads process packets.
        All flows that compiled misses have begun become the reference's by it, at some 0.1 ms each.
        """
        with self._slow_path.observation(whole=True) as port:
            return port.snapshot()
