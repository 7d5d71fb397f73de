"""Packet bytes that are not known, and what the byte accessors of the fast path read from them.

Whatever is read demands to lie inside the frame.
"""

from collections.abc import Callable, Mapping
from typing import Any

import z3

from fastpath import atomics
from proofs.smt.expressions import Intrinsic
from proofs.smt.machine import Machine
from proofs.smt.theory import Demand
from proofs.smt.values import Kind, Number, Term, Value, kind_of


class SymbolicFrame:
    """Bytes from offset `first` to below `end`.

    Attributes:
        byte: the byte at an offset; a term from 0 to 255 as wide as the theory's numbers.
        first, end: terms.
    """

    def __init__(self, byte: Callable[[Term], Term], end: Term, first: Term | int = 0) -> None:
        self.byte = byte
        self.first = first
        self.end = end

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """`count` bytes in network order, as one number."""
        demand(z3.And(offset >= self.first, offset + count <= self.end), "the bytes read are inside the frame")
        value = self.byte(offset)
        for position in range(1, count):
            value = value * 256 + self.byte(offset + position)
        return value


def _load(count: int) -> Intrinsic:
    def load(machine: Machine, demand: Demand, frame: SymbolicFrame, offset: Value) -> Number:
        kind = kind_of(offset)
        if kind is None:
            raise TypeError(f"an offset must be a number, not {offset!r}")
        return Number(frame.load(machine.term(offset, kind), count, demand), Kind.WORD)

    return load


BYTE_ACCESSORS: Mapping[Any, Intrinsic] = {
    atomics.load_u8: _load(1),
    atomics.load_be16: _load(2),
    atomics.load_be32: _load(4),
    atomics.load_be64: _load(8),
}
"""What the accessors of `fastpath.atomics` read from a `SymbolicFrame`."""


def any_length(machine: Machine, first: Term, end: Term) -> SymbolicFrame:
    """A frame over the theory of integers of which nothing is known but where it begins and ends."""
    function = z3.Function("byte", z3.IntSort(), z3.IntSort())

    def byte(offset: Term) -> Term:
        machine.define(z3.And(function(offset) >= 0, function(offset) < 256))
        return function(offset)

    return SymbolicFrame(byte, end, first)
