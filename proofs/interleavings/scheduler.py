"""Controlled threads: each runs until its next shared access, and goes on when it is told to.

Threads are greenlets, so exactly one runs at a time and a run is determined by the order in which
they are told to go on. The scheduler is the `fastpath.memory.Memory` in force while they run: each
atomic and each observable plain access of a kernel arrives here, is announced as the thread's pending
access, and is carried out when the thread's turn comes. Fences need no turn of their own: accesses
take effect at once and in order (sequential consistency).

A thread that pauses in a waiting loop is held until a word that the loop has read changes: going round
again sooner would read the same values. So a run is finite, and waiting for ever is a deadlock.
"""

from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, SupportsIndex

import numpy as np
from greenlet import GreenletExit, getcurrent, greenlet

from fastpath import memory
from fastpath.memory import MASK, Memory, Ordering, Words
from proofs.interleavings.access import Access, Mode, Wait
from proofs.interleavings.program import Instance

HISTORY = 0
"""Location of the history of calls and returns; words have higher numbers."""
MOST_STEPS = 20_000
"""A run longer than this is taken for endless."""


class DeadlockError(AssertionError):
    """Threads wait, and none is left to wake them."""


class EndlessRunError(AssertionError):
    """A run does not end: a loop goes round without `pause()`."""


class ConstantChangedError(AssertionError):
    """A thread writes a word that the program declares constant."""


class NotEnabledError(ValueError):
    """A schedule names a thread that is finished or waits."""


class Thread:
    """One controlled thread: where it stands, and at which step it first read what since it last paused."""

    def __init__(self, number: int, body: Callable[[], object]) -> None:
        self.number = number
        self.pending: Access | None = None
        self.result: object = None
        self.read_at: dict[int, int] = {}
        self.waits: tuple[Wait, ...] = ()
        self.has_changed_memory = False
        self._body = body
        self.greenlet = greenlet(self._run)

    def _run(self) -> None:
        with np.errstate(over="ignore"):
            self.result = self._body()
        self.pending = None


@dataclass(frozen=True)
class _SharedArray:
    """A shared array: its words, seen past any observation, and the location of the first of them."""

    name: str
    words: Words
    first: int
    constant: range

    def load(self, position: int) -> np.uint64:
        value: np.uint64 = self.words[position]
        return value

    def store(self, position: int, value: int) -> None:
        if position in self.constant:
            raise ConstantChangedError(f"word {position} of {self.name} was declared constant")
        self.words[position] = value


class Scheduler(Memory):
    """One run of an instance, inside a `with` block; `step` carries out a thread's pending access."""

    def __init__(self, instance: Instance) -> None:
        self.steps = 0
        self.marks: list[tuple[int, str]] = []
        """Calls and returns so far: which thread, and which of both."""
        self.threads = [Thread(number, body) for number, body in enumerate(instance.threads)]
        self._instance = instance
        self._arrays = self._number_words()
        self._changed_at: dict[int, int] = {}
        self._done: Access | None = None
        self._running: Thread | None = None
        self._hub = getcurrent()
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(memory.using(self))
            stack.callback(self._give_up_threads)
            for thread in self.threads:
                self._resume(thread)
            self._undo = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()

    def _give_up_threads(self) -> None:
        for thread in self.threads:
            if not thread.greenlet.dead:
                thread.greenlet.throw(GreenletExit)

    def _number_words(self) -> dict[int, _SharedArray]:
        """The shared arrays by identity, their words numbered through."""
        arrays, first = {}, HISTORY + 1
        for name, words in self._instance.shared.items():
            constant = self._instance.constant.get(name, range(0))
            arrays[id(words)] = _SharedArray(name, np.asarray(words), first, constant)
            first += len(words)
        return arrays

    # --- for whoever decides ---

    def enabled(self) -> list[int]:
        """Numbers of the threads that can go on."""
        return [thread.number for thread in self.threads if self._may_run(thread)]

    def step(self, number: int) -> Access:
        """Let one thread carry out its pending access and run up to the next; what it did.

        Raises NotEnabledError, EndlessRunError, and whatever the thread raises.
        """
        thread = self.threads[number] if number < len(self.threads) else None
        if thread is None or not self._may_run(thread):
            raise NotEnabledError(f"thread {number} cannot run at step {self.steps}")
        if self.steps >= MOST_STEPS:
            raise EndlessRunError(f"still running after {MOST_STEPS} steps")
        self.steps += 1
        thread.waits = ()
        self._done = None
        self._resume(thread)
        assert self._done is not None
        return self._done

    def finish(self) -> Hashable:
        """Check the end and return the outcome. Raises DeadlockError when threads still wait."""
        waiting = tuple(thread.number for thread in self.threads if thread.pending is not None)
        if waiting and self._instance.may_wait_forever:
            return ("waiting", *waiting)
        if waiting:
            raise DeadlockError(f"threads {list(waiting)} wait for a change that nobody will make")
        with np.errstate(over="ignore"):
            return self._instance.finish([thread.result for thread in self.threads])

    def name(self, location: int) -> str:
        """The name of a location, for reports."""
        for array in self._arrays.values():
            if 0 <= location - array.first < len(array.words):
                return self._instance.label(array.name, location - array.first)
        return "history"

    # --- turns ---

    def _may_run(self, thread: Thread) -> bool:
        if thread.pending is None:
            return False
        waits = thread.pending.waits
        return not waits or any(self._changed_at.get(wait.location, 0) > wait.step for wait in waits)

    @property
    def is_running(self) -> bool:
        """Whether it is a controlled thread that asks."""
        return self._running is not None

    def _resume(self, thread: Thread) -> None:
        self._running = thread
        try:
            thread.greenlet.switch()
        finally:
            self._running = None

    def _turn(self, operation: str, location: int, mode: Mode) -> None:
        """Announce the running thread's access and wait for its turn."""
        thread = self._running
        if thread is not None:
            thread.pending = Access(operation, location, mode, thread.waits)
            self._hub.switch()

    def _did(self, mode: Mode, before: int, after: int, note: str = "") -> None:
        """Record what the running thread's pending access turned out to be."""
        thread = self._running
        if thread is None or thread.pending is None:
            return
        operation, location, _, waits, *_ = thread.pending
        self._done = Access(operation, location, mode, waits, before, after, note)
        if before != after:
            self._changed_at[location] = self.steps
            thread.has_changed_memory = True
        elif location != HISTORY:
            thread.read_at.setdefault(location, self.steps)

    def _array(self, words: Words, index: SupportsIndex) -> tuple[_SharedArray, int]:
        array = self._arrays.get(id(words))
        if array is None:
            raise LookupError("a kernel touches an array that the program does not declare shared")
        position = int(index)
        if not 0 <= position < len(array.words):
            raise IndexError(f"index {position} is outside the {len(array.words)} words of {array.name}")
        return array, position

    # --- the memory that kernels see ---

    def load(self, words: Words, index: SupportsIndex, ordering: Ordering) -> np.uint64:
        """As the base class, at this thread's turn."""
        array, position = self._array(words, index)
        if position in array.constant:
            return array.load(position)
        self._turn("load", array.first + position, Mode.READ)
        value = array.load(position)
        self._did(Mode.READ, int(value), int(value))
        return value

    def store(self, words: Words, index: SupportsIndex, value: int | np.uint64, ordering: Ordering) -> None:
        """As the base class, at this thread's turn."""
        array, position = self._array(words, index)
        self._turn("store", array.first + position, Mode.WRITE)
        before = int(array.words[position])
        array.store(position, int(value) & MASK)
        self._did(Mode.WRITE, before, int(value) & MASK)

    def update(
        self, words: Words, index: SupportsIndex, operation: Callable[[int], int], ordering: Ordering
    ) -> np.uint64:
        """As the base class, at this thread's turn."""
        array, position = self._array(words, index)
        self._turn("update", array.first + position, Mode.WRITE)
        old = array.load(position)
        before, after = int(old), operation(int(old)) & MASK
        array.store(position, after)
        self._did(Mode.WRITE if before != after else Mode.READ, before, after)
        return old

    def compare_and_swap(
        self,
        words: Words,
        index: SupportsIndex,
        expected: int | np.uint64,
        desired: int | np.uint64,
        success: Ordering,
        failure: Ordering,
    ) -> bool:
        """As the base class, at this thread's turn."""
        array, position = self._array(words, index)
        self._turn("compare-and-swap", array.first + position, Mode.WRITE)
        before = int(array.words[position])
        swapped = before == int(expected) & MASK
        after = int(desired) & MASK if swapped else before
        if swapped:
            array.store(position, after)
        self._did(Mode.WRITE if before != after else Mode.READ, before, after)
        return swapped

    def pause(self) -> None:
        """Hold this thread until a word that it has read since it last paused changes."""
        thread = self._running
        if thread is None:
            return
        if thread.has_changed_memory:
            thread.waits = ()
        elif thread.read_at:
            thread.waits = tuple(Wait(*entry) for entry in thread.read_at.items())
        thread.read_at = {}
        thread.has_changed_memory = False

    def yield_thread(self) -> None:
        """As `pause`."""
        self.pause()

    def mark(self, operation: str, note: str) -> int:
        """Record a "call" or a "return" in the history; its step.

        A return and a call are never taken for exchangeable, so that what had returned before
        something else was called has so in every run that is explored in place of this one.
        """
        mode = Mode.READ if operation == "call" else Mode.APPEND
        self._turn(operation, HISTORY, mode)
        self._did(mode, 0, 0, note)
        if self._running is not None:
            self.marks.append((self._running.number, operation))
        return self.steps
