"""Numbers that are known byte by byte are, after shifts and masks, the numbers that Python has."""

import ast
import operator
from collections.abc import Callable
from typing import Any

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from proofs.smt.octet_integers import OctetIntegers
from proofs.smt.values import WORD_LIMIT, Kind

octets = st.lists(st.integers(0, 255), min_size=1, max_size=8)
masks = st.lists(st.sampled_from((0, 0xFF)), min_size=1, max_size=8).map(lambda mask: int.from_bytes(mask, "little"))


def nothing_demanded(_: Any, __: str) -> None:
    """Nothing need be shown where bytes are moved."""
    raise AssertionError("a demand")


def with_bytes(theory: OctetIntegers, values: list[int]) -> tuple[Any, list[tuple[Any, Any]]]:
    """A number whose bytes are unknowns, and what these are."""
    unknowns = [z3.Int(f"byte {place}") for place in range(len(values))]
    return theory.compose(unknowns), list(zip(unknowns, map(z3.IntVal, values), strict=True))


@pytest.mark.parametrize(
    ("operation", "meaning"),
    [(ast.BitAnd, operator.and_), (ast.BitXor, operator.xor)],
    ids=["and", "xor"],
)
@given(values=octets, mask=masks)
def test_masks_of_whole_bytes_pick_or_complement_bytes(
    operation: type[ast.operator], meaning: Callable[[int, int], int], values: list[int], mask: int
) -> None:
    theory = OctetIntegers()
    number, known = with_bytes(theory, values)
    result = theory.binary(operation, number, z3.IntVal(mask), Kind.WORD, nothing_demanded)
    expected = meaning(int.from_bytes(values, "little"), mask)
    assert z3.simplify(z3.substitute(result, *known)).as_long() == expected


@given(values=octets, places=st.integers(0, 9))
def test_shifts_by_whole_bytes_move_bytes(values: list[int], places: int) -> None:
    theory = OctetIntegers()
    number, known = with_bytes(theory, values)
    for operation, meaning in ((ast.LShift, operator.lshift), (ast.RShift, operator.rshift)):
        result = theory.binary(operation, number, z3.IntVal(8 * places), Kind.INTEGER, nothing_demanded)
        expected = meaning(int.from_bytes(values, "little"), 8 * places)
        assert z3.simplify(z3.substitute(result, *known)).as_long() == expected


@given(values=octets, above=st.integers(0, 255))
def test_numbers_without_a_common_byte_are_put_together(values: list[int], above: int) -> None:
    theory = OctetIntegers()
    number, known = with_bytes(theory, values)
    high = z3.IntVal(above << 8 * len(values))
    result = theory.binary(ast.BitOr, number, high, Kind.INTEGER, nothing_demanded)
    expected = int.from_bytes([*values, above], "little")
    assert z3.simplify(z3.substitute(result, *known)).as_long() == expected


@given(values=octets)
def test_a_word_is_complemented_byte_by_byte(values: list[int]) -> None:
    theory = OctetIntegers()
    number, known = with_bytes(theory, values)
    result = theory.invert(number, Kind.WORD)
    assert z3.simplify(z3.substitute(result, *known)).as_long() == WORD_LIMIT - 1 - int.from_bytes(values, "little")


@given(values=octets, places=st.integers(0, 7))
def test_a_word_loses_the_bytes_that_are_shifted_out_of_it(values: list[int], places: int) -> None:
    theory = OctetIntegers()
    number, known = with_bytes(theory, values)
    result = theory.binary(ast.LShift, number, z3.IntVal(8 * places), Kind.WORD, nothing_demanded)
    expected = (int.from_bytes(values, "little") << 8 * places) % WORD_LIMIT
    assert z3.simplify(z3.substitute(result, *known)).as_long() == expected


def test_a_word_shifted_by_no_whole_bytes_is_left_to_the_theory_of_integers_which_demands_that_it_fits() -> None:
    theory = OctetIntegers()
    number, _ = with_bytes(theory, [1] * 8)
    demands: list[str] = []
    theory.binary(ast.LShift, number, z3.IntVal(4), Kind.WORD, lambda _, what: demands.append(what))
    assert "no wrap-around" in demands
