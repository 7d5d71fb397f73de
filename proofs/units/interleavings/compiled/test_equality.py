"""Two engines, one search: the compiled one makes the very runs that the plain Python one makes."""

import time

import pytest

from proofs.interleavings.catalogue import scenario_named
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.engine import Engine
from proofs.interleavings.compiled.kernel_program import Build, Outcome, as_program, python_outcome
from proofs.interleavings.compiled.known import KNOWN
from proofs.interleavings.compiled.sequence_lock import sequence_lock
from proofs.interleavings.compiled.switch import why_unavailable
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.report import Report, Search
from proofs.interleavings.turn import Turn
from proofs.ledger import Method, claim
from proofs.units.interleavings.compiled.generated_kernels import generated_kernels

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

PROGRAMS = 150
MORE_PROGRAMS = 600
WEAK_PROGRAMS = 150
MOST_WEAK = 300
"""Executions of a program that both engines run; the plain one takes its time."""
LONGEST = "look-up, removal and install"
"""More than a million steps: the plain engine needs a while, so it runs this one once; as many runs are asked for, not
the same schedules."""


@pytest.fixture(scope="module")
def modules() -> Instrumented:
    return Instrumented()


def runs(report: Report) -> tuple[int, int, int, dict[Outcome, tuple[Turn, ...]]]:
    """What a search did: runs, runs given up, steps, and the first schedule of each outcome."""
    outcomes = {python_outcome(outcome): schedule for outcome, schedule in report.outcomes.items()}
    return report.executions, report.redundant, report.steps, outcomes


def assert_same_runs(
    build: Build, modules: Instrumented, search: Search = Search.REDUCED, memory: MemoryName = MemoryName.SC
) -> Report:
    compiled = Engine(build, modules).explore(search, memory=memory)
    plain = explore(as_program(build), search, memory=memory, every_access=True)
    assert compiled.complete
    assert plain.complete
    assert runs(compiled) == runs(plain)
    return compiled


@claim(
    "C7",
    "the compiled engine makes the same runs as the plain Python one: as many, with the same outcomes by the same "
    "schedules",
    method=Method.TESTED,
    scope=f"{PROGRAMS} generated programs of 2 or 3 threads with up to 5 operations each, waiting loops included",
    assumptions="sequentially consistent memory",
)
def test_generated_programs_have_the_same_runs_in_both_engines(modules: Instrumented) -> None:
    for seed in range(PROGRAMS):
        assert_same_runs(generated_kernels(seed), modules)


def test_plain_search_makes_the_same_runs_in_both_engines(modules: Instrumented) -> None:
    small = 0
    for seed in range(PROGRAMS):
        build = generated_kernels(seed)
        if Engine(build, modules).explore(Search.PLAIN).executions < 200:
            assert_same_runs(build, modules, Search.PLAIN)
            small += 1
    assert small > PROGRAMS / 4


@claim(
    "C7",
    "the reduced search reaches every outcome that plain search does",
    method=Method.TESTED,
    scope=f"{MORE_PROGRAMS} generated programs of 2 or 3 threads with up to 5 operations each, waiting loops included, "
    "in the compiled engine",
    assumptions="sequentially consistent memory",
)
def test_reduced_search_has_the_outcomes_of_plain_search(modules: Instrumented) -> None:
    executions = {Search.PLAIN: 0, Search.REDUCED: 0}
    for seed in range(MORE_PROGRAMS):
        engine = Engine(generated_kernels(seed), modules)
        plain, reduced = engine.explore(Search.PLAIN), engine.explore()
        assert plain.complete
        assert reduced.complete
        assert plain.outcomes.keys() == reduced.outcomes.keys()
        executions[Search.PLAIN] += plain.executions
        executions[Search.REDUCED] += reduced.executions
    assert executions[Search.REDUCED] < executions[Search.PLAIN] / 5


@claim(
    "C8",
    "the compiled engine makes the same runs as the plain Python one under release and acquire: as many, with the same "
    "outcomes by the same schedules",
    method=Method.TESTED,
    scope=f"{WEAK_PROGRAMS} generated programs of 2 or 3 threads with up to 4 operations each, fences, relaxed "
    "accesses and waiting loops included; a sequence lock with a counter, two writers and a reader",
)
@pytest.mark.parametrize("search", [Search.PLAIN, Search.REDUCED])
def test_generated_programs_have_the_same_runs_in_both_engines_under_release_and_acquire(
    search: Search, modules: Instrumented
) -> None:
    compared = 0
    for seed in range(WEAK_PROGRAMS):
        build = generated_kernels(seed, weak=True)
        if Engine(build, modules).explore(search, MOST_WEAK, memory=MemoryName.RA).complete:
            assert_same_runs(build, modules, search, MemoryName.RA)
            compared += 1
    assert compared > WEAK_PROGRAMS / 2


def test_a_sequence_lock_has_the_same_runs_in_both_engines_under_release_and_acquire(modules: Instrumented) -> None:
    assert assert_same_runs(sequence_lock, modules, memory=MemoryName.RA).executions > 500


def test_the_verdict_on_a_sequence_lock_with_two_writers_takes_less_than_half_a_second(modules: Instrumented) -> None:
    engine = Engine(sequence_lock, modules)
    engine.explore(memory=MemoryName.RA)  # compiles
    begin = time.process_time()
    report = engine.explore(memory=MemoryName.RA)
    assert time.process_time() - begin < 0.5
    assert report.complete
    assert report.failure is None


def test_a_sequence_lock_has_the_same_runs_in_both_engines(modules: Instrumented) -> None:
    assert assert_same_runs(sequence_lock, modules).executions > 500


@claim(
    "C7",
    "known scenarios have as many runs in the compiled engine as in the plain Python one; their histories are "
    "linearizable in both",
    method=Method.EXHAUSTIVE,
    scope="; ".join(scenario_named(name).scope for name in KNOWN),
    assumptions="sequentially consistent memory; of equivalent executions one is run (source-set DPOR)",
)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == LONGEST else []) for name in KNOWN]
)
def test_a_known_scenario_has_the_same_runs_in_both_engines(name: str, modules: Instrumented) -> None:
    compiled, known = Engine(KNOWN[name], modules).explore(), explore(scenario_named(name).program())
    assert compiled.failure is None
    assert known.failure is None
    assert (compiled.executions, compiled.redundant) == (known.executions, known.redundant)
    if name != LONGEST:
        assert runs(compiled) == runs(explore(as_program(KNOWN[name]), every_access=True))
