"""Numbers as mathematical integers: for claims about sums of any length, which bit-vectors cannot decide.

Masks, shifts and complements by known numbers are remainders, quotients and differences, exactly. A word must not wrap
around: whatever might leave 0 to 2**64 - 1 raises a demand that it does not, so that the term is exact wherever the
demands are proved.
"""

import ast
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import z3

from proofs.smt.theory import Demand, UnsupportedOperation
from proofs.smt.values import WORD_BITS, WORD_LIMIT, Kind, Term

SHORT_SHIFT = "the shift count is below 64"
"""What is demanded of every shift of a word."""

_Operation: TypeAlias = Callable[[Term, Term], Term]


class Integers:
    """The theory of linear integer arithmetic. See `proofs.smt.theory.Theory`."""

    def symbol(self, name: str, kind: Kind) -> tuple[Term, Term]:
        """See `Theory.symbol`."""
        term = z3.Int(name)
        return term, _is_word(term) if kind is Kind.WORD else z3.BoolVal(True)

    def constant(self, value: int, kind: Kind, demand: Demand) -> Term:
        """See `Theory.constant`."""
        if kind is Kind.WORD:
            demand(z3.BoolVal(0 <= value < WORD_LIMIT), f"{value} fits 64 bits")
        return z3.IntVal(value)

    def binary(self, operator: type[ast.operator], left: Term, right: Term, kind: Kind, demand: Demand) -> Term:
        """See `Theory.binary`."""
        if operator is ast.BitOr:
            return _joined(left, right, demand)
        if operator not in _OPERATIONS:
            raise UnsupportedOperation(f"{operator.__name__} as integers")
        result = _OPERATIONS[operator](left, right)
        if kind is Kind.WORD:
            if operator in (ast.LShift, ast.RShift):
                demand(z3.BoolVal(_known(right) < WORD_BITS), SHORT_SHIFT)
            demand(_is_word(result), "no wrap-around")
        return result

    def invert(self, term: Term, kind: Kind) -> Term:
        """See `Theory.invert`."""
        return (WORD_LIMIT - 1 if kind is Kind.WORD else -1) - term

    def compare(self, operator: type[ast.cmpop], left: Term, right: Term, kind: Kind) -> Term:
        """See `Theory.compare`."""
        return _ORDER[operator](left, right)

    def as_integer(self, term: Term, demand: Demand) -> Term:
        """See `Theory.as_integer`."""
        return term

    def as_word(self, term: Term, demand: Demand) -> Term:
        """See `Theory.as_word`."""
        demand(_is_word(term), "an integer made a word fits it")
        return term

    def number(self, value: Term, kind: Kind) -> int:
        """See `Theory.number`."""
        return int(value.as_long())


def _is_word(term: Term) -> Term:
    return z3.And(term >= 0, term < WORD_LIMIT)


def _known(term: Term) -> int:
    """The number behind a constant term, which is not negative."""
    if not z3.is_int_value(term) or term.as_long() < 0:
        raise UnsupportedOperation(f"a mask, shift count, factor or divisor that is not known: {term}")
    return int(term.as_long())


def _low_bits(term: Term) -> int:
    """How many low bits the mask `term` keeps."""
    mask = _known(term)
    if mask & (mask + 1):
        raise UnsupportedOperation(f"the mask {mask:#x}, which is not a run of low bits")
    return mask.bit_length()


def _joined(left: Term, right: Term, demand: Demand) -> Term:
    """The or of two numbers that have no bit in common: one is a multiple of a power of two that the other is below."""
    high, low = (left, right) if _power_of_two_in(left) >= _power_of_two_in(right) else (right, left)
    demand(z3.And(low >= 0, low < _power_of_two_in(high)), "the bits put together do not overlap")
    return high + low


def _power_of_two_in(term: Term) -> int:
    """A power of two that divides a term, as far as its form tells."""
    if z3.is_int_value(term):
        number = int(term.as_long())
        return number & -number if number else WORD_LIMIT
    if z3.is_mul(term):
        return min(WORD_LIMIT, math.prod(map(_power_of_two_in, term.children())))
    if z3.is_add(term) or z3.is_app_of(term, z3.Z3_OP_ITE):
        return min(map(_power_of_two_in, term.children()[-2:] if not z3.is_add(term) else term.children()))
    return 1


def _masked(left: Term, right: Term) -> Term:
    """The bits of a number that a mask keeps, a run of bits."""
    mask = _known(right)
    lowest = mask & -mask
    if mask == 0 or (mask + lowest) & mask:
        raise UnsupportedOperation(f"the mask {mask:#x}, which is not a run of bits")
    return _remainder(left, mask + lowest) - (_remainder(left, lowest) if lowest > 1 else 0)


def _remainder(term: Term, modulus: int) -> Term:
    """A remainder by a power of two. That of a quotient is said as a difference of two quotients, which is linear."""
    if z3.is_idiv(term) and z3.is_int_value(term.arg(1)):
        dividend, divisor = term.children()
        return term - modulus * (dividend / z3.IntVal(modulus * divisor.as_long()))
    return term % modulus


def _divisor(term: Term) -> int:
    """The number behind a constant term, which is positive."""
    if _known(term) == 0:
        raise UnsupportedOperation("division by zero")
    return _known(term)


def _constant_last(operation: _Operation) -> _Operation:
    """A commutative operation that wants its constant on the right."""

    def operate(left: Term, right: Term) -> Term:
        swap = z3.is_int_value(left) and not z3.is_int_value(right)
        return operation(right, left) if swap else operation(left, right)

    return operate


def _flip(left: Term, right: Term) -> Term:
    """Exclusive or with a mask of low bits: those become their complement, the rest stays."""
    modulus = 1 << _low_bits(right)
    return left - 2 * (left % modulus) + (modulus - 1)


_OPERATIONS: Mapping[type[ast.operator], _Operation] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: _constant_last(lambda left, right: left * _known(right)),
    ast.FloorDiv: lambda left, right: left / z3.IntVal(_divisor(right)),
    ast.Mod: lambda left, right: left % _divisor(right),
    ast.BitAnd: _constant_last(_masked),
    ast.BitXor: _constant_last(_flip),
    ast.LShift: lambda left, right: left * (1 << _known(right)),
    ast.RShift: lambda left, right: left / z3.IntVal(1 << _known(right)),
}
_ORDER: Mapping[type[ast.cmpop], _Operation] = {
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
}
