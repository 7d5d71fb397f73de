"""Steps are split among threads so that nothing that is compared depends on timing."""

import functools

import pytest

from experiments.replay import Setting, new_fast_port, replay, shares
from experiments.scenario import Scenario
from fastpath import Design
from proofs.units.experiments.frames import bundled, scenario_of


@functools.cache
def scenario() -> Scenario:
    return scenario_of(bundled())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_step_has_one_thread_and_each_conversation_too(threads: int) -> None:
    steps = scenario().steps
    split = shares(steps, threads)
    assert sorted(number for share in split for number, _ in share) == list(range(len(steps)))
    homes = [{step.conversation for _, step in share} for share in split]
    assert sum(map(len, homes)) == len({step.conversation for step in steps})
    assert all(homes)


def test_the_steps_of_a_share_keep_their_order() -> None:
    for share in shares(scenario().steps, 3):
        assert [number for number, _ in share] == sorted(number for number, _ in share)


@pytest.mark.parametrize("threads", [1, 3])
def test_verdicts_come_back_in_the_order_of_the_steps(threads: int) -> None:
    steps = scenario().steps
    verdicts = replay(new_fast_port(scenario().surroundings, Design.FINE), steps, threads)
    assert verdicts == [step.verdict for step in steps]


def test_a_failing_thread_is_not_silent() -> None:
    class Failing:
        def process_batch(self, batch: object, now_ms: int) -> None:
            raise RuntimeError(f"{batch} at {now_ms}")

    with pytest.raises(RuntimeError, match="FrameBatch"):
        replay(Failing(), scenario().steps[:5], threads=1)  # type: ignore[arg-type]


def test_a_setting_reads_as_words() -> None:
    assert [str(Setting(Design.FINE, threads)) for threads in (1, 2)] == ["fine on 1 thread", "fine on 2 threads"]
