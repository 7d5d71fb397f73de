"""The fast parser reads only bytes of the frame, whatever the frame."""

from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
import z3

from fastpath import parse
from fastpath.interpreted import interpreted
from fastpath.layout import DESCRIPTOR_WORDS, FRAME_DIRECTION, FRAME_LENGTH, FRAME_OFFSET, WORK_WORDS
from proofs.ledger import Method, claim
from proofs.smt.fast_parser import FastParse, execute
from proofs.smt.solver import Refuted
from proofs.smt.source import broken
from proofs.smt.values import Term


@claim(
    "C2",
    "the fast parser reads no byte outside the frame, and no offset, sum or shift overflows",
    method=Method.PROVED,
    scope="any frame of less than 2^32 bytes at any offset below 2^40, both directions, any Geneve options",
)
def test_the_fast_parser_reads_only_bytes_of_the_frame() -> None:
    execute().machine.prove_obligations()


FAULTS = [
    ("if left < TCP_LENGTH or", "if left < UDP_LENGTH or"),
    ("if left >= ICMP_LENGTH and", "if left >= 0 and"),
    ("if end - inner < ETHERNET_LENGTH + IPV4_LENGTH:", "if end - inner < ETHERNET_LENGTH:"),
    ("inner >= end", "option >= end"),
    ("load_u8(frames, option + 3)", "load_u8(frames, option + 9)"),
    ("< ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH + GENEVE_LENGTH", "< ETHERNET_LENGTH + IPV6_LENGTH + UDP_LENGTH"),
]


class ReadOutside(Exception):
    """A byte outside the frame was asked for."""


class WatchedFrame:
    """The frame of a counterexample, in place of an array: knows where it begins and ends."""

    def __init__(self, model: z3.ModelRef, fast: FastParse) -> None:
        self.model = model
        self.octet = fast.frame.byte
        self.first = self._value(fast.start.term)
        self.end = self.first + self._value(fast.length.term)
        self.direction = self._value(fast.machine.word("direction").term)

    def _value(self, term: Term) -> int:
        return int(self.model.eval(term, model_completion=True).as_long())

    def __getitem__(self, part: slice) -> npt.NDArray[np.uint8]:
        if part.start < self.first or part.stop > self.end:
            raise ReadOutside
        octets = [self._value(self.octet(z3.IntVal(offset))) % 256 for offset in range(part.start, part.stop)]
        return np.array(octets, np.uint8)

    def parse_with(self, module: ModuleType) -> bool:
        """What a parser, not compiled, makes of the frame. Raises ReadOutside."""
        descriptor = np.zeros(DESCRIPTOR_WORDS, np.uint64)
        descriptor[FRAME_OFFSET], descriptor[FRAME_LENGTH] = self.first, self.end - self.first
        descriptor[FRAME_DIRECTION] = self.direction
        return bool(module.parse(self, descriptor, 0, np.zeros(WORK_WORDS, np.uint64), 0))


@pytest.mark.parametrize(("old", "new"), FAULTS, ids=[new for _, new in FAULTS])
def test_a_parser_that_reads_too_far_is_refuted_and_does_so_on_the_frame_found(old: str, new: str) -> None:
    faulty = broken(parse, old, new)
    fast = execute(faulty, options=None, option_words=2)
    with pytest.raises(Refuted, match="the bytes read are inside the frame") as refuted:
        fast.machine.prove_obligations()
    frame = WatchedFrame(refuted.value.counterexample, fast)
    with pytest.raises(ReadOutside):
        frame.parse_with(faulty)
    frame.parse_with(interpreted("fastpath.parse"))
