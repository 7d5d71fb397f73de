"""Asking z3: what it has not decided in time is asked again with other seeds, and unknown if that is in vain too."""

from collections.abc import Sequence
from typing import Any

import pytest
import z3

from proofs.ledger import Unknown
from proofs.smt import solver

WORD = z3.BitVec("a word", 16)


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that z3 is asked with, of which it cannot decide with the first."""
    asked: list[int] = []
    answer = solver._answer

    def forgetful(conditions: Sequence[Any], timeout_ms: int, logic: str | None, seed: int) -> Any:
        asked.append(seed)
        found = answer(conditions, timeout_ms, logic, seed)
        return (z3.unknown, found[1]) if seed == 0 else found

    monkeypatch.setattr(solver, "_answer", forgetful)
    return asked


def test_what_z3_has_not_decided_is_asked_with_another_seed(seeds: list[int]) -> None:
    told: list[solver.Unsatisfiable] = []
    with solver.witnessed(told.append):
        solver.prove(WORD ^ WORD == 0, "nothing is left")
    assert seeds == [0, 1]
    assert [answer.what for answer in told] == ["nothing is left"]
    with pytest.raises(solver.Refuted):
        solver.prove(WORD == 0, "every word is 0")
    assert seeds == [0, 1, 0, 1]


def test_what_no_seed_decides_is_unknown() -> None:
    x, y = z3.BitVecs("x y", 64)
    with pytest.raises(Unknown, match="factors: z3 says"):
        solver.satisfy([x * y == (1 << 61) - 1, z3.UGT(x, 1), z3.UGT(y, 1), z3.ULT(x, 1 << 31)], "factors", 30)
