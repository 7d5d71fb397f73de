"""Frames of a known number of bytes, and arrays of words, that kernels read and write, over the theory of bit-vectors.

Whatever is read or written demands to lie inside.
"""

from collections.abc import Mapping
from typing import Any

import z3

from fastpath import atomics
from proofs.smt.chosen import element
from proofs.smt.expressions import Effect, Intrinsic, element_of
from proofs.smt.frames import BYTE_ACCESSORS, SymbolicFrame
from proofs.smt.machine import Machine
from proofs.smt.theory import Demand
from proofs.smt.values import WORD_BITS, Cells, Kind, Number, Term, Value, conjunction, kind_of


class OctetFrame(SymbolicFrame):
    """A frame of a known number of bytes over the theory of bit-vectors.

    Attributes:
        octets: the bytes, as terms of 8 bits; replaced by stores.
    """

    def __init__(self, octets: list[Term]) -> None:
        self.octets = octets
        super().__init__(self._byte, z3.BitVecVal(len(octets), WORD_BITS))

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """See `SymbolicFrame.load`."""
        offset = self.inside(offset, count, demand)
        octets = [element(self.octets, z3.simplify(offset + position)) for position in range(count)]
        together = z3.simplify(z3.Concat(octets)) if count > 1 else octets[0]
        return z3.ZeroExt(WORD_BITS - 8 * count, together) if count < WORD_BITS // 8 else together

    def store(self, offset: Term, octets: list[Term], guard: Term, demand: Demand) -> None:
        """Replace bytes from an offset on, wherever the guard holds."""
        offset = self.inside(offset, len(octets), demand)
        for position, octet in enumerate(octets):
            for at in _places(offset, position, len(self.octets)):
                here = guard if z3.is_bv_value(offset) else conjunction(guard, offset + position == at)
                self.octets[at] = octet if z3.is_true(here) else z3.If(here, octet, self.octets[at])

    def inside(self, offset: Term, count: int, demand: Demand) -> Term:
        """The offset, of which it is demanded that `count` bytes from it on are in the frame."""
        offset = z3.simplify(offset)
        fits = z3.ULE(offset, len(self.octets) - count) if count <= len(self.octets) else z3.BoolVal(False)
        demand(z3.simplify(fits), "the bytes are inside the frame")
        return offset

    def _byte(self, offset: Term) -> Term:
        return z3.ZeroExt(WORD_BITS - 8, element(self.octets, z3.simplify(offset)))


def _places(offset: Term, position: int, size: int) -> range:
    """Where in the frame a byte can come to lie."""
    if not z3.is_bv_value(offset):
        return range(position, size)
    at = offset.as_long() + position
    return range(at, min(at + 1, size))


def octet(machine: Machine, name: str) -> Term:
    """An unknown byte, as a term of 8 bits over the theory of bit-vectors."""
    term = z3.BitVec(name, 8)
    machine.unknowns.setdefault(name, Number(z3.ZeroExt(WORD_BITS - 8, term), Kind.WORD))
    return term


def known_length(machine: Machine, length: int) -> tuple[OctetFrame, list[str]]:
    """A frame of `length` bytes over the theory of bit-vectors, and the names of its unknown bytes."""
    names = [f"byte {offset}" for offset in range(length)]
    return OctetFrame([octet(machine, name) for name in names]), names


def _load_little(count: int) -> Intrinsic:
    def load(machine: Machine, demand: Demand, frame: OctetFrame, offset: Value) -> Number:
        kind = kind_of(offset)
        assert kind is not None
        number = frame.load(machine.term(offset, kind), count, demand)
        octets = [z3.Extract(low + 7, low, number) for low in range(0, 8 * count, 8)]
        return Number(
            z3.ZeroExt(WORD_BITS - 8 * count, z3.Concat(octets)) if count < 8 else z3.Concat(octets), Kind.WORD
        )

    return load


def _store(count: int, order: str) -> Effect:
    def store(machine: Machine, demand: Demand, guard: Term, frame: OctetFrame, offset: Value, value: Value) -> None:
        kind = kind_of(offset)
        assert kind is not None
        term = machine.term(value, Kind.WORD)
        octets = [z3.simplify(z3.Extract(low + 7, low, term)) for low in range(0, 8 * count, 8)]
        frame.store(machine.term(offset, kind), octets[::-1] if order == "big" else octets, guard, demand)

    return Effect(store)


BYTE_STORES: Mapping[Any, Intrinsic | Effect] = {
    atomics.store_u8: _store(1, "big"),
    atomics.store_be16: _store(2, "big"),
    atomics.store_be32: _store(4, "big"),
    atomics.store_be64: _store(8, "big"),
    atomics.store_le16: _store(2, "little"),
    atomics.store_le32: _store(4, "little"),
    atomics.store_le64: _store(8, "little"),
    atomics.load_le64: _load_little(8),
}
"""What the accessors of `fastpath.atomics` do to an `OctetFrame`."""


def _load_word(machine: Machine, demand: Demand, words: Cells, index: Value) -> Value:
    return element_of(machine, demand, words, index)


def _store_word(machine: Machine, _: Demand, guard: Term, words: Cells, index: Value, value: Value) -> None:
    words.members[index] = machine.choose(guard, value, words.members[index])


MEMORY: Mapping[Any, Intrinsic | Effect] = {
    **BYTE_ACCESSORS,
    **BYTE_STORES,
    atomics.load_plain: _load_word,
    atomics.store_plain: _store_word,
}
"""What kernels do to frames and to words that nobody else writes meanwhile."""
