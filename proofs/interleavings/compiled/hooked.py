"""The other set of lowerings: what `fastpath.atomics` becomes in a kernel whose threads are controlled.

This module stands in for `fastpath.lowering` when the text of `fastpath.atomics` is loaded for exploring. Each access
first calls `lockstep_access` with its address and kind, then does to the address that comes back what the production
lowering does. Everything that is not an access is the production lowering itself.
"""
# mypy: disallow-untyped-calls=False

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from fastpath import lowering
from fastpath.lowering import (
    BOOLEAN,
    NOTHING,
    Emitter,
    Frame,
    folded_product,
    lowers_to,
    memmove,
    prefetch,
    rotation,
    unaligned_load,
    unaligned_store,
)
from fastpath.memory import Ordering
from proofs.interleavings.compiled.switch import ACCESS, PAUSE, Operation, call_routine, kind_of

__all__ = [
    "BOOLEAN",
    "NOTHING",
    "Frame",
    "folded_product",
    "lowers_to",
    "memmove",
    "prefetch",
    "rotation",
    "unaligned_load",
    "unaligned_store",
]

_WORD = ir.IntType(64)
_ORDERINGS = {
    "monotonic": Ordering.RELAXED,
    "acquire": Ordering.ACQUIRE,
    "release": Ordering.RELEASE,
    "acq_rel": Ordering.ACQUIRE_RELEASE,
    "seq_cst": Ordering.FULL,
}


_NOTHING = ir.Constant(_WORD, 0)


def announce(builder: ir.IRBuilder, address: ir.Value, kind: int, expected: ir.Value = _NOTHING) -> ir.Value:
    """Wait for a turn to make an access; the address that it shall go to.

    `expected` is the value at which a compare-and-swap succeeds: what it may do depends on that.
    """
    return call_routine(builder, ACCESS, _WORD, address, ir.Constant(_WORD, kind), expected)


def mark(operation: Operation) -> Emitter:
    """A point of the history: a turn, and no access."""
    kind = kind_of(operation, Ordering.PLAIN)
    return lambda builder: announce(builder, _NOTHING, kind)


def _hooked(emit: Callable[..., Any], kind: int) -> Emitter:
    """An access of the word at an index: announced, then made where it shall go."""
    swaps = kind & 63 == Operation.COMPARE_AND_SWAP

    @functools.wraps(emit)
    def emitter(builder: ir.IRBuilder, words: ir.Value, index: ir.Value, *values: ir.Value) -> Any:
        address = builder.ptrtoint(builder.gep(words, [index]), _WORD)
        expected = values[0] if swaps else _NOTHING
        target = builder.inttoptr(announce(builder, address, kind, expected), words.type)
        return emit(builder, target, _NOTHING, *values)

    return emitter


plain_load = _hooked(lowering.plain_load, kind_of(Operation.LOAD, Ordering.PLAIN))
plain_store = _hooked(lowering.plain_store, kind_of(Operation.STORE, Ordering.PLAIN))


def atomic_load(ordering: str) -> Emitter:
    """As in production, at this thread's turn."""
    return _hooked(lowering.atomic_load(ordering), kind_of(Operation.LOAD, _ORDERINGS[ordering]))


def atomic_store(ordering: str) -> Emitter:
    """As in production, at this thread's turn."""
    return _hooked(lowering.atomic_store(ordering), kind_of(Operation.STORE, _ORDERINGS[ordering]))


def atomic_update(operation: str, ordering: str) -> Emitter:
    """As in production, at this thread's turn."""
    return _hooked(lowering.atomic_update(operation, ordering), kind_of(Operation.UPDATE, _ORDERINGS[ordering]))


def compare_exchange(success: str, failure: str) -> Emitter:
    """As in production, at this thread's turn."""
    kind = kind_of(Operation.COMPARE_AND_SWAP, _ORDERINGS[success], _ORDERINGS[failure])
    return _hooked(lowering.compare_exchange(success, failure), kind)


def fence(ordering: str) -> Emitter:
    """Announced and nothing else: one processor runs all threads, and the call keeps the compiler from moving accesses.

    Under sequential consistency a fence has no turn, see `switch.TURNS`.
    """
    return lambda builder: announce(builder, _NOTHING, kind_of(Operation.FENCE, _ORDERINGS[ordering]))


def spin_hint(builder: ir.IRBuilder) -> None:
    """Tell the scheduler that this thread waits."""
    call_routine(builder, PAUSE, ir.VoidType())


sched_yield = spin_hint
