"""x86-TSO: one memory, and before it for each thread a store buffer (Sewell et al., CACM 2010).

A store, whatever its ordering, goes into the thread's own buffer; the buffer drains into memory in order, one entry a
step, at any time. A load takes the newest entry for its word from the thread's own buffer, and memory's word otherwise.
Locked operations (update, compare-and-swap) and full fences wait until the buffer is empty. Other fences do nothing. A
fence after a pause waits for no change: that does the next access.

The return of an operation is buffered behind its stores: an operation is over when all it has stored is there for all.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from fastpath.memory import Ordering
from proofs.interleavings.access import Access, Mode
from proofs.interleavings.memory_model import Known, Progress
from proofs.interleavings.request import Request
from proofs.interleavings.sequential_consistency import ONE_OPTION, SequentialConsistency

_BUFFERED = ("store", "return")


def _is_barrier(request: Request) -> bool:
    """Whether a request waits until the buffer is empty."""
    return request.change is not None or (request.operation == "fence" and request.ordering is Ordering.FULL)


class StoreBuffers(SequentialConsistency):
    """The memory is the arrays, behind a first-in-first-out buffer a thread."""

    def __init__(self, threads: int, name: Callable[[int], str]) -> None:
        super().__init__(threads, name)
        self._buffers: list[deque[tuple[Request, int]]] = [deque() for _ in self._threads]
        self._drained_at = [0 for _ in self._threads]
        self._drained_before = [0 for _ in self._threads]

    def is_local(self, thread: int, request: Request) -> bool:
        if request.operation in _BUFFERED:
            return not self._waits[thread]
        return request.operation == "fence" and not (request.ordering is Ordering.FULL and self._buffers[thread])

    def options(self, thread: int, request: Request) -> Sequence[Hashable]:
        if self._buffers[thread] and _is_barrier(request):
            return ()
        return ONE_OPTION if request.operation == "fence" else super().options(thread, request)

    def is_immediate(self, thread: int, request: Request) -> bool:
        if self._buffers[thread] and _is_barrier(request):
            return False
        return request.operation == "fence" or super().is_immediate(thread, request)

    def acts_later(self, request: Request) -> bool:
        return request.operation == "store"

    def perform_private(self, thread: int, request: Request, step: int) -> tuple[Access, Any]:
        """Past the buffer: nobody else sees when a store to a private word arrives.

        All stores to such a word go by, also one that had to wait: a load that looks behind the buffer finds them.
        """
        access, value = super().perform(thread, request, 0, step)
        self._has_changed_memory[thread] |= request.operation == "store"  # as in the buffer, whatever is stored
        self._note_barrier(thread, request)
        return self._after_barrier(thread, access), value

    def perform(self, thread: int, request: Request, option: int, step: int) -> tuple[Access, Any]:
        if request.operation in _BUFFERED:
            self._buffers[thread].append((request, step))
            self._has_changed_memory[thread] |= request.operation == "store"
            waits, self._waits[thread] = self._waits[thread], ()
            note = f"buffers {request.note or hex(request.value)}"
            access, value = Access(request.operation, request.location, Mode.OWN, waits, note=note), None
        elif request.operation == "load" and (stored := self._newest(thread, request.location)) is not None:
            access, value = self._forward(thread, request, stored, step)
        else:
            access, value = super().perform(thread, request, option, step)
        self._note_barrier(thread, request)
        return self._after_barrier(thread, access), value

    def _after_barrier(self, thread: int, access: Access) -> Access:
        drained = self._drained_before[thread]
        return access._replace(causes=(drained,)) if drained else access

    def _note_barrier(self, thread: int, request: Request) -> None:
        """What follows a barrier comes after the drain that emptied the buffer, also if the barrier had no turn."""
        if _is_barrier(request):
            self._drained_before[thread] = self._drained_at[thread]

    def _newest(self, thread: int, location: int) -> int | None:
        newest: Request | None = next((e for e, _ in reversed(self._buffers[thread]) if e.location == location), None)
        return None if newest is None else newest.value

    def _forward(self, thread: int, request: Request, value: int, step: int) -> tuple[Access, Any]:
        """A load from the own buffer; the drain of what it reads may come first, see `access.own_drain_and_load`."""
        access = Access("load", request.location, Mode.READ, self._waits[thread], value, value)
        self._waits[thread] = ()
        self._note(thread, request.location, changed=False, step=step)
        return access, np.uint64(value)

    def drainable(self) -> Sequence[int]:
        return [thread for thread in self._threads if self._buffers[thread]]

    def oldest_buffered(self, thread: int) -> int | None:
        return self._buffers[thread][0][0].location if self._buffers[thread] else None

    def progress(self, thread: int) -> Progress:
        buffered = tuple(request for request, _ in self._buffers[thread])
        return super().progress(thread)._replace(has_buffer=True, buffered=buffered)

    def state(self, thread: int) -> Hashable:
        return super().state(thread), self._buffered()

    def saved(self) -> Any:
        buffers = [buffer.copy() for buffer in self._buffers]
        return super().saved(), buffers, self._drained_at.copy(), self._drained_before.copy()

    def restore(self, saved: Any) -> None:
        memory, buffers, drained_at, drained_before = saved
        super().restore(memory)
        self._buffers = [buffer.copy() for buffer in buffers]
        self._drained_at, self._drained_before = drained_at.copy(), drained_before.copy()

    def key(self, live: Sequence[int], known: Known) -> Hashable:
        return super().key(live, known), self._buffered()

    def _buffered(self) -> Hashable:
        return tuple(
            tuple((request.operation, request.location, request.value) for request, _ in buffer)
            for buffer in self._buffers
        )

    def drain(self, thread: int, step: int) -> Access:
        request, stored_at = self._buffers[thread].popleft()
        self._drained_at[thread] = step
        causes = (stored_at,) if stored_at else ()
        if request.operation == "return":
            request.moment.step = step
            return Access("return", request.location, Mode.APPEND, note=request.note, causes=causes)
        assert request.words is not None
        before = int(request.words[request.position])
        request.words[request.position] = request.value
        if before != request.value:
            self._note_change(thread, request.location, step)
        mode = Mode.WRITE if before != request.value else Mode.READ
        return Access("drain", request.location, mode, (), before, request.value, causes=causes)
