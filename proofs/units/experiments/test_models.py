"""What experiments compute from what they measure: spreads, predictions, mixes, quantiles."""

import numpy as np
import pytest

from experiments import queues, threads
from experiments.beside import QUANTILES, Window, resampled
from experiments.hit_speed import turns_of
from experiments.measure import Series
from experiments.miss_speed import LIMIT
from experiments.mixes import SHARES, mixed
from experiments.prediction import predicted
from experiments.replay import BATCH
from fastpath import Design
from fastpath.designs import POLICIES


def test_a_constant_source_port_puts_all_flows_of_a_pair_into_one_queue() -> None:
    random = np.random.default_rng(1)
    assert queues.spread("pair of sleds", 1, 16, random) == 16
    assert queues.spread("L4 hash", 1, 16, random) < 3


@pytest.mark.parametrize(
    ("design", "gain"),
    [(Design.FINE, 2.0), (Design.MUTEX, 40 / 45), (Design.PR585, 40 / 45), (Design.RWLOCK, 40 / 70)],
)
def test_a_lock_allows_one_packet_for_each_time_it_is_held_and_handed_over(design: Design, gain: float) -> None:
    assert predicted(POLICIES[design], work=40, held=10, line=35) == pytest.approx(gain)


def test_a_lock_that_is_held_for_a_moment_does_not_limit_two_threads() -> None:
    assert predicted(POLICIES[Design.PR585], work=200, held=10, line=35) == 2


@pytest.mark.parametrize("design", [Design.FINE, Design.PR585])
def test_two_threads_gain_no_more_than_the_machine_gives_to_two_ports(design: Design) -> None:
    assert predicted(POLICIES[design], work=200, held=10, line=35, cores=1.3) == pytest.approx(1.3)


@pytest.mark.parametrize("share", SHARES)
def test_a_mix_has_as_many_new_flows_as_it_says_each_once(share: float) -> None:
    flows = mixed(share, 40 * BATCH)
    new = flows[flows >= LIMIT]
    assert len(new) == len(set(new.tolist())) == round(share * 40 * BATCH)


def test_skewed_turns_follow_the_rank() -> None:
    counts = np.bincount(turns_of(100, 100_000, threads.SKEW), minlength=100)
    assert counts[0] > 1.8 * counts[1] > 1.8 * counts[3]
    assert set(np.bincount(turns_of(100, 1_000, 0.0)).tolist()) == {10}


def test_scaling_is_of_one_round_and_of_the_mean_of_both_ends() -> None:
    alone = [Series((10.0, 20.0)), Series((30.0, 40.0))]
    assert threads.scaling(Series((10.0, 15.0)), alone) == (2.0, 2.0)


def test_quantiles_have_a_spread_that_holds_the_whole() -> None:
    windows = [Window(np.full(100, 1_000 * (1 + number), np.int64)) for number in range(10)]
    found = resampled(windows)
    assert list(found) == list(QUANTILES)
    assert min(found["longest"]) <= 10 == max(found["longest"])
    assert len(set(found["p50"])) > 1
