"""Numbers and bytes that are not known, as Python code meets them when it is run by `proofs.smt.reexecution`."""

import ast
import struct
from collections.abc import Callable
from typing import Any, SupportsIndex

import z3

from proofs.smt.frames import SymbolicFrame
from proofs.smt.reexecution import Exploration
from proofs.smt.source import UnsupportedConstruct
from proofs.smt.values import Kind, Number, Term


class UnknownTruth:
    """A condition; whoever asks whether it is true takes a path."""

    def __init__(self, exploration: Exploration, term: Term) -> None:
        self.exploration = exploration
        self.term = term

    def __bool__(self) -> bool:
        return self.exploration.decide(self.term)


def _operator(operation: type[ast.operator], swapped: bool = False) -> Callable[["UnknownInt", Any], Any]:
    def operate(self: "UnknownInt", other: Any) -> Any:
        if not isinstance(other, int | UnknownInt):
            return NotImplemented
        left, right = (other, self) if swapped else (self, other)
        number = self.machine.binary(operation, _number(left), _number(right), self.require)
        return integer(self.exploration, number.term) if isinstance(number, Number) else number

    return operate


def _comparison(operation: type[ast.cmpop]) -> Callable[["UnknownInt", Any], Any]:
    def compare(self: "UnknownInt", other: Any) -> Any:
        if not isinstance(other, int | UnknownInt):
            return NotImplemented
        return UnknownTruth(self.exploration, self.machine.compare(operation, _number(self), _number(other)))

    return compare


def _number(value: Any) -> Any:
    return Number(value.term, Kind.INTEGER) if isinstance(value, UnknownInt) else int(value)


class UnknownInt:
    """A Python integer."""

    def __init__(self, exploration: Exploration, term: Term) -> None:
        self.exploration = exploration
        self.machine = exploration.machine
        self.term = term

    def require(self, condition: Term, what: str) -> None:
        """A demand of the theory, which must hold on this path."""
        if self.exploration.possible(z3.Not(condition)):
            raise UnsupportedConstruct(f"{what}: not on every path")

    __add__, __radd__ = _operator(ast.Add), _operator(ast.Add, swapped=True)
    __sub__, __rsub__ = _operator(ast.Sub), _operator(ast.Sub, swapped=True)
    __mul__, __rmul__ = _operator(ast.Mult), _operator(ast.Mult, swapped=True)
    __and__, __rand__ = _operator(ast.BitAnd), _operator(ast.BitAnd, swapped=True)
    __or__, __ror__ = _operator(ast.BitOr), _operator(ast.BitOr, swapped=True)
    __xor__, __rxor__ = _operator(ast.BitXor), _operator(ast.BitXor, swapped=True)
    __lshift__, __rshift__ = _operator(ast.LShift), _operator(ast.RShift)
    __floordiv__, __mod__ = _operator(ast.FloorDiv), _operator(ast.Mod)
    __lt__, __le__ = _comparison(ast.Lt), _comparison(ast.LtE)
    __gt__, __ge__ = _comparison(ast.Gt), _comparison(ast.GtE)
    __eq__, __ne__ = _comparison(ast.Eq), _comparison(ast.NotEq)

    def __bool__(self) -> bool:
        return self.exploration.decide(self.term != 0)

    __hash__ = None  # type: ignore[assignment]

    def __index__(self) -> int:
        raise UnsupportedConstruct("an unknown number where Python needs a known one")


def integer(exploration: Exploration, term: Term) -> Any:
    """The Python integer that a term is, where it is one, or one that is not known."""
    return int(term.as_long()) if z3.is_int_value(term) else UnknownInt(exploration, term)


def term_of(value: Any) -> Term:
    """A number, known or not, as a term."""
    return value.term if hasattr(value, "term") else z3.IntVal(int(value))


class UnknownBytes:
    """Bytes `offset` to below `offset + length` of a frame."""

    def __init__(self, exploration: Exploration, frame: SymbolicFrame, offset: Term, length: Term) -> None:
        self.exploration = exploration
        self.frame = frame
        self.offset = offset
        self.length = length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, stop = self._position(index.start, 0), self._position(index.stop, self.length)
            if not self.exploration.decide(z3.And(start >= 0, start <= stop, stop <= self.length)):
                raise UnsupportedConstruct("a slice that reaches beyond the bytes")
            return UnknownBytes(self.exploration, self.frame, self.offset + start, z3.simplify(stop - start))
        return self.number(index, 1, IndexError)

    def number(self, index: Any, count: int, failure: type[Exception]) -> UnknownInt:
        """`count` bytes from `index` in network order; raises `failure` where they are not all there."""
        position = self._position(index, 0)
        if not self.exploration.decide(z3.And(position >= 0, position + count <= self.length)):
            raise failure
        value = self.frame.load(self.offset + position, count, lambda _, __: None)
        return UnknownInt(self.exploration, value)

    @staticmethod
    def _position(index: Any, default: Term) -> Term:
        if index is None:
            return z3.IntVal(default) if isinstance(default, int) else default
        return index.term if isinstance(index, UnknownInt) else z3.IntVal(index)


class Struct:
    """In place of `struct.Struct`, for one unsigned number in network order."""

    def __init__(self, layout: str) -> None:
        self.count = struct.calcsize(layout)

    def unpack_from(self, buffer: UnknownBytes, offset: SupportsIndex | UnknownInt = 0) -> tuple[UnknownInt]:
        """The number at `offset`."""
        return (buffer.number(offset, self.count, struct.error),)


def length_of(value: Any) -> Any:
    """In place of `len`."""
    return UnknownInt(value.exploration, value.length) if isinstance(value, UnknownBytes) else len(value)


class Bytes(bytes):
    """In place of `bytes`: unknown bytes stay what they are."""

    def __new__(cls, value: Any = b"") -> Any:
        return value if isinstance(value, UnknownBytes) else bytes(value)


class ByteArray(bytearray):
    """In place of `bytearray`: unknown bytes stay what they are."""

    def __new__(cls, value: Any = b"") -> Any:
        return value if isinstance(value, UnknownBytes) else bytearray(value)


class Integer(int):
    """In place of `int`: reads unknown bytes."""

    def __new__(cls, value: Any = 0) -> Any:
        return value if isinstance(value, UnknownInt) else int(value)

    @classmethod
    def from_bytes(cls, value: Any, *_: Any) -> Any:  # type: ignore[override]
        """The number that bytes of known length are in network order."""
        if not isinstance(value, UnknownBytes):
            return int.from_bytes(value)
        return value.number(0, z3.simplify(value.length).as_long(), IndexError)


class Table(dict[Any, Any]):
    """In place of a dictionary: asks for its keys one after the other instead of hashing what it is asked for."""

    def __contains__(self, wanted: object) -> bool:
        return any(wanted == key for key in self)

    def get(self, wanted: Any, default: Any = None) -> Any:
        """The value of a key."""
        return next((value for key, value in self.items() if wanted == key), default)

    def __getitem__(self, wanted: Any) -> Any:
        for key, value in self.items():
            if wanted == key:
                return value
        raise KeyError(wanted)


class Choice(frozenset[Any]):
    """In place of a set: compares with its members one after the other."""

    def __contains__(self, wanted: object) -> bool:
        return any(wanted == member for member in self)


def searchable(value: Any) -> Any:
    """A collection that can be asked for an unknown number; every other object as it is."""
    if type(value) is dict:
        return Table({key: searchable(member) for key, member in value.items()})
    if type(value) in (set, frozenset):
        return Choice(value)
    return value


BUILTINS = {"len": length_of, "bytes": Bytes, "bytearray": ByteArray, "int": Integer}
"""What code finds under these names when it is explored."""
