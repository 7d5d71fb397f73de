"""The fast parser, executed on a frame of which nothing is known."""

import ast
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import z3

from fastpath import parse
from fastpath.layout import DESCRIPTOR_WORDS, FRAME_DIRECTION, FRAME_LENGTH, FRAME_OFFSET, INBOUND, WORK_WORDS
from proofs.smt.contracts import Contract
from proofs.smt.executor import Executor
from proofs.smt.frames import BYTE_ACCESSORS, SymbolicFrame, any_length
from proofs.smt.integers import Integers
from proofs.smt.machine import Machine
from proofs.smt.values import Cells, Number, Term, Value, as_truth

FRAMES = 1 << 40
"""Limit on offsets in the array of frames."""
LONGEST = 1 << 32
"""Limit on the length of a frame."""

GENEVE_AT = 14 + 40 + 8
"""Offset of the Geneve header in an inbound frame without IPv6 extension headers."""

WALK_OVER_OPTIONS = Contract(
    invariant=lambda before, now, _: z3.And(
        now["option"] >= before["option"],
        (now["inner"] - now["option"]) % 4 == 0,
        now["option"] <= now["inner"] + 128,
    ),
    variant=lambda now: now["inner"] + 128 - now["option"],
)
"""The walk stays word by word behind the Geneve header; its last step may lead at most an option beyond the area."""


@dataclass(frozen=True)
class FastParse:
    """What `fastpath.parse.parse` makes of a frame.

    Attributes:
        frame: its bytes.
        start, length: what its descriptor says.
        accepted: whether the parser accepts it, a truth value.
        work: the work record, which means something only where the frame is accepted.
    """

    machine: Machine
    frame: SymbolicFrame
    start: Number
    length: Number
    accepted: Term
    work: list[Value]


def execute(
    module: ModuleType = parse,
    options: Contract | None = WALK_OVER_OPTIONS,
    direction: np.uint64 | None = None,
    option_words: int | None = None,
) -> FastParse:
    """Execute the parser.

    Args:
        module: `fastpath.parse`, or a copy of it.
        options: contract of the walk over Geneve options, which is unrolled without one.
        direction: of the frame; either if it is None.
        option_words: limit on the size of an inbound frame's area of Geneve options, in words of 4 bytes.
    """
    machine = Machine(Integers())
    start = machine.word("offset", FRAMES)
    length = machine.word("length", LONGEST)
    way = machine.word("direction", 2) if direction is None else direction
    frame = any_length(machine, start.term, start.term + length.term)
    if option_words is not None:
        inbound = machine.compare(ast.Eq, way, INBOUND) if direction is None else z3.BoolVal(direction == INBOUND)
        machine.assume(z3.Implies(inbound, frame.byte(start.term + GENEVE_AT) % 64 <= option_words))
    descriptor: list[Value] = [np.uint64(0)] * DESCRIPTOR_WORDS
    descriptor[FRAME_OFFSET], descriptor[FRAME_LENGTH], descriptor[FRAME_DIRECTION] = start, length, way
    work = Cells([np.uint64(0)] * WORK_WORDS)
    contracts = {module.skip_encapsulation: options} if options else {}
    executor = Executor(machine, BYTE_ACCESSORS, contracts)
    accepted = executor.call(module.parse, frame, Cells(descriptor), 0, work, 0)
    return FastParse(machine, frame, start, length, as_truth(accepted), work.members)
