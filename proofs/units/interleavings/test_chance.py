"""Runs by chance: what they find, that they repeat themselves, and what is promised of them."""

from collections.abc import Sequence

import numpy as np
import pytest

from fastpath.atomics import load_relaxed, store_relaxed
from fastpath.memory import Words
from proofs.interleavings.chance import Draw, Sample, sample
from proofs.interleavings.explore import explore
from proofs.interleavings.memory_model import MemoryName
from proofs.interleavings.progress import DeadlockError
from proofs.interleavings.schedule import from_text, replay, shrink, to_text
from proofs.units.interleavings import litmus, textbook

TORN = textbook.sequence_lock(writers=1, readers=1, checked=False)
DRAWS = list(Draw)


@pytest.mark.parametrize("draw", DRAWS)
def test_chance_finds_a_fault_whose_schedule_replays_and_shrinks(draw: Draw) -> None:
    report = sample(TORN, draw, executions=500)
    assert report.counterexample is not None
    assert not report.complete
    text = to_text(shrink(TORN, report.counterexample))
    assert type(replay(TORN, from_text(text)).failure) is type(report.failure) is AssertionError


@pytest.mark.parametrize("draw", DRAWS)
def test_crossed_locks_are_found_by_chance(draw: Draw) -> None:
    assert isinstance(sample(textbook.two_locks(ordered=False), draw, executions=500).failure, DeadlockError)
    assert sample(textbook.two_locks(ordered=True), draw, executions=100).failure is None


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("memory", MemoryName)
def test_chance_finds_outcomes_that_the_search_finds_and_no_others(draw: Draw, memory: MemoryName) -> None:
    program = litmus.STORE_BUFFERING.program
    every = explore(program, memory=memory).outcomes.keys()
    assert sample(program, draw, executions=300, memory=memory).outcomes.keys() == every


@pytest.mark.parametrize("draw", DRAWS)
def test_the_seed_decides_every_run(draw: Draw) -> None:
    def made(seed: int) -> list[object]:
        report = sample(textbook.increments(3, atomic=False), draw, executions=12, seed=seed)
        return [report.steps, report.outcomes]

    assert made(7) == made(7) != made(8)


def test_a_limit_of_runs_or_of_time_is_kept() -> None:
    program = textbook.increments(2, atomic=True)
    assert sample(program, Draw.RANDOM, executions=7).executions == 7
    assert sample(program, Draw.RANDOM, executions=7, most_seconds=0).executions == 0


def test_a_depth_below_one_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="depth 0: a fault needs at least one step"):
        sample(TORN, Draw.PCT, executions=1, depth=0)


def test_the_bound_is_that_of_the_paper() -> None:
    report = Sample(draw=Draw.PCT, depth=3, actors=2, longest=10, covered=100)
    assert report.bound == 1 / (2 * 10**2)
    assert report.bound_of_all == pytest.approx(1 - (1 - 1 / 200) ** 100)
    assert "1/(2*10^2) = 0.005, by 100 runs with at least 0.39" in str(report)


def increment(words: Words) -> None:
    store_relaxed(words, 0, load_relaxed(words, 0) + np.uint64(1))


def both_counted(words: Words, _results: Sequence[object]) -> int:
    assert int(words[0]) == 2
    return 2


def test_priorities_find_a_lost_increment_at_its_depth_and_not_below() -> None:
    # It needs one switch inside an increment; without a change of priority each thread runs alone to its end.
    program = textbook.program(1, [increment, increment], both_counted)
    assert sample(program, Draw.PCT, executions=400, depth=1, measured=0).failure is None
    assert sample(program, Draw.PCT, executions=400, depth=2, measured=0).failure is not None
