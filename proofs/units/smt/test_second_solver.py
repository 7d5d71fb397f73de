"""The second solver confirms what is right, notices what is not, and does not count what it cannot decide."""

import pytest
import z3

from proofs.smt import second_solver
from proofs.smt.second_solver import Disagreement, SecondOpinion
from proofs.smt.solver import Unsatisfiable, prove, satisfy, witnessed

pytestmark = pytest.mark.skipif(not second_solver.available(), reason="cvc5 is not there")
WORD = z3.BitVec("a word", 16)
NUMBER = z3.Int("a number")


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
    opinion = SecondOpinion(timeout_ms=1)
    opinion(Unsatisfiable("factors", (x * y == (1 << 61) - 1, z3.UGT(x, 1), z3.UGT(y, 1), z3.ULT(x, 1 << 31))))
    assert opinion.confirmed == 0
    assert "TIMEOUT" in opinion.undecided[0]


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
