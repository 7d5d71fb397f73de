"""Batches that overlap with a disturbance count, whole; all packets must be hits or misses of compiled code."""

import time
from typing import Any

import numpy as np
import pytest

from experiments import beside, expiry_stalls, rule_changes
from experiments.beside import Hits, Window, overlapping, quantiles
from experiments.expiry_stalls import Beside
from experiments.measure import TooNoisy
from experiments.packets import Stream, Traffic, new_flows
from experiments.replay import BATCH
from experiments.rule_changes import PortDriver, Setting
from experiments.sending import NotCompiled, Sender, new_signals
from experiments.small_vpc import new_port
from fastpath import Design
from fastpath.designs import POLICIES

STAMPS = np.array([0, 10, 20, 50, 60, 70], np.int64)


@pytest.mark.parametrize(
    ("start", "end", "spans"),
    [(20, 50, [10, 30]), (21, 49, [30]), (25, 55, [30, 10]), (0, 5, [10]), (55, 90, [10, 10])],
)
def test_the_first_and_the_last_batch_count_whole(start: int, end: int, spans: list[int]) -> None:
    assert overlapping(STAMPS, start, end).spans.tolist() == spans


def test_figures_of_a_window() -> None:
    window = Window(np.array([1_000, 1_000, 2_000], np.int64))
    assert window.packets_per_second == pytest.approx(3 * BATCH / 4e-6)
    assert window.longest == pytest.approx(0.002)
    assert quantiles([window, window])[0] == pytest.approx(1)
    assert quantiles([window])[-1] == pytest.approx(2)


def test_hits_beside_something_are_hits() -> None:
    port: Any = new_port(POLICIES[Design.FINE], 2_000, 2)
    hits = Hits(port, 1, Sender)
    assert hits.beside(lambda: time.sleep(0.01)).packets_per_second > 0
    assert port.statistics()["out_uft_miss"] == beside.FLOWS


def test_hits_that_compiled_code_does_not_decide_end_the_measurement() -> None:
    port = new_port(POLICIES[Design.FINE], 2_000, 2)
    hits = Hits(port, 1, Sender)
    with pytest.raises(NotCompiled, match="left to the reference"):
        hits.beside(port.pause)


def test_hits_that_end_too_early_end_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = Hits(new_port(POLICIES[Design.FINE], 2_000, 2), 1, Sender)
    monkeypatch.setattr(beside, "MOST_BATCHES", 1)
    with pytest.raises(NotCompiled, match="came to an end"):
        hits.beside(lambda: time.sleep(0.01))


def test_a_disturbance_during_which_nothing_was_sent_is_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = Hits(new_port(POLICIES[Design.FINE], 2_000, 2), 1, Sender)
    monkeypatch.setattr(beside, "overlapping", lambda *_: Window(np.zeros(0, np.int64)))
    with pytest.raises(TooNoisy, match="no batch was sent"):
        hits.beside(lambda: None)


# --- expiry ---


def test_expiry_expires_none_or_all_of_the_others_and_no_flow_of_the_hits() -> None:
    ground = expiry_stalls.Ground(Design.FINE, others=2)
    for kind in Beside:
        assert ground.packets_per_second(kind) > 0
        assert len(ground.windows[kind]) == 1


def test_an_expiry_that_leaves_flows_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = expiry_stalls.Ground(Design.FINE, others=2)
    monkeypatch.setattr(expiry_stalls, "_ALL_DUE_MS", expiry_stalls._NONE_DUE_MS)
    with pytest.raises(NotCompiled, match="should be in the tables"):
        ground.packets_per_second(Beside.ALL)


def test_expiry_is_compared_with_the_undisturbed_sample_of_the_same_round() -> None:
    results = expiry_stalls.measure(Design.FINE, rounds=2, seconds=0, others=2)
    assert [result.beside for result in results] == list(Beside)
    assert results[0].to_undisturbed == [1.0, 1.0]
    assert all(len(result.longest_ms) == 2 and result.batches > 0 for result in results)
    assert expiry_stalls.table_of(Design.FINE, results).row_count == len(Beside)


# --- changes of rules ---


@pytest.mark.parametrize("driver", rule_changes.DRIVERS)
def test_rules_change_as_often_as_is_said_and_flows_go_on(driver: str) -> None:
    ground = rule_changes.Ground(Design.FINE, [driver])
    for rate, least in ((0, 0), (100, 2), (None, 0)):
        setting = Setting(driver, rate)
        assert ground.packets_per_second(setting, 0.05) > 0
        assert least <= ground.changes[setting][0] <= (rate or 0) * 0.05 + 1


def test_changes_are_compared_with_the_undisturbed_sample_of_the_same_round() -> None:
    results = rule_changes.measure(Design.FINE, ["compiled loop"], (0, 100), rounds=2, seconds=0, lasts=0.02)
    assert [result.setting.rate for result in results] == [0, 100, None]
    assert results[0].to_undisturbed == [1.0, 1.0]
    assert rule_changes.table_of(Design.FINE, results).row_count == 3


def test_a_packet_that_the_port_leaves_to_the_reference_is_noticed() -> None:
    port = new_port(POLICIES[Design.FINE], BATCH, 2)
    driver = PortDriver(port, Stream(Traffic(), new_flows(0, 2 * BATCH)), 2)
    with pytest.raises(NotCompiled, match="left to the reference"):
        driver.send(2, 1, signals=new_signals(), meeting=1)
