"""The end of a native connection: FINs, their acknowledgements, resets, beside each other and beside data.

A segment is taken as production takes it, but for the bytes that leave: it is a hit, or it ends the connection
(`close.py`), or it is left to the reference. What the segments became, and what is left of the flow, must be what some
order of them gives.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fastpath.designs import POLICIES, Design
from fastpath.interpreted import Interpreted, interpreted
from fastpath.memory import Words
from fastpath.policy import Policy
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.miss_faults import (
    ANOTHER_FIN_PASSES,
    BURIED_BY_A_STORE,
    FIN_OVERWRITTEN,
    FLOW_LOCK_IGNORED,
    HALVES_END_FIRST,
    HALVES_STAY,
    ONE_HALF_STAYS,
)
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.expiry import FLOW, LAST, Native

TRANSPORT = 40
"""Behind an IPv6 header that the frame begins with."""
FRAME_BYTES = TRANSPORT + 20
THREADS = 3
HIT, CLOSED, LEFT = "hit", "closed", "left"


class Segment(NamedTuple):
    """A segment without data: direction, time, flags, sequence and acknowledgement number."""

    direction: str
    now: int
    flags: int
    sequence: int = 0
    acknowledgement: int = 0


class State(NamedTuple):
    """A flow: times of last hits, TCP word and FIN word; None for what has ended, which leaves `layers` as it was."""

    inbound: int | None
    outbound: int | None
    word: int | None
    fin: int
    layers: int


class Connection(Native):
    """A native flow whose segments end it."""

    def __init__(self, modules: Interpreted, state: int, policy: Policy = POLICIES[Design.FINE]) -> None:
        super().__init__(modules, state, THREADS, policy)
        self._close: Any = modules.module("fastpath.close")
        self._fin: Any = modules.module("fastpath.fin")
        self.words_of_fin: Any = interpreted("fastpath.fin")
        self.beginning = State(LAST, LAST, self.initial.word, 0, LAST)

    def send(self, words: Words, history: History, thread: int, segment: Segment) -> None:
        """A segment, as an operation."""
        layout = self.arena.layout
        work, descriptors = np.zeros(layout.WORK_ARRAY_WORDS, np.uint64), np.zeros(layout.DESCRIPTOR_WORDS, np.uint64)
        frame = np.zeros(FRAME_BYTES, np.uint8)
        frame[5], frame[TRANSPORT + 12] = FRAME_BYTES - TRANSPORT, 5 << 4
        other = "in" if segment.direction == "out" else "out"
        work[: layout.KEY_WORDS] = self.keys[segment.direction]
        work[self._close.OTHER_KEY : self._close.OTHER_KEY + layout.KEY_WORDS] = self.keys[other]
        work[layout.WORK_HASH] = self.arena.hash_of(self.keys[segment.direction])
        work[layout.WORK_TRANSPORT] = TRANSPORT
        work[layout.WORK_TCP_FLAGS], work[layout.WORK_SEQUENCE] = segment.flags, segment.sequence
        work[layout.WORK_ACKNOWLEDGEMENT] = segment.acknowledgement
        direction = np.uint64(segment.direction == "out")
        descriptors[layout.FRAME_DIRECTION], descriptors[layout.FRAME_LENGTH] = direction, FRAME_BYTES
        line, now = self._reclaim.thread_at(words, thread), np.uint64(segment.now)

        def is_hit(entry: np.uint64, flow: np.uint64, epoch: np.uint64) -> bool:
            base, owner = self.arena.entry_at(words, int(entry)), np.uint64(thread + 1)
            arguments = (words, frame, descriptors, 0, work, 0, base, flow, epoch, now, line, owner)
            return bool(entry != 0 and self._track(*arguments))

        def body() -> str:
            self._reclaim.enter(words, thread)
            entry, flow, epoch, _, _ = self._hit.reach(words, work, 0)
            outcome = HIT if is_hit(entry, flow, epoch) else LEFT
            if outcome == LEFT and entry != 0:
                ended = self._close.close_flow(words, work, 0, line, entry, direction, epoch)
                outcome = CLOSED if ended == self._close.COMMITTED else LEFT
            self._reclaim.leave(words, thread)
            return outcome

        history.perform(thread, "segment", (segment,), body)

    def remains(self, words: Words) -> State:
        """The flow as it is left."""
        flow = super().left(words)
        fin = int(words[self.arena.flow_at(words, FLOW) + self.arena.layout.FIN_WORD])
        return State(flow.inbound, flow.outbound, flow.word, fin, flow.layers or 0)

    def ended(self, words: Words) -> tuple[int, ...]:
        """How many entries of each kind the threads have ended."""
        layout, lines = self.arena.layout, [self._reclaim.thread_at(words, thread) for thread in range(THREADS)]
        return tuple(sum(int(words[line + layout.ENDED + kind]) for line in lines) for kind in range(layout.KINDS))

    def beside(self, segments: Sequence[Segment]) -> Program:
        """Each segment on a thread of its own."""

        def start() -> Instance:
            words, history = self.arena_words(), History()

            def sender(thread: int) -> Callable[[], object]:
                return lambda: self.send(words, history, thread, segments[thread])

            def finish(_results: Sequence[object]) -> Hashable:
                history.add_last("left", (self.remains(words), self.ended(words)))
                history.check(Segments(self, history.operations))
                return history.results()

            threads = [sender(thread) for thread in range(len(segments))]
            constant, label = {"words": self.arena.constant}, self.arena.label
            return Instance({"words": words}, threads, finish, constant, label=label)

        return start


class Segments(Specification[State]):
    """One flow whose segments come one after the other.

    A segment is left where the machine leaves it, where its half has ended, or its FIN has another number than one that
    was noted; also where another segment is under way, for then it may have met a flow that was just about to end. It
    may leave its time, and its number.
    """

    def __init__(self, connection: Connection, operations: Sequence[Operation]) -> None:
        self._connection = connection
        self._operations = [operation for operation in operations if operation.name == "segment"]
        self.initial = connection.beginning

    def after(self, state: State, operation: Operation) -> Iterable[State]:
        if operation.name == "left":
            return (state,) if operation.result == (state, _ended(state)) else ()
        segment = operation.arguments[0]
        assert isinstance(segment, Segment)
        outcome, following = self._taken(state, segment)
        if operation.result in (HIT, CLOSED):
            return (following,) if outcome == operation.result else ()
        beside = [other for other in self._operations if other is not operation and _overlap(operation, other)]
        if outcome != LEFT and not beside:
            return ()
        return {state, self._touched(state, segment), self._noted(state, segment)}

    def _taken(self, state: State, segment: Segment) -> tuple[str, State]:
        touched = self._noted(state, segment)
        half = state.outbound if segment.direction == "out" else state.inbound
        number = self._number(segment)
        if state.word is None or half is None or (number and touched.fin != number):
            return LEFT, state
        tcp = self._connection.tcp
        way = tcp.OUTBOUND if segment.direction == "out" else tcp.INBOUND
        numbers = map(np.uint64, segment[2:])
        outcome, word = tcp.step_tcp(np.uint64(state.word), way, *numbers, np.uint64(touched.fin))
        if outcome == tcp.LEAVE:
            return LEFT, state
        if outcome == tcp.CLOSE:
            return CLOSED, State(None, None, None, touched.fin, touched.layers)
        return HIT, touched._replace(word=int(word))

    def _number(self, segment: Segment) -> int:
        """The FIN word that a segment asks for; 0 for none."""
        tcp, fin = self._connection.tcp, self._connection.words_of_fin
        way = tcp.OUTBOUND if segment.direction == "out" else tcp.INBOUND
        return int(fin.pack_fin(np.uint64(segment.sequence))) if fin.is_fin(way, np.uint64(segment.flags)) else 0

    def _touched(self, state: State, segment: Segment) -> State:
        if segment.direction == "in":
            return state if state.inbound is None else state._replace(inbound=max(state.inbound, segment.now))
        return state if state.outbound is None else state._replace(outbound=max(state.outbound, segment.now))

    def _noted(self, state: State, segment: Segment) -> State:
        touched = self._touched(state, segment)
        return touched._replace(fin=touched.fin or self._number(segment))


def _overlap(one: Operation, other: Operation) -> bool:
    return bool(one.called < other.returned and other.called < one.returned)


def _ended(state: State) -> tuple[int, ...]:
    """Entries by kind that have left when the connection is over: both halves and the connection."""
    return (1, 1, 0, 0, 1) if state.word is None else (0, 0, 0, 0, 0)


def _connection(modules: Interpreted, state: str) -> tuple[Connection, Any]:
    tcp = interpreted("fastpath.tcp")
    return Connection(modules, int(getattr(tcp, state))), tcp


def fin_beside_acknowledgement(modules: Interpreted, _design: Design) -> Program:
    """The guest's last FIN, beside a segment of the remote that acknowledges it."""
    connection, tcp = _connection(modules, "CLOSE_WAIT")
    fin = Segment("out", LAST + 1, int(tcp.FIN_ACK), 100)
    return connection.beside([fin, Segment("in", LAST + 2, int(tcp.ACK), 7, 101)])


def fins_beside_acknowledgement(modules: Interpreted, _design: Design) -> Program:
    """Two FINs of the guest with different numbers, beside a segment of the remote that acknowledges one of them."""
    connection, tcp = _connection(modules, "ESTABLISHED")
    fins = [Segment("out", LAST + 1, int(tcp.FIN_ACK), sequence) for sequence in (100, 200)]
    return connection.beside([*fins, Segment("in", LAST + 1, int(tcp.ACK), 7, 101)])


def reset_beside_data(modules: Interpreted, _design: Design) -> Program:
    """The remote resets a connection while the guest sends, by a clock that is ahead."""
    connection, tcp = _connection(modules, "ESTABLISHED")
    return connection.beside([Segment("in", LAST + 1, int(tcp.RST)), Segment("out", LAST + 2, int(tcp.ACK), 100)])


def reset_beside_data_under_a_flow_lock(modules: Interpreted, _design: Design) -> Program:
    """As `reset_beside_data`, where a hit locks the connection instead of swapping its word."""
    tcp = interpreted("fastpath.tcp")
    # The very modules that are explored: they compare members of enumerations by identity.
    designs, ways = modules.module("fastpath.designs"), modules.module("fastpath.policy")
    policy = replace(designs.POLICIES[designs.Design.FINE], tcp_state=ways.TcpState.FLOW_LOCK)
    connection = Connection(modules, int(tcp.ESTABLISHED), policy)
    return connection.beside([Segment("in", LAST + 1, int(tcp.RST)), Segment("out", LAST + 2, int(tcp.ACK), 100)])


def resets_both_ways(modules: Interpreted, _design: Design) -> Program:
    """Both sides reset a connection at once."""
    connection, tcp = _connection(modules, "ESTABLISHED")
    return connection.beside([Segment("in", LAST + 1, int(tcp.RST)), Segment("out", LAST + 2, int(tcp.RST))])


def reset_beside_fin(modules: Interpreted, _design: Design) -> Program:
    """The remote resets a connection while the guest's FIN is under way."""
    connection, tcp = _connection(modules, "ESTABLISHED")
    return connection.beside([Segment("in", LAST + 1, int(tcp.RST)), Segment("out", LAST + 2, int(tcp.FIN_ACK), 100)])


SCENARIOS = (
    Scenario(
        "closing: FIN and acknowledgement",
        "a connection ends with the acknowledgement of the guest's FIN, if that came first",
        ("outbound FIN", "inbound ACK"),
        fin_beside_acknowledgement,
        {},
        at_least=4,
    ),
    Scenario(
        "closing: FINs with different numbers",
        "only the acknowledgement of the FIN that passed counts",
        ("outbound FIN", "outbound FIN with another number", "inbound ACK"),
        fins_beside_acknowledgement,
        {
            "halves end first": HALVES_END_FIRST,
            "FIN overwritten": FIN_OVERWRITTEN,
            "another FIN passes": ANOTHER_FIN_PASSES,
        },
    ),
    Scenario(
        "closing: reset and data",
        "after a reset nothing is a hit, and no segment before it is lost",
        ("inbound RST", "outbound ACK"),
        reset_beside_data,
        {"halves stay": HALVES_STAY},
    ),
    Scenario(
        "closing: reset and data under a flow lock",
        "who ends a connection waits for the hit that has locked it",
        ("inbound RST", "outbound ACK"),
        reset_beside_data_under_a_flow_lock,
        {"buried by a store": BURIED_BY_A_STORE, "lock ignored": FLOW_LOCK_IGNORED},
    ),
    Scenario(
        "closing: resets both ways",
        "a connection ends once",
        ("inbound RST", "outbound RST"),
        resets_both_ways,
        {"one half stays": ONE_HALF_STAYS},
    ),
    Scenario(
        "closing: reset and FIN",
        "what comes before the end counts, what comes after is left",
        ("inbound RST", "outbound FIN"),
        reset_beside_fin,
        {},
    ),
)
