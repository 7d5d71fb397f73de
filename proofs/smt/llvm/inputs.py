"""Arguments of kernels, three times over: for the source, for compiled code read into z3, and for code that runs."""
# mypy: disallow-untyped-calls=False

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import z3
from numba import types

from proofs.smt.llvm.memory import ADDRESS_BITS, Octets, Region, Words
from proofs.smt.llvm.values import Bits, Pointer, Scalar
from proofs.smt.machine import Machine
from proofs.smt.octets import OctetFrame, octet
from proofs.smt.values import Cells, Kind, Term, Value

FRAME = types.Array(types.uint8, 1, "C")
WORDS = types.Array(types.uint64, 1, "C")


@dataclass
class Argument:
    """One argument: what the executor takes, what the compiled code takes, and whether both left the same behind."""

    source: Value
    compiled: Mapping[str, Scalar]
    region: Region | None = None

    def same_afterwards(self, machine: Machine) -> list[Term]:
        """Conditions that memory is the same after both have run."""
        if isinstance(self.region, Octets):
            pairs = zip(self.source.octets, self.region.octets, strict=True)
        elif isinstance(self.region, Words):
            pairs = zip(words_of(machine, self.source), self.region.words, strict=True)
        else:
            return []
        return [one == other for one, other in pairs if not one.eq(other)]


class Input(Protocol):
    """What is known about an argument beforehand."""

    kind: ClassVar[types.Type]

    def unknown(self, machine: Machine, name: str) -> Argument:
        """The argument as terms; its unknowns are named after it."""

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """The argument for code that runs, with these values of the unknowns."""


@dataclass(frozen=True)
class Word:
    """A word, any or below a limit."""

    limit: int = 1 << 64
    kind: ClassVar[types.Type] = types.uint64

    def unknown(self, machine: Machine, name: str) -> Argument:
        """See `Input.unknown`."""
        number = machine.word(name, self.limit if self.limit < 1 << 64 else None)
        return Argument(number, {f"%arg.{name}": Bits(number.term)})

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """See `Input.real`."""
        return np.uint64(values[name])


@dataclass(frozen=True)
class Truth:
    """A truth value."""

    kind: ClassVar[types.Type] = types.boolean

    def unknown(self, machine: Machine, name: str) -> Argument:
        """See `Input.unknown`."""
        truth = machine.truth(name)
        return Argument(truth, {f"%arg.{name}": Bits(z3.If(truth, z3.BitVecVal(1, 8), z3.BitVecVal(0, 8)))})

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """See `Input.real`."""
        return bool(values[name])


@dataclass(frozen=True)
class At:
    """A known index."""

    value: int
    kind: ClassVar[types.Type] = types.int64

    def unknown(self, machine: Machine, name: str) -> Argument:
        """See `Input.unknown`."""
        return Argument(self.value, {f"%arg.{name}": Bits(z3.BitVecVal(self.value, ADDRESS_BITS))})

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """See `Input.real`."""
        return np.int64(self.value)


@dataclass(frozen=True)
class Known:
    """A known word."""

    value: int
    kind: ClassVar[types.Type] = types.uint64

    def unknown(self, machine: Machine, name: str) -> Argument:
        """See `Input.unknown`."""
        return Argument(np.uint64(self.value), {f"%arg.{name}": Bits(z3.BitVecVal(self.value, ADDRESS_BITS))})

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """See `Input.real`."""
        return np.uint64(self.value)


@dataclass(frozen=True)
class FrameOf:
    """A frame of so many unknown bytes."""

    size: int
    kind: ClassVar[types.Type] = FRAME

    def unknown(self, machine: Machine, name: str) -> Argument:
        """See `Input.unknown`."""
        octets = [octet(machine, f"{name} {at}") for at in range(self.size)]
        region = Octets(name, list(octets))
        return Argument(OctetFrame(octets), _array(name, region, self.size, 1), region)

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """See `Input.real`."""
        return np.array([values[f"{name} {at}"] for at in range(self.size)], np.uint8)


@dataclass(frozen=True)
class WordsOf:
    """An array of words: each known, or below a limit."""

    members: Sequence[int | Word]
    kind: ClassVar[types.Type] = WORDS

    def unknown(self, machine: Machine, name: str) -> Argument:
        """See `Input.unknown`."""
        cells: list[Value] = []
        for at, member in enumerate(self.members):
            if isinstance(member, Word):
                cells.append(member.unknown(machine, f"{name} {at}").source)
            else:
                cells.append(np.uint64(member))
        region = Words(name, words_of(machine, Cells(cells)))
        return Argument(Cells(cells), _array(name, region, len(cells), 8), region)

    def real(self, name: str, values: Mapping[str, Any]) -> Any:
        """See `Input.real`."""
        known = [values[f"{name} {at}"] if isinstance(one, Word) else one for at, one in enumerate(self.members)]
        return np.array(known, np.uint64)


def words_of(machine: Machine, cells: Cells) -> list[Term]:
    """An array of words as terms."""
    return [machine.term(member, Kind.WORD) for member in cells.members]


def _array(name: str, region: Region, count: int, item: int) -> dict[str, Scalar]:
    """An array as numba hands it over: address, and numbers about its shape."""
    numbers = {".2": count, ".3": item, ".5.0": count, ".6.0": item}
    compiled: dict[str, Scalar] = {
        f"%arg.{name}{suffix}": Bits(z3.BitVecVal(number, ADDRESS_BITS)) for suffix, number in numbers.items()
    }
    return {**compiled, f"%arg.{name}.4": Pointer(region, z3.BitVecVal(0, ADDRESS_BITS))}
