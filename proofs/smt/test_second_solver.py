"""A sample of z3's answers is put to cvc5 in every run; `make prove` puts all of them to it (`--second-solver`)."""

from collections.abc import Callable
from types import ModuleType

import pytest

from fastpath import checksum, tcp
from proofs.ledger import Method, Unknown, claim
from proofs.smt import test_checksum as sums
from proofs.smt import test_fast_parser as parsers
from proofs.smt import test_tcp_word as words
from proofs.smt.second_solver import SecondOpinion, available
from proofs.smt.solver import witnessed
from proofs.smt.theorem import Theorem

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not available(), reason="not run: cvc5 is not there")]

TWO_SOLVERS = (
    "not both solvers are wrong in the same way; z3 writes the conditions, and has simplified those that cvc5 cannot "
    "decide as they are"
)


def confirm(proof: Callable[[], object], goals: int) -> None:
    """Run a proof, and return if all of z3's answers to it were confirmed, and there were no fewer. Raises Unknown.

    There are more where z3 is asked for obligations one by one, since it has had no time for them at once.
    """
    opinion = SecondOpinion()
    with witnessed(opinion):
        proof()
    if opinion.undecided:
        raise Unknown("; ".join(opinion.undecided))
    assert opinion.confirmed >= goals


@pytest.mark.parametrize(
    ("theorem", "goals"),
    [(sums.UPDATES, 11), (sums.ADDS, 5), (sums.RESIDUE, 2), (sums.UDP, 8), (sums.FINISHES, 6)],
    ids=lambda given: given.holds.__name__ if isinstance(given, Theorem) else "",
)
@claim(
    "C1",
    "z3's answers about incremental checksums are confirmed by a second solver, cvc5",
    method=Method.PROVED,
    scope="5 theorems, at least 32 answers; all others in make prove",
    assumptions=TWO_SOLVERS,
)
def test_answers_about_the_checksum_are_confirmed(theorem: Theorem, goals: int) -> None:
    confirm(lambda: theorem.prove(checksum), goals)


@claim(
    "C2",
    "z3's answers about the bytes that the fast parser reads are confirmed by a second solver, cvc5",
    method=Method.PROVED,
    scope="at least 3 answers, any frame of less than 2^32 bytes",
    assumptions=TWO_SOLVERS,
)
def test_answers_about_the_fast_parser_are_confirmed() -> None:
    confirm(parsers.test_the_fast_parser_reads_only_bytes_of_the_frame, goals=3)


@pytest.mark.parametrize(
    ("theorem", "module"),
    [(words.SERVES, tcp), (words.STORES, tcp), (words.KEEPS_STATE, tcp), (words.PACKS, tcp)],
    ids=lambda given: given.holds.__name__ if isinstance(given, Theorem) else "",
)
@claim(
    "C4",
    "z3's answers about the TCP word are confirmed by a second solver, cvc5",
    method=Method.PROVED,
    scope="4 theorems, at least 8 answers; all others in make prove",
    assumptions=TWO_SOLVERS,
)
def test_answers_about_the_tcp_word_are_confirmed(theorem: Theorem, module: ModuleType) -> None:
    confirm(lambda: theorem.prove(module), goals=2)
