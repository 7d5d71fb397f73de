"""Small concurrent programs made at random, most of whose words are not shared, or not in every run.

They are to show whether leaving out turns of private words loses anything. So each thread has a word of its own, one
word is only read, and others are touched by whom chance will have it; a thread waits, and goes on with whatever access
comes next; it takes a lock, or two and backs off; it stores, adds and swaps behind full store buffers, between fences;
and it says when its operations are called and have returned. Some programs race: then each search must say so.
"""

import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from fastpath import memory
from fastpath.atomics import (
    compare_and_swap,
    fence_acquire,
    fence_full,
    fence_release,
    fetch_add,
    load_acquire,
    load_plain,
    load_relaxed,
    pause,
    store_plain,
    store_relaxed,
    store_release,
)
from fastpath.memory import Words
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scheduler import Scheduler

CONSTANT, FREE, SHARED, OWN = 0, 1, (2, 3), 4
"""Words: one that is only read; one that nobody need touch; two that all touch; from there one for each thread."""
THREADS = 3
SIZES = ((2, 3), (2, 3), (2, 4), (3, 2))
LARGER_SIZES = ((2, 5), (2, 6), (3, 3), (3, 4))
KINDS = (
    *("load", "load", "relaxed load", "store", "store", "relaxed store", "add", "swap", "copy"),
    *("pause", "pause", "wait", "lock", "two locks", "full fence", "fences", "call", "plain"),
)
NO_LIVELOCKS = tuple(kind for kind in KINDS if kind != "two locks")
"""Nothing that goes round and changes something."""


@dataclass(frozen=True)
class Step:
    """One operation: of what kind, on which words, with which value."""

    kind: str
    word: int
    other: int
    value: int


@dataclass
class Seen:
    """What a thread has seen, and when its operations began and ended."""

    values: list[int] = field(default_factory=list)
    operations: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The value that was seen last."""
        return self.values[-1] if self.values else 0


def generated_private_program(
    seed: int, sizes: Sequence[tuple[int, int]] = SIZES, kinds: Sequence[str] = KINDS
) -> Program:
    """A program of 2 or 3 threads; its outcome is what they saw, what is left, and which operation was before which."""
    chance = random.Random(seed)
    threads, most = chance.choice(sizes)
    code = [[_step(chance, thread, kinds) for _ in range(chance.randint(most - 1, most))] for thread in range(threads)]

    def start() -> Instance:
        words = np.zeros(OWN + THREADS, np.uint64)
        words[CONSTANT] = 1

        def finish(results: Sequence[object]) -> Hashable:
            seen: Sequence[Seen] = results  # type: ignore[assignment]
            return tuple(tuple(each.values) for each in seen), tuple(words.tolist()), _precedences(seen)

        bodies: list[Callable[[], object]] = [partial(_run, words, part) for part in code]
        return Instance({"words": words}, bodies, finish, may_wait_forever=True)

    return start


def _step(chance: random.Random, thread: int, kinds: Sequence[str]) -> Step:
    def word() -> int:
        return chance.choice((*SHARED, *SHARED, OWN + thread, OWN + thread, FREE))

    kind = chance.choice(kinds)
    if kind == "two locks":
        one, other = chance.sample(SHARED, 2)
        return Step(kind, one, other, 0)
    readable = kind in ("load", "relaxed load") and chance.random() < 0.2
    return Step(kind, CONSTANT if readable else word(), word(), chance.choice((1, 2)))


def _precedences(seen: Sequence[Seen]) -> tuple[bool, ...]:
    """Of each operation whether it had returned before each one of another thread was called."""
    return tuple(
        returned < called
        for one, other in product(seen, seen)
        if one is not other
        for (_, returned), (called, _) in product(one.operations, other.operations)
    )


def _run(words: Words, code: Sequence[Step]) -> Seen:
    seen = Seen()
    for step in code:
        _DO[step.kind](words, step, seen)
    return seen


def _load(words: Words, step: Step, seen: Seen) -> None:
    seen.values.append(int(load_acquire(words, step.word)))


def _load_relaxed(words: Words, step: Step, seen: Seen) -> None:
    seen.values.append(int(load_relaxed(words, step.word)))


def _add(words: Words, step: Step, seen: Seen) -> None:
    seen.values.append(int(fetch_add(words, step.word, step.value)))


def _swap(words: Words, step: Step, seen: Seen) -> None:
    seen.values.append(int(compare_and_swap(words, step.word, step.value - 1, step.value)))


def _pause(words: Words, step: Step, _seen: Seen) -> None:
    """Wait for one change; what comes then is the first access after a wait, whatever it is."""
    if load_acquire(words, step.word) == 0:
        pause()


def _wait(words: Words, step: Step, _seen: Seen) -> None:
    """Wait for either of two words. Rounds are not counted: a run in which they could grow would never end."""
    while not load_acquire(words, step.word):
        if load_acquire(words, step.other):
            break
        pause()


def _lock(words: Words, step: Step, _seen: Seen) -> None:
    """Take a lock, and leave something behind it."""
    while not compare_and_swap(words, step.word, 0, 1):
        pause()
    store_relaxed(words, step.other, step.value)
    store_release(words, step.word, 0)


def _two_locks(words: Words, step: Step, _seen: Seen) -> None:
    """Take two locks or none."""
    while True:
        if compare_and_swap(words, step.word, 0, 1):
            if compare_and_swap(words, step.other, 0, 1):
                break
            store_release(words, step.word, 0)
        pause()
    store_release(words, step.other, 0)
    store_release(words, step.word, 0)


def _fences(words: Words, step: Step, _seen: Seen) -> None:
    fence_acquire()
    store_relaxed(words, step.word, step.value)
    fence_release()


def _call(words: Words, step: Step, seen: Seen) -> None:
    """An operation with a call and a return: a store."""
    scheduler = memory.current
    assert isinstance(scheduler, Scheduler)
    called = scheduler.mark("call", "call")
    store_release(words, step.word, step.value)
    seen.operations.append((called, scheduler.mark("return", "return")))


def _plain(words: Words, step: Step, seen: Seen) -> None:
    seen.values.append(int(load_plain(words, step.word)))
    store_plain(words, step.word, step.value)


_DO: dict[str, Callable[[Words, Step, Seen], None]] = {
    "load": _load,
    "relaxed load": _load_relaxed,
    "store": lambda words, step, _seen: store_release(words, step.word, step.value),
    "relaxed store": lambda words, step, _seen: store_relaxed(words, step.word, step.value),
    "add": _add,
    "swap": _swap,
    "copy": lambda words, step, seen: store_release(words, step.word, seen.last),
    "pause": _pause,
    "wait": _wait,
    "lock": _lock,
    "two locks": _two_locks,
    "full fence": lambda _words, _step, _seen: fence_full(),
    "fences": _fences,
    "call": _call,
    "plain": _plain,
}
