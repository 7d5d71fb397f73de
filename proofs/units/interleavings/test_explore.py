"""The search: it reaches every outcome, finds textbook faults, and loses nothing by reduction."""

import functools
from itertools import permutations

import pytest

from fastpath.atomics import load_acquire
from fastpath.memory import Words
from proofs.interleavings import explore as explore_module
from proofs.interleavings.access import WRITES, Mode
from proofs.interleavings.explore import explore
from proofs.interleavings.linearizability import NotLinearizableError
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.program import Program
from proofs.interleavings.progress import DeadlockError
from proofs.interleavings.report import Report, Search
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.interleavings.scheduler import EndlessRunError
from proofs.ledger import Method, claim
from proofs.units.interleavings import litmus, textbook
from proofs.units.interleavings.generated import generated_program

PROGRAMS = {MemoryName.SC: 220, MemoryName.TSO: 200, MemoryName.RA: 200}
MOST = {MemoryName.SC: 600, MemoryName.TSO: 400, MemoryName.RA: 400}
"""Executions of the plain search."""
MEMORIES = list(MemoryName)


@functools.cache
def compared(memory: MemoryName) -> list[tuple[Program, Report]]:
    """Generated programs whose plain search ends, with what it found."""
    found: list[tuple[Program, Report]] = []
    seed = 0
    while len(found) < PROGRAMS[memory]:
        program = generated_program(seed, weak=memory is not MemoryName.SC)
        plain = explore(program, Search.PLAIN, most_executions=MOST[memory], memory=memory)
        if plain.complete:
            found.append((program, plain))
        seed += 1
    return found


@claim(
    "C7",
    "the reduced search and that of states reach every outcome that plain search does",
    method=Method.TESTED,
    scope=", ".join(
        f"{PROGRAMS[memory]} generated programs under {memory.value} (plain search: at most {MOST[memory]} executions)"
        for memory in MEMORIES
    )
    + ", of 2 or 3 threads with up to 5 operations each, waiting loops, fences and relaxed accesses included",
)
@pytest.mark.parametrize("memory", MEMORIES)
def test_other_searches_have_the_outcomes_of_plain_search(memory: MemoryName) -> None:
    runs = {Search.PLAIN: 0, Search.REDUCED: 0}
    for program, plain in compared(memory):
        reduced = explore(program, memory=memory)
        assert reduced.complete
        assert reduced.outcomes.keys() == plain.outcomes.keys()
        states = explore(program, Search.STATES, memory=memory)
        assert states.complete
        assert states.outcomes.keys() == plain.outcomes.keys()
        runs[Search.PLAIN] += plain.executions
        runs[Search.REDUCED] += reduced.executions
    assert runs[Search.REDUCED] < runs[Search.PLAIN] / 4


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_reduction_that_overlooks_a_conflict_loses_outcomes(
    memory: MemoryName, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overlooking(earlier: Mode, later: Mode) -> bool:
        return earlier == later and later in WRITES

    monkeypatch.setattr(explore_module, "conflict", overlooking)
    assert any(
        explore(program, memory=memory).outcomes.keys() != plain.outcomes.keys() for program, plain in compared(memory)
    )


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_reduction_that_takes_everything_for_exchangeable_loses_outcomes(
    memory: MemoryName, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = litmus.STORE_BUFFERING_FENCED.program
    outcomes = explore(program, memory=memory).outcomes.keys()
    monkeypatch.setattr(explore_module, "dependent", lambda _one, _other: False)
    assert explore(program, memory=memory).outcomes.keys() < outcomes


@pytest.mark.parametrize("memory", MEMORIES)
def test_every_outcome_comes_with_a_schedule_that_gives_it(memory: MemoryName) -> None:
    for program, plain in compared(memory)[:40]:
        for outcome, schedule in plain.outcomes.items():
            run = replay(program, from_text(to_text(schedule)), memory=memory)
            assert run.outcome == outcome
            assert run.schedule == schedule


@pytest.mark.parametrize("search", Search)
def test_increments_in_two_steps_are_lost_in_some_interleaving(search: Search) -> None:
    assert set(explore(textbook.increments(3, atomic=False), search).outcomes) == {1, 2, 3}
    assert set(explore(textbook.increments(3, atomic=True), search).outcomes) == {3}


def test_plain_search_runs_every_order() -> None:
    # Two threads of two steps each: 4! / (2! * 2!) orders.
    assert explore(textbook.increments(2, atomic=False), Search.PLAIN).executions == 6


RIGHT = {
    "peterson": textbook.peterson(turn_first=False),
    "sequence lock, two writers": textbook.sequence_lock(writers=2, readers=1, checked=True),
    "sequence lock, two readers": textbook.sequence_lock(writers=1, readers=2, checked=True),
    "spin lock": textbook.spin_lock(threads=3),
    "ordered locks": textbook.two_locks(ordered=True),
    "tagged stack": textbook.treiber_stack(tagged=True),
}
WRONG = {
    "peterson, turn first": (textbook.peterson(turn_first=True), AssertionError, "both threads are inside"),
    "unchecked reader": (textbook.sequence_lock(1, 1, checked=False), AssertionError, "a torn read"),
    "crossed locks": (textbook.two_locks(ordered=False), DeadlockError, "wait for a change that nobody will make"),
    "untagged stack": (textbook.treiber_stack(tagged=False), AssertionError, "are held"),
}


@pytest.mark.parametrize("program", RIGHT.values(), ids=RIGHT.keys())
def test_correct_textbook_programs_hold(program: Program) -> None:
    report = explore(program)
    assert report.failure is None
    assert report.complete


@pytest.mark.parametrize(("program", "error", "message"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("search", Search)
def test_wrong_textbook_programs_are_found_and_replayed(
    program: Program, error: type[Exception], message: str, search: Search
) -> None:
    report = explore(program, search)
    assert isinstance(report.failure, error)
    assert message in str(report.failure)
    assert report.counterexample is not None
    text = to_text(shrink(program, report.counterexample))
    run = replay(program, from_text(text))
    assert isinstance(run.failure, error)
    assert len(run.schedule) <= len(report.counterexample)


def test_waiting_threads_do_not_make_a_search_endless() -> None:
    plain = explore(textbook.spin_lock(threads=2), Search.PLAIN)
    reduced = explore(textbook.spin_lock(threads=2))
    assert plain.complete
    assert set(plain.outcomes) == set(reduced.outcomes) == {2}


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("memory", MEMORIES)
def test_each_of_two_changes_may_be_the_one_that_wakes_a_thread(memory: MemoryName, order: tuple[int, ...]) -> None:
    program = textbook.two_ways_to_wake(order)
    plain, reduced = explore(program, Search.PLAIN, memory=memory), explore(program, memory=memory)
    assert plain.outcomes.keys() == reduced.outcomes.keys()
    for seen in ((1, 0, 1), (1, 1, 0), (1, 1, 1)):
        assert tuple(seen if which == 0 else None for which in order) in plain.outcomes


def test_a_loop_without_pause_is_reported_as_endless() -> None:
    def spin(words: Words) -> None:
        while load_acquire(words, 0) == 0:
            pass

    report = explore(textbook.program(1, [spin]))
    assert isinstance(report.failure, EndlessRunError)


def test_a_search_that_reaches_its_limit_says_so() -> None:
    report = explore(textbook.increments(3, atomic=False), Search.PLAIN, most_executions=5)
    assert report.executions == 5
    assert not report.complete


def test_an_array_that_was_not_declared_is_refused() -> None:
    def stray(words: Words) -> None:
        load_acquire(words.copy(), 0)

    report = explore(textbook.program(1, [stray]))
    assert isinstance(report.failure, LookupError)


def test_failures_of_histories_are_failures_of_the_program() -> None:
    assert issubclass(NotLinearizableError, AssertionError)
