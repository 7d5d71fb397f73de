"""What is measured is misses that begin flows, and nothing else."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from experiments import miss_speed
from experiments.measure import Series
from experiments.miss_speed import Ground, Meter, Setting, measure, results_of, settings_of, table_of
from experiments.packets import Way
from experiments.replay import BATCH
from experiments.sending import NotCompiled
from fastpath import Design
from proofs.units.experiments.patience import undisturbed
from reference.packet.protocol import IpProtocol

BATCHES = 2
FLOWS = BATCHES * BATCH


@pytest.fixture(autouse=True)
def _small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(miss_speed, "LIMIT", 8 * BATCH)


@pytest.mark.parametrize("in_table", [0, BATCH])
@pytest.mark.parametrize("way", Way)
def test_each_sample_begins_its_flows_and_leaves_none(way: Way, in_table: int) -> None:
    ground = Ground(Design.FINE, in_table)
    with ThreadPoolExecutor(2) as pool:
        meter = Meter(Setting(Design.FINE, way, in_table, 2), [ground], BATCHES, pool)
        for _ in range(2):
            assert meter.seconds(process=True) > 0
            ground.check(begun=0)


def test_threads_with_a_port_each_begin_their_flows_in_their_own() -> None:
    grounds = [Ground(Design.FINE, 0) for _ in range(2)]
    assert [ground.port.statistics()["out_uft_miss"] for ground in grounds] == [0, 0]
    with ThreadPoolExecutor(2) as pool:
        setting = Setting(Design.FINE, Way.NEIGHBOUR, 0, 2, apart=True)
        assert Meter(setting, grounds, BATCHES, pool).seconds(process=True) > 0
    assert [ground.port.statistics()["out_uft_miss"] for ground in grounds] == [BATCHES * BATCH] * 2


def test_a_sample_of_tcp_begins_connections() -> None:
    ground = Ground(Design.FINE, 0)
    with ThreadPoolExecutor(2) as pool:
        meter = Meter(Setting(Design.FINE, Way.INTERNET, 0, 2, IpProtocol.TCP), [ground], BATCHES, pool)
        assert meter.seconds(process=True) > 0
    with pytest.raises(NotCompiled, match="0 flows and 1 connections should be in the tables"):
        ground.check(begun=0, connections=1)


def test_a_flow_that_was_not_begun_is_noticed() -> None:
    ground = Ground(Design.FINE, BATCH)
    with pytest.raises(NotCompiled, match="0 packets were misses, not 1"):
        ground.check(begun=1)


def test_a_flow_that_has_gone_is_noticed() -> None:
    ground = Ground(Design.FINE, BATCH)
    ground.port.clear_uft()
    with pytest.raises(NotCompiled, match="256 flows and 0 connections should be in the tables"):
        ground.check(begun=0)


def test_a_full_table_ends_the_measurement() -> None:
    ground = Ground(Design.FINE, 7 * BATCH)
    with ThreadPoolExecutor(2) as pool, pytest.raises(NotCompiled, match="left to the reference"):
        Meter(Setting(Design.FINE, Way.NEIGHBOUR, 7 * BATCH, 1), [ground], BATCHES, pool).seconds(process=True)


def test_writing_that_was_held_up_does_not_turn_figures_into_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = {True: iter((0.001, 0.001, 0.002, 0.002)), False: iter((*[0.009] * 5, 0.0005, *[0.009] * 9))}

    class HeldUp:
        def __init__(self, *_: object) -> None:
            pass

        def seconds(self, process: bool) -> float:
            return next(spans[process])

    monkeypatch.setattr(miss_speed, "Meter", HeldUp)
    monkeypatch.setattr(miss_speed, "WARM_UP_ROUNDS", 1)
    (series,) = measure([Setting(Design.FINE, Way.NEIGHBOUR, 0, 1)], rounds=2, seconds=1, batches=BATCHES).values()
    assert len(series.samples) == 2
    assert all(0 < rate <= FLOWS / 0.0005 for rate in series.samples)


def test_figures_are_flows_a_second_and_ratios_are_of_one_round() -> None:
    settings = settings_of([Design.FINE], [Way.NEIGHBOUR], [0])
    assert [(setting.threads, setting.apart) for setting in settings] == [(1, False), (2, False), (2, True)]
    measured = undisturbed(lambda: measure(settings, rounds=2, seconds=1, batches=BATCHES))
    assert all(100 < rate < 1e9 for series in measured.values() for rate in series.samples)
    one, two, apart = Series((100.0, 200.0)), Series((190.0, 300.0)), Series((200.0, 100.0))
    results = results_of(dict(zip(settings, (one, two, apart), strict=True)))
    assert [result.to_one_thread for result in results[1:]] == [[1.9, 1.5], [2.0, 0.5]]
    assert table_of(results).row_count == 3
