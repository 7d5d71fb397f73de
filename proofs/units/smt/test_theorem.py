"""A theorem can fail: in the solver, in the proof, and in the replay."""

import pytest
import z3

from fastpath import tcp
from fastpath.interpreted import SourceNotFoundError, interpreted
from proofs.ledger import Unknown
from proofs.smt.solver import Refuted, prove, satisfy
from proofs.smt.source import broken
from proofs.smt.test_tcp_word import DECISION, STEPS, STORES
from proofs.smt.theorem import compiled

ESTABLISHED_RESET = dict.fromkeys(DECISION, 0) | {"word": 4 << 33, "flags": 0x14}


def test_a_goal_that_is_false_is_refuted_with_values() -> None:
    number = z3.BitVec("number", 64)
    with pytest.raises(Refuted, match="parity fails for number = 1"):
        prove(z3.URem(number, 2) == 0, "parity", [number < 2, number >= 0])


def test_a_solver_that_gives_up_is_no_proof() -> None:
    left, right = z3.BitVecs("left right", 64)
    factors = [left * right == 0x7FFF_FFFF_FFFF_FFE7, left > 1, right > 1, z3.BVMulNoOverflow(left, right, False)]
    with pytest.raises(Unknown, match="factors: z3 says"):
        satisfy(factors, "factors", timeout_ms=50)


def test_the_proof_of_a_broken_function_is_refuted() -> None:
    with pytest.raises(Refuted):
        STEPS.prove(broken(tcp, "if deciding != FIN_ACK:", "if deciding == ACK:"))


def test_a_fault_that_changes_nothing_is_not_called_refuted() -> None:
    with pytest.raises(AssertionError, match="is proved although"):
        STORES.refute(tcp, "(ESTABLISHED, CLOSE_WAIT, LAST_ACK,", "(CLOSE_WAIT, ESTABLISHED, LAST_ACK,")


def test_a_fault_that_cannot_be_placed_is_an_error() -> None:
    with pytest.raises(SourceNotFoundError):
        STEPS.refute(tcp, "no such line", "nothing")


def test_a_replay_runs_the_code_itself() -> None:
    assert STEPS.replay(compiled(tcp), ESTABLISHED_RESET)
    assert STEPS.replay(interpreted("fastpath.tcp"), ESTABLISHED_RESET)
    takes_resets = broken(tcp, "np.uint64(0x17)\n", "np.uint64(0x13)\n")
    assert not STEPS.replay(takes_resets, ESTABLISHED_RESET)
