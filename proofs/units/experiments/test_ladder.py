"""The ladder's steps differ from what they are compared with in what they say."""

import itertools
from dataclasses import fields

import pytest

from experiments import hit_speed, ladder
from experiments.experiment import Measured, Rows
from experiments.hit_speed import Setting
from experiments.ladder import FINE, MUTEX, RATIO, SWITCHES, finding, measure, steps, table_of
from experiments.measure import Series
from fastpath.policy import Policy


def changed(one: Policy, other: Policy) -> set[str]:
    """The switches in which two policies differ."""
    return {field.name for field in fields(Policy) if getattr(one, field.name) != getattr(other, field.name)}


def test_every_switch_by_which_mutex_and_fine_differ_is_a_step() -> None:
    assert changed(MUTEX, FINE) == set(SWITCHES)


def test_single_steps_change_one_switch_and_the_ladder_leads_from_mutex_to_fine() -> None:
    for step in steps():
        if step.series != "one by one":
            assert changed(step.policy, step.base) == {step.name}
    ladder_steps = [step.policy for step in steps() if step.series == "one by one"]
    assert (ladder_steps[0], ladder_steps[-1]) == (MUTEX, FINE)
    for (before, after), name in zip(itertools.pairwise(ladder_steps), SWITCHES, strict=True):
        assert changed(before, after) == {name}


def test_ratios_are_of_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(settings: list[Setting], *_: object) -> dict[Setting, Series]:
        found = {}
        for setting in settings:
            time = 40.0 if setting.policy == MUTEX else 20.0
            found[setting] = Series((time, 2 * time) if len(setting.lanes) == 1 else (time / 2, time))
        return found

    monkeypatch.setattr(hit_speed, "measure", fake)
    results = measure(steps(), rounds=2, seconds=1)
    last = results[-1]
    assert (last.to_base, last.two_to_base, last.scaling) == ([0.5, 0.5], [0.5, 0.5], [2.0, 2.0])
    assert results[0].to_base == [1.0, 1.0]
    assert table_of(results).row_count == len(steps()) == 3 * len(SWITCHES) + 1


def test_a_step_can_be_measured() -> None:
    chosen = [step for step in ladder.steps() if step.series == "fine but for" and step.name == "push"]
    (result,) = measure(chosen, rounds=2, seconds=0)
    assert all(0 < taken < 1e6 for taken in (*result.one_thread, *result.two_threads))


def test_the_finding_names_the_greatest_step() -> None:
    speeds = [1.0, 1.5, *(3.0 for _ in SWITCHES[1:])]
    rows = Rows(
        Measured(RATIO, "", {"series": "one by one", "switch": step.name, "threads": threads}, (speed, speed))
        for threads in ("one thread", "two threads")
        for step, speed in zip([step for step in steps() if step.series == "one by one"], speeds, strict=True)
    )
    said = finding(rows)
    assert "3.0 times as fast on one thread and 3.0 times on two" in said
    assert f"the greatest step on one thread is {SWITCHES[1]} (2.0 times)" in said
