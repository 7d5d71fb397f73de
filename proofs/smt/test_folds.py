"""Folded sums are the same term only where that is proved, and nothing is said where it is not known."""

import pytest

from proofs.ledger import Unknown
from proofs.smt import folds
from proofs.smt.folds import Folds
from proofs.smt.machine import Machine
from proofs.smt.octet_integers import OctetIntegers
from proofs.smt.values import Term


def nothing_demanded(_: Term, __: str) -> None:
    """Demand nothing."""


def test_sums_that_differ_by_a_multiple_of_the_modulus_fold_to_one_term_and_others_do_not() -> None:
    machine = Machine(OctetIntegers())
    word, known = machine.integer("word", 1 << 16).term, Folds(machine)
    first = known.folded(word + 1, nothing_demanded)
    assert known.folded(word + 1 + folds.MODULUS, nothing_demanded).eq(first)
    assert not known.folded(word + 2, nothing_demanded).eq(first)
    assert not known.folded(word, nothing_demanded).eq(known.folded(word + folds.MODULUS, nothing_demanded))


def test_a_sum_of_which_z3_cannot_tell_whether_it_folds_alike_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(OctetIntegers())
    word, known = machine.integer("word", 1 << 16).term, Folds(machine)
    known.folded(word + 1, nothing_demanded)

    def undecided(*_: object) -> None:
        raise Unknown("out of time")

    monkeypatch.setattr(folds, "prove", undecided)
    with pytest.raises(Unknown):
        known.folded(word + 1 + folds.MODULUS, nothing_demanded)
