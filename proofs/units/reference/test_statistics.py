"""Counters and their names."""

from reference.direction import Direction
from reference.statistics import LayerDirectionStatistics, LayerStatistics, PortStatistics


def test_a_port_reports_every_counter_once_under_its_direction() -> None:
    statistics = PortStatistics(uft_capacity=8, tcp_capacity=4)
    statistics.of(Direction.IN).modified += 1
    named = statistics.as_dict()
    assert len(named) == 27
    assert (named["in_modified"], named["out_modified"]) == (1, 0)
    assert (named["in_uft_capacity"], named["out_uft_capacity"], named["tcp_capacity"]) == (8, 8, 4)


def test_a_layer_reports_its_limits_in_seconds_and_flows() -> None:
    named = LayerStatistics(16).as_dict("")
    assert (named["lft_capacity"], named["flow_ttl"], named["flows"]) == (16, 60, 0)


def test_all_counters_begin_at_zero() -> None:
    assert set(LayerDirectionStatistics().as_dict("in_").values()) == {0}
