"""Is a concurrent history explained by one sequential order? Wing and Gong's search, with memory.

A history is a set of operations, each with the moments of its call and its return. It is linearizable
when the operations can be put into one order that keeps every operation before those that were called
after it had returned, and in which a sequential specification gives the results that were seen
(Herlihy and Wing, TOPLAS 1990). The search (Wing and Gong, JPDC 1993) tries each operation that may come
next; pairs of operations done and state reached are remembered and not tried twice (Lowe, 2017).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastpath import memory
from proofs.interleavings.scheduler import Scheduler

State = TypeVar("State", bound=Hashable)


class NotLinearizableError(AssertionError):
    """No sequential order explains a history."""


@dataclass(frozen=True)
class Operation:
    """One operation of a history: what was asked, what came back, and when.

    `called` and `returned` are moments of one clock, with called < returned. They may be ordered in part only, such as
    by happens-before: then no thread can tell in which order operations were that are not ordered. An operation with
    `called` None comes after all others.
    """

    thread: int
    name: str
    arguments: tuple[Hashable, ...]
    result: Hashable
    called: Any
    returned: Any

    def precedes(self, other: "Operation") -> bool:
        """Whether this operation had returned before the other was called."""
        if self.called is None or other.called is None:
            return other.called is None and self is not other
        return bool(self.returned < other.called)

    def __str__(self) -> str:
        listed = ", ".join(map(str, self.arguments))
        return f"{self.name}({listed}) = {self.result} [{self.called}, {self.returned}] by {self.thread}"


class Specification(ABC, Generic[State]):
    """A sequential object, as the states that an operation may lead to.

    Attributes:
        initial: the state at the beginning.
    """

    initial: State

    @abstractmethod
    def after(self, state: State, operation: Operation) -> Iterable[State]:
        """The states in which `operation`, with the result it had, may leave the object.

        Nothing when the result is impossible in this state.
        """


def linearization(history: Sequence[Operation], specification: Specification[State]) -> list[Operation] | None:
    """A sequential order that explains the history, or None when there is none."""
    tried: set[tuple[int, State]] = set()
    everything = (1 << len(history)) - 1

    def search(done: int, state: State) -> list[Operation] | None:
        if done == everything:
            return []
        if (done, state) in tried:
            return None
        tried.add((done, state))
        left = [place for place in range(len(history)) if not done >> place & 1]
        for place in left:
            if any(history[other].precedes(history[place]) for other in left):
                continue
            for following in specification.after(state, history[place]):
                rest = search(done | 1 << place, following)
                if rest is not None:
                    return [history[place], *rest]
        return None

    return search(0, specification.initial)


class History:
    """Collects the operations of one run under a scheduler."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def local_state(self) -> Hashable:
        """What a thread knows by having it: nothing, for no thread looks into it."""
        return None

    def perform(
        self,
        thread: int,
        name: str,
        arguments: tuple[Hashable, ...],
        body: Callable[[], Hashable],
    ) -> Hashable:
        """Carry out one operation by `body`; call and return are steps of their own."""
        scheduler = memory.current
        assert isinstance(scheduler, Scheduler)
        listed = ", ".join(map(str, arguments))
        called = scheduler.mark("call", f"{name}({listed})")
        result = body()
        returned = scheduler.mark("return", f"{name}({listed}) = {result!s:.80}", result)
        self.operations.append(Operation(thread, name, arguments, result, called, returned))
        return result

    def add_last(self, name: str, result: Hashable) -> None:
        """Add an operation after all others, such as a look at what is left."""
        self.operations.append(Operation(-1, name, (), result, None, None))

    def results(self) -> tuple[Hashable, ...]:
        """Each thread's operations in its order, with their results: equal for runs that are equivalent."""
        ordered = sorted(self.operations, key=lambda operation: operation.thread)  # stable: each in its own order
        return tuple((operation.thread, operation.name, operation.result) for operation in ordered)

    def check(self, specification: Specification[State]) -> list[Operation]:
        """A sequential order that explains what was collected. Raises NotLinearizableError."""
        order = linearization(self.operations, specification)
        if order is None:
            listed = "; ".join(map(str, self.operations))
            raise NotLinearizableError(f"no sequential order explains {listed}")
        return order
