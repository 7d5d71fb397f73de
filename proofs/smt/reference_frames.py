"""Frames and headers that are not known, as the reference meets them when it changes and finishes a packet.

The reference is run by `proofs.smt.reexecution` on a `Buffer` in place of a `bytearray`: a frame of any length, read
and written around its headers. Pieces of known length are `Octets`, the rest of a frame is a `Tail`.
"""

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import z3

from proofs.smt.proxies import Integer, UnknownInt, integer, term_of
from proofs.smt.reexecution import Exploration
from proofs.smt.source import UnsupportedConstruct
from proofs.smt.values import Term
from proofs.smt.written_frames import WrittenFrame, octets_of, theory_of


class Octets:
    """A known number of bytes, as terms from 0 to 255, in their order."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, exploration: Exploration, terms: Sequence[Term]) -> None:
        self.exploration = exploration
        self.terms = list(terms)

    def __len__(self) -> int:
        return len(self.terms)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Octets(self.exploration, self.terms[place])
        return Octets(self.exploration, [self.terms[place]]).number()

    def __setitem__(self, place: slice, value: Any) -> None:
        self.terms[place] = octet_terms(value)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Tail):
            return Finished(self.terms, other)
        return Octets(self.exploration, [*self.terms, *octet_terms(other)])

    def __radd__(self, other: Any) -> "Octets":
        return Octets(self.exploration, [*octet_terms(other), *self.terms])

    def rjust(self, width: int, fill: bytes) -> "Octets":
        """As `bytes.rjust`."""
        return Octets(self.exploration, [*octet_terms(fill * (width - len(self))), *self.terms])

    def ljust(self, width: int, fill: bytes) -> "Octets":
        """As `bytes.ljust`."""
        return Octets(self.exploration, [*self.terms, *octet_terms(fill * (width - len(self)))])

    def number(self) -> Any:
        """The number that the bytes are in network order."""
        term = theory_of(self.exploration.machine).compose(self.terms[::-1])
        return integer(self.exploration, term)


class Tail:
    """A frame from some place in it to its end, as it is at one moment.

    Attributes:
        frame: the frame at that moment.
        first: distance of the first byte from the frame's origin.
        length: bytes.
    """

    def __init__(self, exploration: Exploration, frame: WrittenFrame, first: int, length: Term) -> None:
        self.exploration = exploration
        self.frame = frame
        self.first = first
        self.length = length


class Finished:
    """A finished frame: the headers put in front, and the frame behind them."""

    def __init__(self, headers: Sequence[Term], tail: Tail) -> None:
        self.headers = list(headers)
        self.tail = tail


class Buffer:
    """A frame in place of a `bytearray`; indices count from its beginning."""

    def __init__(self, exploration: Exploration, frame: WrittenFrame) -> None:
        self.exploration = exploration
        self.frame = frame
        self.length = frame.length

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return self.octets(index, 1, IndexError)[0]
        start = self._offset(0 if index.start is None else index.start)
        if index.stop is None:
            if not self.exploration.decide(self.frame.inside(self.frame.distance(start), 0)):
                raise UnsupportedConstruct("a slice that begins outside the frame")
            length = z3.simplify(self.frame.end - start)
            return Tail(self.exploration, self.frame.copy(), self.frame.distance(start), length)
        count = self.frame.distance(self._offset(index.stop)) - self.frame.distance(start)
        return self.octets(index.start or 0, count, UnsupportedConstruct)

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, slice):
            self.put(index, octet_terms_of(self.exploration, value, 1), IndexError)
            return
        count = self.frame.distance(self._offset(index.stop)) - self.frame.distance(self._offset(index.start))
        octets = octet_terms(value)
        if count != len(octets):
            raise UnsupportedConstruct("a frame that would change its length")
        self.put(index.start, octets, IndexError)

    def octets(self, index: Any, count: int, failure: type[Exception]) -> Octets:
        """`count` bytes from `index` on; raises `failure` where they are not all there."""
        distance = self._inside(index, count, failure)
        return Octets(self.exploration, [self.frame.at(distance + place) for place in range(count)])

    def put(self, index: Any, octets: Sequence[Term], failure: type[Exception]) -> None:
        """Replace bytes from `index` on; raises `failure` where they are not all there."""
        distance = self._inside(index, len(octets), failure)
        self.frame.written.update(enumerate(octets, distance))

    def _inside(self, index: Any, count: int, failure: type[Exception]) -> int:
        distance = self.frame.distance(self._offset(index))
        if not self.exploration.decide(self.frame.inside(distance, count)):
            raise failure
        return distance

    def _offset(self, index: Any) -> Term:
        return self.frame.start + term_of(index)


def octet_terms(value: Any) -> list[Term]:
    """Bytes, known or not, as terms."""
    return list(value.terms) if isinstance(value, Octets) else [z3.IntVal(octet) for octet in value]


def octet_terms_of(exploration: Exploration, value: Any, count: int) -> list[Term]:
    """A number as `count` bytes in network order. Raises `struct.error` where it does not fit."""
    term = term_of(value)
    if not exploration.decide(z3.And(term >= 0, term < 256**count)):
        raise struct.error(f"a number that does not fit {count} bytes")
    return octets_of(exploration.machine, term, count)[::-1]


# --- what the reference finds under the names it uses ---


def _fields(layout: str) -> list[tuple[int, bool]]:
    """Sizes of the fields of a layout in network order, and whether they are bytes."""
    found = []
    for count, kind in re.findall(r"(\d*)([a-zA-Z])", layout.removeprefix(">")):
        many = int(count or 1)
        found += [(many, True)] if kind == "s" else [(struct.calcsize(kind), False)] * many
    assert sum(size for size, _ in found) == struct.calcsize(layout), layout
    return found


class StructModule:
    """In place of the module `struct`, for layouts in network order."""

    error = struct.error

    def __init__(self, exploration: Exploration) -> None:
        self.exploration = exploration

    def pack(self, layout: str, *values: Any) -> Octets:
        """As `struct.pack`."""
        terms: list[Term] = []
        for (size, is_bytes), value in zip(_fields(layout), values, strict=True):
            terms += octet_terms(value) if is_bytes else octet_terms_of(self.exploration, value, size)
        return Octets(self.exploration, terms)

    def pack_into(self, layout: str, buffer: Any, offset: Any, *values: Any) -> None:
        """As `struct.pack_into`."""
        terms = self.pack(layout, *values).terms
        if isinstance(buffer, Buffer):
            buffer.put(offset, terms, struct.error)
        else:
            buffer[offset : offset + len(terms)] = Octets(self.exploration, terms)

    def unpack(self, layout: str, octets: Any) -> tuple[Any, ...]:
        """As `struct.unpack`."""
        found, at = [], 0
        for size, is_bytes in _fields(layout):
            part = Octets(self.exploration, octet_terms(octets)[at : at + size])
            found.append(part if is_bytes else part.number())
            at += size
        return tuple(found)

    def unpack_from(self, layout: str, buffer: Buffer, offset: Any = 0) -> tuple[Any, ...]:
        """As `struct.unpack_from`."""
        return self.unpack(layout, buffer.octets(offset, struct.calcsize(layout), struct.error))

    def Struct(self, layout: str) -> Any:  # noqa: N802 - as the class it stands for
        """As `struct.Struct`."""
        return SimpleNamespace(
            pack=lambda *values: self.pack(layout, *values),
            pack_into=lambda *arguments: self.pack_into(layout, *arguments),
            unpack=lambda octets: self.unpack(layout, octets),
            unpack_from=lambda buffer, offset=0: self.unpack_from(layout, buffer, offset),
        )


class IntegerOfBytes(Integer):
    """In place of `int`: reads unknown bytes, of which a number keeps knowing them."""

    @classmethod
    def from_bytes(cls, value: Any, *_: Any) -> Any:  # type: ignore[override]
        """The number that bytes are in network order."""
        return value.number() if isinstance(value, Octets) else int.from_bytes(value)


def _length(value: Any) -> Any:
    if isinstance(value, Buffer | Tail):
        return integer(value.exploration, value.length)
    return len(value)


class _Bytes(bytes):
    def __new__(cls, value: Any = b"") -> Any:
        return _snapshot(value) if isinstance(value, Octets | Tail | Finished) else bytes(value)


class _ByteArray(bytearray):
    def __new__(cls, value: Any = b"") -> Any:
        return _snapshot(value) if isinstance(value, Octets | Tail | Finished) else bytearray(value)


def _snapshot(value: Any) -> Any:
    return Octets(value.exploration, value.terms) if isinstance(value, Octets) else value


def _smaller(one: Any, other: Any) -> Any:
    """In place of `min`, so that it takes no path of its own."""
    if not isinstance(one, UnknownInt) and not isinstance(other, UnknownInt):
        return min(one, other)
    first, second = term_of(one), term_of(other)
    exploration = one.exploration if isinstance(one, UnknownInt) else other.exploration
    return integer(exploration, z3.If(second < first, second, first))


MEANINGS: Mapping[str, Any] = {
    "len": _length,
    "bytes": _Bytes,
    "bytearray": _ByteArray,
    "int": IntegerOfBytes,
    "min": _smaller,
}
"""What code finds under these names when it is explored."""


def numbers_as_they_are(uint64: Callable[[Any], Any], words: Callable[[Any, str], list[Any]]) -> Any:
    """In place of numpy: words are Python integers by `uint64`, and bytes become words by `words`."""
    return SimpleNamespace(uint64=uint64, frombuffer=words)
