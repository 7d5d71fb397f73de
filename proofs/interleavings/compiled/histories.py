"""From an outcome back to a history of operations, for the check of linearizability.

An outcome says of each call how many operations each thread had returned from before it. Which operation had returned
before which was called is all that linearizability depends on, and it is the same in runs that are equivalent. So each
different history is checked once, however many runs show it.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from proofs.interleavings.compiled.kernel_program import Outcome
from proofs.interleavings.linearizability import NotLinearizableError, Operation, Specification, State, linearization

Description: TypeAlias = Callable[[int], tuple[str, tuple[Hashable, ...], Hashable]]
"""What an operation was, by its result word: name, arguments, result."""


def history(outcome: Outcome, described: Sequence[Sequence[Description]]) -> list[Operation]:
    """The operations of all threads, with moments that put them into the order in which they were."""
    called: dict[tuple[int, int], int] = {}
    ended: dict[tuple[int, int], int] = {}
    begun, returned = [0] * len(described), [0] * len(described)
    while sum(returned) < sum(map(len, described)):
        moment = len(called) + len(ended)
        calling = _next_call(outcome, described, begun, returned)
        if calling is not None:
            called[calling, begun[calling]] = moment
            begun[calling] += 1
        else:
            ending = _next_return(outcome, described, begun, returned)
            ended[ending, returned[ending]] = moment
            returned[ending] += 1
    return [
        Operation(thread, *describe(outcome.results[thread][place]), called[thread, place], ended[thread, place])
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
        end = max(operation.returned for operation in operations)
        operations.append(Operation(-1, left[0], (), left[1], end + 1, end + 2))
    if linearization(operations, specification) is None:
        raise NotLinearizableError(f"no sequential order explains {'; '.join(map(str, operations))}")


def _next_call(
    outcome: Outcome, described: Sequence[Sequence[Description]], begun: list[int], returned: list[int]
) -> int | None:
    """A thread between two operations whose next call came before any further return."""
    for thread, operations in enumerate(described):
        idle = begun[thread] == returned[thread] < len(operations)
        if idle and outcome.calls[thread][begun[thread]] == tuple(returned):
            return thread
    return None


def _next_return(
    outcome: Outcome, described: Sequence[Sequence[Description]], begun: list[int], returned: list[int]
) -> int:
    """A thread inside an operation that returned before all calls that are still to come."""
    for thread in range(len(described)):
        coming = (
            outcome.calls[other][place]
            for other, operations in enumerate(described)
            for place in range(begun[other], len(operations))
        )
        if begun[thread] > returned[thread] and all(counts[thread] > returned[thread] for counts in coming):
            return thread
    raise ValueError("the calls do not belong to any order of calls and returns")
