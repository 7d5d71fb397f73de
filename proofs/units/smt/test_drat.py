"""The checker of DRAT proofs accepts proofs and nothing else."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.smt.certificates import solving
from proofs.smt.certificates.circuit import Clause
from proofs.smt.certificates.drat import Rejected, Step, parse, verify

TEXTBOOK: list[Clause] = [
    *((1, 2, -3), (-1, -2, 3), (2, 3, -4), (-2, -3, 4)),
    *((1, 3, 4), (-1, -3, -4), (-1, 2, 4), (1, -2, -4)),
]
"""The example of Wetzler, Heule and Hunt 2014."""
RAT_PROOF = parse(["-1 0", "d -1 2 4 0", "2 0", "0"])
"""Their proof of it. Its first lemma has RAT, not RUP."""
RUP_PROOF = parse(["1 2 0", "1 0", "2 0", "0"])

GUARDED: list[Clause] = [
    *((1, *signed) for signed in itertools.product((2, -2), (3, -3), (4, -4))),
    *((-1, 5), (-1, -5)),
]
"""Either 1 or anything else is contradictory; no lemma has RAT by luck."""
GUARDED_PROOF = parse(["1 2 3 0", "1 2 0", "1 -2 3 0", "1 0", "0"])


def pigeons(holes: int) -> list[Clause]:
    """One pigeon more than there are holes, each in a hole of its own: impossible."""
    place = [[holes * pigeon + hole + 1 for hole in range(holes)] for pigeon in range(holes + 1)]
    shared = [(-one[hole], -other[hole]) for one, other in itertools.combinations(place, 2) for hole in range(holes)]
    return [*map(tuple, place), *shared]


def satisfiable(clauses: Sequence[Clause], variables: int) -> bool:
    """By brute force."""
    for values in itertools.product((False, True), repeat=variables):
        if all(any(values[abs(literal) - 1] == (literal > 0) for literal in clause) for clause in clauses):
            return True
    return False


@pytest.mark.parametrize("proof", [RAT_PROOF, RUP_PROOF], ids=["RAT", "RUP"])
def test_a_textbook_proof_is_accepted(proof: list[Step]) -> None:
    assert verify(TEXTBOOK, proof) == 4


def test_the_proof_that_is_sabotaged_below_is_accepted_as_it_is() -> None:
    assert verify(GUARDED, GUARDED_PROOF) == 5


def test_a_lemma_with_rat_but_not_rup_is_accepted_only_on_its_first_literal() -> None:
    formula = [(1, 2), (-1, 3)]
    with pytest.raises(Rejected, match="the empty clause is missing"):
        verify(formula, [Step((-4, 1))])  # no clause has 4: anything with -4 first may be added
    with pytest.raises(Rejected, match=r"step 0.*neither RUP nor RAT"):
        verify(formula, [Step((-1, 4))])
    with pytest.raises(Rejected, match=r"step 1.*neither RUP nor RAT"):
        verify(formula, [Step((-4, 1)), Step((4, 3))])  # now one has


def test_an_extended_resolution_proof_with_new_variables_is_accepted() -> None:
    definition = parse(["5 -1 -2 0", "-5 1 0", "-5 2 0"])
    assert verify(TEXTBOOK, [*definition, *RUP_PROOF]) == 7


@pytest.mark.parametrize(
    ("proof", "number"),
    [
        (GUARDED_PROOF[1:], 0),
        ([GUARDED_PROOF[1], GUARDED_PROOF[0], *GUARDED_PROOF[2:]], 0),
        ([Step((-1, -2, -3)), *GUARDED_PROOF[1:]], 1),
        ([*GUARDED_PROOF[:2], Step((1, 2, 3)), *GUARDED_PROOF[3:]], 3),
        (GUARDED_PROOF[:-1], 4),
        ([], 0),
        ([GUARDED_PROOF[0], Step((1, 2, 3), deletes=True), *GUARDED_PROOF[1:]], 2),
        ([Step((1, 2, 3, 4), deletes=True), *GUARDED_PROOF], 1),
        (GUARDED_PROOF[-1:], 0),
    ],
    ids=[
        *(
            "a lemma dropped",
            "lemmas swapped",
            "literals flipped",
            "a literal flipped",
            "no empty clause",
            "empty proof",
        ),
        *("a needed lemma deleted", "a needed clause deleted", "nothing but the empty clause"),
    ],
)
def test_a_sabotaged_proof_is_rejected_at_the_step_that_fails(proof: list[Step], number: int) -> None:
    with pytest.raises(Rejected) as rejected:
        verify(GUARDED, proof)
    assert rejected.value.number == number


def test_a_deleted_clause_that_a_known_literal_rests_on_stays() -> None:
    formula = [(1,), (-1, 2), (-2, 3, 4), (-2, 3, -4), (-2, -3)]
    assert verify(formula, parse(["d 1 0", "d -1 2 0", "3 0", "0"])) == 4


def test_repeated_literals_and_tautologies_do_no_harm() -> None:
    assert verify([(1, 1), (-1, -1, -1), (2, -2)], [Step(())]) == 1
    with pytest.raises(Rejected):
        verify([(1, -1), (2, 2, -2), (-2, 1, 1)], [Step(())])


@pytest.mark.parametrize("line", ["1 2", "1 0 2 0", "d 1", "x 0"])
def test_what_is_no_step_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"step of a proof|invalid literal"):
        parse([line])


VARIABLES = 5
LITERALS = st.integers(1, VARIABLES).flatmap(lambda variable: st.sampled_from([variable, -variable]))
FORMULAS = st.lists(st.lists(LITERALS, max_size=3).map(tuple), max_size=24)
PROOFS = st.lists(st.builds(Step, st.lists(LITERALS, max_size=3).map(tuple), st.booleans()), max_size=12)


@given(formula=FORMULAS, proof=PROOFS)
def test_no_proof_of_a_satisfiable_formula_is_accepted(formula: list[Clause], proof: list[Step]) -> None:
    try:
        verify(formula, [*proof, Step(())])
    except Rejected:
        return
    assert not satisfiable(formula, VARIABLES)


@given(formula=FORMULAS, lemma=st.lists(LITERALS, min_size=1, max_size=3).map(tuple))
def test_a_lemma_that_is_accepted_leaves_a_satisfiable_formula_satisfiable(
    formula: list[Clause], lemma: Clause
) -> None:
    try:
        verify(formula, [Step(lemma)])
    except Rejected as rejected:
        if rejected.number == 1 and satisfiable(formula, VARIABLES):
            assert satisfiable([*formula, lemma], VARIABLES)


@pytest.mark.skipif(not solving.available(), reason="python-sat is not there")
@given(formula=FORMULAS)
def test_a_solver_proves_exactly_the_formulas_without_solution(formula: list[Clause]) -> None:
    solved = solving.solve([clause for clause in formula if clause] or [(1, -1)])
    formula = [clause for clause in formula if clause]
    assert (solved.proof is None) == satisfiable(formula, VARIABLES)
    if solved.proof is not None:
        verify(formula, solved.proof)


@pytest.mark.skipif(not solving.available(), reason="python-sat is not there")
def test_a_proof_about_pigeons_is_accepted_and_needs_its_steps() -> None:
    formula = pigeons(6)
    proof = solving.solve(formula).proof
    assert proof is not None
    assert len(proof) > 100
    verify(formula, proof)
    with pytest.raises(Rejected):
        verify(formula, proof[-1:])
    with pytest.raises(Rejected):
        verify(formula, [step for step in proof if step.deletes or len(step.literals) > 2 or not step.literals])
    with pytest.raises(Rejected):
        verify(formula[1:], proof)  # with a pigeon less there is room
