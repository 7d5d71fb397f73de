"""Commits of misses beside each other: one flow begun twice, and one made anew from both sides.

Each thread has decided already; what is explored is the commit, between the locks of four buckets.
"""

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.arena import Key, SmallArena
from proofs.interleavings.faults import (
    LOCK_WITHOUT_SWAP,
    NO_RECHECK,
    NO_RECHECK_AFTER_HINT,
    ODD_VERSION_BELIEVED,
    ODD_VERSION_READ,
)
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.miss_faults import KEY_UNSEEN, RENEWAL_UNSEEN, REPLY_KEY_UNSEEN, TAKEN_ALONG_WITHOUT_SWAP
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Scenario
from proofs.interleavings.scenarios.flow import EPOCH as FLOW_EPOCH
from proofs.interleavings.scenarios.flow import FLOW, Flow

OLD_EPOCH, EPOCH = 1, 2
NOW = 7
RECORD = 0
"""Where a thread's work array has what parsing found."""


class Commits(Unchanging):
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


def one_reply_key(modules: Interpreted, _design: Design) -> Program:
    """Two misses begin different flows whose replies would have one key, as under NAT from two guests' ports."""
    commits = Commits(modules)
    layout, commit = commits.layout, commits.commit
    outbound = int(layout.OUTBOUND) << int(layout.META_DIRECTION_SHIFT)
    taken = commits.arena.buckets(commits.keys[1])
    keys = (commits.keys[1], commits.arena.key(lambda first, _: first not in taken, outbound | 2))

    def start() -> Instance:
        words = commits.arena.fresh()
        other_hash = commits.hash(words, commits.keys[0])
        halves = ((1, 2), (3, 4))
        for key, (own, other) in zip(keys, halves, strict=True):
            commits.write_flow(words, own, other, EPOCH)
            at = commits.arena.entry_at(words, own)
            words[at + layout.KEY : at + layout.KEY + layout.KEY_WORDS] = key

        def beginner(thread: int) -> Any:
            work, (own, other) = commits.work(1), halves[thread]
            at = RECORD + layout.WORK_KEY
            work[at : at + layout.KEY_WORDS] = keys[thread]
            own_hash = commits.hash(words, keys[thread])
            return lambda: int(commit.link(words, work, at, np.uint64(own), own_hash, np.uint64(other), other_hash))

        def finish(outcomes: Sequence[Any]) -> Hashable:
            assert sorted(outcomes) == [commit.COMMITTED, commit.LEAVE], f"both misses ended with {outcomes}"
            winner = outcomes.index(commit.COMMITTED)
            assert commits.arena.slots(words) == dict.fromkeys(halves[winner], 1)
            return tuple(outcomes)

        return commits.instance(words, [beginner(0), beginner(1)], finish)

    return start


def renewed_from_one_side(modules: Interpreted, _design: Design) -> Program:
    """Two packets of one direction find their half dead, and the other one alive and of the present epoch."""
    commits = Commits(modules)
    layout, renew = commits.layout, commits.renew

    def start() -> Instance:
        words = commits.arena.fresh()
        own_hash, other_hash = (commits.hash(words, commits.keys[way]) for way in (1, 0))
        commits.write_flow(words, 1, 2, EPOCH)
        own, other = (commits.arena.entry_at(words, entry) for entry in (1, 2))
        at = RECORD + layout.WORK_KEY
        with np.errstate(over="ignore"):
            commits.commit.link(words, commits.work(1), at, np.uint64(1), own_hash, np.uint64(2), other_hash)
        words[own + layout.LIFE] = int(layout.DEAD) | 1
        capacity: Any = modules.module("fastpath.capacity")
        capacity.deal(words, layout.OUTBOUND, np.uint64(2))

        def renewer(thread: int) -> Any:
            work, actions = commits.work(1), int(commits.decision.OUTCOME) + 3
            work[RECORD + layout.WORK_HASH] = own_hash

            def body() -> int:
                seen, seen_other = renew.state_of_half(words, own), renew.state_of_half(words, other)
                if not renew.is_dead(words, own):
                    return int(commits.commit.AGAIN)
                line = int(words[layout.THREADS_AT]) + thread * int(layout.THREAD_WORDS)
                numbers = (layout.OUTBOUND, np.uint64(EPOCH), np.uint64(NOW), np.uint64(0))
                return int(
                    renew.renew_flow(words, work, RECORD, line, own, other, *numbers, seen, seen_other, False, actions)
                )

            return body

        def finish(outcomes: Sequence[Any]) -> Hashable:
            done = sum(outcome == commits.commit.COMMITTED for outcome in outcomes)
            assert done == 1, f"made anew {done} times"
            assert capacity.used(words, int(layout.OUTBOUND)) == 1, "the half is counted more than once"
            assert int(words[own + layout.LIFE]) == NOW
            return tuple(outcomes)

        return commits.instance(words, [renewer(0), renewer(1)], finish)

    return start


def _look_up_beside_renewal(modules: Interpreted, _design: Design, hint: int = 0) -> Program:
    """A hit looks a stale half up, with or without a hint of its slot, while a miss makes it anew in place."""
    commits = Commits(modules)
    layout, renew = commits.layout, commits.renew
    table: Any = modules.module("fastpath.hash_table")
    old, new = (OLD_EPOCH << 32, 1, 2), (EPOCH << 32, 3, 4)

    def start() -> Instance:
        words = commits.arena.fresh()
        own_hash, other_hash = (commits.hash(words, commits.keys[way]) for way in (1, 0))
        commits.write_flow(words, 1, 2, OLD_EPOCH)
        own, other = (commits.arena.entry_at(words, entry) for entry in (1, 2))
        words[own + layout.ACTION], words[own + layout.REWRITE] = old[1:]
        at = RECORD + layout.WORK_KEY
        with np.errstate(over="ignore"):
            commits.commit.link(words, commits.work(1), at, np.uint64(1), own_hash, np.uint64(2), other_hash)
        work, actions = commits.work(1), int(commits.decision.OUTCOME) + 3
        work[RECORD + layout.WORK_HASH] = own_hash
        work[actions : actions + 2] = new[1:]
        key = np.array(commits.keys[1], np.uint64)

        def look_up() -> int:
            entry, *content = map(int, table.find_hinted(words, key, 0, own_hash, np.uint64(hint)))
            assert (entry, tuple(content)) in ((1, old), (1, new)), f"a look-up found {entry} with {content}"
            return content[1]

        def renewer() -> int:
            seen, seen_other = renew.state_of_half(words, own), renew.state_of_half(words, other)
            numbers = (layout.OUTBOUND, np.uint64(EPOCH), np.uint64(NOW), np.uint64(0))
            line = int(words[layout.THREADS_AT])
            return int(
                renew.renew_flow(words, work, RECORD, line, own, other, *numbers, seen, seen_other, True, actions)
            )

        return commits.instance(words, [look_up, renewer], tuple)

    return start


def taken_along_beside_hit(modules: Interpreted, _design: Design) -> Program:
    """A segment that missed takes its connection along into the present epoch, while a hit of the other half advances.

    The two are of one epoch here, as when only one half had expired.
    """
    flow = Flow(modules)
    segment: Any = modules.module("fastpath.segment")
    layout, tcp = flow.arena.layout, flow.tcp
    initial = flow.word(tcp.SYN_RECEIVED, sequence=99)

    def start() -> Instance:
        words = flow.arena.fresh()
        words[flow.arena.flow_at(words, FLOW)] = initial
        work = np.zeros(layout.WORK_ARRAY_WORDS, np.uint64)
        work[RECORD + layout.WORK_TCP_FLAGS], work[RECORD + layout.WORK_SEQUENCE] = tcp.ACK, 100

        def miss() -> bool:
            arguments = (words, work, RECORD, np.uint64(FLOW), layout.OUTBOUND, np.uint64(FLOW_EPOCH))
            return bool(segment.take_along(*arguments))

        def hit() -> bool:
            return flow.advance_once(words, ("in", int(tcp.ACK), 500))

        def finish(results: Sequence[Any]) -> Hashable:
            word = initial
            for number in (("out", int(tcp.ACK), 100), ("in", int(tcp.ACK), 500)):
                word = flow.step(word, number)[1]
            assert results == [True, True], "a segment was refused"
            assert flow.tcp_word(words) == word, "a segment is lost"
            return word

        constant = {"words": flow.arena.constant}
        return Instance({"words": words}, [miss, hit], finish, constant, label=flow.arena.label)

    return start


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
        slow=True,
    ),
    Scenario(
        "commit beside commit, one reply key",
        "of two flows whose replies would have one key one begins, and the other is left to the reference",
        ["begin a flow", "begin another"],
        one_reply_key,
        {"reply key unseen": REPLY_KEY_UNSEEN},
    ),
    Scenario(
        "renewal of a dead half, twice",
        "of two misses that make one half anew one does, and it is counted once",
        ["make it anew", "make it anew"],
        renewed_from_one_side,
        {"renewal unseen": RENEWAL_UNSEEN},
        slow=True,
    ),
    Scenario(
        "segment taken along beside a hit",
        "a segment that missed and one that hit both advance the connection",
        ["take along", "advance"],
        taken_along_beside_hit,
        {"taken along without swap": TAKEN_ALONG_WITHOUT_SWAP},
        at_least=4,
    ),
    Scenario(
        "look-up beside renewal",
        "a look-up finds what a half was or what it has been made, never both mixed",
        ["find", "make it anew"],
        _look_up_beside_renewal,
        {"no re-check": NO_RECHECK, "odd version read": ODD_VERSION_READ},
    ),
    Scenario(
        "hinted look-up beside renewal",
        "a look-up by a right hint finds what a half was or what it has been made, never both mixed",
        ["find by a hint", "make it anew"],
        partial(_look_up_beside_renewal, hint=1),
        {"no re-check after a hint": NO_RECHECK_AFTER_HINT, "odd version believed": ODD_VERSION_BELIEVED},
    ),
)
