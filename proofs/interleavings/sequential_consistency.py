"""Sequential consistency: one memory, on which each access acts at once.

A thread that pauses in a waiting loop is held until another one changes a word that the loop has read: going
round again sooner would read the same values.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastpath.memory import MASK
from proofs.interleavings.access import Access, Mode, Wait
from proofs.interleavings.memory_model import Known, MemoryModel, Moment, Progress
from proofs.interleavings.request import Request

ONE_OPTION: Sequence[Hashable] = (0,)


class Changed(NamedTuple):
    """The last change of a word.

    Attributes:
        step: at which it was made.
        thread: that made it.
        before: the step of the last change by another thread than that.
    """

    step: int
    thread: int
    before: int

    def by_others(self, thread: int) -> int:
        """The step of the last change by another thread than the given one."""
        return self.before if thread == self.thread else self.step


_NEVER = Changed(0, 0, 0)


@dataclass
class StepMoment(Moment):
    """A moment as the number of a step."""

    step: int = 0

    def __lt__(self, other: "StepMoment") -> bool:
        return self.step < other.step


class SequentialConsistency(MemoryModel):
    """The memory is the arrays themselves."""

    def __init__(self, threads: int, name: Callable[[int], str]) -> None:
        super().__init__(threads, name)
        self._changed: dict[int, Changed] = {}
        self._read_at: list[dict[int, int]] = [{} for _ in self._threads]
        self._waits: list[tuple[Wait, ...]] = [() for _ in self._threads]
        self._has_changed_memory = [False for _ in self._threads]

    def is_local(self, thread: int, request: Request) -> bool:
        return request.operation == "fence"

    def options(self, thread: int, request: Request) -> Sequence[Hashable]:
        return ONE_OPTION if self._goes_on(thread) else ()

    def _goes_on(self, thread: int) -> bool:
        """Whether a thread has not paused, or something has changed since for which it waits."""
        waits = self._waits[thread]
        return not waits or any(self._has_changed(thread, *wait) for wait in waits)

    def _has_changed(self, thread: int, location: int, since: int) -> bool:
        """Whether another thread has changed a word since a step."""
        return self._changed.get(location, _NEVER).by_others(thread) > since

    def is_immediate(self, thread: int, request: Request) -> bool:
        return not self._waits[thread]

    def perform(self, thread: int, request: Request, option: int, step: int) -> tuple[Access, Any]:
        operation, location, words, position = request[:4]
        if words is None:
            return self._mark(thread, request, step), np.uint64(0)
        value = words[position]
        before = after = int(value)
        if operation == "store":
            after = request.value
        elif request.change is not None:
            changed = request.change(before)
            after = before if changed is None else changed & MASK
        mode = Mode.WRITE if after != before else Mode.READ
        if mode is Mode.WRITE:
            words[position] = after
        access = Access(operation, location, mode, self._waits[thread], before, after)
        self._waits[thread] = ()
        self._note(thread, location, before != after, step)
        return access, value

    def _note(self, thread: int, location: int, changed: bool, step: int) -> None:
        """Remember what a thread has read, and what it has changed, for waiting."""
        if changed:
            self._note_change(thread, location, step)
            self._has_changed_memory[thread] = True
        else:
            self._read_at[thread].setdefault(location, step)

    def _note_change(self, thread: int, location: int, step: int) -> None:
        self._changed[location] = Changed(step, thread, self._changed.get(location, _NEVER).by_others(thread))

    def _mark(self, thread: int, request: Request, step: int) -> Access:
        """A return and a call are never taken for exchangeable; a fence does nothing here.

        So what had returned before something else was called has so in every run that is explored in place of this one.
        """
        if request.operation == "fence":
            return Access("fence", request.location, Mode.OWN)
        request.moment.step = step
        mode = Mode.READ if request.operation == "call" else Mode.APPEND
        waits, self._waits[thread] = self._waits[thread], ()
        return Access(request.operation, request.location, mode, waits, note=request.note)

    def pause(self, thread: int) -> Request | None:
        if self._has_changed_memory[thread]:
            self._waits[thread] = ()
        elif self._read_at[thread]:
            self._waits[thread] = tuple(Wait(*entry) for entry in self._read_at[thread].items())
        self._read_at[thread] = {}
        self._has_changed_memory[thread] = False
        return None

    def watched(self, thread: int) -> Sequence[int]:
        return [wait.location for wait in self._waits[thread]]

    def progress(self, thread: int) -> Progress:
        would_watch = self._would_watch(thread)
        return Progress(
            is_held=not self._goes_on(thread),
            waits=self.watched(thread),
            has_read=tuple(self._read_at[thread]),
            goes_round=would_watch is None or would_watch is True,
        )

    def state(self, thread: int) -> Hashable:
        return tuple(
            tuple((wait.location, self._has_changed(each, *wait)) for wait in waits)
            for each, waits in enumerate(self._waits)
        )

    def saved(self) -> Any:
        return (
            self._changed.copy(),
            [read.copy() for read in self._read_at],
            self._waits.copy(),
            self._has_changed_memory.copy(),
        )

    def restore(self, saved: Any) -> None:
        changed, read_at, waits, has_changed_memory = saved
        self._changed = changed.copy()
        self._read_at = [read.copy() for read in read_at]
        self._waits, self._has_changed_memory = waits.copy(), has_changed_memory.copy()

    def key(self, live: Sequence[int], known: Known) -> Hashable:
        """What each thread waits for, and would wait for if it paused now. Has one of those changed, it would not."""
        return tuple((self._watches(thread, self._waits[thread]), self._would_watch(thread)) for thread in live)

    def _would_watch(self, thread: int) -> Hashable:
        if self._has_changed_memory[thread]:
            return None
        return self._watches(thread, self._read_at[thread].items())

    def _watches(self, thread: int, waits: Iterable[tuple[int, int]]) -> Hashable:
        """The locations, or whether a change of one of them has come already."""
        if any(self._has_changed(thread, *wait) for wait in waits):
            return True
        return tuple(sorted(location for location, _ in waits))

    def is_over(self, moment: StepMoment) -> bool:
        return moment.step > 0

    def new_moment(self) -> StepMoment:
        return StepMoment()

    def settle(self) -> None:
        """The arrays are the memory."""
