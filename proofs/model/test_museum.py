"""C12 on the models: the defects of the real OPTE that need two threads are found, and the designs are free of them."""

import pytest

from model.catalogue import MUSEUM
from model.museum import EXHIBITS
from model.search import Outcome
from proofs.ledger import Method, claim
from proofs.model.searched import searched

_SCOPE = f"the model: {len(EXHIBITS)} exhibits, every interleaving of the scenario in which each is shown"


@claim(
    "C12",
    "upstream's defects that need two threads are found where they are; the benign ones happen and break nothing",
    method=Method.EXHAUSTIVE,
    scope=_SCOPE,
)
@pytest.mark.parametrize("name", EXHIBITS)
def test_the_defect_is_found(name: str) -> None:
    result = searched(MUSEUM[name].system)
    assert MUSEUM[name].found_by(result), f"{result.outcome.value}: {result.finding}"


@claim(
    "C12",
    "without upstream's defects that need two threads, the same scenarios keep every invariant",
    method=Method.EXHAUSTIVE,
    scope=_SCOPE,
)
@pytest.mark.parametrize("name", EXHIBITS)
def test_the_sound_system_is_free_of_it(name: str) -> None:
    result = searched(EXHIBITS[name].sound)
    assert result.outcome is Outcome.HELD, result.finding
