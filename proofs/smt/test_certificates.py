"""What z3 calls contradictory in C1, C2 and C4 is refuted anew by a proof that a checker of our own accepts."""

from collections.abc import Callable
from types import ModuleType

import pytest

from fastpath import checksum, tcp
from proofs.ledger import Method, claim
from proofs.smt import test_checksum as sums
from proofs.smt import test_internet_sum as internet_sum
from proofs.smt import test_parsers as parsers
from proofs.smt import test_tcp_word as words
from proofs.smt.certificates import solving
from proofs.smt.certificates.certificate import Tally, certificates, certify
from proofs.smt.solver import Disagreement, Unsatisfiable
from proofs.smt.source import broken
from proofs.smt.theorem import Theorem
from proofs.smt.values import as_truth, negation
from reference.direction import Direction

pytestmark = pytest.mark.skipif(not solving.available(), reason="not run: python-sat is not there")

TRUSTED = (
    "the terms, with z3's simplifier and substitution, their translation to clauses and the checker, as numba compiles "
    "it, are right (proofs/smt/certificates); z3's verdict need not be"
)


@pytest.fixture(autouse=True)
def second_opinion() -> None:
    """None here: the tests whose theorems these are put the same answers to a second solver."""


@pytest.fixture
def certified(request: pytest.FixtureRequest) -> Callable[[Theorem, ModuleType], Tally]:
    """Certifies every answer that a theorem's proof rests on; the summary of the run says how many those were."""

    def certified(theorem: Theorem, module: ModuleType) -> Tally:
        tally = certify(lambda: theorem.prove(module))
        request.node.user_properties.append(("certificates", f"{theorem.holds.__name__}: {tally}"))
        return tally

    return certified


@pytest.mark.slow
@pytest.mark.parametrize(
    "theorem",
    [words.STEPS, words.SERVES, words.STORES, words.OWNERSHIP, words.KEEPS_STATE, words.PACKS],
    ids=lambda theorem: theorem.holds.__name__,
)
@claim(
    "C4",
    "every answer of z3's about the TCP word is refuted anew by a DRAT proof that our own checker accepts",
    method=Method.PROVED,
    scope="6 theorems, at least 12 answers",
    assumptions=TRUSTED,
)
def test_the_proofs_about_the_tcp_word_are_certified(
    theorem: Theorem, certified: Callable[[Theorem, ModuleType], Tally]
) -> None:
    assert certified(theorem, tcp).answers >= 2


@pytest.mark.prove
@pytest.mark.parametrize(
    ("theorem", "answers"),
    [
        *((sums.UPDATES, 11), (sums.ADDS, 5), (sums.SUMS, 2), (sums.RESIDUE, 2), (sums.KEEPS_ERRORS, 5)),
        *((sums.UDP, 8), (sums.LIKE_REFERENCE, 6), (sums.CHANGES, 4), (sums.FINISHES, 6)),
    ],
    ids=lambda given: given.holds.__name__ if isinstance(given, Theorem) else "",
)
@claim(
    "C1",
    "z3's answers about incremental checksums are refuted anew by DRAT proofs that our own checker accepts",
    method=Method.PROVED,
    scope="9 theorems, at least 49 answers: the sums of bytes have a claim of their own",
    assumptions=TRUSTED,
)
def test_the_proofs_about_the_checksum_are_certified(
    theorem: Theorem, answers: int, certified: Callable[[Theorem, ModuleType], Tally]
) -> None:
    assert certified(theorem, checksum).answers >= answers


@pytest.mark.prove
@claim(
    "C1",
    "z3's answers about the sum over bytes are refuted anew by DRAT proofs that our own checker accepts",
    method=Method.PROVED,
    scope="any number of bytes below 2^32; 7 answers in 76 cases",
    assumptions=TRUSTED,
)
def test_the_proof_about_the_sum_of_any_bytes_is_certified(request: pytest.FixtureRequest) -> None:
    def prove() -> None:
        machine, goal = internet_sum.unbounded_goal(checksum)
        machine.prove(goal, "internet_sum")

    tally = certify(prove)
    request.node.user_properties.append(("certificates", f"internet_sum: {tally}"))
    assert tally.answers >= 7


SHARES = {Direction.OUT: (3, 626), Direction.IN: (3, 898)}
"""By direction: how many shares the answers have, and how many answers there are."""


@pytest.mark.prove
@pytest.mark.parametrize(
    ("direction", "share"),
    [(direction, share) for direction, (shares, _) in SHARES.items() for share in range(shares)],
    ids=lambda given: given.value if isinstance(given, Direction) else str(given),
)
@claim(
    "C2",
    "z3's answers about the agreement of the parsers are refuted anew by DRAT proofs that our own checker accepts",
    method=Method.PROVED,
    scope=f"{parsers.SCOPE}, without Geneve options; all of 626 answers outbound, 898 inbound",
    assumptions=TRUSTED,
)
def test_the_proofs_that_the_parsers_agree_are_certified(
    direction: Direction, share: int, request: pytest.FixtureRequest
) -> None:
    shares, answers = SHARES[direction]
    tally = certify(lambda: parsers.prove_agreement(direction), (share, shares))
    request.node.user_properties.append(("certificates", f"parsers, {direction.value}, share {share}: {tally}"))
    assert tally.all_answers == answers
    assert tally.answers >= answers // shares


@pytest.mark.slow
def test_no_certificate_is_made_for_a_theorem_that_does_not_hold() -> None:
    """z3 is not asked: what it would have to call contradictory goes to the translation as it is."""
    faulty = broken(tcp, "word & ~STATE_FIELD |", "word & ~STATE_FIELD & ~FROZEN |")
    machine, goal = words.OWNERSHIP.terms(faulty)
    with pytest.raises(Disagreement):
        list(certificates(Unsatisfiable("a broken kernel", (*machine.facts, negation(as_truth(goal))))))
