"""Samples are taken in turn, warm-up does not count, and series tell their middle and their spread."""

import itertools
from collections.abc import Callable, Iterable

import pytest

from experiments.measure import Series, TooNoisy, beyond, interleaved


def counting(names: str) -> tuple[list[str], dict[str, Callable[[], float]]]:
    taken: list[str] = []
    numbers = itertools.count(1)

    def sampler(name: str) -> Callable[[], float]:
        def sample() -> float:
            taken.append(name)
            return float(next(numbers))

        return sample

    return taken, {name: sampler(name) for name in names}


def test_each_round_takes_one_sample_of_each_in_alternating_order() -> None:
    taken, samplers = counting("abc")
    interleaved(samplers, warm_up_rounds=0, rounds=3, seconds=60)
    assert "".join(taken) == "abccbaabc"


def test_warm_up_rounds_do_not_count() -> None:
    taken, samplers = counting("ab")
    series = interleaved(samplers, warm_up_rounds=2, rounds=2, seconds=60)
    assert len(taken) == 8
    assert series["a"].samples == (5.0, 8.0)
    assert series["b"].samples == (6.0, 7.0)


def test_time_ends_the_rounds_but_leaves_enough_for_a_spread() -> None:
    taken, samplers = counting("a")
    series = interleaved(samplers, warm_up_rounds=0, rounds=1000, seconds=0)
    assert len(taken) == len(series["a"].samples) == 2


def test_progress_sees_every_round() -> None:
    _, samplers = counting("a")
    seen: list[int] = []

    def advance(rounds: Iterable[int]) -> Iterable[int]:
        for number in rounds:
            seen.append(number)
            yield number

    interleaved(samplers, warm_up_rounds=1, rounds=4, seconds=60, advance=advance)
    assert seen == [0, 1, 2, 3]


def test_a_series_has_a_median_quartiles_and_extremes() -> None:
    series = Series((5.0, 1.0, 3.0, 2.0, 4.0))
    assert (series.median, series.quartiles, series.extremes) == (3.0, (2.0, 4.0), (1.0, 5.0))


def test_an_overhead_that_was_held_up_once_does_not_make_figures_better() -> None:
    assert beyond(Series((0.003, 0.005)), Series((0.001, 0.009))).samples == pytest.approx((0.002, 0.004))


def test_a_sample_no_longer_than_its_overhead_is_no_figure() -> None:
    with pytest.raises(TooNoisy, match="try a quieter machine"):
        beyond(Series((0.003, 0.001)), Series((0.001, 0.002)))
