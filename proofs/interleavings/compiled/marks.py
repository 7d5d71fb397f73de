"""Calls and returns as points of a run, in kernels of scenarios: the moments of a history of operations.

As for `fastpath.atomics`, each function has two lives: compiled, a turn without an access; interpreted, a mark of the
scheduler in force.
"""

from fastpath import memory
from fastpath.lowering import NOTHING, lowers_to
from proofs.interleavings.compiled import hooked
from proofs.interleavings.compiled.switch import Operation
from proofs.interleavings.scheduler import Scheduler


@lowers_to(hooked.mark(Operation.CALL), NOTHING)
def called() -> None:
    """This thread's next operation is called."""
    _mark("call")


@lowers_to(hooked.mark(Operation.RETURN), NOTHING)
def returned() -> None:
    """This thread's operation has returned."""
    _mark("return")


def _mark(operation: str) -> None:
    scheduler = memory.current
    assert isinstance(scheduler, Scheduler)
    scheduler.mark(operation, operation)
