"""The second solver confirms what is right, notices what is not, and does not count what it cannot decide."""

from collections.abc import Callable
from pathlib import Path

import pytest
import z3

from proofs.ledger import Result, Unknown, read
from proofs.smt import second_opinion, second_solver
from proofs.smt.second_solver import SecondOpinion
from proofs.smt.solver import Disagreement, Unsatisfiable, prove, satisfy, witnessed

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(not second_solver.available(), reason="cvc5 is not there")
WORD = z3.BitVec("a word", 16)
NUMBER = z3.Int("a number")
CONFTEST = (Path(__file__).parents[2] / "conftest.py").read_text()
CHECKS = """
import z3
from proofs.ledger import Method, claim
from proofs.smt.solver import prove

A, B = z3.BitVecs("a b", 16)

def sums():
    prove((A ^ B) + 2 * (A & B) == A + B, "sums")

def declare(identifier):
    return claim(identifier, f"statement of {identifier}", method=Method.PROVED, scope="here")

@declare("confirmed")
def test_confirmed(): sums()

@declare("certified")
def test_certified(second_opinion):
    second_opinion.resources = 1
    sums()

@declare("not decided")
def test_not_decided(second_opinion):
    second_opinion.resources, second_opinion.certifies = 1, False
    sums()

@declare("known not to be decided")
def test_known(second_opinion):
    second_opinion.resources = 1
    sums()
"""


def test_every_answer_of_a_proof_is_put_to_the_second_solver() -> None:
    opinion = SecondOpinion()
    with witnessed(opinion):
        prove(z3.URem(WORD, 2) == WORD & 1, "the lowest bit is the remainder by two")
        prove(NUMBER % 4 < 4, "a remainder is small", [NUMBER > 0])
        assert satisfy([NUMBER > 3], "a number above three") is not None
    assert (opinion.confirmed, opinion.undecided) == (2, [])


@pytest.mark.parametrize("condition", [WORD > 3, NUMBER * 2 == 6, z3.Function("f", z3.IntSort(), z3.IntSort())(1) > 7])
def test_a_wrong_answer_is_noticed(condition: z3.BoolRef) -> None:
    with pytest.raises(Disagreement, match="z3 finds no solution, cvc5 does"):
        SecondOpinion()(Unsatisfiable("wrongly answered", (condition,)))


def test_what_the_second_solver_cannot_decide_is_unknown() -> None:
    x, y = z3.BitVecs("x y", 64)
    opinion = SecondOpinion(resources=1)
    opinion(Unsatisfiable("factors", (x * y == (1 << 61) - 1, z3.UGT(x, 1), z3.UGT(y, 1), z3.ULT(x, 1 << 31))))
    assert opinion.confirmed == 0
    assert "RESOURCEOUT" in opinion.undecided[0]


def test_what_the_second_solver_cannot_decide_may_have_a_certificate() -> None:
    opinion = SecondOpinion(resources=1, certifies=True)
    x, y = z3.BitVecs("x y", 16)
    opinion(Unsatisfiable("carries", (x + y != (x ^ y) + 2 * (x & y),)))
    assert (opinion.confirmed, opinion.certified, opinion.undecided) == (0, 1, [])


def test_an_answer_that_is_wrong_has_no_certificate() -> None:
    x, y = z3.BitVecs("x y", 16)
    with pytest.raises(Disagreement):
        SecondOpinion(resources=1, certifies=True)(Unsatisfiable("wrongly answered", (x * y == 14 * x, z3.UGT(x, 1))))


def test_what_has_neither_is_unknown_for_both_reasons() -> None:
    text = z3.String("a text")
    opinion = SecondOpinion(certifies=True)
    opinion(Unsatisfiable("unread", (z3.SubSeq(text, 0, 1) == text, z3.PbLe([(z3.Bool("a"), 2)], 1))))
    assert opinion.certified == 0
    assert "no certificate" in opinion.undecided[0]


def test_what_the_second_solver_cannot_read_is_unknown() -> None:
    opinion = SecondOpinion()
    text = z3.String("a text")
    opinion(Unsatisfiable("unread", (z3.SubSeq(text, 0, 1) == text, z3.PbLe([(z3.Bool("a"), 2)], 1))))
    assert opinion.confirmed == 0
    assert len(opinion.undecided) == 1


def test_nobody_is_told_once_the_proof_is_over() -> None:
    opinion = SecondOpinion()
    with witnessed(opinion):
        pass
    prove(z3.BoolVal(True), "truth")
    assert opinion.confirmed == 0


def test_of_two_opinions_the_inner_one_is_over_first() -> None:
    outer, inner = SecondOpinion(), SecondOpinion()
    with witnessed(outer):
        with witnessed(inner):
            pass
        prove(WORD | 0 == WORD, "nothing is added")
    assert (outer.confirmed, inner.confirmed) == (1, 0)


def test_without_a_second_solver_nothing_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_solver, "cvc5", None)
    opinion = SecondOpinion()
    with witnessed(opinion):
        prove(WORD | 0 == WORD, "nothing is added")
    assert (opinion.confirmed, opinion.undecided) == (0, ["nothing is added: cvc5 is not there"])
    with pytest.raises(Unknown, match="1 answers are not confirmed: nothing is added"):
        second_opinion.unexpected("a test", opinion.undecided)


@pytest.mark.parametrize(
    "divided",
    [z3.URem, z3.UDiv, z3.SRem, lambda one, other: one / other, lambda one, other: one % other],
    ids=["bvurem", "bvudiv", "bvsrem", "bvsdiv", "bvsmod"],
)
def test_divisions_that_z3_has_simplified_are_the_same_to_the_second_solver(
    divided: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef],
) -> None:
    division = divided(*z3.BitVecs("dividend divisor", 4))
    assert not z3.simplify(division).eq(division)
    opinion = SecondOpinion()
    opinion(Unsatisfiable("division", (z3.simplify(division) != division,)))
    assert (opinion.confirmed, opinion.undecided) == (1, [])


def test_connectives_of_nothing_are_read() -> None:
    named = z3.Bool("this and that, or neither")
    opinion = SecondOpinion()
    opinion(Unsatisfiable("connectives", (z3.Or(z3.Or([]), z3.Not(z3.And([])), z3.Not(named)), named)))
    assert (opinion.confirmed, opinion.undecided) == (1, [])


@pytest.mark.slow
def test_a_claim_with_an_undecided_answer_is_unknown_unless_that_is_written_down(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(second_opinion.UNDECIDED, "checks/test_checks.py::test_known", "it is given too little")
    pytester.makepyprojecttoml("[tool.pytest]\nmarkers = ['claim(claim): a row']\ntestpaths = ['checks']\n")
    conftest = f"{CONFTEST}\nfrom proofs.smt.second_opinion import second_opinion\n"
    pytester.makepyfile(**{"checks/conftest": conftest, "checks/test_checks": CHECKS})
    ran = pytester.runpytest_inprocess("--second-solver", "--ledger=out/ledger.json")
    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    ran.stdout.fnmatch_lines(["*1 answers of z3 confirmed by cvc5, 1 others by a certificate*"])
    assert {row.claim.identifier: row.result for row in read(pytester.path / "out" / "ledger.json").rows} == {
        "confirmed": Result.HELD,
        "certified": Result.HELD,
        "not decided": Result.UNKNOWN,
        "known not to be decided": Result.HELD,
    }


PRODUCTS: dict[str, tuple[Callable[..., z3.BoolRef], Callable[[int, int], bool]]] = {
    "greatest": (lambda x, y: z3.BVMulNoOverflow(x, y, True), lambda x, y: signed(x) * signed(y) < 4),
    "least": (z3.BVMulNoUnderflow, lambda x, y: signed(x) * signed(y) >= -4),
    "most": (lambda x, y: z3.BVMulNoOverflow(x, y, False), lambda x, y: x * y < 8),
}


def signed(number: int) -> int:
    """Three bits in two's complement."""
    return number - 8 * (number >> 2)


@pytest.mark.parametrize("bound", PRODUCTS)
def test_it_is_told_what_z3_means_by_a_product_that_fits(bound: str) -> None:
    ask, fits = PRODUCTS[bound]
    pairs = [(x, y) for x in range(8) for y in range(8)]
    asked = [ask(z3.BitVecVal(x, 3), z3.BitVecVal(y, 3)) == z3.BoolVal(fits(x, y)) for x, y in pairs]
    assert second_solver.contradictory(second_solver.text_of([z3.Not(z3.And(asked))]))
    assert not second_solver.contradictory(second_solver.text_of(asked))
