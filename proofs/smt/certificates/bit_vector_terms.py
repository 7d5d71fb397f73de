"""Operations on bit-vectors and truth values, as gates; a truth value is one bit."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import TypeAlias

import z3

from proofs.smt.certificates.circuit import FALSE, TRUE, Bits, Circuit, Literal, constant, extended
from proofs.smt.values import Term

Meaning: TypeAlias = Callable[[Circuit, Term, list[Bits]], Bits]
"""`meaning(circuit, term, inputs)`: the bits of a term, of whose operands those are given."""


def _bitwise(gate: Callable[[Circuit, Literal, Literal], Literal], negated: bool = False) -> Meaning:
    def meaning(circuit: Circuit, _: Term, inputs: list[Bits]) -> Bits:
        columns = zip(*inputs, strict=True)
        bits = [reduce(lambda one, other: gate(circuit, one, other), column) for column in columns]
        return [-bit for bit in bits] if negated else bits

    return meaning


def _folded(operation: Callable[[Circuit, Bits, Bits], Bits]) -> Meaning:
    def meaning(circuit: Circuit, _: Term, inputs: list[Bits]) -> Bits:
        return reduce(lambda one, other: operation(circuit, one, other), inputs)

    return meaning


def _comparison(signed: bool, swapped: bool, negated: bool) -> Meaning:
    def meaning(circuit: Circuit, _: Term, inputs: list[Bits]) -> Bits:
        one, other = reversed(inputs) if swapped else inputs
        below = circuit.below_signed(one, other) if signed else circuit.below(one, other)
        return [-below if negated else below]

    return meaning


def _equal(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return [circuit.equal(*inputs)]


def _distinct(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    pairs = [(one, other) for place, one in enumerate(inputs) for other in inputs[:place]]
    return [circuit.all([-circuit.equal(*pair) for pair in pairs])]


def _product(circuit: Circuit, one: Bits, other: Bits) -> Bits:
    total = [FALSE] * len(one)
    for place, bit in enumerate(other):
        shifted = ([FALSE] * place + one)[: len(one)]
        total = circuit.add(total, [circuit.both(bit, digit) for digit in shifted])
    return total


def _shift(right: bool, signed: bool = False) -> Meaning:
    """A shift by a power of two for each bit of the count; a count too large leaves nothing but the sign."""

    def meaning(circuit: Circuit, _: Term, inputs: list[Bits]) -> Bits:
        bits, count = inputs
        filled = bits[-1] if signed else FALSE
        for place, bit in enumerate(count):
            by = min(1 << place, len(bits))
            moved = bits[by:] + [filled] * by if right else [FALSE] * by + bits[: len(bits) - by]
            bits = circuit.choose_bits(bit, moved, bits)
        return bits

    return meaning


def _value(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return constant(term.as_long(), term.size())


def _concatenation(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return [bit for part in reversed(inputs) for bit in part]


def _extract(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    high, low = term.params()
    return inputs[0][low : high + 1]


def _choice(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    (condition,), then, otherwise = inputs
    return circuit.choose_bits(condition, then, otherwise)


def _implication(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    (premise,), (conclusion,) = inputs
    return [circuit.either(-premise, conclusion)]


def _all(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return [circuit.all([bit for (bit,) in inputs])]


def _any(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return [-circuit.all([-bit for (bit,) in inputs])]


def _negated(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return [-bit for bit in inputs[0]]


def _minus(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
    return circuit.subtract([FALSE] * len(inputs[0]), inputs[0])


def _extension(signed: bool) -> Meaning:
    def meaning(circuit: Circuit, term: Term, inputs: list[Bits]) -> Bits:
        return extended(inputs[0] if signed else [*inputs[0], FALSE], term.size())

    return meaning


def _known(bit: Literal) -> Meaning:
    return lambda *_: [bit]


BIT_VECTORS: Mapping[int, Meaning] = {
    z3.Z3_OP_TRUE: _known(TRUE),
    z3.Z3_OP_FALSE: _known(FALSE),
    z3.Z3_OP_NOT: _negated,
    z3.Z3_OP_AND: _all,
    z3.Z3_OP_OR: _any,
    z3.Z3_OP_XOR: _bitwise(Circuit.differ),
    z3.Z3_OP_IMPLIES: _implication,
    z3.Z3_OP_EQ: _equal,
    z3.Z3_OP_IFF: _equal,
    z3.Z3_OP_DISTINCT: _distinct,
    z3.Z3_OP_ITE: _choice,
    z3.Z3_OP_BNUM: _value,
    z3.Z3_OP_BNOT: _negated,
    z3.Z3_OP_BNEG: _minus,
    z3.Z3_OP_BAND: _bitwise(Circuit.both),
    z3.Z3_OP_BOR: _bitwise(Circuit.either),
    z3.Z3_OP_BXOR: _bitwise(Circuit.differ),
    z3.Z3_OP_BADD: _folded(Circuit.add),
    z3.Z3_OP_BSUB: _folded(Circuit.subtract),
    z3.Z3_OP_BMUL: _folded(_product),
    z3.Z3_OP_BSHL: _shift(right=False),
    z3.Z3_OP_BLSHR: _shift(right=True),
    z3.Z3_OP_BASHR: _shift(right=True, signed=True),
    z3.Z3_OP_CONCAT: _concatenation,
    z3.Z3_OP_EXTRACT: _extract,
    z3.Z3_OP_ZERO_EXT: _extension(signed=False),
    z3.Z3_OP_SIGN_EXT: _extension(signed=True),
    z3.Z3_OP_ULT: _comparison(signed=False, swapped=False, negated=False),
    z3.Z3_OP_UGT: _comparison(signed=False, swapped=True, negated=False),
    z3.Z3_OP_ULEQ: _comparison(signed=False, swapped=True, negated=True),
    z3.Z3_OP_UGEQ: _comparison(signed=False, swapped=False, negated=True),
    z3.Z3_OP_SLT: _comparison(signed=True, swapped=False, negated=False),
    z3.Z3_OP_SGT: _comparison(signed=True, swapped=True, negated=False),
    z3.Z3_OP_SLEQ: _comparison(signed=True, swapped=True, negated=True),
    z3.Z3_OP_SGEQ: _comparison(signed=True, swapped=False, negated=True),
}
