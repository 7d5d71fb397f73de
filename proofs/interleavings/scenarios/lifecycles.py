"""Records that live more than once, and words that more than two threads want: reuse, reopening, clearing.

A hit may be delayed across everything that befalls its entry: removal, another flow in the same record, and the first
flow again under the same key (ABA). What it leaves must be in the flow that it has found, or nowhere.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.faults import (
    COLLECTED_AT_ONCE,
    EXPIRY_WITHOUT_SWAP,
    KILL_WITHOUT_SWAP,
    LAST_HIT_STORED,
    NO_GRACE,
    NO_GRACE_BEFORE_REOPENING,
    RETIRED_AT_ONCE,
    STORE_WITHOUT_SWAP,
)
from proofs.interleavings.linearizability import History
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.expiry import FLOW as NATIVE_FLOW
from proofs.interleavings.scenarios.expiry import LAST, Hit, Native
from proofs.interleavings.scenarios.flow import ENTRY, FLOW, Flow, Life, TcpWord
from proofs.interleavings.scenarios.table import OUT, Table


def hit_beside_two_reuses(modules: Interpreted, _design: Design) -> Program:
    """A hit while its record is used for another flow, and then for its own flow again, each time after a grace period.

    The key, the slot and the record are the same in the end, the content is not.
    """
    table = Table(modules)
    now = 7

    def start() -> Instance:
        words, announced = table.arena.fresh(), np.zeros(2, np.uint64)
        table.write(words, OUT, table.out)
        table.uft.install(words, np.uint64(OUT), np.uint64(0))
        base = table.arena.entry_at(words, OUT)
        left: list[tuple[int, int]] = []

        def hit() -> int:
            table.reclaim.enter(words, 0)
            found = table.find(words, table.out)
            counted = found[0] == OUT and bool(table.uft.touch(words, base, np.uint64(now)))
            if counted:
                table.uft.count_hit(words, base)
            table.reclaim.leave(words, 0)
            return found[1] & 0xFF if counted else -1

        def reuse() -> None:
            for generation, key in ((1, table.other_out), (2, table.out)):
                table.uft.remove(words, np.uint64(OUT), np.uint64(0))
                table.reclaim.wait_for_grace(words, announced)
                left.append(_left(table, words, OUT))
                content = map(np.uint64, (*table.payload(OUT, generation), 0))
                table.uft.write_entry(words, np.uint64(OUT), np.array(key, np.uint64), *content)
                table.uft.install(words, np.uint64(OUT), np.uint64(0))

        def finish(results: Sequence[object]) -> Hashable:
            left.append(_left(table, words, OUT))
            counted = [hits for hits, _ in left]
            expected = [int(results[0] == generation) for generation in range(3)]
            assert counted == expected, f"a hit of generation {results[0]} was counted in {counted}"
            assert all(time == now * hits for hits, time in left), f"the generations were left with {left}"
            return results[0]

        shared, constant = {"words": words, "announced": announced}, {"words": table.arena.constant}
        return Instance(shared, [hit, reuse], finish, constant, label=table.arena.label)

    return start


def _left(table: Table, words: Words, entry: int) -> tuple[int, int]:
    """Hits of an entry that nobody can reach any more, and the time of the last."""
    layout, base = table.arena.layout, table.arena.entry_at(words, entry)
    _, life, _, _ = map(int, table.uft.left_by_hits(words, base, np.uint64(0), layout.OUTBOUND))
    return int(words[base + layout.HITS]), life & ~int(layout.DEAD)


def hit_beside_limbo(modules: Interpreted, _design: Design) -> Program:
    """A hit while its entry is removed and retired; once released, the record is another flow's."""
    table = Table(modules)
    now = 7

    def start() -> Instance:
        words = table.arena.fresh()
        table.write(words, OUT, table.out)
        table.uft.install(words, np.uint64(OUT), np.uint64(0))
        base = table.arena.entry_at(words, OUT)
        limbo = table.reclaim.Limbo(words)
        left: list[tuple[int, int]] = []

        def hit() -> bool:
            table.reclaim.enter(words, 0)
            counted = table.find(words, table.out)[0] == OUT and bool(table.uft.touch(words, base, np.uint64(now)))
            if counted:
                table.uft.count_hit(words, base)
            table.reclaim.leave(words, 0)
            return counted

        def release() -> None:
            left.append(_left(table, words, OUT))
            content = map(np.uint64, (*table.payload(OUT, 1), 0))
            table.uft.write_entry(words, np.uint64(OUT), np.array(table.other_out, np.uint64), *content)

        def retire() -> None:
            table.uft.remove(words, np.uint64(OUT), np.uint64(0))
            limbo.retire(release)
            limbo.collect()

        def finish(results: Sequence[object]) -> Hashable:
            limbo.collect()
            assert len(left) == 1, f"a record was released {len(left)} times"
            assert left[0][0] == int(bool(results[0])), "a hit is not among what was collected"
            assert _left(table, words, OUT) == (0, 0), "a hit of the old flow is left in the new one"
            return results[0]

        return Instance(
            {"words": words}, [hit, retire], finish, {"words": table.arena.constant}, label=table.arena.label
        )

    return start


def segment_beside_reopening(modules: Interpreted, _design: Design) -> Program:
    """Data of the guest while its connection is closed, and opened anew in the same flow record."""
    flow = Flow(modules)
    reclaim: Any = modules.module("fastpath.reclaim")
    ack = int(flow.tcp.ACK)
    old, new = flow.word(flow.tcp.ESTABLISHED, sequence=99), flow.word(flow.tcp.ESTABLISHED, sequence=1)
    advanced = flow.step(old, ("out", ack, 100))[1]

    def start() -> Instance:
        words, announced = flow.arena.fresh(), np.zeros(2, np.uint64)
        words[flow.arena.flow_at(words, FLOW)] = old

        def data() -> bool:
            reclaim.enter(words, 0)
            taken = flow.advance_once(words, ("out", ack, 100))
            reclaim.leave(words, 0)
            return taken

        def reopen() -> int:
            seen = int(flow.record.freeze(words, np.uint64(FLOW)))
            flow.record.bury(words, np.uint64(FLOW))
            reclaim.wait_for_grace(words, announced)
            flow.record.thaw(words, np.uint64(FLOW), np.uint64(new))
            return seen

        def finish(results: Sequence[object]) -> Hashable:
            taken, seen = results
            in_old, in_new = seen == advanced, flow.tcp_word(words) != new
            assert taken == (in_old or in_new), "a segment is lost, or taken without leave"
            assert not (in_old and in_new), "a segment is taken twice"
            return taken, in_old, in_new

        shared, constant = {"words": words, "announced": announced}, {"words": flow.arena.constant}
        return Instance(shared, [data, reopen], finish, constant, label=flow.arena.label)

    return start


def three_segments(modules: Interpreted, _design: Design) -> Program:
    """Three threads advance one connection: two from the guest, one from the remote."""
    flow = Flow(modules)
    ack = int(flow.tcp.ACK)
    initial = flow.word(flow.tcp.SYN_RECEIVED, sequence=99)
    segments = (("out", ack, 100), ("in", ack, 500), ("out", ack, 101))

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        words[flow.arena.flow_at(words, FLOW)] = initial
        threads = [partial(flow.advance, words, history, number, [segment]) for number, segment in enumerate(segments)]
        return flow.instance(words, threads, history, TcpWord(flow, initial), flow.tcp_word)

    return start


def segments_beside_slow_operation(modules: Interpreted, _design: Design) -> Program:
    """A segment in each direction while a slow operation freezes the word and gives another one back."""
    flow = Flow(modules)
    ack = int(flow.tcp.ACK)
    initial = flow.word(flow.tcp.SYN_RECEIVED, sequence=99)

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        words[flow.arena.flow_at(words, FLOW)] = initial
        record = np.uint64(FLOW)

        def decide() -> None:
            seen = history.perform(2, "freeze", (), lambda: int(flow.record.freeze(words, record)))
            _, following = flow.step(int(str(seen)), ("in", ack, 500))
            history.perform(2, "thaw", (following,), lambda: flow.record.thaw(words, record, np.uint64(following)))

        threads = [
            lambda: flow.advance(words, history, 0, [("out", ack, 100)]),
            lambda: flow.advance(words, history, 1, [("in", ack, 501)]),
            decide,
        ]
        return flow.instance(words, threads, history, TcpWord(flow, initial), flow.tcp_word)

    return start


def four_on_one_life(modules: Interpreted, _design: Design) -> Program:
    """Three hits at different times, while an expiry looks whether the entry is idle."""
    flow = Flow(modules)
    last, times, deadline = 10, (12, 20, 14), 15

    def start() -> Instance:
        words, history = flow.arena.fresh(), History()
        base = flow.arena.entry_at(words, ENTRY)
        life = base + int(flow.arena.layout.LIFE)
        words[life] = last

        def operation(thread: int, name: str, moment: int, effect: Callable[..., object], place: object) -> None:
            history.perform(thread, name, (moment,), lambda: bool(effect(words, place, np.uint64(moment))))

        threads = [
            partial(operation, number, "touch", moment, flow.uft.touch, base) for number, moment in enumerate(times)
        ]
        threads.append(partial(operation, 3, "kill if idle", deadline, flow.uft.kill_if_idle, np.uint64(ENTRY)))
        return flow.instance(words, threads, history, Life(last), lambda words: int(words[life]))

    return start


def segment_beside_clearing(modules: Interpreted, _design: Design) -> Program:
    """A segment while the halves of its native flow leave the unified table; the connection stays, with its time."""
    native = Native(modules, int(Flow(modules).tcp.ESTABLISHED))
    clear: Any = modules.module("fastpath.clear")
    layout, now = native.arena.layout, LAST + 50

    def start() -> Instance:
        words, history = native.arena_words(), History()
        removed = np.zeros(layout.KINDS, np.uint64)

        def finish(_results: Sequence[object]) -> Hashable:
            taken = history.operations[0].result is True
            life = int(words[native.arena.entry_at(words, OUT) + layout.LIFE])
            assert life & int(layout.DEAD), "a half is still in the unified table"
            assert not taken or life & ~int(layout.DEAD) == now, "the time of a segment is lost"
            moved = int(words[native.arena.flow_at(words, NATIVE_FLOW)]) != native.initial.word
            assert taken == moved, "a segment is lost, or taken without leave"
            return taken, life

        threads = [
            lambda: native.hit(words, history, 0, Hit("out", now, sequence=100)),
            lambda: clear.clear_unified(words, 1, 4, removed),
        ]
        constant = {"words": native.arena.constant}
        return Instance({"words": words}, threads, finish, constant, label=native.arena.label)

    return start


SCENARIOS = (
    Scenario(
        "hit beside two reuses",
        "a hit that is delayed until its key has its record again leaves nothing in a flow that it has not found",
        ("enter, find, touch, count, leave", "remove, grace, use for another flow, and once more for the first one"),
        hit_beside_two_reuses,
        {"no grace": NO_GRACE},
        long=True,
    ),
    Scenario(
        "hit beside limbo",
        "what a late hit counts is collected, and it leaves nothing in the record's next flow",
        ("enter, find, touch, count, leave", "remove, retire, collect"),
        hit_beside_limbo,
        {"retired at once": RETIRED_AT_ONCE, "collected at once": COLLECTED_AT_ONCE},
        at_least=15,
    ),
    Scenario(
        "segment beside reopening",
        "a segment of a closed connection does not advance the one that is opened in its record",
        ("enter, a segment, leave", "freeze, bury, grace, open anew"),
        segment_beside_reopening,
        {"no grace before reopening": NO_GRACE_BEFORE_REOPENING},
        at_least=5,
    ),
    Scenario(
        "three segments",
        "the word is that of the segments one after the other; none is lost",
        ("one from the guest", "one from the remote", "one from the guest"),
        three_segments,
        {"store without swap": STORE_WITHOUT_SWAP},
    ),
    Scenario(
        "segments beside slow operation",
        "no segment passes between freeze and thaw, and none before is lost",
        ("one from the guest", "one from the remote", "freeze, decide, thaw"),
        segments_beside_slow_operation,
        {"store without swap": STORE_WITHOUT_SWAP},
    ),
    Scenario(
        "four on one life",
        "an entry that was refreshed lives on, one that has expired is not refreshed, time does not go back",
        ("touch", "touch later", "touch by a lagging clock", "kill if idle"),
        four_on_one_life,
        {"last hit stored": LAST_HIT_STORED, "expiry without swap": EXPIRY_WITHOUT_SWAP},
        long=True,
    ),
    Scenario(
        "segment beside clearing",
        "a half that leaves the unified table keeps the time of its last segment",
        ("outbound hit", "clear"),
        segment_beside_clearing,
        {"kill without swap": KILL_WITHOUT_SWAP},
        at_least=4,
    ),
)
