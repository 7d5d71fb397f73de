"""The TCP word and the life word: both directions at once, and hits beside slow operations.

The TCP word must be that of a sequence of whole steps of the flow machine: no segment is lost, none is counted twice,
and none is counted while a slow operation owns the word. An expiry must not take a flow that a hit has just refreshed.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fastpath.atomics import load_acquire
from fastpath.designs import Design
from fastpath.interpreted import Interpreted, interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import SmallArena
from proofs.interleavings.faults import (
    EVERYBODY_OWNS,
    EXPIRY_WITHOUT_SWAP,
    FREEZE_WITHOUT_SWAP,
    FROZEN_IGNORED,
    LAST_HIT_STORED,
    NO_GRACE,
    NO_GRACE_NO_TAG,
    OTHERS_WITHOUT_UPDATE,
    OWNED_WITHOUT_SWAP,
    STORE_WITHOUT_SWAP,
)
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario

FLOW, ENTRY, EPOCH = 1, 1, 5

Segment = tuple[str, int, int]
"""Direction, flags, sequence number; none of them a FIN, or of a connection in which the guest has sent one."""


class Flow(Unchanging):
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

    def with_epoch(self, word: int, epoch: int) -> int:
        """The word as a slow operation writes it anew under an epoch."""
        return word & ~int(self.tcp.TAG_FIELD) | epoch << int(self.tcp.TAG_SHIFT)

    def step(self, word: int, segment: Segment, epoch: int = EPOCH) -> tuple[bool, int]:
        """Whether a hit may take a segment, and the word afterwards: the flow machine, one segment at a time."""
        direction, *numbers = segment
        value = np.uint64(word)
        if not self.tcp.may_advance(value, np.uint64(epoch)):
            return False, word
        with np.errstate(over="ignore"):
            way = self.tcp.OUTBOUND if direction == "out" else self.tcp.INBOUND
            acknowledgement, fin = np.uint64(0), np.uint64(0)
            outcome, advanced = self.tcp.step_tcp(value, way, *map(np.uint64, numbers), acknowledgement, fin)
        return bool(outcome < self.tcp.LEAVE), int(advanced)

    def advance(self, words: Words, history: History, thread: int, segments: Iterable[Segment]) -> None:
        """Take segments through the word, each an operation of the history."""
        for segment in segments:
            history.perform(thread, "advance", (segment,), partial(self.advance_once, words, segment))

    def advance_once(self, words: Words, segment: Segment, epoch: int | np.uint64 = EPOCH) -> bool:
        """Take one segment through the word, as a hit under an epoch."""
        direction, *numbers = segment
        way = self.tcp.OUTBOUND if direction == "out" else self.tcp.INBOUND
        arguments = [np.uint64(FLOW), np.uint64(epoch), way, *map(np.uint64, numbers), np.uint64(0), np.uint64(0)]
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
            return history.results()

        constant = {"words": self.arena.constant}
        return Instance({"words": words}, threads, finish, constant, label=self.arena.label)

    def tcp_word(self, words: Words) -> int:
        """The word as it is left."""
        return int(words[self.arena.flow_at(words, FLOW)])


class TcpWord(Specification[int]):
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


class Life(Specification[int | None]):
    """The time of the last hit, or None once the entry is dead."""

    def __init__(self, initial: int) -> None:
        self.initial = initial

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


class FlowUnderRules(Specification[tuple[int, int]]):
    """The epoch in force and a TCP word: a segment is taken under the rules in force, or left to the slow path."""

    def __init__(self, flow: Flow, initial: int) -> None:
        self._flow = flow
        self.initial = (EPOCH, initial)

    def after(self, state: tuple[int, int], operation: Operation) -> Iterable[tuple[int, int]]:
        epoch, word = state
        if operation.name == "change rules":
            return ((epoch + 1, word),)
        if operation.name == "left":
            return (state,) if operation.result == word else ()
        if operation.name == "take over":
            return ((epoch, self._flow.with_epoch(word, epoch)),) if operation.result == word else ()
        assert isinstance(operation.result, tuple)
        seen, taken = operation.result
        if not taken:
            return (state,)
        legal, following = self._flow.step(word, operation.arguments[0], seen)  # type: ignore[arg-type]
        return ((epoch, following),) if seen == epoch and legal else ()


def segment_beside_rule_change(modules: Interpreted, _design: Design) -> Program:
    """A segment that began under old rules, beside a rule change and the flow's next segment under the new ones."""
    flow = Flow(modules)
    control: Any = modules.module("fastpath.control")
    reclaim: Any = modules.module("fastpath.reclaim")
    layout, ack = flow.arena.layout, int(flow.tcp.ACK)
    initial = flow.word(flow.tcp.SYN_RECEIVED, sequence=99)
    shift = layout.CONTROL_EPOCH_SHIFT

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        announced = np.zeros(2, np.uint64)
        words[flow.arena.flow_at(words, FLOW)] = initial
        words[layout.CONTROL] = np.uint64(EPOCH) << shift | layout.STATE_RUNNING

        def segment(thread: int, content: Segment) -> None:
            """As a hit does: read the control word, then advance the flow under its epoch."""

            def body() -> Hashable:
                reclaim.enter(words, thread)
                epoch = load_acquire(words, layout.CONTROL) >> shift
                taken = flow.advance_once(words, content, epoch)
                reclaim.leave(words, thread)
                return int(epoch), taken

            history.perform(thread, "segment", (content,), body)

        def change_rules() -> None:
            control.publish(words, np.uint64(EPOCH + 1) << shift | layout.STATE_RUNNING)
            reclaim.wait_for_grace(words, announced)

        def take_over() -> int:
            word = int(flow.record.freeze(words, np.uint64(FLOW)))
            flow.record.thaw(words, np.uint64(FLOW), np.uint64(flow.with_epoch(word, EPOCH + 1)))
            return word

        def changing() -> None:
            history.perform(1, "change rules", (), change_rules)
            history.perform(1, "take over", (), take_over)
            segment(1, ("in", ack, 500))

        threads = [lambda: segment(0, ("out", ack, 100)), changing]
        instance = flow.instance(words, threads, history, FlowUnderRules(flow, initial), flow.tcp_word)
        return replace(instance, shared={"words": words, "announced": announced})

    return start


def counts_of_one_half(modules: Interpreted, _design: Design) -> Program:
    """Threads that serve the same direction of a connection count their segments; one of them will own the half."""
    flow = Flow(modules)
    layout = flow.arena.layout
    lengths = ((60, 70), (100, 1), (900,))

    def start() -> Instance:
        words = flow.arena.fresh()
        entry = flow.arena.entry_at(words, ENTRY)
        record = int(flow.record.flow_at(words, np.uint64(FLOW)))

        def count(thread: int) -> None:
            for length in lengths[thread]:
                numbers = map(np.uint64, (thread + 1, length, thread, length))
                flow.uft.count_segment(words, entry, record, layout.INBOUND, *numbers)

        def finish(_results: Sequence[object]) -> Hashable:
            owned = int(words[entry + layout.HITS])
            hits = (owned & int(layout.OWNED_HITS)) + int(words[record + layout.OTHERS_HITS])
            total = int(words[entry + layout.BYTES]) + int(words[record + layout.OTHERS_BYTES])
            expected = [length for thread in lengths for length in thread]
            assert (hits, total) == (len(expected), sum(expected)), f"{hits} segments with {total} bytes were counted"
            return owned >> int(layout.OWNER_SHIFT), int(words[entry + layout.NUMBERS])

        threads = [partial(count, thread) for thread in range(len(lengths))]
        return Instance({"words": words}, threads, finish, {"words": flow.arena.constant}, label=flow.arena.label)

    return start


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
        "segment beside rule change",
        "a segment that began under old rules does not advance a flow that new rules have taken over",
        ("read control, outbound FIN", "change rules, take the flow over, inbound FIN"),
        segment_beside_rule_change,
        {"no grace, no tag": NO_GRACE_NO_TAG},
        {"no grace": NO_GRACE},
    ),
    Scenario(
        "hit beside expiry",
        "an entry that was refreshed lives on, one that has expired is not refreshed, time does not go back",
        ("touch", "touch by a lagging clock", "kill if idle"),
        hit_beside_expiry,
        {"last hit stored": LAST_HIT_STORED, "expiry without swap": EXPIRY_WITHOUT_SWAP},
    ),
    Scenario(
        "counts of one half",
        "whoever owns the half, every segment and every byte is counted once",
        ("two segments", "two segments", "one segment"),
        counts_of_one_half,
        {
            "everybody owns": EVERYBODY_OWNS,
            "owned without swap": OWNED_WITHOUT_SWAP,
            "others without update": OTHERS_WITHOUT_UPDATE,
        },
        long=True,
    ),
)
