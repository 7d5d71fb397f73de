"""Values of LLVM code as z3 terms, each with the condition under which it is poison.

Poison is what an operation yields whose promise (no wrap-around, say) is broken. It spreads to whatever is computed of
it, may be thrown away unharmed, and makes the behaviour undefined where the code goes by it. As in Alive2 (Lopes and
others, PLDI 2021).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import z3

from proofs.smt.llvm.reader import UnsupportedCode
from proofs.smt.values import FALSE, TRUE, Term, disjunction, negation

if TYPE_CHECKING:
    from proofs.smt.llvm.memory import Region


@dataclass(frozen=True)
class Bits:
    """An integer: a bit-vector, or a truth value where it has one bit."""

    term: Term
    poison: Term = FALSE


@dataclass(frozen=True)
class Pointer:
    """An address: a region of memory, and an offset in bytes of 64 bits."""

    region: "Region"
    offset: Term
    poison: Term = FALSE


Scalar: TypeAlias = Bits | Pointer


def width_of(kind: str) -> int:
    """Bits of an integer type. Raises UnsupportedCode for any other."""
    if not kind.startswith("i") or not kind[1:].isdigit():
        raise UnsupportedCode(f"a value of type {kind}")
    return int(kind[1:])


def constant(kind: str, text: str) -> Bits:
    """A constant of an integer type."""
    width = width_of(kind)
    if text in ("poison", "undef"):
        return Bits(FALSE if width == 1 else z3.BitVecVal(0, width), TRUE)
    if width == 1:
        return Bits(z3.BoolVal(text in ("true", "1", "-1")))
    return Bits(z3.BitVecVal(int(text), width))


def chosen(condition: Term, then: Scalar, otherwise: Scalar) -> Scalar:
    """`then` where the condition holds, `otherwise` elsewhere."""
    if then is otherwise or z3.is_true(condition):
        return then
    if z3.is_false(condition):
        return otherwise
    poison = then.poison if then.poison.eq(otherwise.poison) else z3.If(condition, then.poison, otherwise.poison)
    if isinstance(then, Bits) and isinstance(otherwise, Bits):
        return Bits(then.term if then.term.eq(otherwise.term) else z3.If(condition, then.term, otherwise.term), poison)
    if isinstance(then, Pointer) and isinstance(otherwise, Pointer) and then.region is otherwise.region:
        return Pointer(then.region, z3.If(condition, then.offset, otherwise.offset), poison)
    raise UnsupportedCode("a choice between addresses of different regions")


Operation: TypeAlias = Callable[[Term, Term], Term]


def binary(opcode: str, flags: frozenset[str], left: Bits, right: Bits) -> Bits:
    """An arithmetic or logical operation; broken promises, shifts too far and divisions by zero make poison."""
    poison = disjunction(left.poison, right.poison)
    one, other = left.term, right.term
    if z3.is_bool(one):
        if opcode not in _ON_TRUTHS:
            raise UnsupportedCode(f"{opcode} of i1")
        return Bits(_ON_TRUTHS[opcode](one, other), poison)
    for flag in sorted(flags):
        poison = disjunction(poison, negation(_PROMISES[opcode, flag](one, other)))
    if opcode in ("shl", "lshr", "ashr"):
        poison = disjunction(poison, negation(z3.simplify(z3.ULT(other, one.size()))))
    if opcode in ("udiv", "urem"):
        poison = disjunction(poison, other == 0)
    return Bits(_OPERATIONS[opcode](one, other), poison)


def compare(predicate: str, flags: frozenset[str], left: Bits, right: Bits) -> Bits:
    """A comparison."""
    poison = disjunction(left.poison, right.poison)
    one, other = left.term, right.term
    if z3.is_bool(one):
        if predicate not in ("eq", "ne"):
            raise UnsupportedCode(f"{predicate} of i1")
        return Bits(one == other if predicate == "eq" else z3.Xor(one, other), poison)
    if "samesign" in flags:
        poison = disjunction(poison, (one < 0) != (other < 0))
    return Bits(COMPARISONS[predicate](one, other), poison)


def cast(opcode: str, flags: frozenset[str], value: Bits, kind: str) -> Bits:
    """A conversion to another width."""
    term, width = value.term, width_of(kind)
    if opcode in ("bitcast", "freeze"):
        return value
    if z3.is_bool(term):
        term = z3.If(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    if opcode == "trunc":
        result = z3.Extract(width - 1, 0, term)
        more, poison = term.size() - width, value.poison
        for flag, extend in (("nuw", z3.ZeroExt), ("nsw", z3.SignExt)):
            if flag in flags:
                poison = disjunction(poison, extend(more, result) != term)
        return Bits(result == 1 if width == 1 else result, poison)
    poison = disjunction(value.poison, term < 0) if "nneg" in flags else value.poison
    return Bits((z3.ZeroExt if opcode == "zext" else z3.SignExt)(width - term.size(), term), poison)


def call(callee: str, arguments: list[Bits]) -> Bits:
    """An intrinsic without effects. Raises UnsupportedCode."""
    name = callee.removeprefix("llvm.").rpartition(".")[0]
    if name not in _INTRINSICS:
        raise UnsupportedCode(f"call of {callee}")
    poison = FALSE
    for argument in arguments:
        poison = disjunction(poison, argument.poison)
    return Bits(_INTRINSICS[name](*[argument.term for argument in arguments]), poison)


def swapped(term: Term) -> Term:
    """The bytes of a number in the other order."""
    return z3.Concat(*[z3.Extract(low + 7, low, term) for low in range(0, term.size(), 8)])


def _funnel(high: Term, low: Term, count: Term) -> Term:
    width = high.size()
    shifted = z3.Concat(high, low) << z3.ZeroExt(width, z3.URem(count, width))
    return z3.Extract(2 * width - 1, width, shifted)


_INTRINSICS: Mapping[str, Callable[..., Term]] = {
    "bswap": swapped,
    "umin": lambda one, other: z3.If(z3.ULT(one, other), one, other),
    "umax": lambda one, other: z3.If(z3.UGT(one, other), one, other),
    "smin": lambda one, other: z3.If(one < other, one, other),
    "smax": lambda one, other: z3.If(one > other, one, other),
    "fshl": _funnel,
}
_ON_TRUTHS: Mapping[str, Operation] = {"and": z3.And, "or": z3.Or, "xor": z3.Xor}
_OPERATIONS: Mapping[str, Operation] = {
    "add": lambda one, other: one + other,
    "sub": lambda one, other: one - other,
    "mul": lambda one, other: one * other,
    "and": lambda one, other: one & other,
    "or": lambda one, other: one | other,
    "xor": lambda one, other: one ^ other,
    "shl": lambda one, other: one << other,
    "lshr": z3.LShR,
    "ashr": lambda one, other: one >> other,
    "udiv": z3.UDiv,
    "urem": z3.URem,
}
_PROMISES: Mapping[tuple[str, str], Operation] = {
    ("add", "nuw"): lambda one, other: z3.BVAddNoOverflow(one, other, False),
    ("add", "nsw"): lambda one, other: z3.And(z3.BVAddNoOverflow(one, other, True), z3.BVAddNoUnderflow(one, other)),
    ("sub", "nuw"): z3.UGE,
    ("sub", "nsw"): lambda one, other: z3.And(z3.BVSubNoOverflow(one, other), z3.BVSubNoUnderflow(one, other, True)),
    ("mul", "nuw"): lambda one, other: z3.BVMulNoOverflow(one, other, False),
    ("mul", "nsw"): lambda one, other: z3.And(z3.BVMulNoOverflow(one, other, True), z3.BVMulNoUnderflow(one, other)),
    ("shl", "nuw"): lambda one, other: z3.LShR(one << other, other) == one,
    ("shl", "nsw"): lambda one, other: (one << other) >> other == one,
    ("lshr", "exact"): lambda one, other: z3.LShR(one, other) << other == one,
    ("ashr", "exact"): lambda one, other: (one >> other) << other == one,
    ("udiv", "exact"): lambda one, other: z3.URem(one, other) == 0,
    ("or", "disjoint"): lambda one, other: one & other == 0,
}
COMPARISONS: Mapping[str, Operation] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "ult": z3.ULT,
    "ule": z3.ULE,
    "ugt": z3.UGT,
    "uge": z3.UGE,
    "slt": lambda one, other: one < other,
    "sle": lambda one, other: one <= other,
    "sgt": lambda one, other: one > other,
    "sge": lambda one, other: one >= other,
}
