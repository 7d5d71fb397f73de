"""Frames of any length, anywhere, that kernels write to, over the theory of integers.

Nothing is known of a frame but where it begins and ends and where its headers are: everything is read and written at
known distances from one place, the origin. So bytes that are not written stay what they are, however many there are.
Whatever is read demands to lie in the frame, whatever is written in the frame or in the room in front of it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import z3

from fastpath import atomics
from proofs.smt.expressions import Effect, Intrinsic
from proofs.smt.frames import SymbolicFrame
from proofs.smt.machine import Machine
from proofs.smt.octet_integers import OctetIntegers
from proofs.smt.source import UnsupportedConstruct
from proofs.smt.theory import Demand
from proofs.smt.values import Kind, Number, Term, Value, kind_of

BYTE_AT = z3.Function("byte", z3.IntSort(), z3.IntSort())
"""What a frame holds at first, by the distance from the origin."""


def theory_of(machine: Machine) -> OctetIntegers:
    """The theory of a machine, which must know bytes."""
    assert isinstance(machine.theory, OctetIntegers), "frames that are written need a theory of bytes"
    return machine.theory


def octets_of(machine: Machine, term: Term, count: int) -> list[Term]:
    """The lowest `count` bytes of a number, the least significant first."""
    theory = theory_of(machine)
    known = theory.octets(term)
    if known is not None:
        return [known[place] if place < len(known) else z3.IntVal(0) for place in range(count)]
    if (term, count) not in theory.lowest:
        name = machine.new_name("bytes of a number")
        octets, rest = [z3.Int(f"{name} {place}") for place in range(count)], z3.Int(f"{name}, the rest")
        for octet in octets:
            machine.define(z3.And(octet >= 0, octet < 256))
        # Every number is this of some bytes and some rest, so that nothing is assumed about it.
        machine.define(term == z3.Sum([256**place * octet for place, octet in enumerate([*octets, rest])]))
        theory.lowest[term, count] = octets
    return theory.lowest[term, count]


class WrittenFrame(SymbolicFrame):
    """A frame of which bytes are read and written at known distances from an origin.

    Attributes:
        start, length: of the frame.
        origin: what distances count from.
        sure: bytes from the origin on that are assumed to be in the frame, so that nobody need be asked.
        room: bytes in front of the frame that may be written.
        written: the bytes that were written, and those that were known at first, by distance.
    """

    def __init__(self, machine: Machine, start: Term, length: Term, origin: Term, sure: int, room: int) -> None:
        self.machine = machine
        self.start = start
        self.length = length
        self.origin = origin
        self.sure = sure
        self.room = room
        self.written: dict[int, Term] = {}
        super().__init__(lambda offset: self.at(self.distance(offset)), start + length, start)

    def at(self, distance: int) -> Term:
        """The byte at a distance from the origin."""
        if distance not in self.written:
            octet = BYTE_AT(z3.IntVal(distance))
            self.machine.define(z3.And(octet >= 0, octet < 256))
            return octet
        return self.written[distance]

    def distance(self, offset: Term) -> int:
        """How far an offset is from the origin. Raises UnsupportedConstruct where that is not known."""
        distance = z3.simplify(offset - self.origin)
        if not z3.is_int_value(distance):
            raise UnsupportedConstruct(f"an offset that is not at a known distance from the headers: {offset}")
        return int(distance.as_long())

    def copy(self) -> "WrittenFrame":
        """The frame as it is now."""
        copy = WrittenFrame(self.machine, self.start, self.length, self.origin, self.sure, self.room)
        copy.written = dict(self.written)
        return copy

    def inside(self, first: int, count: int, room: int = 0) -> Term:
        """Whether `count` bytes at a distance from the origin are in the frame, or in the room in front of it."""
        if first >= 0 and first + count <= self.sure:
            return z3.BoolVal(True)
        begins = self.origin + first
        return z3.And(begins >= self.start - room, begins + count <= self.end)

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """See `SymbolicFrame.load`."""
        first = self.distance(offset)
        demand(self.inside(first, count), "the bytes read are inside the frame")
        octets = [self.at(first + count - 1 - place) for place in range(count)]
        return theory_of(self.machine).compose(octets)

    def store(self, offset: Term, octets: list[Term], guard: Term, demand: Demand) -> None:
        """Replace bytes from an offset on, wherever the guard holds."""
        first = self.distance(offset)
        inside = self.inside(first, len(octets), self.room)
        demand(inside, "the bytes written are inside the frame or the room in front of it")
        for distance, octet in enumerate(octets, first):
            self.written[distance] = octet if z3.is_true(guard) else z3.If(guard, octet, self.at(distance))


def _load(count: int) -> Intrinsic:
    def load(machine: Machine, demand: Demand, frame: WrittenFrame, offset: Value) -> Value:
        kind = kind_of(offset)
        assert kind is not None
        term = frame.load(machine.term(offset, kind), count, demand)
        return np.uint64(term.as_long()) if z3.is_int_value(term) else Number(term, Kind.WORD)

    return load


def _store(count: int, order: str) -> Effect:
    def store(machine: Machine, demand: Demand, guard: Term, frame: WrittenFrame, offset: Value, value: Value) -> None:
        kind = kind_of(offset)
        assert kind is not None
        octets = octets_of(machine, machine.term(value, Kind.WORD), count)
        frame.store(machine.term(offset, kind), octets[::-1] if order == "big" else octets, guard, demand)

    return Effect(store)


FRAME_ACCESSORS: Mapping[Any, Intrinsic | Effect] = {
    atomics.load_u8: _load(1),
    atomics.load_be16: _load(2),
    atomics.load_be32: _load(4),
    atomics.load_be64: _load(8),
    atomics.store_u8: _store(1, "big"),
    atomics.store_be16: _store(2, "big"),
    atomics.store_be32: _store(4, "big"),
    atomics.store_be64: _store(8, "big"),
    atomics.store_le16: _store(2, "little"),
    atomics.store_le32: _store(4, "little"),
    atomics.store_le64: _store(8, "little"),
}
"""What the accessors of `fastpath.atomics` do to a `WrittenFrame`."""
