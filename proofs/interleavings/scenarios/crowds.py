"""What misses share when more than two want it, and ports of source NAT that run out and come back."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import SmallArena
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.miss_faults import (
    GIVEN_BACK_WITHOUT_LOCK,
    LIST_READ_WITHOUT_LOCK,
    NO_SECOND_LOOK,
    OFFER_WITHOUT_LOCK,
    PORT_UNLOCKED,
    ROOM_WITHOUT_SWAP,
    SPIN_LOCK_WITHOUT_SWAP,
)
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.misses import ENTRIES, KIND, Shared

NUMBER = 7
"""Of the pools whose ports are lent."""


def three_takers(modules: Interpreted, _design: Design) -> Program:
    """Three misses whose stocks are empty take an entry each; two have been given back, the others are fresh."""
    shared = Shared(modules, threads=3)
    layout = shared.layout

    def start() -> Instance:
        words = shared.arena.fresh()
        for _ in range(2):
            shared.records.draw(words, layout.ENTRY_LIST)
        for number in (1, 2):
            shared.records.give_back(words, layout.ENTRY_LIST, np.uint64(number))

        def taker(thread: int) -> Any:
            line = shared.line(words, thread)
            return lambda: int(shared.records.take(words, line, layout.ENTRY_STOCK, layout.ENTRY_LIST))

        def finish(held: Sequence[Any]) -> Hashable:
            shared.check_entries(words, [number for number in held if number])
            return tuple(held)

        return shared.instance(words, [taker(thread) for thread in range(3)], finish)

    return start


def taker_beside_giver(modules: Interpreted, _design: Design) -> Program:
    """A miss fills its stock from the list while a slow operation gives a record back."""
    shared = Shared(modules)
    layout = shared.layout

    def start() -> Instance:
        words = shared.arena.fresh()
        for _ in range(2):
            shared.records.draw(words, layout.ENTRY_LIST)
        shared.records.give_back(words, layout.ENTRY_LIST, np.uint64(1))
        line = shared.line(words, 0)

        def take() -> int:
            return int(shared.records.take(words, line, layout.ENTRY_STOCK, layout.ENTRY_LIST))

        def give() -> int:
            shared.records.give_back(words, layout.ENTRY_LIST, np.uint64(2))
            return 0

        def finish(held: Sequence[Any]) -> Hashable:
            shared.check_entries(words, held[:1])
            return tuple(held)

        return shared.instance(words, [take, give], finish)

    return start


def three_that_intern(modules: Interpreted, _design: Design) -> Program:
    """Three misses need a transform, two of them the same one."""
    shared = Shared(modules)
    kinds = (1, 2, 1)

    def start() -> Instance:
        words = shared.arena.fresh()

        def interner(kind: int) -> Any:
            content = shared.content(kind)
            return lambda: int(shared.transforms.intern(words, content, 0))

        def finish(numbers: Sequence[Any]) -> Hashable:
            assert numbers[0] == numbers[2] != numbers[1], f"the records are {list(numbers)}"
            for kind, number in zip(kinds, numbers, strict=True):
                assert shared.transform(words, number) == tuple(int(word) for word in shared.content(kind))
            return tuple(numbers)

        return shared.instance(words, [interner(kind) for kind in kinds], finish)

    return start


def room_for_two_of_three(modules: Interpreted, _design: Design) -> Program:
    """Three misses want to begin an entry each where there is room for two."""
    shared = Shared(modules, threads=3)

    def start() -> Instance:
        words = shared.arena.fresh()
        shared.capacity.deal(words, KIND, np.uint64(2))

        def user(thread: int) -> Any:
            line = shared.line(words, thread)
            return lambda: int(bool(shared.capacity.use(words, line, KIND)))

        def finish(results: Sequence[Any]) -> Hashable:
            assert sum(results) == 2, f"{list(results)} began where there was room for 2"
            assert shared.capacity.used(words, KIND) == 2
            return tuple(results)

        return shared.instance(words, [user(thread) for thread in range(3)], finish)

    return start


class Pool(Unchanging):
    """A pool of ports in a small arena."""

    def __init__(self, modules: Interpreted) -> None:
        self.ports: Any = modules.module("fastpath.port_pool")
        self.spin: Any = modules.module("fastpath.spin_lock")
        layout: Any = modules.module("fastpath.layout")
        # One pool of four ports instead of all there are: arenas are made anew for each run.
        vars(layout)["POOL_WORDS"] = int(layout.POOL_PORTS) + 4
        self.arena = SmallArena(modules, entries=ENTRIES, pools=1)
        self.layout = layout

    def fresh(self, ports: Sequence[int]) -> tuple[Words, int]:
        """An arena, and where its pool is, in which these ports are free."""
        words = self.arena.fresh()
        pool = int(words[self.layout.POOLS_AT])
        words[pool + self.layout.POOL_NUMBER] = NUMBER
        words[pool + self.layout.POOL_TOP] = len(ports)
        for place, port in enumerate(ports):
            words[pool + self.layout.POOL_PORTS + place] = port
        return words, pool

    def taker(self, words: Words, pool: int, *, commits: bool = True) -> Any:
        """A miss that takes the next port, or gives up after it has seen it; 0 when there was none."""

        def take() -> int:
            port = int(self.ports.offer(words, pool, np.uint64(NUMBER)))
            if port == int(self.ports.NO_PORT):
                return 0
            self.ports.close_offer(words, pool, commits)
            return port if commits else 0

        return take

    def left(self, words: Words, pool: int) -> list[int]:
        """The ports that are free."""
        top = int(words[pool + self.layout.POOL_TOP])
        return [int(words[pool + self.layout.POOL_PORTS + place]) for place in range(top)]


def _taking(ports: Sequence[int], commits: Sequence[bool]) -> Any:
    """Misses that want a port each from a pool with these free ones; some give up."""

    def build(modules: Interpreted, _design: Design) -> Program:
        pools = Pool(modules)

        def start() -> Instance:
            words, pool = pools.fresh(ports)
            threads = [pools.taker(words, pool, commits=each) for each in commits]

            def finish(results: Sequence[Any]) -> Hashable:
                taken = sorted([port for port in results if port] + pools.left(words, pool))
                assert taken == sorted(ports), (
                    f"the ports {list(results)} were taken, {pools.left(words, pool)} are left"
                )
                assert sum(map(bool, results)) == min(len(ports), sum(commits)), "refused although a port was free"
                return tuple(results)

            constant = {"words": pools.arena.constant}
            return Instance({"words": words}, threads, finish, constant, label=pools.arena.label)

        return start

    return build


SCENARIOS = (
    Scenario(
        "three takers",
        "three misses with empty stocks never get the same record, and lose none",
        ("take", "take", "take"),
        three_takers,
        {"spin lock without swap": SPIN_LOCK_WITHOUT_SWAP, "list read without lock": LIST_READ_WITHOUT_LOCK},
    ),
    Scenario(
        "taker beside giver",
        "a record that is given back while a miss takes what there is stays in the list, and only there",
        ("take", "give back"),
        taker_beside_giver,
        {"given back without lock": GIVEN_BACK_WITHOUT_LOCK},
        at_least=4,
    ),
    Scenario(
        "three that intern",
        "a transform that misses need at once has one record, and another one another",
        ("intern", "intern another", "intern the first"),
        three_that_intern,
        {"no second look": NO_SECOND_LOOK},
    ),
    Scenario(
        "room for two of three",
        "of three misses two get the last room",
        ("use", "use", "use"),
        room_for_two_of_three,
        {"room without swap": ROOM_WITHOUT_SWAP},
    ),
    Scenario(
        "two that want the last port",
        "of two misses one gets the last port of source NAT",
        ("take a port", "take a port"),
        _taking((1025,), (True, True)),
        {"pool unlocked": PORT_UNLOCKED, "offer without lock": OFFER_WITHOUT_LOCK},
        at_least=2,
    ),
    Scenario(
        "a port that comes back",
        "a port that a miss has seen and left goes to another one, and only to one",
        ("see a port, give up", "take a port"),
        _taking((1025,), (False, True)),
        {},
        at_least=2,
    ),
    Scenario(
        "three that want two ports",
        "of three misses two get a port each, and different ones",
        ("take a port", "take a port", "take a port"),
        _taking((1025, 1026), (True, True, True)),
        {"pool unlocked": PORT_UNLOCKED, "offer without lock": OFFER_WITHOUT_LOCK},
        at_least=6,
    ),
)
