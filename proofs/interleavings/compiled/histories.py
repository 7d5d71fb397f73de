"""From an outcome back to a history of operations, for the check of linearizability.

An outcome says of each call how many operations each thread had returned from before it. Which operation had returned
before which was called is all that linearizability depends on, and it is the same in runs that are equivalent. So each
different history is checked once, however many runs show it.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from proofs.interleavings.compiled.kernel_program import Outcome
from proofs.interleavings.linearizability import NotLinearizableError, Operation, Specification, State, linearization

Description: TypeAlias = Callable[[int], tuple[str, tuple[Hashable, ...], Hashable]]
"""What an operation was, by its result word: name, arguments, result."""


@dataclass(frozen=True)
class Called:
    """The moment of a call: how many operations each thread had returned from before it."""

    returned: tuple[int, ...]


@dataclass(frozen=True)
class Returned:
    """The moment of the return of a thread's operation, numbered from 0."""

    thread: int
    number: int

    def __lt__(self, other: Called) -> bool:
        return self.number < other.returned[self.thread]


def history(outcome: Outcome, described: Sequence[Sequence[Description]]) -> list[Operation]:
    """The operations of all threads, with moments that say which had returned before which was called."""
    return [
        Operation(
            thread,
            *describe(outcome.results[thread][place]),
            Called(outcome.calls[thread][place]),
            Returned(thread, place),
        )
        for thread, operations in enumerate(described)
        for place, describe in enumerate(operations)
    ]


def check_history(
    outcome: Outcome,
    described: Sequence[Sequence[Description]],
    specification: Specification[State],
    left: tuple[str, Hashable] | None = None,
) -> None:
    """Raise NotLinearizableError unless one order explains the history, `left` being seen after everything."""
    operations = history(outcome, described)
    if left is not None:
        operations.append(Operation(-1, left[0], (), left[1], None, None))
    if linearization(operations, specification) is None:
        raise NotLinearizableError(f"no sequential order explains {'; '.join(map(str, operations))}")
