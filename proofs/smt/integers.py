"""Numbers as mathematical integers: for claims about sums of any length, which bit-vectors cannot decide.

Masks, shifts and complements by known numbers are remainders, quotients and differences, exactly. A word must not wrap
around: whatever might leave 0 to 2**64 - 1 raises a demand that it does not, so that the term is exact wherever the
demands are proved.
"""

import ast
from collections.abc import Callable, Mapping
from typing import TypeAlias

import z3

from proofs.smt.theory import Demand, UnsupportedOperation
from proofs.smt.values import WORD_BITS, WORD_LIMIT, Kind, Term

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
        if operator not in _OPERATIONS:
            raise UnsupportedOperation(f"{operator.__name__} as integers")
        result = _OPERATIONS[operator](left, right)
        if kind is Kind.WORD:
            if operator in (ast.LShift, ast.RShift):
                demand(z3.BoolVal(_known(right) < WORD_BITS), "the shift count is below 64")
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


def _masked(left: Term, right: Term) -> Term:
    """The low bits of a number. Those of a quotient are said as a difference of two quotients, which is linear."""
    modulus = 1 << _low_bits(right)
    if z3.is_idiv(left) and z3.is_int_value(left.arg(1)):
        dividend, divisor = left.children()
        return left - modulus * (dividend / z3.IntVal(modulus * divisor.as_long()))
    return left % modulus


def _divisor(term: Term) -> int:
    """The number behind a constant term, which is positive."""
    if _known(term) == 0:
        raise UnsupportedOperation("division by zero")
    return _known(term)


def _constant_last(operation: _Operation) -> _Operation:
    """A commutative operation that wants its constant on the right."""
    return lambda left, right: operation(right, left) if z3.is_int_value(left) else operation(left, right)


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
