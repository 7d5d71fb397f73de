"""Slow operations: one at a time, the arena in step when they end, however they end."""

import threading
from typing import Any

import numpy as np
import pytest

from fastpath.control import publish
from fastpath.designs import Design
from fastpath.layout import (
    CONTROL,
    CONTROL_EPOCH_SHIFT,
    CONTROL_STATE_MASK,
    HITS,
    LIFE,
    PORT_LOCK,
    STATE_PAUSED,
    STATE_RUNNING,
    STATE_SEALED,
    THREAD_HITS,
)
from fastpath.reclaim import enter, leave, thread_at
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.ports import IN, NOW, OUT, Parts, flow, outbound
from reference.direction import Direction
from reference.flow_table import FlowTable
from reference.vpc.config import TableLimits

A_MOMENT, LONG_ENOUGH = 0.05, 20.0
"""Seconds."""

every_design = pytest.mark.parametrize("design", Design, ids=lambda design: design.value)


def control(parts: Parts) -> tuple[int, int]:
    """Epoch and state that hits go by."""
    word = parts.words[CONTROL]
    return int(word >> CONTROL_EPOCH_SHIFT), int(word & CONTROL_STATE_MASK)


class Fault(Exception):
    """What goes wrong in a test."""


def fail_within(parts: Parts, *steps: Any) -> None:
    """A slow operation that does some steps and then raises."""
    with parts.slow_path.operation() as port:
        for step in steps:
            step(port)
        raise Fault


@every_design
def test_when_an_operation_ends_hits_go_by_the_state_and_epoch_of_the_port(design: Design) -> None:
    parts = Parts(design=design)
    assert control(parts) == (parts.port.epoch, int(STATE_RUNNING))
    with parts.slow_path.operation() as port:
        port.set_firewall_rules([])
        port.pause()
        assert control(parts) == (port.epoch - 1, int(STATE_RUNNING))
    assert control(parts) == (parts.port.epoch, int(STATE_PAUSED))


@every_design
def test_an_operation_that_raises_leaves_the_arena_in_step_and_the_port_usable(design: Design) -> None:
    parts = Parts(design=design)
    frame = outbound(1)
    with pytest.raises(Fault):
        fail_within(parts, lambda port: port.process(OUT, frame, NOW), lambda port: port.pause())
    assert control(parts) == (parts.port.epoch, int(STATE_PAUSED))
    assert parts.entry(OUT, flow(1)) > 0
    assert parts.words[PORT_LOCK] == 0
    with parts.slow_path.operation() as port:
        port.start()
    assert control(parts)[1] == STATE_RUNNING


@every_design
def test_a_fault_while_the_arena_follows_locks_nobody_out(design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(design=design)

    def fail(_epoch: int) -> None:
        raise Fault

    with monkeypatch.context() as patched:
        patched.setattr(parts.slow_path.mirror, "commit", fail)
        with pytest.raises(Fault):
            parts.converse(1)
    assert parts.words[PORT_LOCK] == 0
    parts.converse(2)
    assert parts.entry(OUT, flow(2)) > 0


@every_design
def test_only_under_fine_an_operation_holds_no_port_lock(design: Design) -> None:
    parts = Parts(design=design)
    with parts.slow_path.operation():
        assert parts.words[PORT_LOCK] == (design is not Design.FINE)
    assert parts.words[PORT_LOCK] == 0


def in_background(call: Any) -> threading.Event:
    """Call on a thread of its own; the event says that it has returned."""
    returned = threading.Event()

    def run() -> None:
        call()
        returned.set()

    threading.Thread(target=run, daemon=True).start()
    return returned


def test_operations_follow_one_another() -> None:
    parts = Parts()
    with parts.slow_path.operation():
        second = in_background(lambda: parts.converse(1))
        assert not second.wait(A_MOMENT)
    assert second.wait(LONG_ENOUGH)


def test_an_operation_that_changes_the_rules_waits_for_the_hits_under_way() -> None:
    parts = Parts()
    enter(parts.words, 2)

    def change() -> None:
        with parts.slow_path.operation() as port:
            port.set_firewall_rules([])

    returned = in_background(change)
    assert not returned.wait(A_MOMENT)
    leave(parts.words, 2)
    assert returned.wait(LONG_ENOUGH)


def test_an_operation_that_changes_no_rules_waits_for_nobody() -> None:
    parts = Parts()
    enter(parts.words, 2)
    assert in_background(lambda: parts.converse(1)).wait(LONG_ENOUGH)


def test_operations_are_ranked_by_tickets_that_each_thread_can_read() -> None:
    parts = Parts()
    begun = parts.slow_path.ticket
    assert begun == parts.slow_path.tickets > 0
    other: list[int] = []

    def elsewhere() -> None:
        other.append(parts.slow_path.ticket)
        parts.process(OUT, outbound(1))
        other.append(parts.slow_path.ticket)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(LONG_ENOUGH)
    assert other == [0, begun + 1]
    assert parts.slow_path.ticket == begun
    parts.process(OUT, outbound(1))
    assert parts.slow_path.ticket == begun + 2


def leave_hits(parts: Parts, thread: int, inbound_hits: int, outbound_hits: int) -> None:
    """What a thread's batches add to its counters."""
    line = int(thread_at(parts.words, thread))
    parts.words[line + THREAD_HITS] += np.uint64(inbound_hits)
    parts.words[line + THREAD_HITS + 1] += np.uint64(outbound_hits)


def test_an_observation_brings_the_hits_of_all_threads_home_once() -> None:
    parts = Parts()
    leave_hits(parts, 0, 3, 40)
    leave_hits(parts, 2, 500, 6_000)
    for _ in range(2):
        with parts.slow_path.observation() as port:
            counted = {
                direction: (port.data.statistics.of(direction).uft_hit, port.data.statistics.of(direction).modified)
                for direction in Direction
            }
        assert counted == {IN: (503, 503), OUT: (6_040, 6_040)}
    leave_hits(parts, 0, 1, 0)
    with parts.slow_path.observation() as port:
        assert port.data.statistics.of(IN).uft_hit == 504


def test_an_observation_sees_what_hits_have_left_in_their_entries() -> None:
    parts = Parts()
    parts.converse(1)
    at = entry_place(parts.words, parts.entry(OUT, flow(1)))
    parts.words[at + HITS] += np.uint64(7)
    before = parts.original(OUT, flow(1)).hits
    with parts.slow_path.observation():
        assert parts.original(OUT, flow(1)).hits == before + 7


def test_an_operation_brings_home_only_what_it_looks_at() -> None:
    parts = Parts()
    for number in (1, 2):
        parts.converse(number)
        parts.words[entry_place(parts.words, parts.entry(OUT, flow(number))) + HITS] += np.uint64(7)
    before = [parts.original(OUT, flow(number)).hits for number in (1, 2)]
    parts.process(OUT, outbound(1))
    after = [parts.original(OUT, flow(number)).hits for number in (1, 2)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [8, 0]


def test_hits_are_held_off_while_a_full_table_compares_its_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(TableLimits(uft=2, tcp=4, gateway=64, firewall=64, nat=64))
    for number in (1, 2):
        parts.converse(number)
    seen: list[int] = []
    table = parts.port.uft.outbound
    seal = table.before_eviction

    def watched() -> None:
        assert seal is not None
        seal()
        seen.append(control(parts)[1])

    monkeypatch.setattr(table, "before_eviction", watched)
    parts.process(OUT, outbound(3))
    assert seen == [int(STATE_SEALED)]
    assert control(parts) == (parts.port.epoch, int(STATE_RUNNING))


def test_every_table_that_evicts_holds_hits_off_first() -> None:
    parts = Parts()
    data = parts.port.data
    tables: list[FlowTable[Any]] = [data.uft.inbound, data.uft.outbound, data.tcp_flows]
    for layer in data.layers:
        tables += [layer.inbound.table, layer.outbound.table]
    for table in tables:
        publish(parts.words, np.uint64(parts.port.epoch << int(CONTROL_EPOCH_SHIFT)) | STATE_RUNNING)
        assert table.before_eviction is not None
        with parts.slow_path.operation():
            table.before_eviction()
            assert control(parts)[1] == STATE_SEALED


def test_a_full_table_evicts_by_the_hits_that_were_left_in_the_arena() -> None:
    parts = Parts(TableLimits(uft=2, tcp=4, gateway=64, firewall=64, nat=64))
    for number in (1, 2):
        parts.connect(number, now_ms=NOW + number)
    with parts.slow_path.observation():
        hit = entry_place(parts.words, parts.entry(OUT, flow(1, 6)))
    parts.words[hit + LIFE] = NOW + 30
    parts.words[hit + HITS] += np.uint64(1)
    parts.connect(3, now_ms=NOW + 70_000)
    present = {number for number in (1, 2, 3) if parts.entry(OUT, flow(number, 6))}
    assert present == {1, 3}
