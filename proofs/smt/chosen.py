"""Elements of a sequence by an index that is not known."""

from collections.abc import Sequence
from typing import Any

import z3

from proofs.smt.values import WORD_BITS, Term


def element(members: Sequence[Term], index: Term) -> Term:
    """The member with a number; some member where there is none.

    Chosen by the bits of the index, a balanced tree that z3 handles far better than an array or a chain of comparisons.
    An index that is itself a choice between known ones is chosen the same way.
    """
    known = by_choice(members, index)
    return _by_bits(members, index, (len(members) - 1).bit_length()) if known is None else known


def by_choice(members: Sequence[Term], index: Term) -> Term | None:
    """The member, where the index is a choice between known numbers, or made of such choices; else None."""
    settled = case_by_case(index)
    return None if settled is None else _by_choice(members, settled, {})


def case_by_case(term: Term) -> Term | None:
    """A term that is made of choices between known numbers, as one choice; None for another term.

    In a binary search an index is the former one or that and something more: the sum of a choice and a number, from
    which nothing can be read, becomes a choice between sums.
    """
    return _settled(term, {})


def _settled(term: Term, found: dict[Term, Term | None]) -> Term | None:
    if z3.is_bv_value(term):
        return term
    if term not in found:
        if z3.is_app_of(term, z3.Z3_OP_ITE):
            condition, *branches = term.children()
            first, second = (_settled(branch, found) for branch in branches)
            found[term] = None if first is None or second is None else _choice(condition, first, second)
        else:
            parts = [_settled(part, found) if z3.is_bv(part) else None for part in term.children()]
            known = [part for part in parts if part is not None]
            found[term] = _applied(term.decl(), known) if parts and len(known) == len(parts) else None
    return found[term]


def _applied(operation: z3.FuncDeclRef, operands: list[Term]) -> Term:
    """An operation on choices, as a choice between what it gives."""
    for place, operand in enumerate(operands):
        if not z3.is_bv_value(operand):
            condition, *branches = operand.children()
            first, second = (
                _applied(operation, [*operands[:place], branch, *operands[place + 1 :]]) for branch in branches
            )
            return _choice(condition, first, second)
    return z3.simplify(operation(*operands))


def _choice(condition: Term, first: Term, second: Term) -> Term:
    return first if first.eq(second) else z3.If(condition, first, second)


class Constants(Sequence[Term]):
    """The words of a known array as terms, each made when it is asked for."""

    def __init__(self, words: Sequence[int]) -> None:
        self.words = words

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, place: Any) -> Any:
        return z3.BitVecVal(int(self.words[place]), WORD_BITS)


def _by_choice(members: Sequence[Term], index: Term, found: dict[Term, Term | None]) -> Term | None:
    """The member, where the index is a known number under each of the conditions that it asks for; else None."""
    if z3.is_bv_value(index):
        return members[min(index.as_long(), len(members) - 1)]
    if not z3.is_app_of(index, z3.Z3_OP_ITE):
        return None
    if index not in found:
        condition, then, otherwise = index.children()
        one, other = _by_choice(members, then, found), _by_choice(members, otherwise, found)
        if one is None or other is None:
            found[index] = None
        else:
            found[index] = one if one.eq(other) else z3.If(condition, one, other)
    return found[index]


def _by_bits(members: Sequence[Term], index: Term, bits: int) -> Term:
    """The member whose number the low `bits` bits of `index` are; the last one where there is none."""
    if bits == 0 or len(members) == 1:
        return members[0]
    half = 1 << (bits - 1)
    low, high = members[:half], members[half:] or members[-1:]
    if len(members) <= half:
        return _by_bits(members, index, bits - 1)
    upper = z3.Extract(bits - 1, bits - 1, index) == 1
    one, other = _by_bits(high, index, bits - 1), _by_bits(low, index, bits - 1)
    return one if one.eq(other) else z3.If(upper, one, other)
