"""Programs in which a thread forgets what matters: each shows one part of a state that nothing else tells apart.

The functions forget as kernels do; what they do not use is gone. Where views or clocks are meant, the thread that knows
more comes first in a search, so that a key without them takes the other for known.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial

import numpy as np

from fastpath.atomics import (
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
from proofs.interleavings.linearizability import History
from proofs.interleavings.program import Instance, Program

X, Y, Z, D, OWN, LAST = range(6)


def forgetting(*threads: Callable[[Words], object]) -> Program:
    """A program over a few words; its outcome is what threads return."""

    def start() -> Instance:
        words = np.zeros(6, np.uint64)
        bodies = [partial(each, words) for each in threads]
        return Instance({"words": words}, bodies, lambda results: tuple(map(str, results)), may_wait_forever=True)

    return start


def operations(*threads: Callable[[Words, History], object]) -> Program:
    """A program whose outcome is which operation had returned before which was called."""

    def start() -> Instance:
        words, history = np.zeros(6, np.uint64), History()

        def finish(_results: Sequence[object]) -> Hashable:
            found = sorted(history.operations, key=lambda operation: operation.thread)
            return tuple(one.precedes(other) for one in found for other in found)

        return Instance({"words": words}, [partial(each, words, history) for each in threads], finish)

    return start


def write_twice(words: Words) -> None:
    """Two words, one after the other."""
    store_release(words, X, 1)
    store_release(words, Y, 1)


def remember(words: Words) -> int:
    """What is read first is in a variable while the second is read."""
    first = load_acquire(words, X)
    second = load_acquire(words, Y)
    return int(first) * 2 + int(second)


def on_stack(words: Words) -> int:
    """What is read first is on the evaluation stack while the second is read."""
    return int(load_acquire(words, X)) * 2 + int(load_acquire(words, Y))


def in_array(words: Words) -> int:
    """What is read first is in an array while the second is read, by a function that does not look at it again."""
    kept = np.zeros(1, np.uint64)
    second = _keep(words, kept)
    return int(kept[0]) * 2 + int(second)


def _keep(words: Words, kept: Words) -> np.uint64:
    first = load_acquire(words, X)
    kept[0] = first
    return load_acquire(words, Y)


def in_closure(words: Words) -> int:
    """What is read first is seen by a function within another while the second is read."""
    return _in_closure(words, load_acquire(words, X))


def _in_closure(words: Words, first: np.uint64) -> int:
    second = load_acquire(words, Y)

    def both() -> int:
        return int(first) * 2 + int(second)

    return both()


def in_closure_made_before(words: Words) -> int:
    """The function within is there before what it sees has a value."""

    def both() -> int:
        return int(first) * 2 + int(second)

    first = load_acquire(words, X)
    second = load_acquire(words, Y)
    return both()


def change_and_back(words: Words) -> None:
    """What changes, and is as before."""
    store_release(words, X, 1)
    store_release(words, X, 0)
    store_release(words, Y, 1)


def pause_once(words: Words) -> int:
    """Waits for a change of what was read, if there has been none."""
    if load_acquire(words, X) != 0:
        return 2
    pause()
    return int(load_acquire(words, Y))


def write_relaxed(words: Words) -> None:
    """Two words in no order."""
    store_relaxed(words, X, 1)
    store_relaxed(words, Y, 1)


def read_and_forget(words: Words) -> int:
    """A word that was read anew cannot be read as it was before."""
    load_relaxed(words, X)
    seen = load_relaxed(words, X) if load_relaxed(words, Y) else 2
    store_relaxed(words, LAST, 1)
    return int(seen)


def read_over_and_over(words: Words) -> Iterator[None]:
    """Reads a word each time that it is gone on with, and knows nothing of the times before."""
    while True:
        load_acquire(words, X)
        yield


def read_two_times(words: Words) -> int:
    """How often a word has been read is known to who goes on with the generator."""
    times = 0
    for _ in read_over_and_over(words):
        times += 1
        if times == 2:
            break
    return times


def read_in_vain(words: Words) -> None:
    """Forgets what was read, in a function that is called from a loop."""
    for _ in range(1):
        _read_in_vain(words)


def _read_in_vain(words: Words) -> None:
    load_acquire(words, X)
    load_acquire(words, X)
    load_acquire(words, Y)


def write_and_release(words: Words) -> None:
    """A word, and another that hands it over."""
    store_relaxed(words, X, 1)
    store_release(words, Z, 1)


def hand_on(words: Words) -> None:
    """Hands over what it has acquired, or has not."""
    load_acquire(words, Z)
    store_release(words, Y, 1)


def read_handed_on(words: Words) -> int:
    """What was handed over twice."""
    if not load_relaxed(words, Z):
        return 3
    seen = load_relaxed(words, X) if load_acquire(words, Y) else 2
    store_relaxed(words, LAST, 1)
    return int(seen)


def write_first(words: Words) -> None:
    """The same word as another thread."""
    store_release(words, X, 1)
    store_release(words, Y, 1)


def write_second(words: Words) -> None:
    """The same word as another thread."""
    store_release(words, X, 2)
    store_release(words, Z, 1)


def read_last(words: Words) -> int:
    """Which of two was the last to write."""
    if not load_acquire(words, Y):
        return 3
    if not load_acquire(words, Z):
        return 3
    return int(load_acquire(words, X))


def write_if_told(words: Words) -> None:
    """Writes, or not, and does not know any more."""
    if load_acquire(words, Z):
        store_release(words, Y, 1)
    load_acquire(words, D)


def read_y(words: Words) -> int:
    """One word."""
    return int(load_acquire(words, Y))


def stay(words: Words) -> None:
    """Waits to the last, and has seen nothing."""
    while not load_relaxed(words, LAST):
        pause()


def set_z(words: Words) -> None:
    """One word."""
    store_relaxed(words, Z, 1)


def pause_in_vain(words: Words) -> int:
    """Wait for a change of X if Y is known to come after what was read there."""
    x, y = load_relaxed(words, X), load_acquire(words, Y)
    if x == 0 and y == 1:
        pause()
        return 2
    return 1


def leave_as_it_is(words: Words, again: bool) -> None:
    """Store to X what it is, or add nothing, which is no change to wait for, or both; then say so."""
    told = load_acquire(words, Z)
    if not told:
        store_release(words, X, 0)
    if told or again:
        fetch_add(words, X, 0)
    while not load_acquire(words, Z):
        pause()
    store_release(words, Y, 1)


def set_x_and_z(words: Words) -> None:
    """Two words."""
    store_relaxed(words, X, 1)
    store_relaxed(words, Z, 1)


def read_plainly(words: Words) -> None:
    """A plain load, which is over when the other word says so."""
    load_plain(words, D)
    store_release(words, Y, 1)


def write_plainly(words: Words) -> None:
    """A plain store, which knows what has been over, or does not."""
    if _comes_after(words) and load_relaxed(words, Y) and not load_relaxed(words, X):
        store_plain(words, D, 1)


def _comes_after(words: Words) -> bool:
    """Whether another thread has told; what that is worth depends on what was told before, and is forgotten."""
    store_relaxed(words, OWN, 1)  # who has changed memory does not wait for what was read before
    told = load_acquire(words, Y) if load_relaxed(words, Z) else load_relaxed(words, Y)
    if not told:
        return False
    return bool(load_relaxed(words, Z))


def read_once(words: Words, history: History, thread: int) -> None:
    """An operation."""
    history.perform(thread, "read", (), lambda: int(load_acquire(words, X)))


def in_own_array() -> Program:
    """A program whose thread leaves what it has read in an array that it was given."""

    def start() -> Instance:
        words, left = np.zeros(6, np.uint64), np.zeros(1, np.uint64)
        bodies = [partial(change_twice, words), partial(leave_in, words, left)]
        return Instance({"words": words}, bodies, lambda _: int(left[0]))

    return start


def change_twice(words: Words) -> None:
    """One word, twice."""
    store_release(words, X, 1)
    store_release(words, X, 2)


def leave_in(words: Words, left: Words) -> None:
    """What was read, in an array."""
    left[0] = load_acquire(words, X)


def array_of_one(words: Words) -> Words:
    """What was read, as an array."""
    return np.array([load_acquire(words, X)])


def named_by_what_is_read(words: Words, history: History) -> None:
    """One operation or the other; neither returns anything."""
    history.perform(1, "read 1" if load_acquire(words, X) == 1 else "read another", (), lambda: None)


def named() -> Program:
    """A program whose outcome is which operation there was."""

    def start() -> Instance:
        words, history = np.zeros(6, np.uint64), History()
        bodies = [partial(change_twice, words), partial(named_by_what_is_read, words, history)]
        return Instance({"words": words}, bodies, lambda _: history.results())

    return start


def returned() -> Program:
    """A program with locks, in which all that matters at last is what an operation has returned."""

    def start() -> Instance:
        words, locks, history = np.zeros(6, np.uint64), np.zeros(1, np.uint64), History()
        bodies = [partial(write_twice, words), partial(read_once, words, history, 1)]
        shared = {"words": words, "locks": locks}
        return Instance(shared, bodies, lambda _: history.results(), guards="locks")

    return start


VARIABLE = forgetting(write_twice, remember)
STACK = forgetting(write_twice, on_stack)
ARRAY = forgetting(write_twice, in_array)
CLOSURE = forgetting(write_twice, in_closure)
GENERATOR = forgetting(write_twice, read_two_times)
MEMORY = forgetting(write_first, write_second, read_last)
WAITING = forgetting(change_and_back, pause_once)
BUFFER = forgetting(write_if_told, set_z, read_y)
VIEW = forgetting(write_relaxed, stay, read_and_forget)
IDLE = forgetting(pause_in_vain, partial(leave_as_it_is, again=False), set_z)
IDLE_AGAIN = forgetting(pause_in_vain, partial(leave_as_it_is, again=True), set_z)
CARRIED = forgetting(write_and_release, stay, read_handed_on, hand_on)
RACE = forgetting(read_plainly, write_plainly, set_x_and_z)
ORDER = operations(partial(read_once, thread=0), partial(read_once, thread=1))
LEFT = in_own_array()
RETURNED_ARRAY = forgetting(change_twice, array_of_one)
NAMED = named()
RETURNED = returned()
