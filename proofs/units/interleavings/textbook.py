"""Textbook programs, right and wrong, written with the same atomics as the kernels."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np

from fastpath.atomics import (
    compare_and_swap,
    exchange_acquire,
    fence_acquire,
    fence_release,
    fetch_add,
    load_acquire,
    load_relaxed,
    pause,
    store_relaxed,
    store_release,
)
from fastpath.memory import Words
from proofs.interleavings.program import Instance, Program


def results_only(_words: Words, results: Sequence[object]) -> Hashable:
    """The threads' results as the outcome."""
    return tuple(results)


def program(
    size: int,
    bodies: Sequence[Callable[[Words], object]],
    finish: Callable[[Words, Sequence[object]], Hashable] = results_only,
) -> Program:
    """Threads over one zeroed array; `finish(words, results)` checks the end and returns the outcome."""

    def start() -> Instance:
        words = np.zeros(size, np.uint64)
        return Instance(
            shared={"words": words},
            threads=[partial(body, words) for body in bodies],
            finish=lambda results: finish(words, results),
        )

    return start


def _counter(words: Words, _results: Sequence[object]) -> int:
    return int(words[0])


def increments(threads: int, atomic: bool) -> Program:
    """Each thread adds one to a counter, in one step or in two; the outcome is the counter."""

    def in_one_step(words: Words) -> None:
        fetch_add(words, 0, 1)

    def in_two_steps(words: Words) -> None:
        store_relaxed(words, 0, load_relaxed(words, 0) + np.uint64(1))

    return program(1, [in_one_step if atomic else in_two_steps] * threads, _counter)


WANTS, TURN, INSIDE = 0, 2, 3


def peterson(turn_first: bool) -> Program:
    """Peterson's mutual exclusion; wrong when the turn is given away before one's own wish is announced."""

    def body(me: int, words: Words) -> None:
        other = 1 - me
        if turn_first:
            store_release(words, TURN, other)
            store_release(words, WANTS + me, 1)
        else:
            store_release(words, WANTS + me, 1)
            store_release(words, TURN, other)
        while load_acquire(words, WANTS + other) and load_acquire(words, TURN) == other:
            pause()
        assert fetch_add(words, INSIDE, 1) == 0, "both threads are inside"
        fetch_add(words, INSIDE, -1 % 2**64)
        store_release(words, WANTS + me, 0)

    return program(4, [partial(body, 0), partial(body, 1)])


VERSION, LEFT, RIGHT = 0, 1, 2


def sequence_lock(writers: int, readers: int, checked: bool, fenced: bool = True) -> Program:
    """Writers change two words under a version; readers must never see halves of two writes."""

    def write(value: int, words: Words) -> None:
        while True:
            version = load_acquire(words, VERSION)
            if version % 2 == 0 and compare_and_swap(words, VERSION, version, version + np.uint64(1)):
                break
            pause()
        if fenced:
            fence_release()
        store_relaxed(words, LEFT, value)
        store_relaxed(words, RIGHT, value)
        store_release(words, VERSION, version + np.uint64(2))

    def read(words: Words) -> int:
        while True:
            version = load_acquire(words, VERSION)
            left, right = load_relaxed(words, LEFT), load_relaxed(words, RIGHT)
            if fenced:
                fence_acquire()
            if not checked or (version % 2 == 0 and load_relaxed(words, VERSION) == version):
                assert left == right, "a torn read"
                return int(left)
            pause()

    bodies: list[Callable[[Words], object]] = [partial(write, value + 1) for value in range(writers)]
    return program(3, bodies + [read] * readers)


def spin_lock(threads: int) -> Program:
    """Threads that swap a lock word take turns; each adds one in two steps."""

    def body(words: Words) -> None:
        while exchange_acquire(words, 1, 1):
            pause()
        store_relaxed(words, 0, load_relaxed(words, 0) + np.uint64(1))
        store_release(words, 1, 0)

    return program(2, [body] * threads, _counter)


def two_locks(ordered: bool) -> Program:
    """Two threads that each take two locks, in one order or in opposite orders."""

    def body(first: int, second: int, words: Words) -> None:
        for lock in (first, second):
            while not compare_and_swap(words, lock, 0, 1):
                pause()
        for lock in (second, first):
            store_release(words, lock, 0)

    return program(2, [partial(body, 0, 1), partial(body, 0, 1) if ordered else partial(body, 1, 0)])


HEAD = 0
TAG_SHIFT = 32
NODE = (1 << TAG_SHIFT) - 1
"""The head is `tag << 32 | node`; word n is the node below node n, 0 for none."""


def pop(words: Words, tag: int) -> int:
    """Take the top node, 0 when there is none; each change adds `tag` to the head."""
    while True:
        head = int(load_acquire(words, HEAD))
        node = head & NODE
        if node == 0:
            return 0
        below = int(load_relaxed(words, node))
        if compare_and_swap(words, HEAD, head, ((head & ~NODE) + tag) | below):
            return node


def push(words: Words, node: int, tag: int) -> None:
    """Put a node on top."""
    while True:
        head = int(load_acquire(words, HEAD))
        store_relaxed(words, node, head & NODE)
        if compare_and_swap(words, HEAD, head, ((head & ~NODE) + tag) | node):
            return


def treiber_stack(tagged: bool) -> Program:
    """A stack of nodes 1 and 2 (1 on top): one thread pops, the other pops both and pushes 1 back.

    Without a tag the first thread can take an old head for the new one and bring back node 2, which is in use: the
    ABA problem.
    """
    tag = 1 << TAG_SHIFT if tagged else 0

    def churn(words: Words) -> int:
        first, second = pop(words, tag), pop(words, tag)
        if first:
            push(words, first, tag)
        return second

    def start() -> Instance:
        words = np.array([1, 2, 0], np.uint64)

        def finish(results: Sequence[object]) -> Hashable:
            held, node = [node for node in results if node], int(words[HEAD]) & NODE
            while node:
                held.append(node)
                node = int(words[node])
            assert sorted(map(str, held)) == ["1", "2"], f"nodes {held} are held"
            return tuple(held)

        return Instance({"words": words}, [partial(pop, words, tag), partial(churn, words)], finish)

    return start


def two_ways_to_wake(order: Sequence[int] = (0, 1, 2)) -> Program:
    """A thread waits for either of two words, which two others set; it returns its rounds and what it saw last.

    `order` says which thread is which: 0 is the one that waits.
    """

    def wait(words: Words) -> tuple[int, int, int]:
        rounds = 0
        while True:
            first, second = int(load_acquire(words, 0)), int(load_acquire(words, 1))
            if first or second:
                return rounds, first, second
            rounds += 1
            pause()

    def wake(word: int, words: Words) -> None:
        store_release(words, word, 1)

    bodies = (wait, partial(wake, 0), partial(wake, 1))
    return program(2, [bodies[which] for which in order])
