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
from proofs.smt.values import WORD_BITS, Kind, Number, Term, Value, kind_of


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


def known_length(machine: Machine, length: int) -> tuple[SymbolicFrame, list[str]]:
    """A frame of `length` bytes over the theory of bit-vectors, and the names of its unknown bytes.

    A byte at an offset that is not known is chosen by the bits of the offset, a balanced tree that z3 handles far
    better than an array or a chain of comparisons.
    """
    names = [f"byte {offset}" for offset in range(length)]
    members = [machine.word(name, below=256).term for name in names]

    def byte(offset: Term) -> Term:
        offset = z3.simplify(offset)
        if z3.is_bv_value(offset):
            known = offset.as_long()
            return members[known] if known < length else members[-1]
        return _chosen(members, offset, (length - 1).bit_length())

    return SymbolicFrame(byte, z3.BitVecVal(length, WORD_BITS)), names


def any_length(machine: Machine, first: Term, end: Term) -> SymbolicFrame:
    """A frame over the theory of integers of which nothing is known but where it begins and ends."""
    function = z3.Function("byte", z3.IntSort(), z3.IntSort())

    def byte(offset: Term) -> Term:
        machine.define(z3.And(function(offset) >= 0, function(offset) < 256))
        return function(offset)

    return SymbolicFrame(byte, end, first)


def _chosen(members: list[Term], offset: Term, bits: int) -> Term:
    """The member whose number the low `bits` bits of `offset` are; the last one where there is none."""
    if bits == 0 or len(members) == 1:
        return members[0]
    half = 1 << (bits - 1)
    low, high = members[:half], members[half:] or members[-1:]
    if len(members) <= half:
        return _chosen(members, offset, bits - 1)
    upper = z3.Extract(bits - 1, bits - 1, offset) == 1
    return z3.If(upper, _chosen(high, offset, bits - 1), _chosen(low, offset, bits - 1))
