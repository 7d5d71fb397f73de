"""The explorer's scheduler, with somebody who looks at every access that is made.

Production knows nothing of this: a compiled kernel's accesses are machine instructions, and the same source interpreted
reaches words through the `fastpath.memory.Memory` in force, which is this scheduler here.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from fastpath.memory import Words
from proofs.interleavings.program import Instance
from proofs.interleavings.request import Request
from proofs.interleavings.scheduler import Scheduler
from proofs.refinement.event import Event

Log: TypeAlias = Callable[[Event], None]
"""What is told of each access after it was made; it may raise."""


class Recorder(Scheduler):
    """A run of an instance whose accesses to the arena are told to logs. Memory must be sequentially consistent."""

    def __init__(self, logs: Callable[[Words, int], Sequence[Log]], instance: Instance, *options: Any) -> None:
        super().__init__(instance, *options)
        self._arena = next(array for array in self._arrays if array.name == "words")
        self._logs = logs(self._arena.words, len(self.threads))

    def _access(self, request: Request) -> Any:
        assert self._running is not None
        thread = self._running.number
        value = super()._access(request)
        event = self._event(thread, request, value)
        for log in self._logs:
            log(event)
        return value

    def _event(self, thread: int, request: Request, value: Any) -> Event:
        in_arena = request.words is not None and self._arena.words is request.words
        place = request.position if in_arena else -1
        before = int(value) if request.words is not None and value is not None else 0
        after = before
        if request.operation == "store":
            after = request.value
        elif request.change is not None:
            changed = request.change(before)
            after = before if changed is None else changed & (1 << 64) - 1
        return Event(thread, request.operation, place, request.ordering, before, after, request.note)
