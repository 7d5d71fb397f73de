"""Small concurrent programs made at random, to hold one search against another."""

import random
from collections.abc import Callable
from functools import partial

import numpy as np

from fastpath.atomics import (
    compare_and_swap,
    fetch_add,
    load_acquire,
    pause,
    store_release,
)
from fastpath.memory import Words
from proofs.interleavings.program import Instance, Program

VARIABLES = 3
VALUES = 3
KINDS = ("load", "load", "store", "store", "add", "swap", "copy", "if", "wait")

Operation = tuple[str, int, int, int]


def generated_program(seed: int) -> Program:
    """A program of 2 or 3 threads with up to 4 operations each; the outcome is all that they saw.

    Operations read, write, add, compare and swap, write what was read last, act only if something
    was read, and wait in a loop for a value, counting the rounds.
    """
    code = generated_code(seed)

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


def generated_code(seed: int) -> list[list[Operation]]:
    """The operations of each thread."""
    chance = random.Random(seed)
    threads, most = chance.choice([(2, 4), (2, 4), (2, 5), (3, 2), (3, 2), (3, 3)])
    return [[_operation(chance) for _ in range(chance.randint(most - 1, most))] for _ in range(threads)]


def _operation(chance: random.Random) -> Operation:
    kind = chance.choice(KINDS)
    value = chance.randrange(1, VALUES)
    return kind, chance.randrange(VARIABLES), value, chance.randrange(VARIABLES)


def _run(words: Words, code: list[Operation]) -> tuple[int, ...]:
    seen: list[int] = []
    for kind, variable, value, other in code:
        if kind == "load":
            seen.append(int(load_acquire(words, variable)))
        elif kind == "store":
            store_release(words, variable, value)
        elif kind == "add":
            seen.append(int(fetch_add(words, variable, value)))
        elif kind == "swap":
            seen.append(compare_and_swap(words, variable, value - 1, value))
        elif kind == "copy":
            store_release(words, variable, seen[-1] if seen else 0)
        elif kind == "if" and load_acquire(words, variable):
            store_release(words, other, value)
        elif kind == "wait":
            rounds = 0
            while not load_acquire(words, variable):
                if load_acquire(words, other):
                    break
                rounds += 1
                pause()
            seen.append(rounds)
    return tuple(seen)
