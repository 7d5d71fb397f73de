"""What is measured among many flows is hits, each of the flow that it was meant for."""

import numpy as np
import pytest

from experiments.hit_speed import BATCHES, Lane, Meter, NotHit, Setting, measure, segment, settings_of
from experiments.population import EPOCH, Population, populated
from experiments.replay import BATCH
from fastpath import Design
from fastpath.control import publish
from fastpath.designs import POLICIES
from fastpath.layout import BYTES, CONTROL_EPOCH_SHIFT, ENTRIES_AT, ENTRY_WORDS, HITS, OWNED_HITS, STATE_PAUSED
from reference.direction import Direction
from reference.packet.parse import parse

FLOWS = 300


def counts(population: Population, field: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A counter of every entry: outbound halves first, flow by flow, then inbound ones."""
    words = population.words
    entries = words[int(words[ENTRIES_AT]) :][: (2 * population.count + 1) * ENTRY_WORDS].reshape(-1, ENTRY_WORDS)
    counted = np.concatenate([entries[1::2, field], entries[2::2, field]])
    return (counted & OWNED_HITS if field == HITS else counted).astype(np.int64)


def setting(design: Design, direction: Direction, flows: int = FLOWS) -> Setting:
    return Setting(flows, POLICIES[design], design.value, ((direction, (0, flows)),))


@pytest.mark.parametrize("design", Design)
@pytest.mark.parametrize("direction", Direction)
def test_every_packet_hits_the_flow_whose_turn_it_is(design: Design, direction: Direction) -> None:
    population = populated(FLOWS, threads=2)
    meter = Meter(setting(design, direction), population)
    assert meter.seconds(process=True) > 0
    turns = np.bincount(meter.lanes[0].numbers, minlength=FLOWS)
    assert turns.min() > 0
    nobody = np.zeros(FLOWS, np.int64)
    expected = [turns, nobody] if direction is Direction.OUT else [nobody, turns]
    assert np.array_equal(counts(population, HITS), np.concatenate(expected))
    assert counts(population, BYTES).sum() == BATCHES * sum(
        len(segment(direction, payload)) for payload in (0, 1400)
    ) * (BATCH // 2)


def test_two_threads_with_a_port_each_share_neither_flows_nor_counters() -> None:
    ports = [populated(FLOWS, threads=2) for _ in range(2)]
    half = FLOWS // 2
    lanes = ((Direction.OUT, (0, half)), (Direction.OUT, (half, half)))
    chosen = Setting(FLOWS, POLICIES[Design.FINE], "fine", lanes, apart=True)
    assert Meter(chosen, *ports).seconds(process=True) > 0
    for port, (_, (first, count)) in zip(ports, lanes, strict=True):
        hits = counts(port, HITS)
        assert hits[first : first + count].sum() == hits.sum() == BATCHES * BATCH


def test_a_packet_that_takes_the_slow_path_ends_the_measurement() -> None:
    population = populated(FLOWS, threads=1)
    publish(population.words, np.uint64(EPOCH << int(CONTROL_EPOCH_SHIFT)) | STATE_PAUSED)
    with pytest.raises(NotHit, match="left to the slow path"):
        Meter(setting(Design.FINE, Direction.OUT), population).seconds(process=True)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("payload", [0, 1_400])
def test_segments_are_ones_that_the_reference_parses(direction: Direction, payload: int) -> None:
    packet = parse(direction, segment(direction, payload))
    assert packet.tcp is not None
    assert Lane(populated(1, 1), direction, (0, 1)).batch.count == BATCH


def test_settings_cover_sizes_designs_threads_and_both_directions_of_one_flow() -> None:
    settings = settings_of((10, 20), {"fine": POLICIES[Design.FINE]})
    assert len(set(settings)) == len(settings) == 4 + 2 + 2 + 1 + 2
    assert [len(chosen.lanes) for chosen in settings].count(2) == 3 + 2
    assert [chosen.apart for chosen in settings].count(True) == 2
    assert {direction for direction, _ in settings[8].lanes} == set(Direction)


def test_what_writing_the_headers_takes_is_not_counted() -> None:
    chosen = setting(Design.FINE, Direction.OUT)
    (series,) = measure([chosen], rounds=3, seconds=5).values()
    assert len(series.samples) == 3
    assert series.median < 10_000


def test_in_a_large_table_every_flow_has_its_turn_before_any_has_its_second() -> None:
    flows = 2 * BATCHES * BATCH
    population = populated(flows, threads=1)
    meter = Meter(setting(Design.FINE, Direction.OUT, flows), population)
    meter.seconds(process=True)
    assert counts(population, HITS)[:flows].sum() == BATCHES * BATCH
    meter.seconds(process=True)
    assert set(counts(population, HITS)[:flows]) == {1}
