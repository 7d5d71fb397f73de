"""What one access hands over to another thread: the promises that the comments at the orderings make.

A look-up sees the content that was written before its entry was linked; a hit sees what a slow operation wrote before
it gave the TCP word back, and a slow operation what hits did before they advanced the word; a hit that reads an epoch
finds what was installed under it. Under sequential consistency all of that comes by itself.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np

from fastpath.atomics import load_acquire, load_plain, store_plain
from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.linearizability import History
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.flow import ENTRY, EPOCH, FLOW, Flow
from proofs.interleavings.scenarios.table import IN, NOTHING_FOUND, OUT, PairSet, Table

LEFT_BEHIND = 7
"""What is written by plain accesses before it is handed over."""


def look_up_beside_first_install(modules: Interpreted, _design: Design, hint: int = 0) -> Program:
    """A look-up while its half is written for the first time and linked, with or without a hint of its slot.

    A reader may meet the slot before the version tells it to start over, and reads words then that nothing has handed
    over yet.
    """
    table = Table(modules)

    def start() -> Instance:
        words, history = table.arena.fresh(), History()

        def write_and_install() -> None:
            content = map(np.uint64, (*table.payload(OUT), 0))
            table.uft.write_entry(words, np.uint64(OUT), np.array(table.out, np.uint64), *content)
            table.install(words, history, 1, (OUT, 0), [table.out])

        def look_up() -> None:
            history.perform(0, "find", (table.out,), find)

        def find() -> bool:
            found = table.find(words, table.out, hint)
            assert found in (NOTHING_FOUND, (OUT, *table.payload(OUT))), f"a look-up found {found}"
            return found != NOTHING_FOUND

        threads = [look_up, write_and_install]
        return table.instance(words, threads, history, PairSet(), {OUT})

    return start


def _word_of_flow(
    modules: Interpreted, first: Callable[[Flow, Words], object], second: Callable[[Flow, Words], object]
) -> Program:
    """Two threads around one TCP word, beside which a word of the same record is written and read plainly."""
    flow = Flow(modules)
    initial = flow.word(flow.tcp.ESTABLISHED, sequence=99)

    def start() -> Instance:
        words = flow.arena.fresh()
        words[flow.arena.flow_at(words, FLOW)] = initial
        threads = [lambda: first(flow, words), lambda: second(flow, words)]
        constant = {"words": flow.arena.constant}
        return Instance({"words": words}, threads, tuple, constant, label=flow.arena.label)

    return start


def thaw_hands_over(modules: Interpreted, _design: Design) -> Program:
    """A slow operation freezes the word, writes, and gives the word back; a hit that goes on from it reads.

    The hit's segment leaves the word as it is, so that all it has acquired is by its load.
    """

    def hit(flow: Flow, words: Words) -> bool:
        at = flow.arena.flow_at(words, FLOW)
        taken = flow.advance_once(words, ("in", int(flow.tcp.ACK), 500), EPOCH + 1)
        assert not taken or load_plain(words, at + 1) == LEFT_BEHIND, "a hit is ahead of what it goes on from"
        return taken

    def decide(flow: Flow, words: Words) -> None:
        word = int(flow.record.freeze(words, np.uint64(FLOW)))
        store_plain(words, flow.arena.flow_at(words, FLOW) + 1, LEFT_BEHIND)
        flow.record.thaw(words, np.uint64(FLOW), np.uint64(flow.with_epoch(word, EPOCH + 1)))

    return _word_of_flow(modules, hit, decide)


def advance_hands_over(modules: Interpreted, _design: Design) -> Program:
    """A hit writes and advances the word; a slow operation that freezes the advanced word reads."""

    def hit(flow: Flow, words: Words) -> None:
        store_plain(words, flow.arena.flow_at(words, FLOW) + 1, LEFT_BEHIND)
        flow.advance_once(words, ("out", int(flow.tcp.ACK), 100))

    def decide(flow: Flow, words: Words) -> bool:
        at = flow.arena.flow_at(words, FLOW)
        before = flow.word(flow.tcp.ESTABLISHED, sequence=99)
        advanced = int(flow.record.freeze(words, np.uint64(FLOW))) != before
        assert not advanced or load_plain(words, at + 1) == LEFT_BEHIND, "a slow operation does not see a hit's work"
        return advanced

    return _word_of_flow(modules, hit, decide)


def epoch_hands_over(modules: Interpreted, _design: Design) -> Program:
    """A pair is installed, another word written, and an epoch published; a hit under that epoch finds both.

    The pair alone would be found without a release as well: the fence behind the last bucket lock makes whoever reads a
    later store see the buckets locked, and wait.
    """
    table = Table(modules)
    control = modules.module("fastpath.control")
    layout = table.arena.layout

    def start() -> Instance:
        words = table.arena.fresh()
        table.write_pair(words)

        def hit() -> bool:
            if load_acquire(words, layout.CONTROL) == 0:
                return False
            assert table.find(words, table.out) != NOTHING_FOUND, "an epoch is seen before what was installed under it"
            assert load_plain(words, table.arena.flow_at(words, FLOW)) == LEFT_BEHIND
            return True

        def install() -> None:
            table.uft.install(words, np.uint64(OUT), np.uint64(IN))
            store_plain(words, table.arena.flow_at(words, FLOW), LEFT_BEHIND)
            control.publish(words, np.uint64(1))

        def finish(results: Sequence[object]) -> Hashable:
            return results[0]

        constant = {"words": table.arena.constant}
        return Instance({"words": words}, [hit, install], finish, constant, label=table.arena.label)

    return start


def home_beside_segment(modules: Interpreted, _design: Design, owner: int = 0) -> Program:
    """A slow operation brings home what a segment leaves, without stopping it; once more afterwards, it has all.

    With a hit that is counted come its bytes and numbers: the numbers are not looked at again. `owner`: whose the half
    is already; 0 for nobody's, so that the hit's thread comes to own it.
    """
    flow = Flow(modules)
    layout = flow.arena.layout
    initial = flow.word(flow.tcp.ESTABLISHED, sequence=99)
    left = (1, 3, 60, 7 << 32 | 9)
    """Hits, time, bytes, numbers."""

    def start() -> Instance:
        words = flow.arena.fresh()
        at, entry = flow.arena.flow_at(words, FLOW), flow.arena.entry_at(words, ENTRY)
        words[at] = initial
        words[entry + layout.HITS] = owner << int(layout.OWNER_SHIFT)

        def hit() -> None:
            taken = flow.advance_once(words, ("out", int(flow.tcp.ACK), 100))
            assert taken
            assert flow.uft.touch(words, entry, np.uint64(left[1]))
            numbers = map(np.uint64, (1, left[2], left[3] >> 32, left[3] & int(layout.LOW_32)))
            flow.uft.count_segment(words, entry, at, layout.OUTBOUND, *numbers)

        def bring_home() -> tuple[int, ...]:
            word = int(flow.record.current_word(words, np.uint64(FLOW)))
            found = flow.uft.left_by_hits(words, entry, np.uint64(FLOW), layout.OUTBOUND)
            assert found[0] == 0 or tuple(map(int, found)) == left, f"a hit without what came with it: {found}"
            dead = flow.uft.is_killed(words, np.uint64(ENTRY))
            return word, *map(int, found), int(dead)

        def finish(results: Sequence[object]) -> Hashable:
            assert bring_home()[1:] == (*left, 0), "something that a hit has left is lost"
            return results[1]

        constant = {"words": flow.arena.constant}
        return Instance({"words": words}, [hit, bring_home], finish, constant, label=flow.arena.label)

    return start


def recall_beside_segment(modules: Interpreted, _design: Design, owner: int = 0) -> Program:
    """A native flow is read, to be recalled, while a segment hits it. `owner` as for `home_beside_segment`."""
    flow = Flow(modules)
    layout, read = flow.arena.layout, modules.module("fastpath.native_flow").read_native_flow
    length, sequence, acknowledgement, now = 60, 7, 9, 3

    def start() -> Instance:
        words = flow.arena.fresh()
        at = flow.arena.flow_at(words, FLOW)
        words[at] = flow.word(flow.tcp.ESTABLISHED, sequence=99)
        for entry, partner, direction in ((OUT, IN, layout.OUTBOUND), (IN, OUT, layout.INBOUND)):
            base = flow.arena.entry_at(words, entry)
            meta = 4 << int(layout.META_FAMILY_SHIFT) | 6 << int(layout.META_PROTOCOL_SHIFT)
            words[base + layout.KEY + 4] = int(direction) << int(layout.META_DIRECTION_SHIFT) | meta
            words[base + layout.BINDING] = EPOCH << 32 | FLOW
            words[base + layout.PARTNER] = int(layout.PARTNER_NATIVE) | partner
            words[base + layout.HITS] = owner << int(layout.OWNER_SHIFT)

        def hit() -> None:
            entry = flow.arena.entry_at(words, OUT)
            assert flow.uft.touch(words, entry, np.uint64(now))
            assert flow.advance_once(words, ("out", int(flow.tcp.ACK), sequence))
            numbers = map(np.uint64, (1, length, sequence, acknowledgement))
            flow.uft.count_segment(words, entry, at, layout.OUTBOUND, *numbers)

        def recall() -> int:
            half = read(words, OUT).outbound
            known = (half.length, half.sequence, half.acknowledgement)
            expected = (length, sequence, acknowledgement)
            assert half.hits == 0 or known == expected, f"a hit without what came with it: {known}"
            return int(half.hits)

        constant = {"words": flow.arena.constant}
        return Instance({"words": words}, [hit, recall], tuple, constant, label=flow.arena.label)

    return start


SCENARIOS = (
    Scenario(
        "look-up beside first install",
        "a look-up finds nothing or the whole content that was written before",
        ("find", "write a half, install it"),
        look_up_beside_first_install,
        {},
    ),
    Scenario(
        "hinted look-up beside first install",
        "a look-up that guesses the slot right finds nothing or the whole content that was written before",
        ("find by a hint", "write a half, install it"),
        partial(look_up_beside_first_install, hint=1),
        {},
    ),
    Scenario(
        "thaw hands over",
        "a hit that goes on from a word sees what was written before it was given back",
        ("a segment, then read", "freeze, write, thaw under the next epoch"),
        thaw_hands_over,
        {},
        at_least=2,
    ),
    Scenario(
        "advance hands over",
        "who freezes a word sees what was done before it was advanced",
        ("write, then a segment", "freeze, then read"),
        advance_hands_over,
        {},
        at_least=2,
    ),
    Scenario(
        "epoch hands over",
        "a hit under an epoch finds what was installed before it was published",
        ("read control, find", "install the pair, publish"),
        epoch_hands_over,
        {},
        at_least=2,
    ),
    Scenario(
        "bringing home beside a segment",
        "what a hit leaves is read while it does, and nothing of it is lost",
        ("a segment, count it", "read word, counters and life"),
        home_beside_segment,
        {},
    ),
    Scenario(
        "bringing home beside a segment of another thread",
        "what a hit leaves in the half of another thread is read while it does, and nothing of it is lost",
        ("a segment, count it", "read word, counters and life"),
        partial(home_beside_segment, owner=2),
        {},
    ),
    Scenario(
        "recalling beside a segment",
        "a native flow is read while a hit changes it; what came with a hit that is counted is read too",
        ("a segment, count it", "read the flow"),
        recall_beside_segment,
        {},
        at_least=2,
    ),
    Scenario(
        "recalling beside a segment of another thread",
        "the same in the half of another thread",
        ("a segment, count it", "read the flow"),
        partial(recall_beside_segment, owner=2),
        {},
        at_least=2,
    ),
)
