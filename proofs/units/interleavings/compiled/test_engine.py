"""The compiled engine by itself: chance, limits, and programs that go wrong in other ways than by their check."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.compiled.build import Instrumented
from proofs.interleavings.compiled.engine import Engine, Room
from proofs.interleavings.compiled.kernel_program import Build, CheckFailedError, KernelProgram, as_program
from proofs.interleavings.compiled.known_flow import nothing_to_check
from proofs.interleavings.compiled.search import explore_runs
from proofs.interleavings.compiled.sequence_lock import sequence_lock
from proofs.interleavings.compiled.state import (
    DEPTH,
    ENTRIES,
    EXECUTIONS,
    MOST_WORDS,
    OUTCOMES,
    REDUNDANT,
    STATUS,
    STEPS,
    STEPS_BEFORE,
    Status,
    new_search,
)
from proofs.interleavings.compiled.switch import MOST_THREADS, why_unavailable
from proofs.interleavings.explore import explore
from proofs.interleavings.progress import DeadlockError
from proofs.interleavings.report import Search
from proofs.interleavings.schedule import replay
from proofs.interleavings.scheduler import ConstantChangedError, EndlessRunError
from proofs.units.interleavings.compiled.generated_kernels import generated_kernels

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))

Body = Callable[[Words, Words], None]
ONE = np.uint64(1)
PROGRAMS = 60
MOST_RUNS = 500


@pytest.fixture(scope="module")
def lock() -> Engine:
    return Engine(sequence_lock)


@pytest.fixture(scope="module")
def broken_lock() -> Engine:
    return Engine(lambda modules: sequence_lock(modules, locked=False))


def program(bodies: Callable[[Any], Sequence[Body]], **options: Any) -> Build:
    """A program of two words, from bodies made of the atomics."""

    def build(modules: Interpreted) -> KernelProgram:
        made = bodies(modules.module("fastpath.atomics"))
        return KernelProgram(np.zeros(2, np.uint64), made, nothing_to_check, **options)

    return build


def test_fair_draws_find_a_torn_read(broken_lock: Engine) -> None:
    report = broken_lock.wander(100_000)
    assert isinstance(report.failure, CheckFailedError)
    assert report.counterexample is not None
    broken = as_program(lambda modules: sequence_lock(modules, locked=False))
    assert isinstance(replay(broken, report.counterexample).failure, CheckFailedError)


def test_priorities_find_a_torn_read_at_its_depth_and_not_below(broken_lock: Engine) -> None:
    # Without a change of priority each thread runs alone to its end.
    assert broken_lock.wander_by_priority(20_000, depth=1).failure is None
    assert isinstance(broken_lock.wander_by_priority(100_000, depth=3).failure, CheckFailedError)


def test_chance_finds_only_what_the_search_finds_and_is_never_complete(lock: Engine) -> None:
    every, drawn, ranked = lock.explore(), lock.wander(20_000), lock.wander_by_priority(20_000, depth=4)
    assert every.complete
    assert not drawn.complete
    assert not ranked.complete
    assert drawn.executions == ranked.executions == 20_000
    assert drawn.outcomes.keys() <= every.outcomes.keys()
    assert ranked.outcomes.keys() <= every.outcomes.keys()
    assert len(drawn.outcomes) > len(every.outcomes) / 2


def test_chance_repeats_itself_by_its_seed(lock: Engine) -> None:
    first, again, other = (lock.wander(500, seed=seed) for seed in (7, 7, 8))
    assert first.outcomes == again.outcomes
    assert first.steps == again.steps != other.steps


def test_a_limit_leaves_a_search_incomplete(lock: Engine) -> None:
    report = lock.explore(Search.PLAIN, most_executions=100)
    assert report.executions == 100
    assert not report.complete
    assert not lock.explore(most_seconds=0).complete


def test_a_search_that_goes_back_makes_the_runs_of_one_that_begins_each_anew() -> None:
    modules = Instrumented()
    for seed in range(PROGRAMS):
        engine = Engine(generated_kernels(seed), modules)
        for scope in (Search.PLAIN, Search.REDUCED):
            going_back, anew = (made_in_batches(engine.prepare(scope), of) for of in (MOST_RUNS, 1))
            for counted in (STATUS, EXECUTIONS, REDUNDANT, STEPS, STEPS_BEFORE, OUTCOMES, DEPTH, ENTRIES):
                assert going_back["state"][counted] == anew["state"][counted]
            for kept in ("nodes", "schedule", "records", "schedules", "shared", "private"):
                assert (going_back[kept] == anew[kept]).all(), f"program {seed}: {kept} differ"


def made_in_batches(room: Room, of: int) -> Any:
    """A search after some runs, `of` a batch: each batch begins at the start of a run."""
    search = room.searches[0]
    for _ in range(MOST_RUNS // of):
        if search["state"][STATUS] == Status.MORE:
            explore_runs(room.searches, of)
    return search


def test_a_run_that_cannot_be_repeated_ends_the_search(lock: Engine) -> None:
    room = lock.prepare()
    search = room.searches[0]
    explore_runs(room.searches, 10)
    assert search["state"][STATUS] == Status.MORE
    for words in ("shared", "template"):
        search[words][0] += ONE
    explore_runs(room.searches, 10)
    assert search["state"][STATUS] == Status.NOT_ENABLED


def test_the_schedules_of_outcomes_replay_in_the_plain_engine() -> None:
    modules = Instrumented()
    for seed in range(20):
        build = generated_kernels(seed)
        for outcome, schedule in Engine(build, modules).explore().outcomes.items():
            run = replay(as_program(build), schedule)
            assert run.schedule == schedule
            assert outcome.waiting or run.outcome == outcome  # type: ignore[attr-defined]


def test_threads_that_wait_for_each_other_are_a_deadlock() -> None:
    def bodies(atomics: Any) -> list[Body]:
        load_acquire, store_release, pause = atomics.load_acquire, atomics.store_release, atomics.pause

        def wait(words: Words, _mine: Words) -> None:
            while load_acquire(words, 0) == np.uint64(0):
                pause()
            store_release(words, 1, ONE)

        def wake(words: Words, _mine: Words) -> None:
            while load_acquire(words, 1) == np.uint64(0):
                pause()
            store_release(words, 0, ONE)

        return [wait, wake]

    build = program(bodies)
    assert isinstance(Engine(build).explore().failure, DeadlockError)
    assert isinstance(explore(as_program(build)).failure, DeadlockError)


def test_a_loop_without_pause_is_reported_as_endless() -> None:
    def bodies(atomics: Any) -> list[Body]:
        load_acquire = atomics.load_acquire

        def spin(words: Words, _mine: Words) -> None:
            while load_acquire(words, 0) == np.uint64(0):
                pass

        return [spin]

    assert isinstance(Engine(program(bodies)).explore().failure, EndlessRunError)


def test_a_word_outside_the_shared_ones_is_refused() -> None:
    def bodies(atomics: Any) -> list[Body]:
        load_acquire = atomics.load_acquire

        def stray(words: Words, mine: Words) -> None:
            load_acquire(words, 0)
            load_acquire(mine, 0)

        return [stray]

    assert isinstance(Engine(program(bodies)).explore().failure, LookupError)


def test_a_constant_word_is_read_without_a_turn_and_never_written() -> None:
    def bodies(atomics: Any) -> list[Body]:
        store_release = atomics.store_release

        def read(words: Words, mine: Words) -> None:
            mine[0] = words[1]
            mine[0] += words[0]

        def write(words: Words, _mine: Words) -> None:
            store_release(words, 1, ONE)

        return [read, write]

    def reading(atomics: Any) -> list[Body]:
        return bodies(atomics)[:1]

    constant = range(1, 2)
    assert Engine(program(reading, constant=constant)).explore().steps == 1
    assert isinstance(Engine(program(bodies, constant=constant)).explore().failure, ConstantChangedError)


def test_plain_elements_of_shared_words_take_turns() -> None:
    def bodies(_atomics: Any) -> list[Body]:
        def add(words: Words, _mine: Words) -> None:
            words[0] += ONE

        return [add, add]

    build = program(bodies, kept=[0])
    compiled = Engine(build).explore()
    assert {outcome.kept for outcome in compiled.outcomes} == {(1,), (2,)}  # type: ignore[attr-defined]
    assert compiled.executions == explore(as_program(build)).executions


def test_programs_beyond_the_room_are_refused() -> None:
    def nothing(_words: Words, _mine: Words) -> None:
        pass

    many = KernelProgram(np.zeros(1, np.uint64), [nothing] * (MOST_THREADS + 1), nothing_to_check)
    large = KernelProgram(np.zeros(MOST_WORDS + 1, np.uint64), [nothing], nothing_to_check)
    for made in (many, large):
        with pytest.raises(ValueError, match="has room for"):
            new_search(made)
