"""Small concurrent programs made at random, to hold one search against another."""

import random
from collections.abc import Callable
from functools import partial

import numpy as np

from fastpath.atomics import (
    compare_and_swap,
    compare_and_swap_relaxed,
    fence_acquire,
    fence_full,
    fence_release,
    fetch_add,
    fetch_add_relaxed,
    load_acquire,
    load_relaxed,
    pause,
    store_relaxed,
    store_release,
)
from fastpath.memory import Words
from proofs.interleavings.program import Instance, Program

VARIABLES = 3
VALUES = 3
STRONG = ("load", "load", "store", "store", "add", "swap", "copy", "if", "wait")
WEAK = (
    *STRONG,
    *("relaxed load", "relaxed load", "relaxed load", "relaxed store", "relaxed store", "relaxed store"),
    *("relaxed add", "relaxed swap", "full fence", "full fence", "acquire fence", "release fence"),
)
SIZES = ((2, 4), (2, 4), (2, 5), (3, 2), (3, 2), (3, 3))
SMALL_SIZES = ((2, 3), (2, 3), (2, 4), (3, 2), (3, 2))

Operation = tuple[str, int, int, int]


def generated_program(seed: int, weak: bool = False) -> Program:
    """A program of 2 or 3 threads with up to 5 operations each; the outcome is all that they saw.

    Operations read, write, add, compare and swap, write what was read last, act only if something
    was read, and wait in a loop for a value, counting the rounds. They acquire and release; `weak` ones are in part
    relaxed, with fences between them, and fewer, since a memory model that tells them apart leaves more to choose.
    """
    code = generated_code(seed, weak)

    def start() -> Instance:
        words = np.zeros(VARIABLES, np.uint64)
        bodies: list[Callable[[], object]] = [partial(_run, words, part) for part in code]
        return Instance(
            shared={"words": words},
            threads=bodies,
            finish=lambda results: (tuple(results), tuple(words.tolist())),
            may_wait_forever=True,
        )

    return start


def generated_code(seed: int, weak: bool = False) -> list[list[Operation]]:
    """The operations of each thread."""
    chance = random.Random(seed)
    threads, most = chance.choice(SMALL_SIZES if weak else SIZES)
    kinds = WEAK if weak else STRONG
    return [[_operation(chance, kinds) for _ in range(chance.randint(most - 1, most))] for _ in range(threads)]


def _operation(chance: random.Random, kinds: tuple[str, ...]) -> Operation:
    kind = chance.choice(kinds)
    value = chance.randrange(1, VALUES)
    return kind, chance.randrange(VARIABLES), value, chance.randrange(VARIABLES)


def _run(words: Words, code: list[Operation]) -> tuple[int, ...]:
    seen: list[int] = []
    for operation in code:
        seen += _perform(words, operation, seen[-1] if seen else 0)
    return tuple(seen)


def _perform(words: Words, operation: Operation, last: int) -> list[int]:
    kind, variable, value, other = operation
    reading: dict[str, Callable[[], object]] = {
        "load": lambda: load_acquire(words, variable),
        "relaxed load": lambda: load_relaxed(words, variable),
        "add": lambda: fetch_add(words, variable, value),
        "relaxed add": lambda: fetch_add_relaxed(words, variable, value),
        "swap": lambda: compare_and_swap(words, variable, value - 1, value),
        "relaxed swap": lambda: compare_and_swap_relaxed(words, variable, value - 1, value),
        "wait": lambda: _wait(words, variable, other),
    }
    acting: dict[str, Callable[[], object]] = {
        "store": lambda: store_release(words, variable, value),
        "relaxed store": lambda: store_relaxed(words, variable, value),
        "copy": lambda: store_release(words, variable, last),
        "if": lambda: store_release(words, other, value) if load_acquire(words, variable) else None,
        "full fence": fence_full,
        "acquire fence": fence_acquire,
        "release fence": fence_release,
    }
    if kind in reading:
        return [int(reading[kind]())]  # type: ignore[call-overload]
    acting[kind]()
    return []


def _wait(words: Words, variable: int, other: int) -> int:
    rounds = 0
    while not load_acquire(words, variable):
        if load_acquire(words, other):
            break
        rounds += 1
        pause()
    return rounds
