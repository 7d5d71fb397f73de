"""Integers that know of which bytes they are made.

Addresses, ports and headers are bytes that are put together, shifted and taken apart again. Where a number is known
byte by byte, shifts and masks by whole bytes pick bytes, and nothing is left for a solver to divide. Every other number
is treated as by `proofs.smt.integers`.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import z3

from proofs.smt.integers import SHORT_SHIFT, Integers
from proofs.smt.theory import Demand
from proofs.smt.values import FALSE, WORD_BITS, WORD_LIMIT, Kind, Term

NO_OCTET = z3.IntVal(0)
ALL_ONES = 0xFF


class OctetIntegers(Integers):
    """The theory of linear integer arithmetic, with numbers that are known byte by byte.

    Attributes:
        lowest: unknowns for the lowest bytes of numbers that are not known byte by byte, by number and count.
    """

    def __init__(self) -> None:
        self.lowest: dict[tuple[Term, int], list[Term]] = {}
        self._octets: dict[int, tuple[Term, tuple[Term, ...]]] = {}
        self._made: dict[tuple[Any, ...], tuple[Any, Term]] = {}

    def compose(self, octets: Sequence[Term]) -> Term:
        """The number that has these bytes, each a term from 0 to 255, the least significant first."""
        return self._once(("compose", *octets), lambda: self._composed(tuple(octets)))

    def _composed(self, octets: tuple[Term, ...]) -> Term:
        numbers = [_number(octet) for octet in octets]
        while octets and numbers[len(octets) - 1] == 0:
            octets = octets[:-1]
        if None not in numbers:
            return z3.IntVal(sum(number << 8 * place for place, number in enumerate(numbers) if number))
        parts = [256**place * octet if place else octet for place, octet in enumerate(octets)]
        term = z3.Sum(parts) if len(parts) > 1 else parts[0]
        self.remember(term, octets)
        return term

    def _once(self, key: tuple[Any, ...], make: Callable[[], Term]) -> Term:
        """A term that is made once for the same parts, which are kept, so that their numbers stay theirs."""
        numbers = tuple(part.get_id() if isinstance(part, z3.ExprRef) else part for part in key)
        if numbers not in self._made:
            self._made[numbers] = key, make()
        return self._made[numbers][1]

    def remember(self, term: Term, octets: Sequence[Term]) -> None:
        """Note the bytes of a number, which are known to be these."""
        self._octets[term.get_id()] = term, tuple(octets)

    def octets(self, term: Term) -> tuple[Term, ...] | None:
        """The bytes of a number, the least significant first, zeros at the end left out; None where unknown."""
        if term.get_id() not in self._octets:
            number = _number(term)
            if number is None or number < 0:
                return None
            self.remember(term, list(map(z3.IntVal, _octets_in(number))))
        return self._octets[term.get_id()][1]

    def binary(self, operator: type[ast.operator], left: Term, right: Term, kind: Kind, demand: Demand) -> Term:
        """See `Theory.binary`."""
        # Without bits left a number known by its bytes is 0, but compiled code makes anything of such a shift.
        if kind is Kind.WORD and operator in (ast.LShift, ast.RShift) and (_number(right) or 0) >= WORD_BITS:
            demand(FALSE, SHORT_SHIFT)
        found = self._bytewise(operator, left, right, kind)
        if found is not None:
            return found
        result = super().binary(operator, left, right, kind, demand)
        return z3.simplify(result) if z3.is_int_value(left) and z3.is_int_value(right) else result

    def _bytewise(self, operator: type[ast.operator], left: Term, right: Term, kind: Kind) -> Term | None:
        if operator not in _BYTEWISE:
            return None
        first, second = self.octets(left), self.octets(right)
        if first is None or second is None:
            return None
        octets = _BYTEWISE[operator](first, second)
        if octets is None:
            return None
        if operator is ast.LShift and kind is Kind.WORD:
            octets = octets[: WORD_BITS // 8]  # what is shifted out of a word is gone
        fits = kind is Kind.INTEGER or len(octets) <= WORD_BITS // 8
        return self.compose(octets) if fits else None

    def invert(self, term: Term, kind: Kind) -> Term:
        """See `Theory.invert`."""
        octets = self.octets(term)
        if kind is Kind.WORD and octets is not None:
            mask = _octets_in(WORD_LIMIT - 1)
            return self.compose([_flipped(octet, ones) for octet, ones in zip(_padded(octets, 8), mask, strict=True)])
        return super().invert(term, kind)


def _number(term: Term) -> int | None:
    """The number behind a constant term; None for another one."""
    return int(term.as_long()) if z3.is_int_value(term) else None


def _octets_in(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def _padded(octets: tuple[Term, ...], count: int) -> tuple[Term, ...]:
    return octets + (NO_OCTET,) * (count - len(octets))


def _aligned(one: tuple[Term, ...], other: tuple[Term, ...]) -> list[tuple[Term, Term]]:
    count = max(len(one), len(other))
    return list(zip(_padded(one, count), _padded(other, count), strict=True))


_Octets = tuple[Term, ...]


def _known(octets: _Octets) -> int | None:
    if not all(map(z3.is_int_value, octets)):
        return None
    return sum(int(octet.as_long()) << 8 * place for place, octet in enumerate(octets))


def _bytes_in_shift(count: _Octets) -> int | None:
    """By how many whole bytes a known shift count shifts; None for another count."""
    known = _known(count)
    return None if known is None or known % 8 else known // 8


def _left(octets: _Octets, count: _Octets) -> _Octets | None:
    places = _bytes_in_shift(count)
    return None if places is None else (NO_OCTET,) * places + octets


def _right(octets: _Octets, count: _Octets) -> _Octets | None:
    places = _bytes_in_shift(count)
    return None if places is None else octets[places:]


def _for_each(operate: Callable[[Term, Term], Term | None]) -> Callable[[_Octets, _Octets], _Octets | None]:
    def pairwise(one: _Octets, other: _Octets) -> _Octets | None:
        found = [operate(*pair) for pair in _aligned(one, other)]
        return None if any(octet is None for octet in found) else tuple(found)

    return pairwise


def _mask(octet: Term) -> int | None:
    """0 or 255 for a byte that is one of them."""
    if z3.is_int_value(octet) and octet.as_long() in (0, ALL_ONES):
        return int(octet.as_long())
    return None


def _both(one: Term, other: Term) -> Term | None:
    if z3.is_int_value(one) and z3.is_int_value(other):
        return z3.IntVal(one.as_long() & other.as_long())
    for octet, mask in ((one, _mask(other)), (other, _mask(one))):
        if mask is not None:
            return octet if mask else NO_OCTET
    return None


def _either(one: Term, other: Term) -> Term | None:
    if z3.is_int_value(one) and z3.is_int_value(other):
        return z3.IntVal(one.as_long() | other.as_long())
    for octet, mask in ((one, _mask(other)), (other, _mask(one))):
        if mask == 0:
            return octet
    return None


def _differing(one: Term, other: Term) -> Term | None:
    for octet, mask in ((one, _mask(other)), (other, _mask(one))):
        if mask is not None:
            return _flipped(octet, mask)
    return None


def _flipped(octet: Term, mask: int) -> Term:
    return z3.simplify(ALL_ONES - octet) if mask else octet


_BYTEWISE: Mapping[type[ast.operator], Callable[[_Octets, _Octets], _Octets | None]] = {
    ast.LShift: _left,
    ast.RShift: _right,
    ast.BitAnd: _for_each(_both),
    ast.BitOr: _for_each(_either),
    ast.BitXor: _for_each(_differing),
}
