"""Expiry of a native flow beside its hits, at the end of its lifetime.

Hits are the production ones but for the bytes: reached, tracked, counted. What they and the expiry answer, and what is
left at the end, must be what some order of whole operations gives: a flow that was hit is not expired, one that has
expired is not hit, no segment is lost, and a flow leaves with both halves or not at all.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastpath.designs import POLICIES, Design
from fastpath.interpreted import Interpreted, interpreted
from fastpath.memory import Words
from fastpath.policy import Policy
from proofs.interleavings.faults import (
    EXPIRY_WITHOUT_SWAP,
    FREEZE_WITHOUT_SWAP,
    LIFE_BEFORE_FREEZE,
    MARKED_AFTER_UNLINK,
    NO_FREEZING,
    UNLINKED_APART,
    WORD_GIVEN_BACK_EARLY,
)
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.table import IN, OUT, PairSet, Table
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.tcp_flows import ESTABLISHED_TIME_TO_LIVE_MS, INCIPIENT_TIME_TO_LIVE_MS

FLOW, EPOCH, LAST = 1, 5, 100
NO_BYTES = np.zeros(0, np.uint8)
"""`LAST` is when both halves, and the layer entries, were hit last."""


class Hit(NamedTuple):
    """A packet: its direction, its time, and of a segment with ACK alone its sequence number."""

    direction: str
    now: int
    sequence: int = 0


class State(NamedTuple):
    """A flow: times of last hits, and the TCP word; None for what has expired. Connections have the later time."""

    inbound: int | None
    outbound: int | None
    word: int | None
    layers: int | None
    last: int = LAST


class Native(Unchanging):
    """One native flow in a small arena, and its sequential meaning."""

    def __init__(
        self, modules: Interpreted, state: int | None = None, threads: int = 2, policy: Policy = POLICIES[Design.FINE]
    ) -> None:
        """`state` is that of the connection; None for another protocol."""
        self.table = Table(modules, threads)
        self.arena = self.table.arena
        self.tcp: Any = interpreted("fastpath.tcp")  # the sequential meaning, also where `modules` has a fault
        self.expiry: Any = modules.module("fastpath.expire")
        self._hit: Any = modules.module("fastpath.hit")
        self._reclaim: Any = modules.module("fastpath.reclaim")
        self._track = self._hit.tracking(policy)
        out = self.arena.key(lambda first, second: first != second, meta=1 << 48)
        taken = self.arena.buckets(out)
        into = self.arena.key(lambda first, second: len({first, second, *taken}) == 4, meta=0)
        self.keys = {"out": out, "in": into}
        word = None
        if state is not None:
            word = int(self.tcp.pack_word(np.uint64(state), np.uint64(99), np.uint64(1), np.uint64(EPOCH)))
        self.initial = State(LAST, LAST, word, LAST)

    def arena_words(self) -> Words:
        """An arena with the flow, while the port is running."""
        layout, words = self.arena.layout, self.arena.fresh()
        words[layout.CONTROL] = EPOCH << int(layout.CONTROL_EPOCH_SHIFT) | int(layout.STATE_RUNNING)
        record = FLOW if self.initial.word is not None else 0
        for entry, way in ((OUT, "out"), (IN, "in")):
            self.arena.write_half(words, entry, self.keys[way], (EPOCH << 32 | record, entry, entry), LAST)
        self.table.uft.install(words, np.uint64(OUT), np.uint64(IN))
        for entry, partner in ((OUT, IN), (IN, OUT)):
            words[self.arena.entry_at(words, entry) + layout.PARTNER] = int(layout.PARTNER_NATIVE) | partner
        words[self.arena.entry_at(words, OUT) + layout.LAYERS_HIT] = LAST
        if self.initial.word is not None:
            words[self.arena.flow_at(words, FLOW)] = self.initial.word
        return words

    def hit(self, words: Words, history: History, thread: int, packet: Hit) -> None:
        """A packet, as an operation: whether it was a hit, or goes on as a miss."""
        layout = self.arena.layout
        work, descriptors = np.zeros(layout.WORK_WORDS, np.uint64), np.zeros(layout.DESCRIPTOR_WORDS, np.uint64)
        work[: layout.KEY_WORDS] = self.keys[packet.direction]
        work[layout.WORK_HASH] = self.arena.hash_of(self.keys[packet.direction])
        work[layout.WORK_TCP_FLAGS], work[layout.WORK_SEQUENCE] = self.tcp.ACK, packet.sequence
        descriptors[layout.FRAME_DIRECTION] = 1 if packet.direction == "out" else 0

        def body() -> bool:
            self._reclaim.enter(words, thread)
            entry, flow, epoch, _, _ = self._hit.reach(words, work, 0)
            line, base = self._reclaim.thread_at(words, thread), self.arena.entry_at(words, int(entry))
            owner = np.uint64(thread + 1)
            now = np.uint64(packet.now)
            arguments = (words, NO_BYTES, descriptors, 0, work, 0, base, flow, epoch, now, line, owner)
            hit = bool(entry != 0 and self._track(*arguments))
            self._reclaim.leave(words, thread)
            return hit

        history.perform(thread, "hit", (packet,), body)

    def expire(self, words: Words, history: History, thread: int, now: int) -> None:
        """An expiry, as an operation: what has left, by kind."""
        layout = self.arena.layout

        def body() -> Hashable:
            removed, collected = np.zeros(layout.KINDS, np.uint64), np.zeros(3, np.uint64)
            self.expiry.expire_natives(words, np.uint64(now), 1, 4, removed, collected)
            return tuple(int(number) for number in removed)

        history.perform(thread, "expire", (now,), body)

    def left(self, words: Words) -> State:
        """The flow as it is left."""
        layout = self.arena.layout
        present = self.arena.slots(words)
        assert present in ({}, {OUT: 1, IN: 1}), f"the buckets hold the entries {present}"
        if not present:
            return State(None, None, None, None)
        into, out = (int(words[self.arena.entry_at(words, entry) + layout.LIFE]) for entry in (IN, OUT))
        dead = int(layout.DEAD)
        word = int(words[self.arena.flow_at(words, FLOW)]) if self.initial.word is not None else int(self.tcp.DEAD)
        return State(
            None if into & dead else into,
            None if out & dead else out,
            None if word & int(self.tcp.DEAD) else word,
            int(words[self.arena.entry_at(words, OUT) + layout.LAYERS_HIT]),
            max(into & ~dead, out & ~dead),
        )

    def instance(self, words: Words, threads: Sequence[Callable[[], object]], history: History) -> Instance:
        """A program whose history, and what is left at the end, some order of its operations must explain."""

        def finish(_results: Sequence[object]) -> Hashable:
            history.add_last("left", self.left(words))
            history.check(FlowHitAndExpired(self, history.operations))
            return history.results()

        return Instance({"words": words}, threads, finish, {"words": self.arena.constant}, label=self.arena.label)


class FlowHitAndExpired(Specification[State]):
    """One flow whose packets and whose expiry come one after the other.

    A packet that is no hit goes on as a miss. If an expiry is under way it waits there until that is over, and says
    nothing about the flow before; what it may have left is its time, if the half was there and the connection was not.
    """

    def __init__(self, native: Native, operations: Sequence[Operation]) -> None:
        self._native = native
        self.initial = native.initial
        self._expiries = [operation for operation in operations if operation.name == "expire"]

    def after(self, state: State, operation: Operation) -> Iterable[State]:
        if operation.name == "left":
            gone = state.layers is None
            return (state,) if operation.result == (State(None, None, None, None) if gone else state) else ()
        if operation.name == "expire":
            removed, following = self._expired(state, int(str(operation.arguments[0])))
            return (following,) if operation.result == removed else ()
        packet = operation.arguments[0]
        assert isinstance(packet, Hit)
        touched = self._touched(state, packet)
        if operation.result is True:
            return () if touched is None else self._advanced(touched, packet)
        if any(not operation.precedes(other) and not other.precedes(operation) for other in self._expiries):
            return (state,) if touched is None or self.initial.word is None else (state, touched)
        if touched is None:
            return (state,)
        return (touched,) if self.initial.word is not None and state.word is None else ()

    def _touched(self, state: State, packet: Hit) -> State | None:
        time = state.inbound if packet.direction == "in" else state.outbound
        if time is None:
            return None
        later, last = max(time, packet.now), max(state.last, packet.now)
        if packet.direction == "in":
            return state._replace(inbound=later, last=last)
        return state._replace(outbound=later, last=last)

    def _advanced(self, state: State, packet: Hit) -> Iterable[State]:
        if self.initial.word is None:
            return (state,)
        if state.word is None:
            return ()
        tcp = self._native.tcp
        way = tcp.OUTBOUND if packet.direction == "out" else tcp.INBOUND
        sequence, nothing = np.uint64(packet.sequence), np.uint64(0)
        outcome, word = tcp.step_tcp(np.uint64(state.word), way, tcp.ACK, sequence, nothing, nothing)
        return (state._replace(word=int(word)),) if outcome != tcp.LEAVE else ()

    def _expired(self, state: State, now: int) -> tuple[tuple[int, ...], State]:
        """What has left by kind, and what is left: children before parents, which get their time."""
        inbound, outbound, word, layers, last = state
        if layers is None:
            return (0, 0, 0, 0, 0), state
        ended = word is not None and now - last >= self._lifetime(word)
        in_over = inbound is not None and now - inbound >= FLOW_TIME_TO_LIVE_MS
        out_over = outbound is not None and now - outbound >= FLOW_TIME_TO_LIVE_MS
        passed = [last] * ended + [time for time, over in ((inbound, in_over), (outbound, out_over)) if over]
        layers = max([layers, *(time for time in passed if time is not None)])
        inbound, outbound = None if in_over else inbound, None if out_over else outbound
        word = None if ended else word
        gone = (inbound, outbound, word) == (None, None, None) and now - layers >= FLOW_TIME_TO_LIVE_MS
        left = State(inbound, outbound, word, None if gone else layers, last)
        return (int(in_over), int(out_over), int(gone), 0, int(ended)), left

    def _lifetime(self, word: int) -> int:
        established = self._native.tcp.state_of(np.uint64(word)) == self._native.tcp.ESTABLISHED
        return ESTABLISHED_TIME_TO_LIVE_MS if established else INCIPIENT_TIME_TO_LIVE_MS


def _beside(native: Native, hits: Sequence[Hit], now: int) -> Program:
    """Each hit on a thread of its own, beside an expiry."""

    def start() -> Instance:
        words, history = native.arena_words(), History()

        def sender(thread: int) -> Callable[[], object]:
            return lambda: native.hit(words, history, thread, hits[thread])

        threads = [sender(thread) for thread in range(len(hits))]
        return native.instance(words, [*threads, lambda: native.expire(words, history, len(hits), now)], history)

    return start


def datagram_beside_expiry(modules: Interpreted, _design: Design) -> Program:
    """A datagram at the moment at which its flow, both halves and layer entries, expires."""
    now = LAST + FLOW_TIME_TO_LIVE_MS
    return _beside(Native(modules), [Hit("out", now)], now)


def datagrams_beside_expiry(modules: Interpreted, _design: Design) -> Program:
    """A datagram in each direction when the flow expires; one of them by a clock that lags."""
    now = LAST + FLOW_TIME_TO_LIVE_MS
    return _beside(Native(modules), [Hit("out", now), Hit("in", LAST + 1)], now)


def segment_beside_expiry(modules: Interpreted, _design: Design) -> Program:
    """A segment that leaves the TCP word as it is, when an established connection expires."""
    native = Native(modules, int(interpreted("fastpath.tcp").ESTABLISHED))
    now = LAST + ESTABLISHED_TIME_TO_LIVE_MS
    return _beside(native, [Hit("out", now, sequence=99)], now)


def segment_beside_expiry_of_a_beginning(modules: Interpreted, _design: Design) -> Program:
    """A segment of the guest when a connection expires that the remote has not answered; its halves live on."""
    native = Native(modules, int(interpreted("fastpath.tcp").SYN_SENT))
    now = LAST + INCIPIENT_TIME_TO_LIVE_MS
    return _beside(native, [Hit("out", now, sequence=100)], now)


def segments_beside_expiry(modules: Interpreted, _design: Design) -> Program:
    """The remote's answer establishes a connection when it expires; a segment of the guest's, by a clock that lags."""
    native = Native(modules, int(interpreted("fastpath.tcp").SYN_RECEIVED))
    now = LAST + INCIPIENT_TIME_TO_LIVE_MS
    return _beside(native, [Hit("in", now), Hit("out", LAST, sequence=100)], now)


def look_ups_beside_unlink(modules: Interpreted, _design: Design) -> Program:
    """Both halves are looked up while the flow, long idle, leaves the arena."""
    native = Native(modules)
    out, into = native.keys["out"], native.keys["in"]

    def start() -> Instance:
        words, history = native.arena_words(), History()

        def look_up() -> None:
            for entry, key in ((OUT, out), (IN, into)):
                native.table.look_up(words, history, 0, key, {(entry, EPOCH << 32, entry, entry)})

        def remove() -> None:
            removed, collected = np.zeros(native.arena.layout.KINDS, np.uint64), np.zeros(3, np.uint64)
            now = np.uint64(LAST + FLOW_TIME_TO_LIVE_MS)
            arguments = (words, now, 1, 4, removed, collected)
            history.perform(1, "remove", (out, into), lambda: int(native.expiry.expire_natives(*arguments)))

        return native.table.instance(words, [look_up, remove], history, PairSet((out, into)), set())

    return start


SCENARIOS = (
    Scenario(
        "native expiry: datagram",
        "a flow that was hit at the end of its lifetime lives on, one that has expired is not hit",
        ("outbound hit", "expire"),
        datagram_beside_expiry,
        {"expiry without swap": EXPIRY_WITHOUT_SWAP, "marked after unlink": MARKED_AFTER_UNLINK},
    ),
    Scenario(
        "native expiry: datagrams both ways",
        "each half lives by its own hits",
        ("outbound hit", "inbound hit by a lagging clock", "expire"),
        datagrams_beside_expiry,
        {"expiry without swap": EXPIRY_WITHOUT_SWAP, "marked after unlink": MARKED_AFTER_UNLINK},
    ),
    Scenario(
        "native expiry: segment",
        "a connection whose segment leaves its word as it was is not expired, nor hit once it has",
        ("outbound hit", "expire"),
        segment_beside_expiry,
        {"life before freeze": LIFE_BEFORE_FREEZE},
    ),
    Scenario(
        "native expiry: beginning",
        "a connection that is being set up expires alone, or not at all; its halves live on",
        ("outbound hit", "expire"),
        segment_beside_expiry_of_a_beginning,
        {"life before freeze": LIFE_BEFORE_FREEZE, "freeze without swap": FREEZE_WITHOUT_SWAP},
    ),
    Scenario(
        "native expiry: segments both ways",
        "no segment of a connection that lives on is lost",
        ("inbound hit", "outbound hit by a lagging clock", "expire"),
        segments_beside_expiry,
        {"no freezing": NO_FREEZING, "word given back early": WORD_GIVEN_BACK_EARLY},
    ),
    Scenario(
        "native expiry: look-ups",
        "the halves of a flow leave together",
        ("find out, find in", "expire, unlink"),
        look_ups_beside_unlink,
        {"unlinked apart": UNLINKED_APART},
    ),
)
