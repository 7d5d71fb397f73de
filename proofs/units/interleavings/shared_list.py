"""Programs whose threads share a list behind a lock, and know of it only what they have found there."""

import random
from collections.abc import Callable
from functools import partial

import numpy as np

from fastpath.atomics import load_acquire, store_release
from fastpath.memory import Words
from proofs.interleavings.locks import Lock, Threading
from proofs.interleavings.made_of import made_of
from proofs.interleavings.program import Instance, Program

X, Y = range(2)
STEPS = ("put", "look", "put if told", "tell", "take")


def behind_lock(*threads: Callable[[Words, Lock, list[int]], object], compared: bool = False) -> Program:
    """A program whose threads share a list behind a lock; its outcome is what is in it at last.

    With `compared` lists are told apart by what is in them, else by how they have come about.
    """

    def start() -> Instance:
        words, threading, kept = np.zeros(2, np.uint64), Threading(), list[int]()
        lock = threading.Lock()
        bodies = [partial(each, words, lock, kept) for each in threads]
        return Instance(
            {"words": words, "locks": threading.words},
            bodies,
            lambda seen: (tuple(kept), tuple(seen)),
            guards="locks",
            guarded=(lambda: made_of([kept], {})) if compared else None,
        )

    return start


def put_in(_words: Words, lock: Lock, kept: list[int], number: int) -> None:
    """A number into the list."""
    with lock:
        kept.append(number)


def put_in_what_is_found(words: Words, lock: Lock, kept: list[int]) -> None:
    """Whether a number is in the list already, by way of a word."""
    with lock:
        found = 1 in kept
    store_release(words, X, int(found))
    with lock:
        kept.append(10 + int(found))


def take_steps(words: Words, lock: Lock, kept: list[int], steps: tuple[str, ...], mark: int) -> int:
    """Some of `STEPS`, one after the other; what a word says at last."""
    for step in steps:
        if step == "tell":
            store_release(words, Y, 1)
        elif step == "look":
            with lock:
                found = len(kept) * 2 + int(1 - mark in kept)
            store_release(words, X, found)
        elif step == "take":
            with lock:
                del kept[-1:]
        elif step == "put" or load_acquire(words, Y):
            with lock:
                kept.append(mark)
    return int(load_acquire(words, X))


LAST_IN = behind_lock(partial(put_in, number=1), partial(put_in, number=2))
FOUND = behind_lock(partial(put_in, number=1), put_in_what_is_found)
COMPARED = behind_lock(partial(put_in, number=1), partial(put_in, number=2), compared=True)
PUT_AND_TAKE = (partial(take_steps, steps=("put", "take"), mark=0), partial(take_steps, steps=("put", "take"), mark=0))


def generated_behind_lock(seed: int, most: int) -> Program:
    """Two threads that put numbers into a list behind a lock, at most so many each, and say what they have found."""
    chance = random.Random(seed)
    threads = [[chance.choice(STEPS) for _ in range(chance.randint(1, most))] for _ in range(2)]
    bodies = [partial(take_steps, steps=tuple(steps), mark=mark) for mark, steps in enumerate(threads)]
    return behind_lock(*bodies, compared=chance.random() < 0.7)
