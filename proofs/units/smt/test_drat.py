"""The checker of DRAT proofs accepts proofs and nothing else."""

import functools
import itertools
import operator
import random
from collections.abc import Sequence
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.smt.certificates import drat, solving
from proofs.smt.certificates.circuit import Clause
from proofs.smt.certificates.drat import Rejected, Step, parse, verify

PROPAGATIONS = (drat.propagate, drat.propagate.py_func)
"""As numba compiles it, and as Python runs it."""

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


def rejection(formula: Sequence[Clause], proof: Sequence[Step]) -> Rejected | None:
    """Why a proof is rejected, if it is; the compiled and the interpreted propagation say the same."""
    verdicts: list[Rejected | None] = []
    for propagate in PROPAGATIONS:
        with mock.patch.object(drat, "propagate", propagate):
            try:
                verify(formula, proof)
            except Rejected as rejected:
                verdicts.append(rejected)
            else:
                verdicts.append(None)
    assert len(set(map(str, verdicts))) == 1, verdicts
    return verdicts[0]


@pytest.mark.slow  # the first one to compile the checker
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


@pytest.mark.parametrize("proof", [[Step((0,))], [Step((1, 0), deletes=True)], [Step((-1, 0, 2))]])
def test_a_literal_without_a_variable_is_refused(proof: list[Step]) -> None:
    with pytest.raises(ValueError, match="0 is no literal"):
        verify(TEXTBOOK, [*proof, *RUP_PROOF])
    with pytest.raises(ValueError, match="0 is no literal"):
        verify([*TEXTBOOK, proof[0].literals], RUP_PROOF)


VARIABLES = 5
LITERALS = st.integers(1, VARIABLES).flatmap(lambda variable: st.sampled_from([variable, -variable]))
FORMULAS = st.lists(st.lists(LITERALS, max_size=3).map(tuple), max_size=24)
PROOFS = st.lists(st.builds(Step, st.lists(LITERALS, max_size=3).map(tuple), st.booleans()), max_size=12)


@pytest.mark.slow
@given(formula=FORMULAS, proof=PROOFS)
def test_no_proof_of_a_satisfiable_formula_is_accepted(formula: list[Clause], proof: list[Step]) -> None:
    if rejection(formula, [*proof, Step(())]) is None:
        assert not satisfiable(formula, VARIABLES)


@pytest.mark.slow
@given(formula=FORMULAS, lemma=st.lists(LITERALS, min_size=1, max_size=3).map(tuple))
def test_a_lemma_that_is_accepted_leaves_a_satisfiable_formula_satisfiable(
    formula: list[Clause], lemma: Clause
) -> None:
    rejected = rejection(formula, [Step(lemma)])
    if rejected is not None and rejected.number == 1 and satisfiable(formula, VARIABLES):
        assert satisfiable([*formula, lemma], VARIABLES)


@pytest.mark.slow
@pytest.mark.skipif(not solving.available(), reason="python-sat is not there")
@given(formula=FORMULAS)
def test_a_solver_proves_exactly_the_formulas_without_solution(formula: list[Clause]) -> None:
    solved = solving.solve([clause for clause in formula if clause] or [(1, -1)])
    formula = [clause for clause in formula if clause]
    assert (solved.proof is None) == satisfiable(formula, VARIABLES)
    if solved.proof is not None:
        assert rejection(formula, solved.proof) is None


ASSIGNMENTS = list(itertools.product((False, True), repeat=VARIABLES))


@functools.cache
def solutions(clause: Clause) -> int:
    """The assignments that meet a clause, as a set of bits."""
    met = [any(values[abs(literal) - 1] == (literal > 0) for literal in clause) for values in ASSIGNMENTS]
    return sum(one << place for place, one in enumerate(met))


def core(clauses: Sequence[Clause]) -> list[Clause]:
    """Of clauses without solution those that are needed: without any one of them there is a solution."""
    needed = list(clauses)
    for clause in clauses:
        rest = [other for other in needed if other is not clause]
        if not functools.reduce(operator.and_, map(solutions, rest), (1 << len(ASSIGNMENTS)) - 1):
            needed = rest
    return needed


THREES = [
    tuple(map(operator.mul, variables, signs))
    for variables in itertools.combinations(range(1, VARIABLES + 1), 3)
    for signs in itertools.product((1, -1), repeat=3)
]
CONTRADICTIONS = st.integers(0, (1 << 32) - 1).map(lambda seed: core(random.Random(seed).sample(THREES, 60)))
DAMAGES = st.lists(
    st.tuples(st.sampled_from(["drop", "flip", "delete", "reorder", "shorten"]), st.integers(0, 99), st.integers(0, 9)),
    max_size=4,
)


def damaged(proof: Sequence[Step], formula: Sequence[Clause], damages: Sequence[tuple[str, int, int]]) -> list[Step]:
    """A proof after accidents: each at a place, taken modulo its length."""
    steps = list(proof)
    for damage, where, which in damages:
        place = where % len(steps) if steps else 0
        step = steps.pop(place) if steps else Step(())
        literals = list(step.literals)
        if damage == "delete":
            steps[place:place] = [Step(formula[which % len(formula)], deletes=True), step]
        elif damage == "reorder":
            steps.insert(which % (len(steps) + 1), step)
        elif damage != "drop":
            if literals:
                literal = literals.pop(which % len(literals))
                literals += [-literal] if damage == "flip" else []
            steps.insert(place, Step(tuple(literals), step.deletes))
    return steps


@pytest.mark.slow
@pytest.mark.skipif(not solving.available(), reason="python-sat is not there")
@settings(max_examples=40)
@given(formula=CONTRADICTIONS, left_out=st.integers(0, 59), damages=DAMAGES)
def test_a_damaged_proof_is_no_proof_of_what_has_a_solution(
    formula: list[Clause], left_out: int, damages: list[tuple[str, int, int]]
) -> None:
    """Without one of its clauses the formula has a solution; a proof of all of them is as near as a wrong one gets."""
    proof = solving.solve(formula).proof
    assert proof is not None
    assert rejection(formula, proof) is None
    wrong = damaged(proof, formula, damages)
    rejection(formula, wrong)  # there is none, or a right one: the two propagations say which
    satisfied = [clause for place, clause in enumerate(formula) if place != left_out % len(formula)]
    assert satisfiable(satisfied, VARIABLES)
    assert rejection(satisfied, [*wrong, Step(())]) is not None


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
