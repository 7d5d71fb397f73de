"""Numbers that are known byte by byte are treated as those that are not, demands included."""

import ast

import pytest
import z3

from proofs.smt.octet_integers import OctetIntegers
from proofs.smt.values import Kind, Term

SHIFTS = (ast.LShift, ast.RShift)


def demands_of(operator: type[ast.operator], count: int, *, composed: bool, kind: Kind = Kind.WORD) -> list[Term]:
    """What a shift of a word demands, the word known by its bytes or 0."""
    theory, demands = OctetIntegers(), list[Term]()
    word = theory.compose([z3.Int("low"), z3.Int("high")]) if composed else z3.IntVal(0)
    theory.binary(operator, word, z3.IntVal(count), kind, lambda condition, _: demands.append(condition))
    return demands


@pytest.mark.parametrize("operator", SHIFTS)
@pytest.mark.parametrize("composed", [False, True], ids=["zero", "bytes"])
@pytest.mark.parametrize("count", [64, 65, 72])
def test_a_word_shifted_by_all_its_bits_or_more_makes_a_demand_that_fails(
    operator: type[ast.operator], composed: bool, count: int
) -> None:
    assert any(z3.is_false(demand) for demand in demands_of(operator, count, composed=composed))


def test_what_is_shifted_out_of_a_word_is_gone() -> None:
    theory = OctetIntegers()
    octets = [z3.Int(f"byte {place}") for place in range(8)]
    word, count = theory.compose(octets), z3.IntVal(32)
    shifted = theory.binary(ast.LShift, word, count, Kind.WORD, lambda *_: None)
    assert theory.octets(shifted) == (*[z3.IntVal(0)] * 4, *octets[:4])
    whole = theory.binary(ast.LShift, word, count, Kind.INTEGER, lambda *_: None)
    assert theory.octets(whole) == (*[z3.IntVal(0)] * 4, *octets)


@pytest.mark.parametrize("operator", SHIFTS)
@pytest.mark.parametrize("composed", [False, True], ids=["zero", "bytes"])
def test_a_word_shifted_by_whole_bytes_and_an_integer_shifted_by_any_count_demand_nothing(
    operator: type[ast.operator], composed: bool
) -> None:
    assert demands_of(operator, 48, composed=composed) == []
    assert demands_of(operator, 72, composed=composed, kind=Kind.INTEGER) == []
