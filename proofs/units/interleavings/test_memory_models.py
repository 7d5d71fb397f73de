"""The three memory models: litmus tests, each with exactly the outcomes that its model allows.

Load buffering (1, 1) stays forbidden under release and acquire, although C11 allows it for relaxed accesses: the view
machine runs threads in program order, as RC11 does, which pays for the absence of values out of thin air with it.
"""

import random
from collections.abc import Mapping
from itertools import product

import pytest

from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.report import Search
from proofs.ledger import Method, claim
from proofs.units.interleavings import litmus as tests
from proofs.units.interleavings.axiomatic import allowed
from proofs.units.interleavings.litmus import Litmus, litmus

SC, TSO, RA = MemoryName.SC, MemoryName.TSO, MemoryName.RA

BITS_2: set[tuple[int, ...]] = set(product((0, 1), repeat=2))
BITS_4: set[tuple[int, ...]] = set(product((0, 1), repeat=4))
COHERENT: set[tuple[int, ...]] = {(a, b) for a, b in product((0, 1, 2), repeat=2) if not (a and not b)}
NO_ORDER_OF_WRITES = (1, 0, 1, 0)
"""Two readers see two independent stores in opposite orders."""

READS: dict[str, tuple[Litmus, Mapping[MemoryName, set[tuple[int, ...]]]]] = {
    "SB": (tests.STORE_BUFFERING, {SC: BITS_2 - {(0, 0)}, TSO: BITS_2, RA: BITS_2}),
    "SB, release and acquire": (tests.STORE_BUFFERING_RELEASED, {SC: BITS_2 - {(0, 0)}, TSO: BITS_2, RA: BITS_2}),
    "SB, full fences": (tests.STORE_BUFFERING_FENCED, dict.fromkeys(MemoryName, BITS_2 - {(0, 0)})),
    "MP": (tests.MESSAGE, {SC: BITS_2 - {(1, 0)}, TSO: BITS_2 - {(1, 0)}, RA: BITS_2}),
    "MP, release and acquire": (tests.MESSAGE_RELEASED, dict.fromkeys(MemoryName, BITS_2 - {(1, 0)})),
    "MP, fences": (tests.MESSAGE_FENCED, dict.fromkeys(MemoryName, BITS_2 - {(1, 0)})),
    "MP, release alone": (litmus("x=1 y=1.rel", "y x"), {SC: BITS_2 - {(1, 0)}, TSO: BITS_2 - {(1, 0)}, RA: BITS_2}),
    "MP, acquire alone": (litmus("x=1 y=1", "y.acq x"), {SC: BITS_2 - {(1, 0)}, TSO: BITS_2 - {(1, 0)}, RA: BITS_2}),
    "LB": (tests.LOAD_BUFFERING, dict.fromkeys(MemoryName, BITS_2 - {(1, 1)})),
    "IRIW": (
        tests.INDEPENDENT_READS,
        {SC: BITS_4 - {NO_ORDER_OF_WRITES}, TSO: BITS_4 - {NO_ORDER_OF_WRITES}, RA: BITS_4},
    ),
    "IRIW, release and acquire": (
        tests.INDEPENDENT_READS_ACQUIRED,
        {SC: BITS_4 - {NO_ORDER_OF_WRITES}, TSO: BITS_4 - {NO_ORDER_OF_WRITES}, RA: BITS_4},
    ),
    "IRIW, full fences": (
        tests.INDEPENDENT_READS_FENCED,
        dict.fromkeys(MemoryName, BITS_4 - {NO_ORDER_OF_WRITES}),
    ),
    "CoRR": (tests.COHERENT_READS, dict.fromkeys(MemoryName, COHERENT | {(1, 2), (2, 1)})),
}
"""The values that loads may read, in program order, thread by thread."""

LEFT: dict[str, tuple[Litmus, Mapping[MemoryName, set[tuple[int, ...]]]]] = {
    "2+2W": (tests.TWO_PLUS_TWO_WRITES, {SC: {(1, 2), (2, 1), (2, 2)}, TSO: {(1, 2), (2, 1), (2, 2)}}),
    "2+2W, release": (
        tests.TWO_PLUS_TWO_WRITES_RELEASED,
        {SC: {(1, 2), (2, 1), (2, 2)}, TSO: {(1, 2), (2, 1), (2, 2)}},
    ),
    "2+2W, full fences": (
        tests.TWO_PLUS_TWO_WRITES_FENCED,
        {memory: {(1, 2), (2, 1), (2, 2)} for memory in MemoryName},
    ),
}
"""The values that may be left; under release and acquire all four unless fences stand between."""

CASES = [(name, memory) for name in (*READS, *LEFT) for memory in MemoryName]


@claim(
    "C8",
    "each memory model allows exactly the outcomes that the literature lists for it",
    method=Method.EXHAUSTIVE,
    scope=f"litmus tests {', '.join((*READS, *LEFT))}; each under SC, x86-TSO and release-acquire",
    assumptions="threads run in program order: load buffering is forbidden",
)
@pytest.mark.parametrize(("name", "memory"), CASES)
def test_a_litmus_test_has_exactly_the_allowed_outcomes(name: str, memory: MemoryName) -> None:
    if name in READS:
        test, expected = READS[name]
        seen = {reads for reads, _ in _outcomes(test, memory)}
    else:
        test, expected = LEFT[name]
        seen = {left[:2] for _, left in _outcomes(test, memory)}
    assert seen == expected.get(memory, {(1, 2), (2, 1), (2, 2), (1, 1)})


def test_an_update_hands_on_what_the_release_before_it_released() -> None:
    seen = {reads for reads, _ in _outcomes(tests.MESSAGE_THROUGH_UPDATE, RA)}
    assert (1, 2, 0) not in seen
    assert (1, 2, 1) in seen
    assert (0, 1, 0) in seen, "the relaxed update came first: nothing was released to the reader"


def test_an_access_that_has_to_wait_counts_for_who_shares_a_word() -> None:
    """The second thread comes to y with its store buffer never empty, so it never gets there at once."""
    test = litmus("x y=2", "x=2 y+=1")
    assert _outcomes(test, TSO) == allowed(test, TSO)


def _outcomes(test: Litmus, memory: MemoryName) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    report = explore(test.program, memory=memory)
    assert report.complete
    return set(report.outcomes)  # type: ignore[arg-type]


PROGRAMS = 150
KINDS = (
    *("{v}={n}", "{v}={n}", "{v}", "{v}", "{v}={n}.rel", "{v}.acq", "{v}+={n}", "{v}+={n}.acqrel"),
    *("fence.full", "fence.acq", "fence.rel"),
)
SIZES = ((3, 3), (2, 3), (3, 3), (2, 2, 1), (3, 1, 1))


def generated(seed: int) -> Litmus:
    chance = random.Random(seed)

    def access() -> str:
        return chance.choice(KINDS).format(v=chance.choice("xy"), n=chance.choice((1, 2)))

    return litmus(*(" ".join(access() for _ in range(size)) for size in chance.choice(SIZES)))


@claim(
    "C8",
    "the memory models as machines allow exactly what their axioms do",
    method=Method.TESTED,
    scope=f"{PROGRAMS} generated litmus tests of 2 or 3 threads, every candidate execution judged by the axioms of SC, "
    "x86-TSO and RC11",
)
@pytest.mark.parametrize("memory", MemoryName)
def test_the_machine_allows_exactly_what_the_axioms_do(memory: MemoryName) -> None:
    for seed in range(PROGRAMS):
        test = generated(seed)
        assert _outcomes(test, memory) == allowed(test, memory), f"seed {seed}: {test}"


@pytest.mark.parametrize("name", READS)
def test_the_listed_outcomes_are_those_of_the_axioms(name: str) -> None:
    test, expected = READS[name]
    for memory in MemoryName:
        assert {reads for reads, _ in allowed(test, memory)} == expected[memory]


def test_plain_search_has_the_same_outcomes() -> None:
    test = tests.STORE_BUFFERING
    for memory in MemoryName:
        assert set(explore(test.program, Search.PLAIN, memory=memory).outcomes) == _outcomes(test, memory)
