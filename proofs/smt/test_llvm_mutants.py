"""Faults in the LLVM code itself are found: each mutant differs from the source, or is shown to be no fault."""

import random

import pytest

from proofs.ledger import Method, claim
from proofs.smt.llvm.comparison import Comparison
from proofs.smt.llvm.leaf_kernels import FOLDING, HASH, MATCHING, SCALARS
from proofs.smt.llvm.mutants import code_mutants
from proofs.smt.values import WORD_LIMIT

SHARE = 0.95
"""Of the mutants that must be found."""
RUNS = 200
"""Of a mutant that is not found, beside the real code."""


def survivors_of(comparison: Comparison, *, replayed: bool) -> tuple[int, list[str]]:
    """How many mutants a kernel's code has, and those that do what the source does.

    What is found runs on the arguments found and differs there, unless it was found for what is undefined: then it may
    do anything. What is not found is proved to do what the source does, and runs beside it.
    """
    code, total, survivors = comparison.code(), 0, []
    for mutant in code_mutants(code):
        total += 1
        found = comparison.counterexample(mutant.text)
        if found is None:
            survivors.append(mutant.what)
            if replayed:
                runs_alike(comparison, code, mutant.text)
    return total, survivors


def runs_alike(comparison: Comparison, code: str, mutant: str) -> None:
    """Both codes give the same for arguments drawn by chance."""
    source = random.Random(0)
    for _ in range(RUNS):
        values = {name: source.randrange(WORD_LIMIT) >> source.randrange(64) for name in comparison.inputs}
        assert comparison.by_code(mutant, values) == comparison.by_code(code, values)


@pytest.mark.slow
@claim(
    "C11",
    "of the mutants of the LLVM code at least 95 % are refuted; the others are proved to compute the same",
    method=Method.EXHAUSTIVE,
    scope="one operation, comparison, constant, choice or branch of TCP word, mirrored ports and sums at a time",
)
def test_faults_in_the_code_of_kernels_of_numbers_are_found() -> None:
    counts = [survivors_of(comparison, replayed=True) for comparison in SCALARS]
    total, survivors = sum(count for count, _ in counts), [what for _, left in counts for what in left]
    assert total > 100
    assert len(survivors) <= (1 - SHARE) * total, survivors


@pytest.mark.prove
@pytest.mark.parametrize("comparison", [*FOLDING, *MATCHING, HASH], ids=lambda found: found.name)
@claim(
    "C11",
    "of the mutants of the LLVM code at least 95 % are refuted; the others are proved to compute the same",
    method=Method.EXHAUSTIVE,
    scope="one operation, comparison, constant, choice or branch of folds, predicates and hash at a time",
)
def test_faults_in_the_code_of_larger_kernels_are_found(comparison: Comparison) -> None:
    total, survivors = survivors_of(comparison, replayed=False)
    assert len(survivors) <= (1 - SHARE) * total, survivors
