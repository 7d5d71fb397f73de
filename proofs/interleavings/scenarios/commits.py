"""Commits of misses beside each other: one flow begun twice, and one made anew from both sides.

Each thread has decided already; what is explored is the commit, between the locks of four buckets.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import Key, SmallArena
from proofs.interleavings.faults import LOCK_WITHOUT_SWAP
from proofs.interleavings.miss_faults import KEY_UNSEEN, RENEWAL_UNSEEN
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario

OLD_EPOCH, EPOCH = 1, 2
NOW = 7
RECORD = 0
"""Where a thread's work array has what parsing found."""


class Commits:
    """The kernels of commits, and a small arena."""

    def __init__(self, modules: Interpreted) -> None:
        self.commit: Any = modules.module("fastpath.commit")
        self.renew: Any = modules.module("fastpath.renew")
        self.decision: Any = modules.module("fastpath.decision")
        self.native: Any = modules.module("fastpath.native")
        self._table: Any = modules.module("fastpath.hash_table")
        self.arena = SmallArena(modules, entries=4)
        self.layout = layout = self.arena.layout
        outbound = int(layout.OUTBOUND) << int(layout.META_DIRECTION_SHIFT)
        self.keys = {
            direction: self.arena.key(lambda first, second: first != second, meta)
            for direction, meta in ((1, outbound | 1), (0, 1))
        }
        """By direction: outbound 1, inbound 0, as in `layout.OUTBOUND`, `layout.INBOUND`."""

    def work(self, direction: int) -> Words:
        """A work array in which a packet of one direction has been decided about."""
        layout, work = self.layout, np.zeros(self.layout.WORK_ARRAY_WORDS, np.uint64)
        work[RECORD + layout.WORK_KEY : RECORD + layout.WORK_KEY + layout.KEY_WORDS] = self.keys[direction]
        other = int(self.decision.OTHER_KEY)
        work[other : other + layout.KEY_WORDS] = self.keys[1 - direction]
        return work

    def hash(self, words: Words, key: Key) -> np.uint64:
        """The hash of a key."""
        with np.errstate(over="ignore"):
            return np.uint64(self._table.hash_key(words, np.array(key, np.uint64), 0))

    def write_flow(self, words: Words, outbound: int, inbound: int, epoch: int) -> None:
        """Write both halves of a native flow, not reachable yet."""
        for entry, other, direction in ((outbound, inbound, 1), (inbound, outbound, 0)):
            self.arena.write_half(words, entry, self.keys[direction], (epoch << 32, 0, 0))
            at = self.arena.entry_at(words, entry)
            words[at + self.layout.PARTNER] = int(self.layout.PARTNER_NATIVE) | other
            words[at + self.layout.PASSED] = epoch

    def instance(self, words: Words, threads: Sequence[Any], finish: Any) -> Instance:
        """A program over `words`."""
        return Instance({"words": words}, threads, finish, {"words": self.arena.constant}, label=self.arena.label)


def _begun_twice(directions: tuple[int, int]) -> Any:
    """Two misses, of these directions, begin the same flow."""

    def build(modules: Interpreted, _design: Design) -> Program:
        commits = Commits(modules)
        layout, commit = commits.layout, commits.commit

        def start() -> Instance:
            words = commits.arena.fresh()
            hashes = {direction: commits.hash(words, key) for direction, key in commits.keys.items()}
            halves = {0: {1: 1, 0: 2}, 1: {1: 3, 0: 4}}
            for mine in halves.values():
                commits.write_flow(words, mine[1], mine[0], EPOCH)

            def beginner(thread: int) -> Any:
                way = directions[thread]
                work, own, other = commits.work(way), halves[thread][way], halves[thread][1 - way]
                at = RECORD + layout.WORK_KEY
                return lambda: int(
                    commit.link(words, work, at, np.uint64(own), hashes[way], np.uint64(other), hashes[1 - way])
                )

            def finish(outcomes: Sequence[Any]) -> Hashable:
                assert sorted(outcomes) == [commit.COMMITTED, commit.AGAIN], f"both misses ended with {outcomes}"
                winner = outcomes.index(commit.COMMITTED)
                assert commits.arena.slots(words) == dict.fromkeys(halves[winner].values(), 1)
                return tuple(outcomes)

            return commits.instance(words, [beginner(0), beginner(1)], finish)

        return start

    return build


def renewed_from_both_sides(modules: Interpreted, _design: Design) -> Program:
    """A stale flow that packets of both directions make anew at the same time."""
    commits = Commits(modules)
    layout, renew = commits.layout, commits.renew

    def start() -> Instance:
        words = commits.arena.fresh()
        hashes = {direction: commits.hash(words, key) for direction, key in commits.keys.items()}
        commits.write_flow(words, 1, 2, OLD_EPOCH)
        places = {direction: commits.arena.entry_at(words, 1 if direction else 2) for direction in (0, 1)}
        with np.errstate(over="ignore"):
            linked = commits.commit.link(
                words, commits.work(1), RECORD + layout.WORK_KEY, np.uint64(1), hashes[1], np.uint64(2), hashes[0]
            )
        assert linked == commits.commit.COMMITTED

        def renewer(way: int) -> Any:
            work, own, other = commits.work(way), places[way], places[1 - way]
            work[RECORD + layout.WORK_HASH] = hashes[way]
            actions = int(commits.decision.OUTCOME) + 3

            def body() -> int:
                seen, seen_other = renew.state_of_half(words, own), renew.state_of_half(words, other)
                if not renew.is_stale(words, own, np.uint64(EPOCH)):
                    # As `miss.miss_known`: it is a hit by now.
                    return int(commits.commit.AGAIN)
                line = int(words[layout.THREADS_AT]) + way * int(layout.THREAD_WORDS)
                numbers = (np.uint64(way), np.uint64(EPOCH), np.uint64(NOW), np.uint64(0))
                return int(
                    renew.renew_flow(words, work, RECORD, line, own, other, *numbers, seen, seen_other, True, actions)
                )

            return body

        def finish(outcomes: Sequence[Any]) -> Hashable:
            passed = [int(commits.native.passed_hits(words[places[way] + layout.PASSED])) for way in (0, 1)]
            done = [outcome == commits.commit.COMMITTED for outcome in outcomes]
            assert passed == [int(each) for each in done], f"outcomes {outcomes}, passages {passed}"
            assert sum(done) == 1, f"made anew {sum(done)} times"
            for at in places.values():
                assert int(words[at + layout.BINDING]) >> 32 == EPOCH
                assert int(words[at + layout.LIFE]) == NOW
            return tuple(outcomes)

        return commits.instance(words, [renewer(0), renewer(1)], finish)

    return start


SCENARIOS = (
    Scenario(
        "commit beside commit, one direction",
        "of two misses that begin one flow one does, and the other is told to begin anew",
        ["begin the flow", "begin the same flow"],
        _begun_twice((1, 1)),
        {"key unseen": KEY_UNSEEN, "lock without swap": LOCK_WITHOUT_SWAP},
    ),
    Scenario(
        "commit beside commit, both directions",
        "the first packets of both directions begin one flow, whichever comes first",
        ["begin the flow outbound", "begin the same flow inbound"],
        _begun_twice((1, 0)),
        {"key unseen": KEY_UNSEEN},
    ),
    Scenario(
        "renewal beside renewal",
        "of two misses that make one flow anew one does, and the other is told to begin anew",
        ["make it anew outbound", "make it anew inbound"],
        renewed_from_both_sides,
        {"renewal unseen": RENEWAL_UNSEEN},
    ),
)
