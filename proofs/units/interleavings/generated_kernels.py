"""Small concurrent programs made at random whose threads forget, as kernels do: loops and calls that leave one number.

What a thread has read decides less and less how it goes on. So many runs come to one state, and a search that takes too
many states for one loses outcomes.
"""

import random
from functools import partial

import numpy as np

from fastpath.atomics import (
    compare_and_swap,
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

VARIABLES = 3
LOCK, GUARDED = 3, 4
WORDS = 5
SIZES = ((2, 3), (2, 4), (3, 2))
KINDS = (
    *("load", "load", "relaxed load", "store", "relaxed store", "copy", "add", "raise", "both", "wait"),
    *("total", "keep", "use", "guard"),
)
RARE = ("racy", "racy", "try")
"""Have a data race, unless nobody guards; may be a livelock."""
Operation = tuple[str, int, int]


def generated_kernels(seed: int, livelocks: bool = True) -> Program:
    """A program of 2 or 3 threads with up to 4 operations each; the outcome is what each saw last, and the memory.

    A few of them have a data race, or a livelock.
    """
    chance = random.Random(seed)
    threads, most = chance.choice(SIZES)
    code = tuple(
        tuple(_operation(chance, RARE if livelocks else RARE[:-1]) for _ in range(chance.randint(most - 1, most)))
        for _ in range(threads)
    )

    def start() -> Instance:
        words = np.zeros(WORDS, np.uint64)
        return Instance(
            shared={"words": words},
            threads=[partial(_run, words, part) for part in code],
            finish=lambda results: (tuple(results), tuple(words.tolist())),
            may_wait_forever=True,
        )

    return start


def _operation(chance: random.Random, rare: tuple[str, ...]) -> Operation:
    kind = chance.choice(KINDS if chance.random() < 0.985 else rare)
    return kind, chance.randrange(VARIABLES), chance.randrange(1, 3)


def _run(words: Words, code: tuple[Operation, ...]) -> int:
    kept = np.zeros(1, np.uint64)
    last = step = 0
    while step < len(code):
        last = _perform(words, kept, code[step], last)
        step += 1
    return last


def _perform(words: Words, kept: Words, operation: Operation, last: int) -> int:  # noqa: C901, PLR0912
    kind, variable, value = operation
    other = (variable + value) % VARIABLES
    if kind == "load":
        return int(load_acquire(words, variable))
    if kind == "relaxed load":
        return int(load_relaxed(words, variable))
    if kind == "store":
        store_release(words, variable, value)
    elif kind == "relaxed store":
        store_relaxed(words, variable, value)
    elif kind == "copy":
        store_release(words, variable, last)
    elif kind == "add":
        fetch_add(words, variable, value)
    elif kind == "raise":
        return _raise(words, variable, value)
    elif kind == "both":
        # The first is on the evaluation stack while the second is read.
        return int(load_acquire(words, variable)) * 4 + int(load_acquire(words, other))
    elif kind == "wait":
        _wait(words, variable, other)
    elif kind == "total":
        return _total(words)
    elif kind == "keep":
        _keep(words, kept, variable)
    elif kind == "use":
        store_release(words, variable, kept[0])
    elif kind == "try":
        return _take_in_turns(words, value)
    elif kind == "guard":
        return _guarded(words, value)
    else:
        return int(load_plain(words, GUARDED))
    return last


def _raise(words: Words, variable: int, value: int) -> int:
    while True:
        seen = load_acquire(words, variable)
        if seen >= value:
            return 1
        if compare_and_swap(words, variable, seen, value):
            return 2


def _wait(words: Words, variable: int, other: int) -> None:
    while not load_acquire(words, variable):
        if load_acquire(words, other):
            break
        pause()


def _total(words: Words) -> int:
    total = 0
    for variable in range(VARIABLES):
        total += int(load_relaxed(words, variable))
    return total


def _keep(words: Words, kept: Words, variable: int) -> None:
    kept[0] = load_acquire(words, variable)
    if load_relaxed(words, (variable + 1) % VARIABLES):
        store_relaxed(words, variable, 1)


def _take_in_turns(words: Words, value: int) -> int:
    """Take a lock, and give it back and pause if it is not the right moment: going round changes memory."""
    while True:
        if compare_and_swap(words, LOCK, 0, 1):
            here = load_relaxed(words, value)
            store_release(words, LOCK, 0)
            if here:
                return int(here)
        if load_relaxed(words, 0):
            return 0
        pause()


def _guarded(words: Words, value: int) -> int:
    """A plain access under a lock."""
    while not compare_and_swap(words, LOCK, 0, 1):
        pause()
    seen = load_plain(words, GUARDED)
    store_plain(words, GUARDED, value)
    store_release(words, LOCK, 0)
    return int(seen)
