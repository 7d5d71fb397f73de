"""Peterson's and Dekker's mutual exclusion with and without what weak memory asks for, around a plain counter."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np

from fastpath import memory
from fastpath.atomics import (
    fence_full,
    load_acquire,
    load_plain,
    pause,
    store_plain,
    store_relaxed,
    store_release,
)
from fastpath.memory import Ordering, Words
from proofs.interleavings.program import Program
from proofs.units.interleavings import textbook

WANTS, TURN, COUNTER = 0, 2, 3


def exclusion(enter: Callable[[Words, int], None], leave: Callable[[Words, int], None]) -> Program:
    """Two threads that each add one to a counter by plain accesses between `enter` and `leave`; 2 must be left."""

    def body(me: int, words: Words) -> None:
        enter(words, me)
        store_plain(words, COUNTER, load_plain(words, COUNTER) + np.uint64(1))
        leave(words, me)

    def finish(words: Words, _results: Sequence[object]) -> Hashable:
        assert words[COUNTER] == 2, "both threads were inside"
        return int(words[COUNTER])

    return textbook.program(4, [partial(body, me) for me in range(2)], finish)


def peterson(fenced: bool = False, exchanging: bool = False) -> Program:
    """Peterson's: the turn is given away by a store, or by an exchange, with or without a full fence behind it."""

    def enter(words: Words, me: int) -> None:
        other = 1 - me
        store_relaxed(words, WANTS + me, 1)
        if exchanging:
            memory.current.update(words, TURN, lambda _old: other, Ordering.ACQUIRE_RELEASE)
        else:
            store_release(words, TURN, other)
        if fenced:
            fence_full()
        while load_acquire(words, WANTS + other) and load_acquire(words, TURN) == other:
            pause()

    return exclusion(enter, _withdraw)


def dekker(fenced: bool) -> Program:
    """Dekker's: who has not the turn withdraws its wish while it waits for it."""

    def enter(words: Words, me: int) -> None:
        _wish(words, me, fenced)
        while load_acquire(words, WANTS + 1 - me):
            if load_acquire(words, TURN) != me:
                store_release(words, WANTS + me, 0)
                while load_acquire(words, TURN) != me:
                    pause()
                _wish(words, me, fenced)
            else:
                pause()

    def leave(words: Words, me: int) -> None:
        store_release(words, TURN, 1 - me)
        _withdraw(words, me)

    return exclusion(enter, leave)


def _wish(words: Words, me: int, fenced: bool) -> None:
    store_relaxed(words, WANTS + me, 1)
    if fenced:
        fence_full()


def _withdraw(words: Words, me: int) -> None:
    store_release(words, WANTS + me, 0)
