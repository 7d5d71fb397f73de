"""Memory as compiled code sees it: separate regions of bytes, which LLVM's `noalias` and the callers keep apart.

Paths are not told apart: a store keeps the former bytes wherever its own path is not taken. Every access demands to lie
inside its region.
"""

from typing import Protocol

import z3

from proofs.smt.chosen import element
from proofs.smt.lookups import Lookups
from proofs.smt.theory import Demand
from proofs.smt.values import Term, conjunction

ADDRESS_BITS = 64


class Region(Protocol):
    """Memory from offset 0 to below a size."""

    name: str

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """`count` bytes as one number, the first byte lowest."""

    def store(self, offset: Term, value: Term, guard: Term, demand: Demand) -> None:
        """Replace bytes by those of a number, the lowest first, where the guard holds."""


class Octets:
    """A region of bytes, as terms of 8 bits."""

    def __init__(self, name: str, octets: list[Term]) -> None:
        self.name = name
        self.octets = octets

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """See `Region.load`."""
        offset = inside(self.name, len(self.octets), offset, count, demand)
        return _joined([element(self.octets, z3.simplify(offset + place)) for place in range(count)])

    def store(self, offset: Term, value: Term, guard: Term, demand: Demand) -> None:
        """See `Region.store`."""
        offset = inside(self.name, len(self.octets), offset, value.size() // 8, demand)
        for place, octet in enumerate(octets_of(value)):
            for at in range(len(self.octets)):
                here = z3.simplify(conjunction(guard, offset + place == at))
                self.octets[at] = _guarded(here, octet, self.octets[at])


class Words:
    """A region of words, as terms of 64 bits. Where an offset is not known, a whole word must begin there."""

    def __init__(self, name: str, words: list[Term]) -> None:
        self.name = name
        self.words = words

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """See `Region.load`."""
        offset = inside(self.name, 8 * len(self.words), offset, count, demand)
        if not z3.is_bv_value(offset):
            return element(self.words, self._place(offset, count, demand))
        place, skipped = divmod(offset.as_long(), 8)
        words = self.words[place : place + (skipped + count + 7) // 8]
        if 8 * len(words) < skipped + count:
            return z3.BitVecVal(0, 8 * count)  # outside; that this is not reached has been demanded
        together = words[0] if len(words) == 1 else z3.Concat(*reversed(words))
        return z3.simplify(z3.Extract(8 * (skipped + count) - 1, 8 * skipped, together))

    def store(self, offset: Term, value: Term, guard: Term, demand: Demand) -> None:
        """See `Region.store`."""
        count = value.size() // 8
        offset = inside(self.name, 8 * len(self.words), offset, count, demand)
        if not z3.is_bv_value(offset):
            place = self._place(offset, count, demand)
            for at in range(len(self.words)):
                self.words[at] = _guarded(conjunction(guard, place == at), value, self.words[at])
            return
        place, skipped = divmod(offset.as_long(), 8)
        if place >= len(self.words):
            return
        if count == 8 and skipped == 0:
            self.words[place] = _guarded(guard, value, self.words[place])
            return
        for at, octet in enumerate(octets_of(value), start=offset.as_long()):
            octets = octets_of(self.words[at // 8])
            octets[at % 8] = octet
            self.words[at // 8] = _guarded(guard, _joined(octets), self.words[at // 8])

    def _place(self, offset: Term, count: int, demand: Demand) -> Term:
        """Number of the word that begins at an offset."""
        aligned = z3.And(z3.Extract(2, 0, offset) == 0, count == 8)
        demand(z3.simplify(aligned), f"whole words of {self.name} are read and written where one begins")
        return z3.simplify(z3.LShR(offset, 3))


class Table(Words):
    """A constant table of 64-bit words; see `proofs.smt.lookups`."""

    def __init__(self, name: str, content: bytes, lookups: Lookups) -> None:
        self.content = [int.from_bytes(content[at : at + 8], "little") for at in range(0, len(content) - 7, 8)]
        super().__init__(name, [z3.BitVecVal(word, ADDRESS_BITS) for word in self.content])
        self.lookups = lookups

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """See `Region.load`."""
        if z3.is_bv_value(z3.simplify(offset)):
            return super().load(offset, count, demand)
        offset = inside(self.name, 8 * len(self.words), offset, count, demand)
        return self.lookups.word(self.content, self._place(offset, count, demand))

    def store(self, offset: Term, value: Term, guard: Term, demand: Demand) -> None:
        """Refused: a constant."""
        demand(z3.BoolVal(False), f"{self.name} is not written")


def inside(name: str, size: int, offset: Term, count: int, demand: Demand) -> Term:
    """An offset, of which it is demanded that `count` bytes from it on lie below a size."""
    offset = z3.simplify(offset)
    fits = z3.ULE(offset, size - count) if count <= size else z3.BoolVal(False)
    demand(z3.simplify(fits), f"{count} bytes of {name} are inside it")
    return offset


def octets_of(value: Term) -> list[Term]:
    """The bytes of a number, the lowest first."""
    return [z3.simplify(z3.Extract(low + 7, low, value)) for low in range(0, value.size(), 8)]


def _joined(octets: list[Term]) -> Term:
    return octets[0] if len(octets) == 1 else z3.simplify(z3.Concat(*reversed(octets)))


def _guarded(guard: Term, new: Term, old: Term) -> Term:
    if z3.is_true(guard):
        return new
    return old if z3.is_false(guard) else z3.If(guard, new, old)
