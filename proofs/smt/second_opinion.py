"""With `--second-solver`, every answer that a proof rests on is put to a second solver, or is given a certificate.

What has neither leaves the proof's claims unknown, unless it is written down here that it does not, and why.
"""

from collections.abc import Iterator, Mapping

import pytest

from proofs.ledger import Unknown
from proofs.smt.second_solver import SecondOpinion
from proofs.smt.solver import witnessed

PROPERTY = "second solver"

_PARSER = "one goal about all words of a parsed frame at once, as bit-vectors: not within cvc5's five minutes"
UNDECIDED: Mapping[str, str] = {
    "proofs/smt/test_llvm_code.py::test_the_code_of_the_parser_is_its_source": _PARSER,
    "proofs/smt/test_llvm_code.py::test_the_code_of_the_parser_is_its_source_on_longer_frames": _PARSER,
    "proofs/smt/test_llvm_mutants.py::test_faults_in_the_code_of_larger_kernels_are_found": "one question of "
    "reachability in a mutant of folds or hash: not within cvc5's units of work",
}
"""Tests, without their parameters, of whose answers cvc5 is known not to decide all within its resources, and why.

No certificates are looked for there.
"""


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
    opinion = SecondOpinion(certifies=request.node.nodeid.partition("[")[0] not in UNDECIDED)
    with witnessed(opinion):
        yield opinion
    request.node.user_properties.append((PROPERTY, (opinion.confirmed, opinion.certified, opinion.undecided)))
    unexpected(request.node.nodeid, opinion.undecided)
