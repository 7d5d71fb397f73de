"""Controlled threads: each runs until its next shared access, and goes on when it is told to.

Threads are greenlets, so exactly one runs at a time and a run is determined by the turns in which
they are told to go on. The scheduler is the `fastpath.memory.Memory` in force while they run: each
atomic and each observable plain access of a kernel arrives here, is announced as the thread's pending
request, and is made when the thread's turn comes. What an access then does, and who may go on at all,
is decided by a memory model.

A thread that pauses in a waiting loop is held until going round again could bring something new. So a
run is finite, and waiting for ever is a deadlock.
"""

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType, TracebackType
from typing import Any, Self, SupportsIndex

import numpy as np
from greenlet import GreenletExit, getcurrent, greenlet

from fastpath import memory
from fastpath.memory import MASK, Memory, Ordering, Words
from proofs.interleavings.access import Access
from proofs.interleavings.memory_model import MemoryModel, MemoryName
from proofs.interleavings.program import Instance
from proofs.interleavings.progress import LivelockError, Rounds, position, waiting_error
from proofs.interleavings.request import FULL_FENCES, HISTORY, Request
from proofs.interleavings.sequential_consistency import SequentialConsistency
from proofs.interleavings.shared_arrays import SharedArrays
from proofs.interleavings.store_buffers import StoreBuffers
from proofs.interleavings.turn import Turn, buffer_of, thread_of
from proofs.interleavings.views import Views

MODELS: Mapping[MemoryName, type[MemoryModel]] = MappingProxyType(
    {MemoryName.SC: SequentialConsistency, MemoryName.TSO: StoreBuffers, MemoryName.RA: Views}
)
MOST_STEPS = 20_000
"""A run longer than this is taken for endless."""


class EndlessRunError(AssertionError):
    """A run does not end: a loop goes round without `pause()`, or changes more and more."""


class ConstantChangedError(AssertionError):
    """A thread writes a word that the program declares constant."""


class NotEnabledError(ValueError):
    """A schedule names a thread that is finished or waits, or an option that it does not have."""


class Thread:
    """One controlled thread: what it is about to do, and the option it was told to take."""

    def __init__(self, number: int, body: Callable[[], object]) -> None:
        self.number = number
        self.pending: Request | None = None
        self.option = 0
        self.result: object = None
        self.body = body
        self.greenlet = greenlet(self._run)

    def _run(self) -> None:
        with np.errstate(over="ignore"):
            self.result = self.body()
        self.pending = None


def _nothing_is_private(_thread: int, _request: Request) -> bool:
    return False


class Scheduler(Memory):
    """One run of an instance, inside a `with` block; `step` carries out one turn."""

    def __init__(
        self,
        instance: Instance,
        model: MemoryName = MemoryName.SC,
        is_private: Callable[[int, Request], bool] = _nothing_is_private,
    ) -> None:
        """`is_private` says of a thread's access that it concerns nobody else, so that it needs no turn."""
        self.steps = 0
        self._without_turn = 0
        self.marks: list[tuple[int, str, Any]] = []
        """Calls and returns so far: which thread, which of both, and the moment, which may be filled in later."""
        self.threads = [Thread(number, body) for number, body in enumerate(instance.threads)]
        self._instance = instance
        self._arrays = SharedArrays(instance.shared, instance.constant)
        self._model = MODELS[model](len(self.threads), self.name)
        self._is_private = is_private
        self.guards = self._arrays.locations(instance.guards) if instance.guards else range(0)
        """The locations of the locks behind which threads share objects."""
        self._constant = self._arrays.constant
        self._rounds = Rounds()
        self._last_step: dict[int, int] = {}
        self._last_changed_by: dict[int, int] = {}
        self._held: dict[int, set[int]] = {}
        """Threads that go round in vain, and who is to step before they do so again."""
        self.has_held = False
        """Whether there has been such a thread."""
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
            self._let_go_if_stuck()
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

    def local_state(self) -> Hashable:
        """What a thread knows by having the scheduler: nothing."""
        return None

    # --- for whoever decides ---

    def choices(self) -> dict[int, Sequence[Hashable]]:
        """Who can go on, and the names of the options that each has."""
        actors = [*range(len(self.threads)), *map(buffer_of, self._model.drainable())]
        return {actor: options for actor in actors if (options := self._options(actor))}

    def _options(self, actor: int) -> Sequence[Hashable]:
        if actor < 0:
            return (0,) if thread_of(actor) in self._model.drainable() else ()
        pending = self.threads[actor].pending if actor < len(self.threads) and actor not in self._held else None
        return self._model.options(actor, pending) if pending is not None else ()

    def next_immediate(self, thread: int) -> int | None:
        """The location that a thread is about to touch, if it waits for nothing; else None."""
        pending = self.threads[thread].pending
        return pending.location if pending is not None and self._goes_on(thread, pending) else None

    def _goes_on(self, thread: int, request: Request) -> bool:
        """Whether a thread need not wait with an access: for a change, for its store buffer, or for those kept out."""
        return thread not in self._held and self._model.is_immediate(thread, request)

    def next_drained(self, thread: int) -> int | None:
        """The location that a thread's store buffer drains to next; None if there is nothing in it."""
        return self._model.oldest_buffered(thread)

    def enabled(self) -> list[int]:
        """The actors that can go on."""
        return list(self.choices())

    def can_take(self, turn: Turn) -> bool:
        """Whether an actor can go on, and has that option."""
        return turn.option < len(self._options(turn.actor))

    def step(self, turn: Turn) -> Access:
        """Let one actor carry out what it is about to do; of a thread, run it up to its next turn. What it did.

        Raises NotEnabledError, EndlessRunError, and whatever the thread raises.
        """
        if not self.can_take(turn):
            raise NotEnabledError(f"{_described(turn)} cannot run at step {self.steps}")
        if self.steps >= MOST_STEPS:
            raise EndlessRunError(f"still running after {MOST_STEPS} steps")
        self.steps += 1
        access = self._drained(turn) if turn.actor < 0 else self._carried_out(turn)
        self._last_step[turn.actor] = self.steps
        if access.changed:
            self._last_changed_by[access.location] = thread_of(turn.actor)
        if self._held:
            self._held = {thread: out for thread, out in self._held.items() if turn.actor not in out}
            self._let_go_if_stuck()
        return access

    def _let_go_if_stuck(self) -> None:
        if self._held and not self.enabled():
            self._held = {}

    def _drained(self, turn: Turn) -> Access:
        return self._model.drain(thread_of(turn.actor), self.steps)

    def _carried_out(self, turn: Turn) -> Access:
        thread = self.threads[turn.actor]
        thread.option = turn.option
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
            watched = {thread: self._model.watched(thread) for thread in waiting}
            raise waiting_error(watched, self._last_changed_by, self.name)
        self._model.settle()
        with np.errstate(over="ignore"):
            return self._instance.finish([thread.result for thread in self.threads])

    def name(self, location: int) -> str:
        """The name of a location, for reports."""
        return self._arrays.label(location, self._instance.label) or (
            "all threads" if location == FULL_FENCES else "history"
        )

    # --- turns ---

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

    def _access(self, request: Request) -> Any:
        """Make an access of the running thread, in a turn of its own unless it is local; the value read."""
        thread = self._running
        assert thread is not None
        private, without_turn = self._announced(thread.number, request)
        if not without_turn:
            thread.pending = request
            self._hub.switch()
        return self._made(thread, request, private, without_turn)

    def _announced(self, number: int, request: Request) -> tuple[bool, bool]:
        """Whether what a thread is about to do concerns nobody else, and whether it needs no turn."""
        model = self._model
        local = model.is_local(number, request)
        # An access that has to wait tells as well who touches what.
        private = (not local or model.acts_later(request)) and self._is_private(number, request)
        return private, local or (private and self._goes_on(number, request))

    def _made(self, thread: Thread, request: Request, private: bool, without_turn: bool) -> Any:
        """Make an access; the value read."""
        model, number = self._model, thread.number
        if request.location in self._constant and request.operation != "load":
            raise ConstantChangedError(f"{self.name(request.location)} was declared constant")
        if private and without_turn:
            # A loop over words that nobody else touches has no turns to be counted by.
            self._without_turn += 1
            if self._without_turn > MOST_STEPS:
                raise EndlessRunError(f"still running after {MOST_STEPS} accesses to words of its own")
        if private:
            access, value = model.perform_private(number, request, self.steps)
        else:
            option = 0 if without_turn else thread.option
            access, value = model.perform(number, request, option, self.steps)
        if not without_turn:
            self._done = access
        return value

    # --- the memory that kernels see ---

    def load(self, words: Words, index: SupportsIndex, ordering: Ordering) -> np.uint64:
        """As the base class, at this thread's turn."""
        array, position = self._arrays.place(words, index)
        value: np.uint64
        if position in array.constant or self._running is None:
            value = array.words[position]
        else:
            value = self._access(Request("load", array.first + position, array.words, position, ordering))
        return value

    def store(self, words: Words, index: SupportsIndex, value: int | np.uint64, ordering: Ordering) -> None:
        """As the base class, at this thread's turn."""
        array, position = self._arrays.place(words, index)
        stored = int(value) & MASK
        if self._running is None:
            array.words[position] = stored
        else:
            self._access(Request("store", array.first + position, array.words, position, ordering, value=stored))

    def update(
        self, words: Words, index: SupportsIndex, operation: Callable[[int], int], ordering: Ordering
    ) -> np.uint64:
        """As the base class, at this thread's turn."""
        array, position = self._arrays.place(words, index)
        if self._running is None:
            return super().update(array.words, position, operation, ordering)
        request = Request("update", array.first + position, array.words, position, ordering, change=operation)
        old: np.uint64 = self._access(request)
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
        array, position = self._arrays.place(words, index)
        if self._running is None:
            return super().compare_and_swap(array.words, position, expected, desired, success, failure)
        wanted, replaced_by = int(expected) & MASK, int(desired) & MASK

        def change(old: int) -> int | None:
            return replaced_by if old == wanted else None

        location = array.first + position
        request = Request("compare-and-swap", location, array.words, position, success, failure, change=change)
        return int(self._access(request)) == wanted

    def fence(self, ordering: Ordering) -> None:
        """As the base class; whether it needs a turn is the memory model's to say."""
        if self._running is not None:
            self._access(Request("fence", FULL_FENCES, ordering=ordering))

    def pause(self) -> None:
        """Hold this thread until going round its loop again could bring something new."""
        thread = self._running
        if thread is None:
            return
        if request := self._model.pause(thread.number):
            self._access(request)
        elif not self._model.watched(thread.number):
            self._go_round(thread)

    def _go_round(self, thread: Thread) -> None:
        """Look whether a thread that has changed memory since it last paused finds everything as it was before."""
        yet_to_begin = [each.number for each in self.threads if not each.greenlet and not each.greenlet.dead]
        others = [actor for actor in (*self.enabled(), *yet_to_begin) if actor != thread.number]
        last_steps = {actor: self._last_step.get(actor, 0) for actor in others}
        kept_out = self._rounds.kept_out(self._state(thread), self.steps, last_steps)
        if kept_out:
            self._held[thread.number] = kept_out
            self.has_held = True
        elif kept_out is not None:
            raise LivelockError(f"thread {thread.number} and the others are back where they were: nobody gets on")

    def _state(self, running: Thread) -> Hashable:
        """Everything that decides how the run may go on."""
        frames = [sys._getframe() if each is running else each.greenlet.gr_frame for each in self.threads]
        positions = tuple(position(frame, without=__name__) for frame in frames)
        pending = tuple(
            (request.operation, request.location, request.value)
            if (request := each.pending) is not None and each is not running
            else None
            for each in self.threads
        )
        words = tuple(array.words.tobytes() for array in self._arrays)
        return words, self._model.state(running.number), positions, pending

    def yield_thread(self) -> None:
        """As `pause`."""
        self.pause()

    def mark(self, operation: str, note: str, result: Hashable = None) -> Any:
        """Record a "call" or a "return", with its result, in the history; when it was, a `memory_model.Moment`.

        It may be filled in later: moments are to be compared when all threads have ended.
        """
        moment = self._model.new_moment()
        self._access(Request(operation, HISTORY, note=note, moment=moment))
        assert self._running is not None
        self.marks.append((self._running.number, operation, moment))
        return moment


def _described(turn: Turn) -> str:
    what = "thread" if turn.actor >= 0 else "the store buffer of thread"
    return f"{what} {thread_of(turn.actor)}" + (f" with option {turn.option}" if turn.option else "")
