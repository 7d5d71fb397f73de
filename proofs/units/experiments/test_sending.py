"""The loop around the kernel sends what it should, notes when, and raises for what compiled code does not decide."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from experiments.clock import nanoseconds
from experiments.packets import Stream, Traffic, new_flows
from experiments.replay import BATCH
from experiments.sending import NotCompiled, Sender, new_signals, stop
from experiments.small_vpc import firewall_rules, new_port
from fastpath import Design, Port
from fastpath.designs import POLICIES
from fastpath.memory import Words

BATCHES = 3


def new_sender(limit: int = 4 * BATCH) -> tuple[Any, Sender]:
    """A port with room for so many flows, and first packets of flows."""
    port: Any = new_port(POLICIES[Design.FINE], limit, 2)
    return port, Sender(port, Stream(Traffic(), new_flows(0, BATCHES * BATCH)), 10)


def test_every_packet_is_decided_and_every_batch_has_its_time() -> None:
    port, sender = new_sender()
    before = time.monotonic_ns()
    stamps = sender.send(BATCHES, 1)
    assert before <= stamps[0]
    assert stamps[-1] <= time.monotonic_ns()
    assert len(stamps) == BATCHES + 1
    assert (np.diff(stamps.astype(np.int64)) > 0).all()
    assert port.statistics()["out_uft_miss"] == BATCHES * BATCH
    assert port.ticket == 0 or port.flow_counts()["uft"] == {"in": BATCHES * BATCH, "out": BATCHES * BATCH}


def test_a_stream_goes_around() -> None:
    port, sender = new_sender()
    sender.send(BATCHES, 1)
    sender.send(2 * BATCHES, 1, first=1)
    assert port.statistics()["out_uft_hit"] == 2 * BATCHES * BATCH


def test_packets_that_are_only_written_are_not_counted() -> None:
    port, sender = new_sender()
    assert len(sender.send(BATCHES, 1, process=False)) == BATCHES + 1
    assert port.statistics()["out_uft_miss"] == 0


def test_a_packet_that_is_left_to_the_reference_raises_and_stops_the_others() -> None:
    _, sender = new_sender(limit=BATCH)
    signals = new_signals()
    with pytest.raises(NotCompiled, match="left to the reference"):
        sender.send(BATCHES, 1, signals=signals)
    _, other = new_sender()
    assert len(other.send(BATCHES, 1, signals=signals, meeting=2)) == 1


def test_those_who_meet_begin_together() -> None:
    signals, done = new_signals(), []
    senders = [new_sender()[1] for _ in range(2)]
    threads = [
        threading.Thread(target=lambda one=one: done.append(one.send(1, 1, signals=signals, meeting=2)), daemon=True)
        for one in senders
    ]
    threads[0].start()
    time.sleep(0.05)
    assert not done
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 2


class Behind:
    """A port whose rules are out of date the first time that they are asked for."""

    def __init__(self, port: Port, old: tuple[Words, Words]) -> None:
        self._port = port
        self._old = [old]
        self.waited = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    @property
    def rules(self) -> tuple[Words, Words]:
        """The old rules once, then the port's."""
        return self._old.pop() if self._old else self._port.rules

    def wait_for_turn(self) -> None:
        """Counts."""
        self.waited += 1


def test_a_packet_that_waits_for_newer_rules_gets_them() -> None:
    port = new_port(POLICIES[Design.FINE], 4 * BATCH, 2)
    old = port.rules
    port.set_firewall_rules(firewall_rules())
    behind: Any = Behind(port, old)
    sender = Sender(behind, Stream(Traffic(), new_flows(0, BATCH)), 10)
    assert len(sender.send(1, 1)) == 2
    assert (behind.waited, sender.waits) == (1, 1)


def test_who_is_told_to_stop_stops() -> None:
    _, sender = new_sender()
    signals = new_signals()
    stop(signals)
    assert len(sender.send(BATCHES, 1, signals=signals)) == 1


def test_the_clock_is_that_of_python() -> None:
    before = time.monotonic_ns()
    assert before <= int(nanoseconds(np.zeros(8, np.uint64))) <= time.monotonic_ns()
