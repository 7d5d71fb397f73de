"""Halves that are made anew: what the flow keeps of the ones before."""

import pytest

import fastpath
from proofs.equivalence import vpc
from proofs.equivalence.frames import ACK, TCP, Content
from proofs.units.fastpath.ports import IN, NOW, OUT, fast_port, inbound, outbound, reference_port
from reference.tcp_flows import ESTABLISHED_TIME_TO_LIVE_MS
from reference.vpc.firewall import FirewallRule

ACKNOWLEDGES = Content(flags=ACK, sequence=1, acknowledgement=1)
LATEST = NOW + 1_000
LAGGING = NOW + 500
FIREWALL = [FirewallRule.parse(text) for text in vpc.DEFAULT_FIREWALL]


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
@pytest.mark.parametrize("idle", [ESTABLISHED_TIME_TO_LIVE_MS - 1, ESTABLISHED_TIME_TO_LIVE_MS])
def test_a_connection_keeps_its_time_when_a_lagging_segment_makes_its_halves_anew(
    idle: int, design: fastpath.Design
) -> None:
    fast, slow = fast_port(design), reference_port()
    for port in (fast, slow):
        port.process(OUT, outbound(1, ACKNOWLEDGES, TCP), NOW)
        port.process(IN, inbound(1, ACKNOWLEDGES, TCP), LATEST)
        port.set_firewall_rules(FIREWALL)
    ticket = fast.ticket
    for port in (fast, slow):
        port.process(OUT, outbound(1, ACKNOWLEDGES, TCP), LAGGING)
    assert fast.ticket == ticket, "the segment is to be a compiled miss"
    for port in (fast, slow):
        port.expire(LATEST + idle)
    assert fast.snapshot() == slow.snapshot()


def test_a_connection_that_is_recalled_keeps_the_time_of_its_last_segment() -> None:
    fast, slow = fast_port(), reference_port()
    for port in (fast, slow):
        port.process(OUT, outbound(1, ACKNOWLEDGES, TCP), NOW)
        port.process(IN, inbound(1, ACKNOWLEDGES, TCP), LATEST)
        port.set_firewall_rules(FIREWALL)
        port.process(OUT, outbound(1, ACKNOWLEDGES, TCP), LAGGING)
        port.snapshot()
        port.expire(LATEST + ESTABLISHED_TIME_TO_LIVE_MS - 1)
    assert fast.snapshot() == slow.snapshot()
