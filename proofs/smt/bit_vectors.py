"""Numbers as bit-vectors of 64 bits: exact for every operator, best where masks and shifts abound.

A word wraps around, as compiled code does. A Python integer is a two's complement number; whatever might leave
64 bits raises a demand that it does not, so that the term is exact wherever the demands are proved.
"""

import ast
from collections.abc import Callable, Mapping
from typing import TypeAlias

import z3

from proofs.smt.theory import Demand, UnsupportedOperation
from proofs.smt.values import WORD_BITS, WORD_LIMIT, Kind, Term

LARGEST = WORD_LIMIT // 2 - 1
"""The largest Python integer that is read exactly."""

_Operation: TypeAlias = Callable[[Term, Term, Demand], Term]


class BitVectors:
    """The theory of fixed-width bit-vectors. See `proofs.smt.theory.Theory`."""

    def symbol(self, name: str, kind: Kind) -> tuple[Term, Term]:
        """See `Theory.symbol`."""
        return z3.BitVec(name, WORD_BITS), z3.BoolVal(True)

    def constant(self, value: int, kind: Kind, demand: Demand) -> Term:
        """See `Theory.constant`."""
        low, high = (0, WORD_LIMIT) if kind is Kind.WORD else (-WORD_LIMIT // 2, WORD_LIMIT // 2)
        demand(z3.BoolVal(low <= value < high), f"{value} fits 64 bits")
        return z3.BitVecVal(value, WORD_BITS)

    def binary(self, operator: type[ast.operator], left: Term, right: Term, kind: Kind, demand: Demand) -> Term:
        """See `Theory.binary`."""
        operations = _ON_WORDS if kind is Kind.WORD else _ON_INTEGERS
        if operator not in operations:
            raise UnsupportedOperation(f"{operator.__name__} of {kind.value} as bit-vectors")
        return operations[operator](left, right, demand)

    def invert(self, term: Term, kind: Kind) -> Term:
        """See `Theory.invert`."""
        return ~term

    def compare(self, operator: type[ast.cmpop], left: Term, right: Term, kind: Kind) -> Term:
        """See `Theory.compare`."""
        return (_UNSIGNED_ORDER if kind is Kind.WORD else _SIGNED_ORDER)[operator](left, right)

    def as_integer(self, term: Term, demand: Demand) -> Term:
        """See `Theory.as_integer`."""
        demand(term >= 0, "a word read as an integer is below 2**63")
        return term

    def as_word(self, term: Term, demand: Demand) -> Term:
        """See `Theory.as_word`."""
        demand(term >= 0, "an integer made a word is not negative")
        return term

    def number(self, value: Term, kind: Kind) -> int:
        """See `Theory.number`."""
        return int(value.as_long() if kind is Kind.WORD else value.as_signed_long())


def _shift(operation: Callable[[Term, Term], Term]) -> _Operation:
    def shifted(left: Term, right: Term, demand: Demand) -> Term:
        demand(z3.ULT(right, WORD_BITS), "the shift count is below 64")
        return operation(left, right)

    return shifted


def _divided(operation: Callable[[Term, Term], Term]) -> _Operation:
    def quotient(left: Term, right: Term, demand: Demand) -> Term:
        demand(right != 0, "the divisor is not zero")
        return operation(left, right)

    return quotient


def _divided_natural(operation: Callable[[Term, Term], Term]) -> _Operation:
    def quotient(left: Term, right: Term, demand: Demand) -> Term:
        demand(z3.And(left >= 0, right > 0), "dividend and divisor are not negative, the divisor not zero")
        return operation(left, right)

    return quotient


def _add(left: Term, right: Term, demand: Demand) -> Term:
    demand(z3.And(z3.BVAddNoOverflow(left, right, True), z3.BVAddNoUnderflow(left, right)), "the sum fits 64 bits")
    return left + right


def _subtract(left: Term, right: Term, demand: Demand) -> Term:
    fits = z3.And(z3.BVSubNoOverflow(left, right), z3.BVSubNoUnderflow(left, right, True))
    demand(fits, "the difference fits 64 bits")
    return left - right


def _multiply(left: Term, right: Term, demand: Demand) -> Term:
    if z3.is_bv_value(left):
        left, right = right, left
    if z3.is_bv_value(right) and right.as_signed_long() > 0:
        # Bounds on the other factor say the same as z3's overflow predicates, and are decided much faster.
        factor = right.as_signed_long()
        demand(z3.And(left <= (LARGEST // factor), left >= -(LARGEST // factor)), "the product fits 64 bits")
        return left * right
    demand(z3.And(z3.BVMulNoOverflow(left, right, True), z3.BVMulNoUnderflow(left, right)), "the product fits 64 bits")
    return left * right


def _shift_left(left: Term, right: Term, demand: Demand) -> Term:
    demand(z3.And(z3.ULT(right, WORD_BITS), (left << right) >> right == left), "the shifted number fits 64 bits")
    return left << right


_BITWISE: Mapping[type[ast.operator], _Operation] = {
    ast.BitAnd: lambda left, right, _: left & right,
    ast.BitOr: lambda left, right, _: left | right,
    ast.BitXor: lambda left, right, _: left ^ right,
}
_ON_WORDS: Mapping[type[ast.operator], _Operation] = {
    **_BITWISE,
    ast.Add: lambda left, right, _: left + right,
    ast.Sub: lambda left, right, _: left - right,
    ast.Mult: lambda left, right, _: left * right,
    ast.LShift: _shift(lambda left, right: left << right),
    ast.RShift: _shift(z3.LShR),
    ast.FloorDiv: _divided(z3.UDiv),
    ast.Mod: _divided(z3.URem),
}
_ON_INTEGERS: Mapping[type[ast.operator], _Operation] = {
    **_BITWISE,
    ast.Add: _add,
    ast.Sub: _subtract,
    ast.Mult: _multiply,
    ast.LShift: _shift_left,
    ast.RShift: _shift(lambda left, right: left >> right),
    ast.FloorDiv: _divided_natural(z3.UDiv),
    ast.Mod: _divided_natural(z3.URem),
}
_EQUALITY: Mapping[type[ast.cmpop], Callable[[Term, Term], Term]] = {
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
}
_UNSIGNED_ORDER = {**_EQUALITY, ast.Lt: z3.ULT, ast.LtE: z3.ULE, ast.Gt: z3.UGT, ast.GtE: z3.UGE}
_SIGNED_ORDER = {
    **_EQUALITY,
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
}
