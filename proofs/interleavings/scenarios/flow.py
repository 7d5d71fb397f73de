"""The TCP word and the life word: both directions at once, and hits beside slow operations.

The TCP word must be that of a sequence of whole steps of the flow machine: no segment is lost, none is counted twice,
and none is counted while a slow operation owns the word. An expiry must not take a flow that a hit has just refreshed.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted, interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import SmallArena
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Fault, Scenario

FLOW, ENTRY, EPOCH = 1, 1, 5

Segment = tuple[str, int, int]
"""Direction, flags, sequence number."""


class Flow:
    """The production functions of one flow record, and their sequential meaning."""

    def __init__(self, modules: Interpreted) -> None:
        self.record: Any = modules.module("fastpath.flow")
        self.tcp: Any = interpreted("fastpath.tcp")  # the sequential meaning, also where `modules` has a fault
        self.uft: Any = modules.module("fastpath.uft")
        self.arena = SmallArena(modules)

    def word(self, state: Any, sequence: int) -> int:
        """A live word of the current epoch."""
        with np.errstate(over="ignore"):
            return int(self.tcp.pack_word(state, np.uint64(sequence), np.uint64(1), np.uint64(EPOCH)))

    def step(self, word: int, segment: Segment) -> tuple[bool, int]:
        """Whether a hit may take a segment, and the word afterwards: the flow machine, one segment at a time."""
        direction, *numbers = segment
        value = np.uint64(word)
        if not self.tcp.may_advance(value, np.uint64(EPOCH)):
            return False, word
        with np.errstate(over="ignore"):
            way = self.tcp.OUTBOUND if direction == "out" else self.tcp.INBOUND
            outcome, advanced = self.tcp.step_tcp(value, way, *map(np.uint64, numbers))
        return outcome != self.tcp.LEAVE, int(advanced)

    def advance(self, words: Words, history: History, thread: int, segments: Iterable[Segment]) -> None:
        """Take segments through the word, each an operation of the history."""
        for segment in segments:
            history.perform(thread, "advance", (segment,), partial(self._advance_once, words, segment))

    def _advance_once(self, words: Words, segment: Segment) -> bool:
        direction, *numbers = segment
        way = self.tcp.OUTBOUND if direction == "out" else self.tcp.INBOUND
        arguments = [np.uint64(FLOW), np.uint64(EPOCH), way, *map(np.uint64, numbers)]
        return bool(self.record.advance(words, *arguments))

    def instance(
        self,
        words: Words,
        threads: Sequence[Callable[[], object]],
        history: History,
        specification: Specification[Any],
        final: Callable[[Words], int],
    ) -> Instance:
        """A program whose history, with what is left at the end, must be that of `specification`."""

        def finish(_results: Sequence[object]) -> Hashable:
            left = final(words)
            history.add_last("left", left)
            history.check(specification)
            return (left, *((operation.name, operation.result) for operation in history.operations))

        constant = {"words": self.arena.constant}
        return Instance({"words": words}, threads, finish, constant, label=self.arena.label)

    def tcp_word(self, words: Words) -> int:
        """The word as it is left."""
        return int(words[self.arena.flow_at(words, FLOW)])


class TcpWord:
    """One TCP word; a slow operation owns it between `freeze` and `thaw`."""

    def __init__(self, flow: Flow, initial: int) -> None:
        self._flow = flow
        self.initial = initial

    def after(self, state: int, operation: Operation) -> Iterable[int]:
        frozen = int(self._flow.tcp.FROZEN)
        if operation.name == "advance":
            taken, following = self._flow.step(state, operation.arguments[0])  # type: ignore[arg-type]
            return (following,) if operation.result == taken else ()
        if operation.name == "freeze":
            return (state | frozen,) if operation.result == state else ()
        if operation.name == "thaw":
            return (int(str(operation.arguments[0])),)
        return (state,) if operation.result == state else ()


class Life:
    """The time of the last hit, or None once the entry is dead."""

    def __init__(self, initial: int) -> None:
        self.initial: int | None = initial

    def after(self, state: int | None, operation: Operation) -> Iterable[int | None]:
        if operation.name == "left":
            return (state,)
        moment = int(str(operation.arguments[0]))
        if operation.name == "touch":
            following = None if state is None else max(state, moment)
            return (following,) if operation.result == (state is not None) else ()
        idle = state is not None and state <= moment
        return (None if idle else state,) if operation.result == idle else ()


def both_directions(modules: Interpreted, _design: Design) -> Program:
    """The remote's acknowledgement establishes the connection while the guest sends: segments in both directions."""
    flow = Flow(modules)
    ack = int(flow.tcp.ACK)
    initial = flow.word(flow.tcp.SYN_RECEIVED, sequence=99)

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        words[flow.arena.flow_at(words, FLOW)] = initial
        threads = [
            lambda: flow.advance(words, history, 0, [("out", ack, 100), ("out", ack, 101)]),
            lambda: flow.advance(words, history, 1, [("in", ack, 500), ("in", ack, 501)]),
        ]
        return flow.instance(words, threads, history, TcpWord(flow, initial), flow.tcp_word)

    return start


def hit_beside_slow_operation(modules: Interpreted, _design: Design) -> Program:
    """A segment while a slow operation freezes the word, decides by what it read, and gives another word back."""
    flow = Flow(modules)
    ack = int(flow.tcp.ACK)
    initial = flow.word(flow.tcp.SYN_RECEIVED, sequence=99)

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        words[flow.arena.flow_at(words, FLOW)] = initial
        record = np.uint64(FLOW)

        def decide() -> None:
            seen = history.perform(1, "freeze", (), lambda: int(flow.record.freeze(words, record)))
            _, following = flow.step(int(str(seen)), ("in", ack, 500))
            history.perform(1, "thaw", (following,), lambda: flow.record.thaw(words, record, np.uint64(following)))

        def segments() -> None:
            flow.advance(words, history, 0, [("out", ack, 100), ("out", ack, 101)])

        return flow.instance(words, [segments, decide], history, TcpWord(flow, initial), flow.tcp_word)

    return start


def hit_beside_expiry(modules: Interpreted, _design: Design) -> Program:
    """Two hits, one by a thread whose clock lags, while an expiry looks whether the entry is idle."""
    flow = Flow(modules)
    last, lagging, now, deadline = 10, 12, 20, 15

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        base = flow.arena.entry_at(words, ENTRY)
        life = base + int(flow.arena.layout.LIFE)
        words[life] = last

        def touch(thread: int, moment: int) -> None:
            history.perform(thread, "touch", (moment,), lambda: bool(flow.uft.touch(words, base, np.uint64(moment))))

        def expire() -> None:
            history.perform(
                2,
                "kill if idle",
                (deadline,),
                lambda: bool(flow.uft.kill_if_idle(words, np.uint64(ENTRY), np.uint64(deadline))),
            )

        threads = [lambda: touch(0, now), lambda: touch(1, lagging), expire]
        return flow.instance(words, threads, history, Life(last), lambda words: int(words[life]))

    return start


STORE_WITHOUT_SWAP = Fault(
    "the TCP word is advanced by a store",
    "fastpath.flow",
    "if advanced == word or compare_and_swap(words, at, word, advanced):",
    "if store_release(words, at, advanced) is None:",
)
FROZEN_IGNORED = Fault(
    "a hit advances a word that a slow operation owns",
    "fastpath.tcp",
    "return word & OWNERSHIP_FIELDS == epoch << TAG_SHIFT",
    "return word & ~FROZEN & OWNERSHIP_FIELDS == epoch << TAG_SHIFT",
)
FREEZE_WITHOUT_SWAP = Fault(
    "a slow operation freezes a word by a store",
    "fastpath.flow",
    "if compare_and_swap(words, at, word, word | FROZEN):",
    "if store_release(words, at, word | FROZEN) is None:",
)
LAST_HIT_STORED = Fault(
    "the time of the last hit is stored, as upstream does",
    "fastpath.uft",
    "if compare_and_swap(words, entry_base + LIFE, seen, now):",
    "if store_relaxed(words, entry_base + LIFE, now) is None:",
)
EXPIRY_WITHOUT_SWAP = Fault(
    "an expiry marks an entry dead by a store",
    "fastpath.uft",
    "        if compare_and_swap(words, life, seen, seen | DEAD):\n            return True\n",
    "        store_relaxed(words, life, seen | DEAD)\n        return True\n",
)

SCENARIOS = (
    Scenario(
        "TCP word in both directions",
        "the word is that of the segments one after the other; none is lost",
        ("two from the guest", "two from the remote"),
        both_directions,
        {"store without swap": STORE_WITHOUT_SWAP},
    ),
    Scenario(
        "hit beside slow operation",
        "no segment passes between freeze and thaw, and none before is lost",
        ("two from the guest", "freeze, decide, thaw"),
        hit_beside_slow_operation,
        {"frozen ignored": FROZEN_IGNORED, "freeze without swap": FREEZE_WITHOUT_SWAP},
    ),
    Scenario(
        "hit beside expiry",
        "an entry that was refreshed lives on, one that has expired is not refreshed, time does not go back",
        ("touch", "touch by a lagging clock", "kill if idle"),
        hit_beside_expiry,
        {"last hit stored": LAST_HIT_STORED, "expiry without swap": EXPIRY_WITHOUT_SWAP},
    ),
)
