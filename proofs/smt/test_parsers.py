"""What the fast parser accepts, the reference accepts, and both find the same flow in it.

The fast parser is executed once, all its paths joined. The reference, which is made of objects and exceptions, is run
once for each path that is left under the assumption that the fast parser has accepted the frame.
"""

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import z3

from fastpath import layout, parse
from fastpath.interpreted import interpreted
from proofs.ledger import Method, claim
from proofs.smt.fast_parser import FastParse, execute
from proofs.smt.module_copies import ModuleCopies
from proofs.smt.proxies import BUILTINS, Struct, UnknownBytes, term_of
from proofs.smt.reexecution import Exploration
from proofs.smt.solver import Refuted
from proofs.smt.source import broken
from proofs.smt.values import Term
from reference.direction import Direction
from reference.packet import parse as reference_parse
from reference.packet.errors import ParseError

EXPLORED = (
    "fastpath.compile_flow",
    "reference.packet.extension",
    "reference.packet.flow",
    "reference.packet.geneve",
    "reference.packet.headers",
    "reference.packet.packet",
    "reference.packet.parse",
    "reference.packet.validate",
)
CODES = {Direction.IN: layout.INBOUND, Direction.OUT: layout.OUTBOUND}
STANDARD_LIBRARY = {"struct": SimpleNamespace(Struct=Struct, error=ValueError)}
SCOPE = "any frame of less than 2^32 bytes"
MODEL = "Python's len, bytes, int.from_bytes and struct behave as in proofs/smt/proxies.py"


class Disagreement(Exception):
    """A frame on which the parsers differ, as its bytes."""

    def __init__(self, what: str, frame: bytes) -> None:
        super().__init__(f"{what}: {frame.hex()}")
        self.frame = frame


def prove_agreement(direction: Direction, module: ModuleType = parse, option_words: int = 0) -> int:
    """Prove that the reference agrees with all that the fast parser says of the frames it accepts; the number of paths.

    Raises:
        Disagreement: with a frame for which it does not.
        Unknown: z3 could not decide.
    """
    fast = execute(module, None, CODES[direction], option_words)
    fast.machine.prove_obligations()
    fast.machine.assume(fast.accepted)
    exploration = Exploration(fast.machine)
    copies = ModuleCopies(EXPLORED, BUILTINS, STANDARD_LIBRARY)
    frame = UnknownBytes(exploration, fast.frame, fast.start.term, fast.length.term)

    def parse_and_look() -> list[tuple[str, Any]]:
        packet = copies.module("reference.packet.parse").parse(direction, frame)
        return seen(copies.module("fastpath.compile_flow").key_words(direction, packet.flow), packet)

    paths = 0
    for outcome in exploration.outcomes(parse_and_look, ParseError):
        goals = [("the reference refuses the frame", z3.BoolVal(False))]
        if outcome.raised is None:
            goals = [(name, agrees(fast, name, value)) for name, value in outcome.returned]
        try:
            for name, goal in goals:
                exploration.prove(goal, name)
        except Refuted as refuted:
            raise Disagreement(str(refuted), bytes_in(refuted.counterexample, fast)) from refuted
        paths += 1
    return paths


def seen(key: tuple[Any, ...], packet: Any) -> list[tuple[str, Any]]:
    """What the reference says of a packet, by name of the field of the work record that says the same."""
    offsets = [("NETWORK", packet.network.offset), ("TRANSPORT", packet.transport.offset)]
    said = [*offsets, ("ENCAPSULATION", packet.encapsulation_length)]
    if packet.tcp is not None:
        numbers = packet.tcp.flags, packet.tcp.sequence, packet.tcp.acknowledgement
        said += list(zip(("TCP_FLAGS", "SEQUENCE", "ACKNOWLEDGEMENT"), numbers, strict=True))
    return [*said, *((f"KEY {number}", word) for number, word in enumerate(key))]


def agrees(fast: FastParse, name: str, value: Any) -> Term:
    """Whether the fast parser says the same; its offsets count from the start of the array, not of the frame."""
    field, _, word = name.partition(" ")
    mine = fast.work[getattr(layout, f"WORK_{field}") + int(word or 0)]
    base = fast.start.term if field in ("NETWORK", "TRANSPORT") else 0
    return term_of(mine) == term_of(value) + base


def bytes_in(model: z3.ModelRef, fast: FastParse) -> bytes:
    """The frame of a counterexample, as far as any parser looks."""
    start = model.eval(fast.start.term, model_completion=True).as_long()
    length = model.eval(fast.length.term, model_completion=True).as_long()
    offsets = range(start, start + min(length, 2048))
    return bytes(
        model.eval(fast.frame.byte(z3.IntVal(offset)), model_completion=True).as_long() % 256 for offset in offsets
    )


def verdicts(module: ModuleType, direction: Direction, frame: bytes) -> tuple[bool, bool]:
    """Whether a fast parser and the reference accept a frame, run for real."""
    descriptor = np.zeros(layout.DESCRIPTOR_WORDS, np.uint64)
    descriptor[layout.FRAME_LENGTH], descriptor[layout.FRAME_DIRECTION] = len(frame), CODES[direction]
    work = np.zeros(layout.WORK_WORDS, np.uint64)
    fast = bool(module.parse(np.frombuffer(frame, np.uint8).copy(), descriptor, 0, work, 0))
    try:
        reference_parse.parse(direction, frame)
    except ParseError:
        return fast, False
    return fast, True


@claim(
    "C2",
    "an outbound frame that the fast parser accepts has the reference's flow id, offsets and TCP fields",
    method=Method.PROVED,
    scope=SCOPE,
    assumptions=MODEL,
)
def test_outbound_the_parsers_agree() -> None:
    assert prove_agreement(Direction.OUT) >= 20


@claim(
    "C2",
    "an inbound frame that the fast parser accepts has the reference's flow id, offsets and TCP fields",
    method=Method.PROVED,
    scope=f"{SCOPE}, without Geneve options",
    assumptions=MODEL,
)
def test_inbound_the_parsers_agree() -> None:
    assert prove_agreement(Direction.IN, option_words=0) >= 20


@pytest.mark.prove
@claim(
    "C2",
    "an inbound frame that the fast parser accepts has the reference's flow id, offsets and TCP fields",
    method=Method.PROVED,
    scope=f"{SCOPE}, up to two words of Geneve options",
    assumptions=MODEL,
)
def test_inbound_the_parsers_agree_also_behind_several_options() -> None:
    assert prove_agreement(Direction.IN, option_words=2) >= 80


FAULTS = [
    (Direction.OUT, "total < header or ", ""),
    (Direction.OUT, "header < IPV4_LENGTH or ", ""),
    (Direction.OUT, "first >> _NIBBLE != _FAMILY_4 or", "first >> _NIBBLE == _FAMILY_6 or"),
    (
        Direction.OUT,
        "np.int64(load_be16(frames, transport + 4)) > left",
        "np.int64(load_be16(frames, transport + 4)) > left + 1",
    ),
    (Direction.IN, "return inner if option == inner else -1", "return inner"),
]


@pytest.mark.parametrize(("direction", "old", "new"), FAULTS, ids=[f"{old} -> {new}" for _, old, new in FAULTS])
def test_a_fast_parser_that_accepts_too_much_is_refuted_by_a_frame(direction: Direction, old: str, new: str) -> None:
    faulty = broken(parse, old, new)
    with pytest.raises(Disagreement, match="the reference refuses") as found:
        prove_agreement(direction, faulty, option_words=1)
    frame = found.value.frame
    assert verdicts(faulty, direction, frame) == (True, False)
    assert verdicts(parse, direction, frame) == (False, False)
    assert verdicts(interpreted("fastpath.parse"), direction, frame) == (False, False)


def test_a_fast_parser_that_reads_another_field_is_refuted() -> None:
    with pytest.raises(Disagreement, match="SEQUENCE"):
        prove_agreement(
            Direction.OUT, broken(parse, "load_be32(frames, transport + 4)", "load_be32(frames, transport + 6)")
        )
