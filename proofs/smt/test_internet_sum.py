"""A sum that reads four bytes at a time is the sum of RFC 1071, which reads two, for frames of any length."""

from typing import Any

import numpy as np
import pytest
import z3

from fastpath import checksum
from fastpath.atomics import load_be16, load_u8
from fastpath.interpreted import interpreted
from fastpath.lowering import Frame
from proofs.ledger import Method, claim
from proofs.smt.bit_vectors import BitVectors
from proofs.smt.contracts import Contract
from proofs.smt.executor import Executor
from proofs.smt.frames import BYTE_ACCESSORS, SymbolicFrame
from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.octets import known_length
from proofs.smt.source import broken
from proofs.smt.theorem import Truth, compiled
from proofs.smt.theory import Demand
from proofs.smt.values import Term

ZERO, ONE, TWO, BYTE_BITS, MODULUS = map(np.uint64, (0, 1, 2, 8, 0xFFFF))

OFFSET = np.uint64(2)
"""Where the bytes begin among which a counterexample is sought; there are others before and after them."""

WORDS = z3.Function("sum of the first words", z3.IntSort(), z3.IntSort())
"""By definition: 0 for no words; for one word more, that word more."""
HIGH_WORDS = z3.Function("sum of the first words of the first pairs", z3.IntSort(), z3.IntSort())


def sum_of_rfc_1071(frame: Frame, offset: np.uint64, length: np.uint64) -> np.uint64:
    """The sum as RFC 1071 section 4.1 defines it: a word at a time, a last byte padded with zero."""
    total = np.uint64(0)
    while length > ONE:
        total = total + load_be16(frame, offset)
        offset = offset + TWO
        length = length - TWO
    if length == ONE:
        total = total + (load_u8(frame, offset) << BYTE_BITS)
    return total


def sums_like_rfc_1071(kernels: Any, frame: Frame, offset: np.uint64, length: np.uint64) -> Truth:
    """Both sums are the same modulo 0xffff, and 0 for the same bytes: what decides the checksum."""
    fast = kernels.internet_sum(frame, offset, length)
    slow = sum_of_rfc_1071(frame, offset, length)
    return fast % MODULUS == slow % MODULUS and (fast == ZERO) == (slow == ZERO)


class FrameOfWords(SymbolicFrame):
    """A frame of any length, of which the words from `start` on are summed."""

    def __init__(self, machine: Machine, start: Term, length: Term) -> None:
        self.machine = machine
        self.start = start
        self.bytes = z3.Function("byte", z3.IntSort(), z3.IntSort())
        machine.define(z3.And(WORDS(0) == 0, HIGH_WORDS(0) == 0))
        super().__init__(self._byte, start + length)

    def load(self, offset: Term, count: int, demand: Demand) -> Term:
        """Also unfolds the definitions of the sums for the words read."""
        index = (offset - self.start) / z3.IntVal(2)
        first, second = self._word(index), self._word(index + 1)
        self.machine.define(WORDS(index + 1) == WORDS(index) + first)
        self.machine.define(WORDS(index + 2) == WORDS(index + 1) + second)
        pair = index / z3.IntVal(2)
        self.machine.define(HIGH_WORDS(pair + 1) == HIGH_WORDS(pair) + self._word(2 * pair))
        return super().load(offset, count, demand)

    def _word(self, index: Term) -> Term:
        return 256 * self._byte(self.start + 2 * index) + self._byte(self.start + 2 * index + 1)

    def _byte(self, offset: Term) -> Term:
        self.machine.define(z3.And(self.bytes(offset) >= 0, self.bytes(offset) < 256))
        return self.bytes(offset)


PAIR_BY_PAIR = Contract(
    invariant=lambda before, now, pairs: z3.And(
        now["offset"] == before["offset"] + 4 * pairs,
        now["offset"] <= now["end"],
        now["total"] == WORDS(2 * pairs) + 0xFFFF * HIGH_WORDS(pairs),
        HIGH_WORDS(pairs) >= 0,
        HIGH_WORDS(pairs) <= WORDS(2 * pairs),
        WORDS(2 * pairs) <= 2 * 0xFFFF * pairs,
    ),
    variant=lambda now: now["end"] - now["offset"],
    advance=lambda _, pairs: pairs + 1,
)
WORD_BY_WORD = Contract(
    invariant=lambda before, now, words: z3.And(
        now["offset"] == before["offset"] + 2 * words,
        now["length"] == before["length"] - 2 * words,
        now["total"] == WORDS(words),
        WORDS(words) >= 0,
        WORDS(words) <= 0xFFFF * words,
    ),
    variant=lambda now: now["length"],
    advance=lambda _, words: words + 1,
)


def unbounded_goal(kernels: Any) -> tuple[Machine, Truth]:
    """The claim about a frame of any length below 2**32."""
    machine = Machine(Integers())
    offset, length = machine.word("offset", 1 << 32), machine.word("length", 1 << 32)
    frame = FrameOfWords(machine, offset.term, length.term)
    contracts = {kernels.internet_sum: PAIR_BY_PAIR, sum_of_rfc_1071: WORD_BY_WORD}
    executor = Executor(machine, BYTE_ACCESSORS, contracts)
    return machine, executor.call(sums_like_rfc_1071, kernels, frame, offset, length)


@claim(
    "C1",
    "the sum over bytes is that of RFC 1071 and reads no byte outside the given range",
    method=Method.PROVED,
    scope="any bytes, any length below 2^32, odd ones included",
)
def test_the_sum_of_any_bytes_is_that_of_rfc_1071() -> None:
    machine, goal = unbounded_goal(checksum)
    machine.prove(goal, "internet_sum")


FAULTS = [
    ("offset + FOUR <= end", "offset + FOUR < end + ONE + ONE", 7),
    ("total += load_be32(frame, offset)", "total += load_be32(frame, offset) << ONE", 7),
    ("if offset + TWO <= end", "if offset + TWO < end", 6),
    ("load_u8(frame, offset) << BYTE_BITS", "load_u8(frame, offset)", 7),
    ("offset += FOUR", "offset += TWO", 7),
]


@pytest.mark.parametrize(("old", "new", "length"), FAULTS, ids=[new for _, new, _ in FAULTS])
def test_a_fault_in_the_sum_is_refuted_and_its_counterexample_fails(old: str, new: str, length: int) -> None:
    faulty = broken(checksum, old, new)
    machine, goal = unbounded_goal(faulty)
    assert machine.counterexample(goal, "internet_sum") is not None

    machine = Machine(BitVectors())
    frame, octets = known_length(machine, 12)
    goal = Executor(machine, BYTE_ACCESSORS).call(sums_like_rfc_1071, faulty, frame, OFFSET, np.uint64(length))
    found = machine.counterexample(goal, "internet_sum")
    assert found is not None
    arguments = np.array([found[name] for name in octets], np.uint8), OFFSET, np.uint64(length)
    assert not sums_like_rfc_1071(faulty, *arguments)
    assert sums_like_rfc_1071(interpreted("fastpath.checksum"), *arguments)
    assert sums_like_rfc_1071(compiled(checksum), *arguments)
