"""What misses share: free records, header transforms, the gate, room; each taken by two threads at once.

The kernels are those that a miss calls one after the other; scenarios of whole misses stand on them.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fastpath.atomics import load_relaxed, store_relaxed
from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import SmallArena
from proofs.interleavings.faults import NO_GRACE
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.miss_faults import (
    ANNOUNCED_TOO_LATE,
    CLOSED_WITHOUT_WAITING,
    GATE_CLOSED_TOO_LATE,
    LIST_READ_WITHOUT_LOCK,
    NO_SECOND_LOOK,
    PUBLISHED_TOO_EARLY,
    ROOM_WITHOUT_SWAP,
    SPIN_LOCK_WITHOUT_SWAP,
)
from proofs.interleavings.observed import observed
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario

ENTRIES = 5
TRANSFORM_WORDS = 8
"""Of 24: those in front of the pushed bytes, `TRANSFORM_LINK` among them."""
KIND = 0


class Shared(Unchanging):
    """What misses share, in a small arena."""

    def __init__(self, modules: Interpreted, threads: int = 2) -> None:
        # Where a fault lets two threads meet in a record, each word of it doubles the executions.
        vars(modules.module("fastpath.layout"))["TRANSFORM_WORDS"] = TRANSFORM_WORDS
        self.records: Any = modules.module("fastpath.records")
        self.transforms: Any = modules.module("fastpath.transforms")
        self.gate: Any = modules.module("fastpath.gate")
        self.capacity: Any = modules.module("fastpath.capacity")
        self.reclaim: Any = modules.module("fastpath.reclaim")
        self._threads = threads
        self.arena = SmallArena(modules, entries=ENTRIES, threads=threads)
        self.layout = self.arena.layout

    def line(self, words: Words, thread: int) -> int:
        """Where a thread's words begin."""
        return int(self.reclaim.thread_at(words, thread))

    def content(self, kind: int) -> Words:
        """The words of a header transform, one of many."""
        words = np.full(self.layout.TRANSFORM_WORDS, kind, np.uint64)
        words[self.layout.TRANSFORM_LINK] = 0
        return words

    def transform(self, words: Words, number: int) -> tuple[int, ...]:
        """The words of a transform record."""
        at = int(words[self.layout.TRANSFORMS_AT]) + number * int(self.layout.TRANSFORM_WORDS)
        return tuple(int(word) for word in words[at : at + self.layout.TRANSFORM_WORDS])

    def places(self, words: Words) -> list[int]:
        """Every entry that is free, by the lists and stocks that it is in; raises AssertionError for one too long."""
        layout = self.layout
        found = [*range(int(words[layout.ENTRY_LIST + layout.FRESH]) + 1, ENTRIES + 1)]
        stocks = [self.line(words, thread) + layout.ENTRY_STOCK for thread in range(self._threads)]
        list_ = (layout.ENTRY_LIST, int(words[layout.ENTRY_NUMBERS_AT]))
        for length_at, first in (list_, *((stock, stock + 1) for stock in stocks)):
            length = int(words[length_at])
            assert length <= ENTRIES, f"{length} entries are free in one place"
            found.extend(int(number) for number in words[first : first + length])
        return found

    def check_entries(self, words: Words, held: Sequence[int]) -> None:
        """Each entry is in one place."""
        places = sorted([*held, *self.places(words)])
        assert places == [*range(1, ENTRIES + 1)], f"entries {list(held)} are taken, and the places together: {places}"

    def instance(self, words: Words, threads: Sequence[Any], finish: Any, **others: Words) -> Instance:
        """A program over `words`."""
        shared, constant = {"words": words, **others}, {"words": self.arena.constant}
        return Instance(shared, threads, finish, constant, label=self.arena.label)


def two_takers(modules: Interpreted, _design: Design) -> Program:
    """Two misses whose stocks are empty take an entry; two have been given back, the others are fresh."""
    shared = Shared(modules)
    layout = shared.layout

    def start() -> Instance:
        words = shared.arena.fresh()
        for _ in range(2):
            shared.records.draw(words, layout.ENTRY_LIST)
        for number in (1, 2):
            shared.records.give_back(words, layout.ENTRY_LIST, np.uint64(number))

        def taker(thread: int) -> Any:
            return lambda: int(
                shared.records.take(words, shared.line(words, thread), layout.ENTRY_STOCK, layout.ENTRY_LIST)
            )

        def finish(held: Sequence[Any]) -> Hashable:
            assert all(held), "refused although there are fresh records"
            shared.check_entries(words, held)
            return tuple(held)

        return shared.instance(words, [taker(0), taker(1)], finish)

    return start


def taker_beside_owner(modules: Interpreted, _design: Design) -> Program:
    """A miss takes an entry, puts it back and takes again, while a slow operation gives one back and takes one."""
    shared = Shared(modules)
    layout = shared.layout

    def start() -> Instance:
        words = shared.arena.fresh()
        for _ in range(2):
            shared.records.draw(words, layout.ENTRY_LIST)

        def miss() -> list[int]:
            line = shared.line(words, 0)
            number = shared.records.take(words, line, layout.ENTRY_STOCK, layout.ENTRY_LIST)
            shared.records.put_back(words, line, layout.ENTRY_STOCK, layout.ENTRY_LIST, number)
            return [int(shared.records.take(words, line, layout.ENTRY_STOCK, layout.ENTRY_LIST))]

        def owner() -> list[int]:
            shared.records.give_back(words, layout.ENTRY_LIST, np.uint64(1))
            return [int(shared.records.draw(words, layout.ENTRY_LIST))]

        def finish(results: Sequence[Any]) -> Hashable:
            held = [number for result in results for number in result if number]
            shared.check_entries(words, [2, *held])
            return tuple(tuple(result) for result in results)

        return shared.instance(words, [miss, owner], finish)

    return start


def _interning(modules: Interpreted, kinds: tuple[int, int], *, weak_hash: bool, forgotten: int = 0) -> Program:
    """Two misses intern a transform each; `forgotten` was in the first record before, which is free."""
    shared = Shared(modules)
    if weak_hash:
        # All transforms meet in the index and have the same tag: what a hash can do worst.
        shared.transforms.hash_transform = lambda *_: np.uint64(7)

    def start() -> Instance:
        words = shared.arena.fresh()
        if forgotten:
            shared.transforms.intern(words, shared.content(forgotten), 0)
            shared.transforms.reuse(words, shared.transforms.sweep(words))

        def interner(kind: int) -> Any:
            content = shared.content(kind)
            return lambda: int(shared.transforms.intern(words, content, 0))

        def finish(numbers: Sequence[Any]) -> Hashable:
            assert (numbers[0] == numbers[1]) == (kinds[0] == kinds[1]), f"the records are {list(numbers)}"
            for kind, number in zip(kinds, numbers, strict=True):
                expected = tuple(int(word) for word in shared.content(kind))
                assert shared.transform(words, number) == expected, f"record {number} is not transform {kind}"
                assert shared.transforms.intern(words, shared.content(kind), 0) == number, "it is not found again"
            return tuple(numbers)

        return shared.instance(words, [interner(kind) for kind in kinds], finish)

    return start


def same_transform_twice(modules: Interpreted, _design: Design) -> Program:
    """Two misses need the same new transform."""
    return _interning(modules, (1, 1), weak_hash=False)


def transforms_that_collide(modules: Interpreted, _design: Design) -> Program:
    """Two misses need different new transforms that meet in the index; the first free record held one before."""
    return _interning(modules, (1, 2), weak_hash=True, forgotten=1)


def sweep_beside_hit(modules: Interpreted, _design: Design) -> Program:
    """A hit uses what an entry names, while the entry is made anew and the old transform swept and written over."""
    shared = Shared(modules)

    def start() -> Instance:
        words = shared.arena.fresh()
        action = shared.arena.entry_at(words, 1) + shared.layout.ACTION
        announced = observed(np.zeros(2, np.uint64))
        shared.records.draw(words, shared.layout.ENTRY_LIST)
        for kind in (1, 2):
            shared.transforms.intern(words, shared.content(kind), 0)
        words[action] = 1 << 32

        def hit() -> tuple[int, ...]:
            shared.reclaim.enter(words, 0)
            number = int(load_relaxed(words, action)) >> 32
            at = int(words[shared.layout.TRANSFORMS_AT]) + number * int(shared.layout.TRANSFORM_WORDS)
            # Two words stand for all that a hit reads.
            seen = int(words[at + shared.layout.TRANSFORM_FLAGS]), int(words[at + shared.layout.IP_SOURCE])
            shared.reclaim.leave(words, 0)
            return seen

        def operate() -> None:
            store_relaxed(words, action, 2 << 32)
            chain = shared.transforms.sweep(words)
            shared.reclaim.wait_for_grace(words, announced)
            shared.transforms.reuse(words, chain)
            shared.transforms.intern(words, shared.content(3), 0)

        def finish(results: Sequence[Any]) -> Hashable:
            assert results[0] in ((1, 1), (2, 2)), f"the hit used {results[0]}"
            assert shared.transform(words, 1) == tuple(int(word) for word in shared.content(3))
            return tuple(results)

        return shared.instance(words, [hit, operate], finish, announced=announced)

    return start


def misses_beside_gate(modules: Interpreted, _design: Design) -> Program:
    """Two misses beside a slow operation that closes the gate, looks round, and opens it."""
    shared = Shared(modules)

    def start() -> Instance:
        words, inside = shared.arena.fresh(), observed(np.zeros(2, np.uint64))

        def miss(thread: int) -> Any:
            def run() -> bool:
                if not shared.gate.begin_miss(words, shared.line(words, thread)):
                    return False
                inside[thread] = 1
                inside[thread] = 0
                shared.gate.end_miss(words, shared.line(words, thread))
                return True

            return run

        def operate() -> None:
            shared.gate.close_gate(words)
            for thread in range(2):
                assert inside[thread] == 0, f"thread {thread} is inside a miss behind the closed gate"
            shared.gate.open_gate(words)

        def finish(results: Sequence[Any]) -> Hashable:
            announced = [int(words[shared.line(words, thread) + shared.layout.MISSING]) for thread in range(2)]
            assert announced == [2, 2], f"the threads announce {announced}"
            assert words[shared.layout.GATE] == 0
            return tuple(results)

        return shared.instance(words, [miss(0), miss(1), operate], finish, inside=inside)

    return start


def _using(room: int, tries: int) -> Any:
    """Two threads try to begin `tries` entries each where there is room for `room`."""

    def build(modules: Interpreted, _design: Design) -> Program:
        shared = Shared(modules)

        def start() -> Instance:
            words = shared.arena.fresh()
            shared.capacity.deal(words, KIND, np.uint64(room))

            def user(thread: int) -> Any:
                line = shared.line(words, thread)
                return lambda: sum(int(shared.capacity.use(words, line, KIND)) for _ in range(tries))

            def finish(results: Sequence[Any]) -> Hashable:
                assert sum(results) == min(room, 2 * tries), f"{list(results)} began where there was room for {room}"
                assert shared.capacity.used(words, KIND) == sum(results)
                return tuple(results)

            return shared.instance(words, [user(0), user(1)], finish)

        return start

    return build


SCENARIOS = (
    Scenario(
        "two takers",
        "two misses with empty stocks never get the same record, and lose none",
        ("take", "take"),
        two_takers,
        {"spin lock without swap": SPIN_LOCK_WITHOUT_SWAP, "list read without lock": LIST_READ_WITHOUT_LOCK},
        at_least=2,
    ),
    Scenario(
        "taker beside owner",
        "a miss and a slow operation never have the same record, and lose none",
        ("take, put back, take", "give back, take"),
        taker_beside_owner,
        {"spin lock without swap": SPIN_LOCK_WITHOUT_SWAP, "list read without lock": LIST_READ_WITHOUT_LOCK},
        at_least=2,
    ),
    Scenario(
        "same transform twice",
        "a transform that two misses need at once has one record",
        ("intern", "intern the same"),
        same_transform_twice,
        {"no second look": NO_SECOND_LOOK, "spin lock without swap": SPIN_LOCK_WITHOUT_SWAP},
        at_least=2,
    ),
    Scenario(
        "transforms that collide",
        "different transforms have different records, and each reads back, whatever the hash and the record's past",
        ("intern", "intern another with the same hash"),
        transforms_that_collide,
        {
            "no second look": NO_SECOND_LOOK,
            "published too early": PUBLISHED_TOO_EARLY,
            "spin lock without swap": SPIN_LOCK_WITHOUT_SWAP,
        },
        at_least=2,
    ),
    Scenario(
        "sweep beside hit",
        "a hit never uses a transform that was written over",
        ("enter, use a transform, leave", "make the entry anew, sweep, wait for grace, write the record over"),
        sweep_beside_hit,
        {"no grace": NO_GRACE},
        at_least=2,
    ),
    Scenario(
        "misses beside gate",
        "behind a closed gate nobody is inside a miss",
        ("miss", "miss", "close the gate, look, open it"),
        misses_beside_gate,
        {
            "announced too late": ANNOUNCED_TOO_LATE,
            "closed without waiting": CLOSED_WITHOUT_WAITING,
            "gate closed too late": GATE_CLOSED_TOO_LATE,
        },
    ),
    Scenario(
        "room for one",
        "of two misses one gets the last room",
        ("use", "use"),
        _using(room=1, tries=1),
        {"room without swap": ROOM_WITHOUT_SWAP},
        at_least=2,
    ),
    Scenario(
        "room for five",
        "two threads begin as many entries as there is room for, none more and none fewer",
        ("use 3 times", "use 3 times"),
        _using(room=5, tries=3),
        {"room without swap": ROOM_WITHOUT_SWAP},
    ),
)
