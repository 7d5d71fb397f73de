"""Room: however it is asked for, given up and recalled, no more is used than was dealt, and none is lost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fastpath import capacity
from fastpath.capacity import LARGEST_GRANT, deal, recall_grants, undo_use, use, used
from fastpath.layout import GRANTED, KIND_FIREWALL, KIND_NAT, KIND_TCP, KINDS, ROOM, USED
from fastpath.memory import Words
from fastpath.reclaim import thread_at
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena

UNCOMPILED = arenas.plain("fastpath.capacity")
KERNELS = pytest.mark.parametrize("kernels", [capacity, UNCOMPILED], ids=["compiled", "uncompiled"])
THREADS = arenas.GEOMETRY.threads


def line_of(words: Words, thread: int) -> int:
    """Where a thread's words begin."""
    return int(thread_at(words, thread))


def granted(words: Words, kind: int) -> int:
    """What all threads together may have begun."""
    return sum(int(words[line_of(words, thread) + GRANTED + kind]) for thread in range(THREADS))


@KERNELS
def test_without_room_nothing_begins(kernels: Any) -> None:
    words = small_arena()
    assert not any(kernels.use(words, line_of(words, 0), kind) for kind in range(KINDS))
    assert [int(kernels.used(words, kind)) for kind in range(KINDS)] == [0] * KINDS


@KERNELS
@pytest.mark.parametrize("room", [1, 2, 7, 100])
def test_one_thread_alone_can_use_all_the_room_and_no_more(kernels: Any, room: int) -> None:
    words = small_arena()
    kernels.deal(words, KIND_NAT, np.uint64(room))
    assert [kernels.use(words, line_of(words, 1), KIND_NAT) for _ in range(room + 2)] == [True] * room + [False] * 2
    assert kernels.used(words, KIND_NAT) == room
    assert words[ROOM + KIND_NAT] == 0


@KERNELS
def test_kinds_have_room_of_their_own(kernels: Any) -> None:
    words = small_arena()
    kernels.deal(words, KIND_TCP, np.uint64(1))
    assert not kernels.use(words, line_of(words, 0), KIND_FIREWALL)
    assert kernels.use(words, line_of(words, 0), KIND_TCP)
    assert [int(kernels.used(words, kind)) for kind in range(KINDS)] == [int(kind == KIND_TCP) for kind in range(KINDS)]


@KERNELS
def test_grants_shrink_as_room_gets_scarce(kernels: Any) -> None:
    words, grants = small_arena(), list[int]()
    kernels.deal(words, KIND_NAT, np.uint64(2_000))
    while kernels.use(words, line_of(words, 0), KIND_NAT):
        if granted(words, KIND_NAT) != sum(grants):
            grants.append(granted(words, KIND_NAT) - sum(grants))
    assert grants == sorted(grants, reverse=True)
    assert (grants[0], grants[-1], sum(grants)) == (LARGEST_GRANT, 1, 2_000)


@KERNELS
def test_a_use_that_is_undone_can_be_had_again_by_the_same_thread(kernels: Any) -> None:
    words = small_arena()
    kernels.deal(words, KIND_NAT, np.uint64(1))
    assert kernels.use(words, line_of(words, 0), KIND_NAT)
    kernels.undo_use(words, line_of(words, 0), KIND_NAT)
    assert kernels.used(words, KIND_NAT) == 0
    assert not kernels.use(words, line_of(words, 1), KIND_NAT)
    assert kernels.use(words, line_of(words, 0), KIND_NAT)


@KERNELS
def test_what_is_recalled_can_be_dealt_to_others(kernels: Any) -> None:
    words = small_arena()
    kernels.deal(words, KIND_NAT, np.uint64(60))
    assert kernels.use(words, line_of(words, 0), KIND_NAT)
    assert granted(words, KIND_NAT) == 10
    kernels.recall_grants(words)
    assert not any(kernels.use(words, line_of(words, thread), KIND_NAT) for thread in range(THREADS))
    kernels.deal(words, KIND_NAT, np.uint64(59))
    assert sum(kernels.use(words, line_of(words, 1), KIND_NAT) for _ in range(70)) == 59
    assert kernels.used(words, KIND_NAT) == 60


class Dealing(RuleBasedStateMachine):
    """Threads begin entries and give some up; the owner of the slow lock recalls and deals; a table has a limit."""

    LIMIT = 90

    def __init__(self) -> None:
        super().__init__()
        self.words = small_arena()
        self.begun = dict.fromkeys(range(THREADS), 0)
        self.under_way = dict.fromkeys(range(THREADS), 0)
        self.gone = 0
        self.deal()

    @property
    def present(self) -> int:
        """Entries in the table."""
        return sum(self.begun.values()) - self.gone

    @rule(thread=st.integers(0, THREADS - 1), count=st.integers(1, 40))
    def begin(self, thread: int, count: int) -> None:
        """Misses of a thread."""
        for _ in range(count):
            could = bool(use(self.words, line_of(self.words, thread), KIND_NAT))
            assert could or self.words[ROOM + KIND_NAT] == 0, "refused although there was room"
            self.begun[thread] += could
            self.under_way[thread] = int(could)

    @rule(thread=st.integers(0, THREADS - 1))
    def give_up(self, thread: int) -> None:
        """A thread's latest miss gives up."""
        if self.under_way[thread]:
            undo_use(self.words, line_of(self.words, thread), KIND_NAT)
            self.begun[thread] -= 1
            self.under_way[thread] = 0

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Entries leave the table."""
        self.under_way = dict.fromkeys(range(THREADS), 0)
        self.gone += data.draw(st.integers(1, self.present))

    @rule()
    def deal(self) -> None:
        """All that the limit leaves becomes room again."""
        self.under_way = dict.fromkeys(range(THREADS), 0)
        recall_grants(self.words)
        assert granted(self.words, KIND_NAT) == used(self.words, KIND_NAT)
        deal(self.words, KIND_NAT, np.uint64(self.LIMIT - self.present))

    @invariant()
    def the_limit_holds(self) -> None:
        """What is in the table, granted and left as room never exceeds the limit, and is counted."""
        assert used(self.words, KIND_NAT) == sum(self.begun.values())
        still_granted = granted(self.words, KIND_NAT) - int(used(self.words, KIND_NAT))
        assert still_granted >= 0
        assert self.present + still_granted + int(self.words[ROOM + KIND_NAT]) <= self.LIMIT
        lines = [line_of(self.words, thread) for thread in range(THREADS)]
        assert all(self.words[line + USED + KIND_NAT] <= self.words[line + GRANTED + KIND_NAT] for line in lines)


TestDealing = Dealing.TestCase
TestDealing.settings = settings(max_examples=60, stateful_step_count=30)
