"""With `--second-solver`, every answer that a proof here rests on is put to a second solver."""

from collections.abc import Iterator

import pytest

from proofs.smt.second_solver import SecondOpinion, available
from proofs.smt.solver import witnessed

PROPERTY = "second solver"


@pytest.fixture(autouse=True)
def second_opinion(request: pytest.FixtureRequest) -> Iterator[SecondOpinion | None]:
    """Witness the test's answers if that is asked for, and keep what came of it."""
    if not request.config.getoption("--second-solver", False):
        yield None
        return
    if not available():
        request.node.user_properties.append((PROPERTY, (0, ["cvc5 is not there"])))
        yield None
        return
    opinion = SecondOpinion()
    with witnessed(opinion):
        yield opinion
    request.node.user_properties.append((PROPERTY, (opinion.confirmed, opinion.undecided)))
