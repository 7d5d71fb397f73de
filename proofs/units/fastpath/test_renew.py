"""Halves that are made anew: what the flow keeps of the ones before."""

from typing import Any

import numpy as np
import pytest

import fastpath
from fastpath.interpreted import interpreted, replace_once
from proofs.equivalence import vpc
from proofs.equivalence.frames import ACK, TCP, Content
from proofs.units.fastpath.ports import IN, LIMITS, NOW, OUT, fast_port, inbound, outbound, reference_port
from reference.tcp_flows import ESTABLISHED_TIME_TO_LIVE_MS
from reference.vpc.firewall import FirewallRule

ACKNOWLEDGES = Content(flags=ACK, sequence=1, acknowledgement=1)
LATEST = NOW + 1_000
LAGGING = NOW + 500
LAST_MOMENT = LATEST + ESTABLISHED_TIME_TO_LIVE_MS - 1
FIREWALL = [FirewallRule.parse(text) for text in vpc.DEFAULT_FIREWALL]
FAULTS = {
    "the other half leaves no time": ("renew", "load_relaxed(words, other + LIFE))\n", "_NOTHING)\n"),
    "expiry looks at the halves alone": (
        "expire",
        "return max(time_of(life), time_of(other), before)",
        "return max(time_of(life), time_of(other))",
    ),
    "a recalled connection has the time of its halves": (
        "native_flow",
        "max(outbound.last_hit_ms, inbound.last_hit_ms, record[LAST_SEGMENT])",
        "max(outbound.last_hit_ms, inbound.last_hit_ms)",
    ),
}


def is_as_the_reference(fast: Any, now_ms: int, *, is_recalled: bool = False) -> bool:
    """Let a lagging segment make the halves of a connection anew, then expire; whether the reference does the same."""
    slow = reference_port()
    for port in (fast, slow):
        port.process(OUT, outbound(1, ACKNOWLEDGES, TCP), NOW)
        port.process(IN, inbound(1, ACKNOWLEDGES, TCP), LATEST)
        port.set_firewall_rules(FIREWALL)
    ticket = fast.ticket
    for port in (fast, slow):
        port.process(OUT, outbound(1, ACKNOWLEDGES, TCP), LAGGING)
    assert fast.ticket == ticket, "the segment is to be a compiled miss"
    for port in (fast, slow):
        if is_recalled:
            port.snapshot()
        port.expire(now_ms)
    return bool(fast.snapshot() == slow.snapshot())


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
@pytest.mark.parametrize("now_ms", [LAST_MOMENT, LAST_MOMENT + 1], ids=["alive", "over"])
def test_a_connection_keeps_its_time_when_a_lagging_segment_makes_its_halves_anew(
    now_ms: int, design: fastpath.Design
) -> None:
    assert is_as_the_reference(fast_port(design), now_ms)


def test_a_connection_that_is_recalled_keeps_the_time_of_its_last_segment() -> None:
    assert is_as_the_reference(fast_port(), LAST_MOMENT, is_recalled=True)


@pytest.mark.parametrize("name", FAULTS)
def test_a_time_that_is_lost_is_noticed(name: str) -> None:
    module, old, new = FAULTS[name]
    copy: Any = interpreted("fastpath.port", {f"fastpath.{module}": replace_once(old, new)})
    port = copy.Port(vpc.config(), LIMITS, vpc.mappings(), threads=4, seed=1)
    vpc.set_up(port)
    with np.errstate(over="ignore"):
        assert not is_as_the_reference(port, LAST_MOMENT, is_recalled=name.startswith("a recalled"))
