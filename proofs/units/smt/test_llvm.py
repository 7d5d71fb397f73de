"""LLVM code read into z3 computes what the same code computes as machine code; what is not understood is refused."""

import functools
import re

import numpy as np
import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types

from proofs.ledger import Unknown
from proofs.smt.bit_vectors import BitVectors
from proofs.smt.llvm.comparison import Comparison
from proofs.smt.llvm.leaf_kernels import FOLDING
from proofs.smt.llvm.memory import ADDRESS_BITS, Octets, Words
from proofs.smt.llvm.native import NativeCode
from proofs.smt.llvm.reader import UnsupportedCode, read
from proofs.smt.llvm.translator import Translation
from proofs.smt.llvm.values import Bits, Pointer, Scalar
from proofs.smt.machine import Machine
from proofs.smt.solver import Refuted
from proofs.smt.values import WORD_LIMIT

BODIES = {
    **{
        operation: f"%r = {operation} i64 %arg.a, %arg.b"
        for operation in ("add", "sub", "mul", "and", "or", "xor", "add nuw", "sub nsw", "mul nuw nsw", "or disjoint")
    },
    **{
        operation: f"%n = and i64 %arg.b, 63\n %r = {operation} i64 %arg.a, %n"
        for operation in ("shl", "lshr", "ashr", "shl nuw", "lshr exact")
    },
    **{operation: f"%n = or i64 %arg.b, 1\n %r = {operation} i64 %arg.a, %n" for operation in ("udiv", "urem")},
    **{
        predicate: f"%c = icmp {predicate} i64 %arg.a, %arg.b\n %r = zext i1 %c to i64"
        for predicate in ("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge", "samesign ult")
    },
    "casts": "%t = trunc i64 %arg.a to i16\n %s = sext i16 %t to i32\n %r = zext i32 %s to i64",
    "truths": "%c = trunc i64 %arg.a to i1\n %d = icmp ult i64 %arg.b, 9\n %e = xor i1 %c, %d\n %r = sext i1 %e to i64",
    "select": "%c = icmp slt i64 %arg.a, %arg.b\n %r = select i1 %c, i64 %arg.b, i64 7",
    "bswap": "%r = call i64 @llvm.bswap.i64(i64 %arg.a)",
    "smax": "%r = call i64 @llvm.smax.i64(i64 %arg.a, i64 %arg.b)",
    "umin": "%r = call i64 @llvm.umin.i64(i64 %arg.a, i64 %arg.b)",
    "fshl": "%r = call i64 @llvm.fshl.i64(i64 %arg.a, i64 %arg.b, i64 13)",
    "switch": """switch i64 %arg.a, label %other [
    i64 1, label %one
    i64 2, label %one
    i64 -1, label %end
  ]
one:
  br label %end
other:
  br label %end
end:
  %r = phi i64 [ 5, %entry ], [ %arg.b, %one ], [ %arg.a, %other ]""",
    "loop": """%start = and i64 %arg.a, 7
  br label %head
head:
  %i = phi i64 [ %start, %entry ], [ %less, %body ]
  %sum = phi i64 [ 0, %entry ], [ %more, %body ]
  %c = icmp eq i64 %i, 0
  br i1 %c, label %end, label %body
body:
  %less = sub i64 %i, 1
  %more = add i64 %sum, %arg.b
  br label %head
end:
  %r = add i64 %sum, 0""",
    "memory": """%p = getelementptr i8, ptr %retptr, i64 2
  store i16 300, ptr %retptr, align 1
  store i64 %arg.a, ptr %p, align 1
  %q = getelementptr i16, ptr %retptr, i64 1
  %l = load i32, ptr %q, align 1
  %m = zext i32 %l to i64
  %r = add i64 %m, %arg.b""",
}
DECLARED = """
declare i64 @llvm.bswap.i64(i64)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.fshl.i64(i64, i64, i64)
"""
words = st.one_of(st.integers(0, 9), st.integers(0, WORD_LIMIT - 1), st.integers(WORD_LIMIT - 9, WORD_LIMIT - 1))


def code(body: str) -> str:
    """A function with the body that leaves `%r`."""
    return f"""{DECLARED}
define i32 @specimen(ptr %retptr, ptr %excinfo, i64 %arg.a, i64 %arg.b) {{
entry:
  {body}
  store i64 %r, ptr %retptr, align 8
  ret i32 0
}}
"""


native = functools.lru_cache(NativeCode)


def translated(text: str, a: int, b: int) -> tuple[Machine, int]:
    """The machine and the result for known arguments."""
    machine, room = Machine(BitVectors()), Words("the result", [z3.BitVecVal(0, 64)] * 2)
    given: dict[str, Scalar] = {"%arg.a": Bits(z3.BitVecVal(a, 64)), "%arg.b": Bits(z3.BitVecVal(b, 64))}
    given["%retptr"] = Pointer(room, z3.BitVecVal(0, ADDRESS_BITS))
    Translation(machine, read(text), given).run()
    return machine, z3.simplify(room.words[0]).as_long()


@pytest.mark.parametrize("name", BODIES)
@given(a=words, b=words)
@settings(max_examples=10)
def test_code_read_into_terms_computes_what_it_computes_when_it_runs(name: str, a: int, b: int) -> None:
    text = code(BODIES[name])
    machine, result = translated(text, a, b)
    defined = all(z3.is_true(z3.simplify(part.holds)) for part in machine.obligations)
    if defined:
        assert result == native(text).call([np.uint64(a), np.uint64(b)], types.uint64)[0]


@pytest.mark.parametrize(
    ("body", "a", "b", "why"),
    [
        ("%r = add nuw i64 %arg.a, %arg.b", WORD_LIMIT - 1, 1, "what is stored is no poison"),
        ("%r = shl i64 %arg.a, %arg.b", 1, 64, "what is stored is no poison"),
        ("%p = getelementptr i8, ptr %retptr, i64 %arg.a\n %r = load i64, ptr %p", 9, 0, "8 bytes .* are inside it"),
        (
            "%s = sub nuw i64 %arg.a, %arg.b\n %c = icmp eq i64 %s, 0\n br i1 %c, label %x, label %y\n"
            "x:\n br label %y\ny:\n %r = add i64 0, 0",
            1,
            2,
            "what a branch goes by is no poison",
        ),
        (
            "%c = icmp eq i64 %arg.a, 0\n br i1 %c, label %x, label %y\nx:\n unreachable\ny:\n %r = add i64 0, 0",
            0,
            0,
            "unreachable",
        ),
    ],
)
def test_undefined_behaviour_is_an_obligation_that_fails(body: str, a: int, b: int, why: str) -> None:
    machine, _ = translated(code(body), a, b)
    with pytest.raises(Refuted, match=why):
        machine.prove_obligations()


def test_poison_that_is_thrown_away_does_no_harm() -> None:
    body = "%s = add nuw i64 %arg.a, 1\n %c = icmp eq i64 %arg.b, 0\n %r = select i1 %c, i64 %s, i64 3"
    machine, result = translated(code(body), WORD_LIMIT - 1, 1)
    machine.prove_obligations()
    assert result == 3


def test_an_unknown_instruction_is_refused_where_it_can_be_reached() -> None:
    vectors = "%v = insertelement <2 x i64> poison, i64 %arg.a, i32 0\n %r = extractelement <2 x i64> %v, i32 0"
    with pytest.raises(UnsupportedCode, match="insertelement"):
        translated(code(vectors), 1, 2)
    guarded = f"%c = icmp eq i64 %arg.a, 9\n br i1 %c, label %x, label %y\nx:\n {vectors.replace('%r', '%q')}\n"
    machine, _ = translated(code(f"{guarded} br label %y\ny:\n %r = add i64 0, 0"), 1, 2)
    machine.prove_obligations()


def test_bytes_at_an_offset_that_is_not_known_are_chosen_by_it() -> None:
    region, offset = Octets("bytes", [z3.BitVecVal(byte, 8) for byte in range(9)]), z3.BitVec("offset", 64)
    demanded: list[z3.BoolRef] = []
    loaded = region.load(offset, 2, lambda condition, _: demanded.append(condition))
    for at in range(8):
        known = z3.simplify(z3.substitute(loaded, (offset, z3.BitVecVal(at, 64))))
        assert known.as_long() == at | (at + 1) << 8
    assert z3.is_false(z3.simplify(z3.substitute(z3.And(demanded), (offset, z3.BitVecVal(8, 64)))))


def _update_that_goes_down() -> tuple[Comparison, str]:
    comparison = next(comparison for comparison in FOLDING if comparison.name == "update")
    right = comparison.code()
    faulty = re.sub(r"= add (i64 %[.\w]+, 65535)", r"= sub \1", right)
    assert faulty != right
    return comparison, faulty


def _undecided(*_: object) -> None:
    raise Unknown("no time")


def test_what_z3_leaves_open_is_refuted_by_arguments_drawn_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "counterexample", _undecided)
    comparison, faulty = _update_that_goes_down()
    values = comparison.counterexample(faulty)
    assert values is not None
    assert comparison.by_code(faulty, values) != comparison.by_code(comparison.code(), values)


def test_arguments_drawn_by_chance_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "counterexample", _undecided)
    comparison, _ = _update_that_goes_down()
    with pytest.raises(Unknown, match="no time"):
        comparison.counterexample(comparison.code())


def test_arguments_drawn_by_chance_are_ones_that_are_assumed() -> None:
    machine = Machine(BitVectors())
    word, bit = machine.word("word", 10), machine.truth("bit")
    machine.assume(z3.And(word.term != 3, bit))
    drawn = machine.guess(z3.Or(word.term == 3, z3.Not(bit), word.term == 5), 1_000)
    assert drawn is not None
    assert drawn["word"] in {0, 1, 2, 4, 6, 7, 8, 9}
    assert drawn["bit"] is True
    assert machine.guess(z3.Or(word.term < 10, word.term == 3), 1_000) is None
