"""Packets to measure with are ones that the reference forwards, each of the flow that it was meant for."""

import numpy as np
import pytest

from experiments.packets import Stream, Traffic, Way, new_flows, turns
from experiments.replay import BATCH
from experiments.small_vpc import firewall_rules, new_port
from fastpath import Design
from fastpath.designs import POLICIES
from fastpath.policy import Misses
from reference.packet.parse import parse
from reference.packet.protocol import IpProtocol
from reference.verdict import Modified

TRAFFIC = [Traffic(way, protocol) for way in Way for protocol in (IpProtocol.UDP, IpProtocol.TCP)]


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_a_packet_is_parsed_as_what_it_is_meant_to_be(traffic: Traffic) -> None:
    packet = parse(traffic.way.direction, traffic.frame)
    assert packet.flow.protocol == traffic.protocol
    assert (packet.tcp is not None) is (traffic.protocol == IpProtocol.TCP)


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_a_packet_goes_on_and_only_to_the_internet_is_it_translated(traffic: Traffic) -> None:
    port = new_port(POLICIES[Design.FINE], 8, 1)
    verdict = port.process(traffic.way.direction, traffic.frame, 1)
    assert isinstance(verdict, Modified)
    counts: dict[str, dict[str, int]] = port.flow_counts()  # type: ignore[assignment]
    assert counts["uft"] == {"in": 1, "out": 1}
    assert counts["nat"]["count"] == (traffic.way is Way.INTERNET)


def test_flows_have_ports_of_their_own() -> None:
    stream = Stream(Traffic(), new_flows(59_000, 10 * BATCH))
    assert len(set(stream.ports.tolist())) == 10 * BATCH
    assert stream.batches == 10


def test_flows_have_their_turns_equally_often() -> None:
    assert set(np.bincount(turns(0, 64, 4 * BATCH))) == {16}
    assert turns(100, 64, BATCH).min() == 100


def test_part_of_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 256"):
        Stream(Traffic(), new_flows(0, BATCH + 1))


def test_a_port_of_the_small_vpc_has_the_rules_and_the_policy_that_it_says() -> None:
    port = new_port(POLICIES[Design.FINE], 8, 1)
    assert port.policy.misses is Misses.COMPILED
    assert len(firewall_rules()) == 3
