"""New mappings at the port's surface: whoever comes to the slow lock first makes them hold, and nobody once more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

import fastpath
import reference
from proofs.equivalence import vpc
from proofs.equivalence.frames import UDP, plain
from proofs.units.fastpath.ports import LIMITS, NOW, OUT, PLAIN, is_hit, outbound
from reference import DenyReason, Drop, LayerDrop
from reference.address import Cidr
from reference.packet.flow import FlowId

ENOUGH_FOR_A_HIT = 0.3
PATIENCE = 60.0
"""Seconds."""

REFUSED = Drop(LayerDrop("overlay", DenyReason.ACTION))


def _before_the_lock(
    operation: Callable[[], AbstractContextManager[reference.Port]], other: Callable[[], None]
) -> Callable[[], AbstractContextManager[reference.Port]]:
    """The operation as it is for a thread that is overtaken on its way to the slow lock, once."""
    waiting = [other]

    @contextmanager
    def overtaken() -> Iterator[reference.Port]:
        if waiting:
            waiting.pop()()
        with operation() as port:
            yield port

    return overtaken


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
def test_two_threads_that_hear_of_a_change_of_mappings_follow_it_once(
    design: fastpath.Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = vpc.mappings()
    port = fastpath.Port(vpc.config(), LIMITS, mappings, design=design)
    vpc.set_up(port)
    port.process(OUT, outbound(1), NOW)
    epoch = port.epoch
    mappings.v2p.set(vpc.PEERS[4][1], vpc.peer(vpc.MOVED_UNDERLAY))
    slow_path = port._slow_path
    overtaken = _before_the_lock(slow_path.operation, lambda: assert_missed(port))
    monkeypatch.setattr(slow_path, "operation", overtaken)
    assert is_hit(port, OUT, outbound(1))
    assert port.epoch == epoch + 1


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
def test_compiled_misses_refuse_what_goes_to_a_prefix_without_endpoints(design: fastpath.Design) -> None:
    mappings = vpc.mappings()
    mappings.v2b.set(Cidr.parse("198.51.100.0/24"), [])
    fast = fastpath.Port(vpc.config(), LIMITS, mappings, design=design)
    slow = reference.Port(vpc.config(), LIMITS, mappings)
    for port in (fast, slow):
        vpc.set_up(port)
    flow = FlowId(UDP, 4, vpc.GUEST[4], vpc.INTERNET[4][0], 1_000, 53)
    frame = plain(flow, PLAIN, vpc.GATEWAY_MAC, vpc.GUEST_MAC)
    before = fast.ticket
    assert fast.process(OUT, frame, NOW) == slow.process(OUT, frame, NOW) == REFUSED
    assert fast.ticket == before
    assert fast.snapshot() == slow.snapshot()


def assert_missed(port: fastpath.Port) -> None:
    """Another thread's packet finds its entry out of date, and makes it anew."""
    assert not is_hit(port, OUT, outbound(1))


@pytest.mark.parametrize("design", fastpath.Design, ids=lambda design: design.value)
def test_a_batch_that_begins_after_a_change_does_not_hit_before_another_thread_has_made_it_hold(
    design: fastpath.Design,
) -> None:
    mappings = vpc.mappings()
    port = fastpath.Port(vpc.config(), LIMITS, mappings, design=design, threads=2)
    vpc.set_up(port)
    assert not is_hit(port, OUT, outbound(1))
    assert is_hit(port, OUT, outbound(1))
    mappings.v2p.set(vpc.PEERS[4][0], vpc.peer(vpc.MOVED_UNDERLAY))
    hits: list[bool] = []
    batch = threading.Thread(target=lambda: hits.append(is_hit(port, OUT, outbound(1))), daemon=True)
    with port._slow_path.operation() as standard:
        standard.follow_mappings()
        batch.start()
        batch.join(ENOUGH_FOR_A_HIT)
    batch.join(PATIENCE)
    assert hits == [False]
