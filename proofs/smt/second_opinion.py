"""With `--second-solver`, every answer that a proof rests on is put to a second solver.

What it does not decide leaves the proof's claims unknown, unless it is written down here that it does not, and why.
"""

from collections.abc import Iterator, Mapping

import pytest

from proofs.ledger import Unknown
from proofs.smt.second_solver import SecondOpinion
from proofs.smt.solver import witnessed

PROPERTY = "second solver"

_PARSER = "one goal about all words of a parsed frame at once, as bit-vectors: not within cvc5's five minutes"
_RESIDUES = (
    "remainders modulo 0xffff of sums that are equal by congruence: not within cvc5's five minutes; that it is so "
)

UNDECIDED: Mapping[str, str] = {
    "proofs/smt/test_internet_sum.py::test_the_sum_of_any_bytes_is_that_of_rfc_1071": _RESIDUES
    + "for the code as it is has a certificate (`test_certificates`)",
    "proofs/smt/test_internet_sum.py::test_a_fault_in_the_sum_is_refuted_and_its_counterexample_fails": _RESIDUES
    + "for a fault is not needed: the fault is in the bytes read",
    "proofs/smt/test_llvm_code.py::test_the_code_of_the_parser_is_its_source": _PARSER,
    "proofs/smt/test_llvm_code.py::test_the_code_of_the_parser_is_its_source_on_longer_frames": _PARSER,
    "proofs/smt/test_llvm_mutants.py::test_faults_in_the_code_of_larger_kernels_are_found": "one question of "
    "reachability in a mutant of folds or hash: not within cvc5's units of work",
}
"""Tests, without their parameters, of whose answers cvc5 is known not to decide all within its resources, and why."""


def unexpected(test: str, undecided: list[str], known: Mapping[str, str] = UNDECIDED) -> None:
    """Return if it is known of a test that there are undecided answers, or there are none.

    Raises:
        Unknown: there are some, and nobody has said so.
    """
    if undecided and test.partition("[")[0] not in known:
        raise Unknown(f"{len(undecided)} answers are not confirmed: {undecided[0]}")


@pytest.fixture(autouse=True)
def second_opinion(request: pytest.FixtureRequest) -> Iterator[SecondOpinion | None]:
    """Witness the test's answers if that is asked for. Raises Unknown when the test is over, see `unexpected`."""
    if not request.config.getoption("--second-solver", False):
        yield None
        return
    opinion = SecondOpinion()
    with witnessed(opinion):
        yield opinion
    request.node.user_properties.append((PROPERTY, (opinion.confirmed, opinion.undecided)))
    unexpected(request.node.nodeid, opinion.undecided)
