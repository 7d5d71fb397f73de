"""The clauses of conditions have a solution exactly where the conditions have one."""

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.ledger import Unknown
from proofs.smt.certificates import core, solving
from proofs.smt.certificates.certificate import Tally, certificates, certify
from proofs.smt.certificates.drat import Rejected, verify
from proofs.smt.solver import Disagreement, Unsatisfiable, prove
from proofs.smt.values import Term

pytestmark = pytest.mark.skipif(not solving.available(), reason="python-sat is not there")

NUMBERS = z3.Ints("x y z")
RANGES = [
    z3.And(number >= low, number < high)
    for number, (low, high) in zip(NUMBERS, [(0, 8), (-5, 6), (0, 300)], strict=True)
]
FUNCTION = z3.Function("f", z3.IntSort(), z3.IntSort())
WORDS = z3.BitVecs("a b", 5)
TRUTHS = z3.Bools("p q")


def choices(*options: object) -> st.SearchStrategy[object]:
    return st.sampled_from(options)


def integers(truths: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    """Integer terms, bounded where the unknowns are."""
    leaves = st.sampled_from(NUMBERS) | st.integers(-9, 9).map(z3.IntVal)
    divisors = st.sampled_from([1, 2, 3, 4, 7, 8, 16])
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            st.tuples(part, part).map(lambda pair: pair[0] + pair[1]),
            st.tuples(part, part).map(lambda pair: pair[0] - pair[1]),
            st.tuples(part, st.integers(-4, 8)).map(lambda pair: pair[0] * pair[1]),
            st.tuples(part, divisors).map(lambda pair: pair[0] / z3.IntVal(pair[1])),
            st.tuples(part, divisors).map(lambda pair: pair[0] % z3.IntVal(pair[1])),
            st.tuples(truths, part, part).map(lambda three: z3.If(*three)),
        ),
        max_leaves=5,
    )


def words(truths: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    """Terms of five bits."""
    operations = [
        *(lambda one, two: one + two, lambda one, two: one - two, lambda one, two: one * two),
        *(lambda one, two: one & two, lambda one, two: one | two, lambda one, two: one ^ two),
        *(lambda one, two: one << two, z3.LShR, lambda one, two: one >> two),
        lambda one, two: z3.Concat(z3.Extract(2, 0, one), z3.Extract(4, 3, two)),
        lambda one, two: z3.Extract(5, 1, z3.SignExt(3, one) + z3.ZeroExt(3, ~two)),
    ]
    return st.recursive(
        st.sampled_from(WORDS) | st.integers(0, 31).map(lambda value: z3.BitVecVal(value, 5)),
        lambda part: st.one_of(
            st.tuples(st.sampled_from(operations), part, part).map(lambda three: three[0](three[1], three[2])),
            st.tuples(truths, part, part).map(lambda three: z3.If(*three)),
            part.map(lambda one: -one),
        ),
        max_leaves=5,
    )


ORDERS = [
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: a == b,
    lambda a, b: a != b,
]
UNSIGNED = [z3.ULT, z3.ULE, z3.UGT, z3.UGE]
SIMPLE = st.sampled_from(TRUTHS) | st.sampled_from([NUMBERS[0] < 3, NUMBERS[1] == NUMBERS[0], WORDS[0] == 3])
COMPARED = st.one_of(
    st.tuples(st.sampled_from(ORDERS), integers(SIMPLE), integers(SIMPLE)),
    st.tuples(st.sampled_from(ORDERS + UNSIGNED), words(SIMPLE), words(SIMPLE)),
).map(lambda three: three[0](three[1], three[2]))
CONDITIONS = st.recursive(
    COMPARED | SIMPLE,
    lambda part: st.one_of(
        st.lists(part, min_size=2, max_size=3).map(z3.And),
        st.lists(part, min_size=2, max_size=3).map(z3.Or),
        st.tuples(part, part).map(lambda pair: z3.Implies(*pair)),
        st.tuples(part, part).map(lambda pair: pair[0] == pair[1]),
        part.map(z3.Not),
    ),
    max_leaves=3,
)


def refuted(conditions: list[Term]) -> bool:
    """Whether there are certificates for the conditions; those that there are, are checked."""
    try:
        for certificate in certificates(Unsatisfiable("conditions", tuple(conditions))):
            certificate.check()
    except Disagreement:
        return False
    return True


def contradictory(conditions: list[Term]) -> bool:
    """What z3 says."""
    solver = z3.Solver()
    solver.add(*conditions)
    answer = solver.check()
    assert answer != z3.unknown
    return bool(answer == z3.unsat)


@pytest.mark.slow
@settings(max_examples=40)
@given(conditions=st.lists(CONDITIONS, min_size=1, max_size=5))
def test_conditions_are_refuted_exactly_where_z3_finds_no_solution(conditions: list[Term]) -> None:
    everything = [*RANGES, *conditions]
    assert refuted(everything) == contradictory(everything)


@pytest.mark.slow
@settings(max_examples=15)
@given(arguments=st.lists(integers(SIMPLE), min_size=2, max_size=4), conditions=st.lists(CONDITIONS, max_size=2))
def test_functions_give_equal_values_for_equal_arguments(arguments: list[Term], conditions: list[Term]) -> None:
    values = [FUNCTION(argument) for argument in arguments]
    bounded = [z3.And(value >= 0, value < 4) for value in values]
    differ = [values[0] != value for value in values[1:]]
    everything = [*RANGES, *bounded, *conditions, *differ]
    assert refuted(everything) == contradictory(everything)


@pytest.mark.slow  # the first one to compile the checker
def test_unknowns_without_bounds_in_one_case_are_certified_case_by_case() -> None:
    total, ghost, x = z3.Ints("total ghost x")
    known = z3.Implies(x > 0, z3.And(total == 3 * ghost, ghost >= 0, ghost <= x))
    answer = Unsatisfiable("cases", (z3.And(x >= 0, x < 9), known, z3.Or(z3.And(x > 0, total % 3 == 1), x == 9)))
    tally = Tally()
    for certificate in certificates(answer):
        tally.take(certificate)
    assert tally.cases == 2


def test_what_depends_on_an_unknown_without_bounds_is_unknown() -> None:
    x, y, z = z3.Ints("x y z")
    with pytest.raises(Unknown, match="no bounds"):
        list(certificates(Unsatisfiable("no bounds", (x < y, y < z, z < x))))


def test_conditions_that_z3_wrongly_calls_contradictory_get_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its choice of those that matter is not trusted: with too few of them chosen, the others are taken as well."""
    x, y, _ = NUMBERS
    monkeypatch.setattr(core, "_contradictory", lambda parts: list(parts[:1]))
    assert refuted([*RANGES, x + y > 3, x + y < 2])
    assert not refuted([*RANGES, x + y > 3, x + y < 9])


def test_equal_remainders_are_seen_to_be_equal_without_a_search() -> None:
    """Quotients are freed, so that what is known of remainders says one unknown by the others."""
    before, middle, delta, more = z3.Ints("before middle delta more")
    ranges = [z3.And(number >= 0, number < 1 << 48) for number in (before, middle, delta, more)]
    same = (before + delta) % 65535 == middle % 65535
    question = z3.Not((before + delta + more) % 65535 == (middle + more) % 65535)
    (certificate,) = certificates(Unsatisfiable("sums", (*ranges, same, question)))
    assert len(certificate.proof) == 1


def test_what_functions_give_is_said_by_what_they_give_elsewhere() -> None:
    total, at = z3.Ints("total at")
    steps = [FUNCTION(at + 1) == FUNCTION(at) + 3, FUNCTION(at + 2) == FUNCTION(at + 1) + 4]
    ranges = [z3.And(at >= 0, at < 1 << 30), z3.And(FUNCTION(at) >= 0, FUNCTION(at) < 1 << 40)]
    question = z3.Not(total + 7 == FUNCTION(at + 2))
    (certificate,) = certificates(Unsatisfiable("steps", (*ranges, *steps, total == FUNCTION(at), question)))
    assert len(certificate.proof) == 1


BOX = z3.DeclareSort("box")


@pytest.mark.parametrize(
    "sort", [BOX, z3.RealSort(), z3.ArraySort(z3.IntSort(), z3.IntSort())], ids=["uninterpreted", "real", "array"]
)
@pytest.mark.parametrize("distinct", [False, True], ids=["pairs", "distinct"])
def test_three_of_a_sort_with_more_than_two_members_are_not_taken_for_bits(sort: z3.SortRef, distinct: bool) -> None:
    a, b, c = (z3.Const(name, sort) for name in "abc")
    conditions = [z3.Distinct(a, b, c)] if distinct else [a != b, b != c, a != c]
    assert not contradictory(conditions)
    with pytest.raises(Unknown, match="no translation"):
        list(certificates(Unsatisfiable("three that differ", tuple(conditions))))


Q = z3.BitVec("q", 8)


@pytest.mark.parametrize(
    "condition",
    [
        NUMBERS[0] / z3.IntVal(0) == 1,
        z3.BV2Int(Q) < 0,
        z3.Int2BV(NUMBERS[0], 8) == Q,
        z3.ToReal(NUMBERS[0]) == z3.RealVal("1/2"),
        z3.If(z3.Const("m", BOX) == z3.Const("n", BOX), Q, Q + 1) == Q + 2,
        z3.Function("holds", Q.sort(), z3.IntSort(), z3.BoolSort())(Q, NUMBERS[0]),
        z3.ForAll([NUMBERS[0]], NUMBERS[0] > NUMBERS[0]),
        z3.Exists([Q], z3.And(Q == 1, Q == 2)),
    ],
    ids=["by zero", "from bits", "to bits", "half", "boxes", "a predicate", "all integers", "some word"],
)
def test_what_has_no_translation_is_unknown(condition: Term) -> None:
    with pytest.raises(Unknown):
        list(certificates(Unsatisfiable("no translation", (RANGES[0], condition))))


def test_what_has_no_translation_does_not_keep_the_rest_from_being_certified() -> None:
    unread = z3.Const("m", BOX) == z3.Const("n", BOX)
    (certificate,) = certificates(Unsatisfiable("words", (unread, z3.ULT(WORDS[0], 3), z3.UGT(WORDS[0], 3))))
    certificate.check()


def test_a_wrong_answer_of_z3_is_noticed() -> None:
    with pytest.raises(Disagreement, match="the clauses have one"):
        list(certificates(Unsatisfiable("wrongly answered", (z3.UGT(WORDS[0], WORDS[1]),))))


def test_a_sabotaged_certificate_is_rejected() -> None:
    a, b = z3.BitVecs("a b", 16)
    (certificate,) = certificates(Unsatisfiable("distribution", ((a ^ b) + 2 * (a & b) != a + b,)))
    certificate.check()
    with pytest.raises(Rejected):
        verify(certificate.clauses, certificate.proof[:-1])
    with pytest.raises(Rejected):
        verify(certificate.clauses, certificate.proof[len(certificate.proof) // 2 :])
    with pytest.raises(Rejected):
        verify(certificate.clauses[:-1], certificate.proof)


def test_every_answer_of_a_proof_is_certified_and_counted() -> None:
    def proof() -> None:
        prove(WORDS[0] & WORDS[1] == WORDS[1] & WORDS[0], "and commutes")
        prove(NUMBERS[0] / z3.IntVal(4) * 4 <= NUMBERS[0], "rounding down", [NUMBERS[0] >= 0, NUMBERS[0] < 999])

    tally = certify(proof)
    assert (tally.answers, tally.cases) == (2, 2)
    assert tally.clauses > 2
