"""Elements by an index that is not known: also by one that is computed from choices, as a binary search does it."""

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from proofs.smt.chosen import by_choice, case_by_case

MEMBERS = [z3.BitVecVal(100 + place, 64) for place in range(40)]


def number(value: int) -> z3.BitVecRef:
    """A word."""
    return z3.BitVecVal(value, 64)


FIRST, SECOND, THIRD = z3.Bools("first second third")
ROW = z3.If(FIRST, number(20), number(1))
LOWER = z3.If(SECOND, ROW + 9, ROW)
PLACE = z3.If(THIRD, 3 * LOWER - 2 * LOWER + 4, LOWER)


@given(answers=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_an_index_that_is_a_sum_of_choices_is_followed_case_by_case(answers: tuple[bool, bool, bool]) -> None:
    found = by_choice(MEMBERS, PLACE)
    assert found is not None
    known = [(condition, z3.BoolVal(answer)) for condition, answer in zip((FIRST, SECOND, THIRD), answers, strict=True)]
    row = 20 if answers[0] else 1
    lower = row + 9 if answers[1] else row
    assert z3.simplify(z3.substitute(found, *known)).as_long() == 100 + (lower + 4 if answers[2] else lower)


ANY = z3.BitVec("any", 64)


@pytest.mark.parametrize("index", [ANY, ROW + ANY, z3.If(FIRST, ROW, ANY)], ids=["unknown", "sum", "choice"])
def test_an_index_of_which_some_case_is_not_known_is_left_alone(index: z3.BitVecRef) -> None:
    assert case_by_case(index) is None
    assert by_choice(MEMBERS, index) is None


def test_cases_that_come_to_the_same_are_no_choice() -> None:
    assert z3.is_bv_value(case_by_case(z3.If(FIRST, number(3) + 4, number(4) + 3)))
