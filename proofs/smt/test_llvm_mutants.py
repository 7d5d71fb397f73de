"""Faults in the LLVM code itself are found: each mutant differs from the source, or is shown to be no fault."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from proofs.ledger import Method, Unknown, claim
from proofs.smt.llvm.comparison import Comparison
from proofs.smt.llvm.leaf_kernels import FOLDING, HASH, MATCHING, SCALARS
from proofs.smt.llvm.mutants import code_mutants
from proofs.smt.values import WORD_LIMIT

SHARE = 0.95
"""Of the mutants that must be found."""
RUNS = 200
"""Of a mutant that is not found, beside the real code."""
PATIENCE_MS = 60_000
"""For a question about a larger kernel."""


@dataclass
class Tally:
    """What became of mutants: how many there were, those that do what the source does, and those that are unknown."""

    total: int = 0
    survivors: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def check(self) -> None:
        """So many must be found, and about none may nothing be known."""
        assert self.total > 100
        assert len(self.survivors) + len(self.unknown) <= (1 - SHARE) * self.total, (self.survivors, self.unknown)
        if self.unknown:
            raise Unknown(f"of {self.total} mutants {len(self.unknown)} are undecided: {'; '.join(self.unknown)}")


def tried(comparisons: Iterable[Comparison], *, replayed: bool) -> Tally:
    """What becomes of all mutants of some kernels' code.

    What is found differs for the arguments found, or does what is undefined there. What is not found is proved to do
    what the source does, and runs beside it.
    """
    tally = Tally()
    for comparison in comparisons:
        code = comparison.code()
        for mutant in code_mutants(code):
            tally.total += 1
            try:
                found = comparison.counterexample(mutant.text)
            except Unknown:
                tally.unknown.append(mutant.what)
                continue
            if found is None:
                tally.survivors.append(mutant.what)
                if replayed:
                    runs_alike(comparison, code, mutant.text)
    return tally


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
    tried(SCALARS, replayed=True).check()


@pytest.mark.prove
@claim(
    "C11",
    "of the mutants of the LLVM code at least 95 % are refuted; the others are proved to compute the same",
    method=Method.EXHAUSTIVE,
    scope="one operation, comparison, constant, choice or branch of folds, predicates and hash at a time",
)
def test_faults_in_the_code_of_larger_kernels_are_found() -> None:
    larger = (replace(comparison, timeout_ms=PATIENCE_MS) for comparison in (*FOLDING, *MATCHING, HASH))
    tried(larger, replayed=False).check()
