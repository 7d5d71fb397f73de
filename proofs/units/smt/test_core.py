"""Which of many conditions contradict each other, and what has been shown of them already."""

from collections.abc import Sequence

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from proofs.smt import second_solver
from proofs.smt.certificates.core import Question, Reasons, shortened, simplified
from proofs.smt.second_solver import SecondOpinion
from proofs.smt.solver import Disagreement, Unsatisfiable, prove
from proofs.smt.values import Term

X, Y, Z = z3.Ints("x y z")
LEAVES = st.sampled_from([X < 3, Y == X + 1, z3.BoolVal(True), z3.BoolVal(False), z3.Bool("p"), z3.Bool("q")])
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(z3.And),
        st.lists(inner, max_size=3).map(z3.Or),
        inner.map(z3.Not),
        st.tuples(inner, inner).map(lambda both: z3.Implies(*both)),
        st.tuples(inner, inner, inner).map(lambda three: z3.If(*three)),
    ),
    max_leaves=8,
)


@given(st.lists(CONDITIONS, min_size=1, max_size=3))
def test_the_parts_of_conditions_hold_exactly_where_these_do(conditions: list[Term]) -> None:
    prove(z3.And(Question(conditions).parts) == z3.And(conditions), "the same in parts")
    prove(z3.And(shortened(simplified(conditions))) == z3.And(conditions), "the same, shortened")


def test_what_contradicts_itself_is_found_and_the_bounds_of_its_unknowns_go_with_it() -> None:
    conditions = (X > 3, z3.And(Y > X, Z > 0), z3.And(Y < 2, X < 100))
    question = Question(conditions)
    *cores, everything = question.cores()
    assert question.needed is not None
    assert _same(question.needed, [X > 3, Y > X, Y < 2])
    assert _same(cores[0], [X > 3, Y > X, Y < 2, X < 100])
    assert everything is conditions


def test_where_z3_finds_no_contradiction_there_is_only_everything() -> None:
    conditions = (X > 3, Y > X)
    assert list(Question(conditions).cores()) == [conditions]


def test_a_reason_is_given_where_all_of_it_is() -> None:
    reasons = Reasons()
    reasons.add([X > 3, X < 2])
    assert reasons.are_given([X < 2, Y > X, X > 3])
    assert not reasons.are_given([X > 3, Y > X])
    assert not reasons.are_given([])


def test_a_reason_outlives_the_terms_it_was_made_of() -> None:
    reasons = Reasons()
    reasons.add([z3.Int("gone") > 3])
    assert not any(reasons.are_given([z3.Int(f"later {number}") < number]) for number in range(1000))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the second solver has been asked."""
    if not second_solver.available():
        pytest.skip("not run: cvc5 is not there")
    asked = []
    ask = second_solver.contradictory

    def contradictory(text: str, resources: int) -> bool:
        asked.append(text)
        return ask(text, resources)

    monkeypatch.setattr(second_solver, "contradictory", contradictory)
    return asked


def test_what_is_confirmed_is_not_asked_again(asked: list[str]) -> None:
    opinion = SecondOpinion()
    for other in (Y > 0, Y < 0, z3.And(Z == Y, Z == 7)):
        opinion(Unsatisfiable("between", (X > 3, other, X < 2)))
    assert (opinion.confirmed, len(asked)) == (3, 1)
    assert "y" not in asked[0]


def test_of_words_too_nothing_is_asked_twice(asked: list[str]) -> None:
    one, other = z3.BitVecs("one other", 8)
    opinion = SecondOpinion()
    for _ in range(3):
        opinion(Unsatisfiable("between", (z3.And(one > 3, other > 1), one < 2)))
    assert (opinion.confirmed, len(asked)) == (3, 1)


def test_resources_that_are_few_are_not_unlimited(asked: list[str]) -> None:
    places = [[z3.Int(f"pigeon {pigeon}") == hole for hole in range(7)] for pigeon in range(8)]
    alone = [z3.Distinct([z3.Int(f"pigeon {pigeon}") for pigeon in range(8)])]
    opinion = SecondOpinion(resources=1)
    opinion(Unsatisfiable("pigeons", (*map(z3.Or, places), *alone)))
    assert (opinion.confirmed, len(opinion.undecided)) == (0, 1)
    assert len(set(asked[:-1])) == len(asked[:-1])  # the last time with more resources


def test_what_is_confirmed_says_nothing_where_a_part_of_it_is_missing(asked: list[str]) -> None:
    opinion = SecondOpinion()
    opinion(Unsatisfiable("between", (X > 3, Y > 0, X < 2)))
    with pytest.raises(Disagreement):
        opinion(Unsatisfiable("wrongly answered", (X > 3, Y > 0)))
    assert len(asked) == 2


def _same(found: Sequence[Term], expected: Sequence[Term]) -> bool:
    return {part.get_id() for part in found} == {part.get_id() for part in expected}
