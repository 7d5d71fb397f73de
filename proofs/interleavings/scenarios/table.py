"""The unified flow table: look-ups beside installs and removals, and each of these beside another.

A look-up must find nothing, or a whole entry that was installed for its key: never a mixture of two, never another
flow's. Pairs come and go as one: the history of look-ups, installs and removals must be that of a set of pairs.
"""

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import Key, SmallArena
from proofs.interleavings.faults import (
    FIRST_KEY_UNSEEN,
    HALVES_APART,
    LOCK_WITHOUT_SWAP,
    NO_GRACE,
    NO_PRESENCE_CHECK,
    NO_RECHECK,
    ODD_VERSION_READ,
    REMOVAL_WITHOUT_LOCK,
    SECOND_KEY_UNSEEN,
    UNORDERED_LOCKS,
)
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario

OUT, IN, OTHER_OUT, OTHER_IN = 1, 2, 3, 4
"""Entries: the two halves of one flow, and of another."""

Payload = tuple[int, int, int]
NOTHING_FOUND = (0, 0, 0, 0)


class PairSet(Specification[frozenset[Hashable]]):
    """A set of keys whose pairs come and go in one step; the sequential meaning of the table."""

    def __init__(self, initial: Iterable[Key] = ()) -> None:
        self.initial = frozenset(initial)

    def after(self, state: frozenset[Hashable], operation: Operation) -> Iterable[frozenset[Hashable]]:
        keys = frozenset(operation.arguments)
        if operation.name == "install":
            return (state | keys,) if operation.result == (not state & keys) else ()
        if operation.name == "remove":
            return (state - keys,)
        return (state,) if operation.result == bool(state & keys) else ()


class Table(Unchanging):
    """The table's functions on small arenas, with keys chosen by their buckets."""

    def __init__(self, modules: Interpreted, threads: int = 2) -> None:
        self.uft: Any = modules.module("fastpath.uft")
        self.reclaim: Any = modules.module("fastpath.reclaim")
        self._table: Any = modules.module("fastpath.hash_table")
        self.arena = SmallArena(modules, threads=threads)
        # The halves of the first flow have four different buckets; the other flow shares one with each of them.
        self.out = self.arena.key(lambda first, second: first != second, meta=1)
        taken = self.arena.buckets(self.out)
        self.into = self.arena.key(lambda first, second: len({first, second, *taken}) == 4, meta=2)
        self.other_out = self.arena.key(lambda first, second: first == taken[1] and first != second, meta=3)
        self.other_into = self.arena.key(lambda first, _: first == self.arena.buckets(self.into)[0], meta=4)
        self.pair, self.other_pair = (self.out, self.into), (self.other_out, self.other_into)

    def instance(
        self, words: Words, threads: Sequence[Any], history: History, specification: PairSet, present: set[int]
    ) -> Instance:
        """A program over `words` whose history must be that of `specification`.

        At the end each entry of `present` must stand in one bucket, and no other in any.
        """

        def finish(_results: Sequence[object]) -> Hashable:
            history.check(specification)
            found = self.arena.slots(words)
            assert found == dict.fromkeys(present, 1), f"the buckets hold the entries {found}"
            return history.results()

        shared = {"words": words}
        constant = {"words": self.arena.constant}
        return Instance(shared, threads, finish, constant, label=self.arena.label)

    def payload(self, entry: int, generation: int = 0) -> Payload:
        """What an entry says besides its key: different in each word, entry and generation."""
        return (entry << 8 | generation, entry << 16 | generation, entry << 24 | generation)

    def write(self, words: Words, entry: int, key: Key, generation: int = 0) -> None:
        """Write an entry that is not reachable."""
        self.arena.write_half(words, entry, key, self.payload(entry, generation))

    def write_pair(self, words: Words) -> None:
        """Write the first flow's halves."""
        self.write(words, OUT, self.out)
        self.write(words, IN, self.into)

    def find(self, words: Words, key: Key, hint: int = 0) -> tuple[int, ...]:
        """The production look-up; by a hint, if there is one."""
        keys = np.array(key, np.uint64)
        hashed = self._table.hash_key(words, keys, 0)
        if hint:
            found = self._table.find_hinted(words, keys, 0, hashed, np.uint64(hint))
        else:
            found = self._table.find(words, keys, 0, hashed)
        return tuple(int(word) for word in found)

    def look_up(self, words: Words, history: History, thread: int, key: Key, whole: set[tuple[int, ...]]) -> bool:
        """A look-up as an operation of the history; anything but nothing or one of `whole` is an error."""

        def body() -> bool:
            found = self.find(words, key)
            assert found == NOTHING_FOUND or found in whole, f"a look-up found {found}, which was never installed"
            return found != NOTHING_FOUND

        return bool(history.perform(thread, "find", (key,), body))

    def look_up_pair(self, words: Words, history: History, thread: int) -> None:
        """Look the first flow's halves up, one after the other."""
        for entry, key in ((OUT, self.out), (IN, self.into)):
            self.look_up(words, history, thread, key, {(entry, *self.payload(entry))})

    def install(
        self, words: Words, history: History, thread: int, entries: tuple[int, int], keys: Sequence[Key]
    ) -> None:
        """A paired install as an operation of the history; its result is whether it was done."""
        first, second = map(np.uint64, entries)

        def body() -> bool:
            return bool(self.uft.install(words, first, second) == self.uft.DONE)

        history.perform(thread, "install", tuple(keys), body)

    def remove(
        self, words: Words, history: History, thread: int, entries: tuple[int, int], keys: Sequence[Key]
    ) -> None:
        """A paired removal as an operation of the history."""
        first, second = map(np.uint64, entries)
        history.perform(thread, "remove", tuple(keys), lambda: self.uft.remove(words, first, second))


def look_up_beside_install(modules: Interpreted, _design: Design) -> Program:
    """Both halves are looked up while the pair is installed."""
    table = Table(modules)

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        table.write_pair(words)
        threads = [
            lambda: table.look_up_pair(words, history, 0),
            lambda: table.install(words, history, 1, (OUT, IN), table.pair),
        ]
        return table.instance(words, threads, history, PairSet(), {OUT, IN})

    return start


def look_up_beside_removal(modules: Interpreted, _design: Design) -> Program:
    """Both halves are looked up while the pair is removed."""
    table = Table(modules)

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        table.write_pair(words)
        table.uft.install(words, np.uint64(OUT), np.uint64(IN))
        threads = [
            lambda: table.look_up_pair(words, history, 0),
            lambda: table.remove(words, history, 1, (OUT, IN), table.pair),
        ]
        return table.instance(words, threads, history, PairSet(table.pair), set())

    return start


def hit_beside_reuse(modules: Interpreted, _design: Design) -> Program:
    """A hit while its pair is removed and its records are used again for another flow, after a grace period."""
    table = Table(modules)
    now = 7

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        announced = np.zeros(2, np.uint64)
        table.write_pair(words)
        table.uft.install(words, np.uint64(OUT), np.uint64(IN))

        def hit() -> bool:
            table.reclaim.enter(words, 0)
            found = table.look_up(words, history, 0, table.out, {(OUT, *table.payload(OUT))})
            base = table.arena.entry_at(words, OUT)
            counted = found and bool(table.uft.touch(words, base, np.uint64(now)))
            if counted:
                table.uft.count_hit(words, base)
            table.reclaim.leave(words, 0)
            return counted

        def reuse() -> None:
            table.remove(words, history, 1, (OUT, IN), table.pair)
            table.reclaim.wait_for_grace(words, announced)
            table.write(words, OUT, table.other_out, generation=1)
            table.write(words, IN, table.other_into, generation=1)
            table.install(words, history, 1, (OUT, IN), table.other_pair)

        def finish(results: Sequence[object]) -> Hashable:
            history.check(PairSet(table.pair))
            assert table.arena.slots(words) == {OUT: 1, IN: 1}
            base = table.arena.entry_at(words, OUT)
            left = int(words[base + table.arena.layout.HITS]), int(words[base + table.arena.layout.LIFE])
            assert left == (0, 0), f"a hit of the old flow left {left} in the new one"
            return tuple(results)

        shared, constant = {"words": words, "announced": announced}, {"words": table.arena.constant}
        return Instance(shared, [hit, reuse], finish, constant, label=table.arena.label)

    return start


def look_up_beside_reinstall(modules: Interpreted, _design: Design) -> Program:
    """A look-up while its half is removed and at once installed anew in the same record, with another content.

    Look-ups run inside a batch, and a grace period keeps records from being used again so soon. The look-up is whole
    even without: what it returns was read under one version of the bucket.
    """
    table = Table(modules)
    whole: set[tuple[int, ...]] = {(OUT, *table.payload(OUT, generation)) for generation in range(2)}

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        table.write(words, OUT, table.out)
        table.uft.install(words, np.uint64(OUT), np.uint64(0))

        def reinstall() -> None:
            table.remove(words, history, 1, (OUT, 0), [table.out])
            table.write(words, OUT, table.out, generation=1)
            table.install(words, history, 1, (OUT, 0), [table.out])

        threads = [lambda: table.look_up(words, history, 0, table.out, whole), reinstall]
        return table.instance(words, threads, history, PairSet([table.out]), {OUT})

    return start


def install_beside_removal(modules: Interpreted, _design: Design) -> Program:
    """A pair is installed while another one, with which it shares two buckets, is removed."""
    table = Table(modules)

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        table.write_pair(words)
        table.write(words, OTHER_OUT, table.other_out)
        table.write(words, OTHER_IN, table.other_into)
        table.uft.install(words, np.uint64(OTHER_OUT), np.uint64(OTHER_IN))
        threads = [
            lambda: table.install(words, history, 0, (OUT, IN), table.pair),
            lambda: table.remove(words, history, 1, (OTHER_OUT, OTHER_IN), table.other_pair),
        ]
        return table.instance(words, threads, history, PairSet(table.other_pair), {OUT, IN})

    return start


def install_beside_install(modules: Interpreted, _design: Design, common: tuple[bool, bool] = (True, True)) -> Program:
    """Two threads install a pair, with the keys that are `common`: one must win, the other must change nothing."""
    table = Table(modules)
    keys = tuple(own if same else other for own, other, same in zip(table.pair, table.other_pair, common, strict=True))

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        table.write_pair(words)
        table.write(words, OTHER_OUT, keys[0])
        table.write(words, OTHER_IN, keys[1])
        threads = [
            lambda: table.install(words, history, 0, (OUT, IN), table.pair),
            lambda: table.install(words, history, 1, (OTHER_IN, OTHER_OUT), keys),
        ]

        def finish(results: Sequence[object]) -> Hashable:
            history.check(PairSet())
            found = table.arena.slots(words)
            assert found in ({OUT: 1, IN: 1}, {OTHER_OUT: 1, OTHER_IN: 1}), f"the buckets hold the entries {found}"
            return tuple(results)

        shared, constant = {"words": words}, {"words": table.arena.constant}
        return Instance(shared, threads, finish, constant, label=table.arena.label)

    return start


def three_threads(modules: Interpreted, _design: Design) -> Program:
    """A look-up while its pair is removed and another pair, with which it shares buckets, is installed."""
    table = Table(modules)

    def start() -> Instance:
        words, history = table.arena.fresh(), History()
        table.write_pair(words)
        table.uft.install(words, np.uint64(OUT), np.uint64(IN))
        table.write(words, OTHER_OUT, table.other_out)
        table.write(words, OTHER_IN, table.other_into)
        threads = [
            lambda: table.look_up(words, history, 0, table.out, {(OUT, *table.payload(OUT))}),
            lambda: table.remove(words, history, 1, (OUT, IN), table.pair),
            lambda: table.install(words, history, 2, (OTHER_OUT, OTHER_IN), table.other_pair),
        ]
        return table.instance(words, threads, history, PairSet(table.pair), {OTHER_OUT, OTHER_IN})

    return start


SCENARIOS = (
    Scenario(
        "look-up beside install",
        "a look-up finds nothing or a whole entry; halves appear together",
        ("find out, find in", "install the pair"),
        look_up_beside_install,
        {"halves apart": HALVES_APART, "odd version read": ODD_VERSION_READ},
    ),
    Scenario(
        "look-up beside removal",
        "a look-up finds nothing or the whole entry; halves disappear together",
        ("find out, find in", "remove the pair"),
        look_up_beside_removal,
        {"removal without lock": REMOVAL_WITHOUT_LOCK, "odd version read": ODD_VERSION_READ},
    ),
    Scenario(
        "look-up beside reinstall",
        "a look-up finds nothing, the old content or the new one, never both mixed",
        ("find", "remove the half, install it anew in the same record"),
        look_up_beside_reinstall,
        {"no re-check": NO_RECHECK},
        slow=True,
    ),
    Scenario(
        "hit beside reuse",
        "a hit leaves nothing in a flow that uses its records after it",
        ("enter, find, touch, count, leave", "remove the pair, wait for grace, install another in its records"),
        hit_beside_reuse,
        {"no grace": NO_GRACE},
    ),
    Scenario(
        "install beside removal",
        "both take effect, neither waits for ever, no slot is lost or left over",
        ("install a pair", "remove another with common buckets"),
        install_beside_removal,
        {"lock without swap": LOCK_WITHOUT_SWAP},
    ),
    Scenario(
        "install beside install",
        "of two pairs with the same keys one is installed whole",
        ("install a pair", "install a pair with the same keys"),
        install_beside_install,
        {"no presence check": NO_PRESENCE_CHECK, "unordered locks": UNORDERED_LOCKS},
    ),
    Scenario(
        "install beside install, one key",
        "of two pairs with one common key one is installed whole",
        ("install a pair", "install a pair with the same first key"),
        partial(install_beside_install, common=(True, False)),
        {"first key unseen": FIRST_KEY_UNSEEN},
    ),
    Scenario(
        "install beside install, other key",
        "of two pairs with one common key one is installed whole",
        ("install a pair", "install a pair with the same second key"),
        partial(install_beside_install, common=(False, True)),
        {"second key unseen": SECOND_KEY_UNSEEN},
    ),
    Scenario(
        "look-up, removal and install",
        "a look-up beside two changes of its buckets finds nothing or the whole entry",
        ("find", "remove its pair", "install another with common buckets"),
        three_threads,
        {"lock without swap": LOCK_WITHOUT_SWAP},
        long=True,
    ),
)
