"""The threads of known scenarios of the flow record, call for call, as kernels for both engines."""

from typing import Any

import numpy as np

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.compiled.histories import Description, check_history
from proofs.interleavings.compiled.kernel_program import KernelProgram, Outcome, Rows
from proofs.interleavings.compiled.marks import called, returned
from proofs.interleavings.scenarios.flow import ENTRY, EPOCH, FLOW, Flow, Life, Segment, TcpWord

NOTHING = np.uint64(0)


def nothing_to_check(_words: Words, _rows: Rows) -> bool:
    """The check of a program whose outcomes are explained instead."""
    return True


def hit_beside_expiry(modules: Interpreted) -> KernelProgram:
    """Two hits, one by a thread whose clock lags, while an expiry looks whether the entry is idle."""
    flow, uft = Flow(Interpreted()), _module(modules, "fastpath.uft")
    touch, kill_if_idle = uft.touch, uft.kill_if_idle
    last, lagging, now, deadline = 10, 12, 20, 15
    words = np.asarray(flow.arena.fresh())
    base = flow.arena.entry_at(words, ENTRY)
    life = base + int(flow.arena.layout.LIFE)
    words[life] = last
    entry, limit = np.uint64(ENTRY), np.uint64(deadline)

    def toucher(moment: int) -> Any:
        time = np.uint64(moment)

        def hit(words: Words, mine: Words) -> None:
            called()
            mine[0] = touch(words, base, time)
            returned()

        return hit

    def expire(words: Words, mine: Words) -> None:
        called()
        mine[0] = kill_if_idle(words, entry, limit)
        returned()

    described: list[list[Description]] = [
        [lambda result: ("touch", (now,), bool(result))],
        [lambda result: ("touch", (lagging,), bool(result))],
        [lambda result: ("kill if idle", (deadline,), bool(result))],
    ]

    def explain(outcome: Outcome) -> None:
        check_history(outcome, described, Life(last), ("left", outcome.kept[0]))

    threads = [toucher(now), toucher(lagging), expire]
    constant, label = flow.arena.constant, flow.arena.label
    return KernelProgram(
        words, threads, nothing_to_check, 1, (), [life], constant, marked=True, explain=explain, label=label
    )


def both_directions(modules: Interpreted) -> KernelProgram:
    """The remote's acknowledgement establishes the connection while the guest sends: segments in both directions."""
    flow = Flow(Interpreted())
    ack = int(flow.tcp.ACK)
    ways: list[list[Segment]] = [[("out", ack, 100), ("out", ack, 101)], [("in", ack, 500), ("in", ack, 501)]]
    words, word, initial = _tcp_word(flow)
    threads = [_segments(modules, flow, way) for way in ways]
    described = [[_advanced(segment) for segment in way] for way in ways]

    def explain(outcome: Outcome) -> None:
        check_history(outcome, described, TcpWord(flow, initial), ("left", outcome.kept[0]))

    constant, label = flow.arena.constant, flow.arena.label
    return KernelProgram(
        words, threads, nothing_to_check, 2, (), [word], constant, marked=True, explain=explain, label=label
    )


def hit_beside_slow_operation(modules: Interpreted) -> KernelProgram:
    """A segment while a slow operation freezes the word, decides by what it read, and gives another word back."""
    flow, record, tcp = Flow(Interpreted()), _module(modules, "fastpath.flow"), _module(modules, "fastpath.tcp")
    freeze, thaw, may_advance, step_tcp = record.freeze, record.thaw, tcp.may_advance, tcp.step_tcp
    ack = int(flow.tcp.ACK)
    outbound: list[Segment] = [("out", ack, 100), ("out", ack, 101)]
    words, word, initial = _tcp_word(flow)
    number, epoch, inbound = np.uint64(FLOW), np.uint64(EPOCH), np.uint64(flow.tcp.INBOUND)
    flags, sequence = np.uint64(ack), np.uint64(500)

    def decide(words: Words, mine: Words) -> None:
        called()
        seen = freeze(words, number)
        mine[0] = seen
        returned()
        following = seen
        if may_advance(seen, epoch):
            following = step_tcp(seen, inbound, flags, sequence, NOTHING, NOTHING)[1]
        mine[1] = following
        called()
        thaw(words, number, following)
        returned()

    described: list[list[Description]] = [
        [_advanced(segment) for segment in outbound],
        [lambda result: ("freeze", (), result), lambda result: ("thaw", (result,), None)],
    ]

    def explain(outcome: Outcome) -> None:
        check_history(outcome, described, TcpWord(flow, initial), ("left", outcome.kept[0]))

    threads = [_segments(modules, flow, outbound), decide]
    constant, label = flow.arena.constant, flow.arena.label
    return KernelProgram(
        words, threads, nothing_to_check, 2, (), [word], constant, marked=True, explain=explain, label=label
    )


def _module(modules: Interpreted, name: str) -> Any:
    return modules.module(name)


def _tcp_word(flow: Flow) -> tuple[Words, int, int]:
    """An arena with one flow that is being set up, where its TCP word is, and what it is."""
    initial = flow.word(flow.tcp.SYN_RECEIVED, sequence=99)
    words = np.asarray(flow.arena.fresh())
    word = flow.arena.flow_at(words, FLOW)
    words[word] = initial
    return words, word, initial


def _advanced(segment: Segment) -> Description:
    return lambda result: ("advance", (segment,), bool(result))


def _segments(modules: Interpreted, flow: Flow, segments: list[Segment]) -> Any:
    """A thread that takes two segments through the word."""
    advance = _module(modules, "fastpath.flow").advance
    number, epoch = np.uint64(FLOW), np.uint64(EPOCH)
    (direction, flags, first), (_, _, second) = segments
    way = np.uint64(flow.tcp.OUTBOUND if direction == "out" else flow.tcp.INBOUND)
    bits, numbers = np.uint64(flags), (np.uint64(first), np.uint64(second))

    def send(words: Words, mine: Words) -> None:
        for place in range(2):
            called()
            mine[place] = advance(words, number, epoch, way, bits, numbers[place], NOTHING, NOTHING)
            returned()

    return send
