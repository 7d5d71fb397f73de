"""Slow operations and misses: kept out, let in again whatever happens, told the rules and the room."""

from typing import Any

import numpy as np
import pytest

import fastpath
from fastpath.frames import Path
from fastpath.gate import begin_miss, end_miss
from fastpath.layout import (
    DESCRIPTOR_WORDS,
    FRAME_VERDICT,
    KIND_FIREWALL,
    KIND_NAT,
    KIND_TCP,
    KIND_UFT_IN,
    KIND_UFT_OUT,
    ROOM,
    USED,
    VERDICT_MODIFIED,
    VERDICT_WAIT,
)
from fastpath.pipeline import NO_COUNTS, NO_RULES
from fastpath.policy import Misses
from fastpath.reclaim import enter, leave, thread_at
from fastpath.rule_counts import count_packet
from fastpath.rule_layout import RULES_EPOCH
from fastpath.slow_path import SlowPath
from proofs.units.fastpath.ports import NOW, OUT, Parts, fast_port, handshake, outbound, without_misses
from reference.semantics import Semantics
from reference.verdict import Drop, DropCause
from reference.vpc.config import TableLimits
from reference.vpc.firewall import FirewallRule

SMALL = TableLimits(uft=3, tcp=2, gateway=8, firewall=5, nat=4)
RULE = FirewallRule.parse("dir=in action=deny priority=7 protocol=UDP port=9")


class Fault(Exception):
    """What goes wrong in a test."""


@pytest.fixture
def parts() -> Parts:
    """A running port with compiled misses."""
    return Parts(misses=Misses.COMPILED)


def is_open(parts: Parts) -> bool:
    """Whether a miss may begin."""
    line = int(thread_at(parts.words, 0))
    began = bool(begin_miss(parts.words, line))
    if began:
        end_miss(parts.words, line)
    return began


def room(parts: Parts) -> dict[int, int]:
    """How many more entries of each kind misses may begin."""
    kinds = (KIND_UFT_IN, KIND_UFT_OUT, KIND_FIREWALL, KIND_NAT, KIND_TCP)
    return {kind: int(parts.words[ROOM + kind]) for kind in kinds}


def test_misses_are_kept_out_during_an_operation_and_let_in_again(parts: Parts) -> None:
    assert is_open(parts)
    with parts.slow_path.operation():
        assert not is_open(parts)
    assert is_open(parts)


def test_misses_are_let_in_again_after_an_operation_that_raises(parts: Parts) -> None:
    with pytest.raises(Fault), parts.slow_path.operation():
        raise Fault
    assert is_open(parts)


def test_misses_are_let_in_again_although_the_rules_cannot_be_compiled(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the reference's then, until the rules can be compiled."""

    def fail(*_: object) -> None:
        raise Fault

    control: Any = parts.slow_path.misses
    with monkeypatch.context() as patched:
        patched.setattr(control._rules._compiler, "compile", fail)
        with pytest.raises(Fault), parts.slow_path.operation() as port:
            port.add_firewall_rule(RULE)
    assert is_open(parts)
    assert control.rules == (NO_RULES, NO_COUNTS)
    with parts.slow_path.operation():
        pass
    assert int(control.rules[0][RULES_EPOCH]) == parts.port.epoch


def test_the_room_is_what_the_tables_have_left() -> None:
    parts = Parts(SMALL, misses=Misses.COMPILED)
    assert room(parts) == {KIND_UFT_IN: 3, KIND_UFT_OUT: 3, KIND_FIREWALL: 5, KIND_NAT: 4, KIND_TCP: 2}
    for sight in handshake(1):
        parts.process(*sight)
    parts.converse(2)
    assert room(parts) == {KIND_UFT_IN: 1, KIND_UFT_OUT: 1, KIND_FIREWALL: 3, KIND_NAT: 4, KIND_TCP: 1}


def test_entries_that_misses_have_begun_take_up_room() -> None:
    parts = Parts(SMALL, misses=Misses.COMPILED)
    parts.words[int(thread_at(parts.words, 1)) + USED + KIND_FIREWALL] += 2
    with parts.slow_path.operation() as port:
        assert port.flow_counts()["firewall"] == {"in": 2, "out": 2, "count": 2}
    assert room(parts)[KIND_FIREWALL] == 3


def test_there_are_rules_as_soon_as_the_port_runs_and_new_ones_with_every_epoch(parts: Parts) -> None:
    def epoch() -> int:
        return int(parts.slow_path.misses.rules[0][RULES_EPOCH])

    assert epoch() == parts.port.epoch
    with parts.slow_path.operation() as port:
        port.add_firewall_rule(RULE)
    assert epoch() == parts.port.epoch
    before = parts.slow_path.misses.rules
    parts.process(OUT, outbound(1))
    assert parts.slow_path.misses.rules is before


@pytest.mark.parametrize(
    "arguments", [{"policy": without_misses()}, {"semantics": Semantics.UPSTREAM}], ids=["by policy", "by semantics"]
)
def test_all_misses_are_the_references_where_that_is_wanted(arguments: dict[str, Any]) -> None:
    port = fast_port(**arguments)
    assert port._slow_path.misses.rules == (NO_RULES, NO_COUNTS)


def test_what_is_counted_under_former_rules_is_not_lost(parts: Parts) -> None:
    """A batch that has them is still under way."""
    _, counts = parts.slow_path.misses.rules
    enter(parts.words, 0)
    control: Any = parts.slow_path.misses
    control._rules._retire(control._rules._set)
    control._rules._set = None
    control.follow()
    for packets in (1, 2):
        count_packet(counts, 0, np.uint64(1), True)
        with parts.slow_path.observation() as port:
            assert port.statistics()["out_uft_miss"] == packets
    leave(parts.words, 0)
    count_packet(counts, 0, np.uint64(1), True)
    with parts.slow_path.observation() as port:
        assert port.statistics()["out_uft_miss"] == 3
    assert control._rules._former == []


# --- packets that wait ---


class Gatekeeper:
    """Stands for compiled code that finds the gate closed `times` times, and then decides."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.calls = 0

    def __call__(self, *arguments: Any) -> int:
        descriptors, position = arguments[2], int(arguments[6])
        self.calls += 1
        waits = self.calls <= self.times
        descriptors[position * DESCRIPTOR_WORDS + FRAME_VERDICT] = VERDICT_WAIT if waits else VERDICT_MODIFIED
        return position if waits else position + 1


def run(times: int) -> tuple[fastpath.Port, Gatekeeper, fastpath.FrameBatch]:
    """A packet that has to wait so often."""
    port, keeper = fast_port(), Gatekeeper(times)
    port._process_batch = keeper
    batch = fastpath.FrameBatch(1, 2_048)
    batch.load(OUT, outbound(1))
    port.process_batch(batch, NOW)
    return port, keeper, batch


def test_a_batch_tells_on_which_path_each_frame_was_decided() -> None:
    port = fast_port()
    batch = fastpath.FrameBatch(4, 2_048)
    batch.load_all([(OUT, outbound(1)), (OUT, outbound(1)), (OUT, b"no packet"), (OUT, outbound(2))])
    port.process_batch(batch, NOW)
    assert [batch.path(index) for index in range(4)] == [Path.MISS, Path.HIT, Path.SLOW, Path.MISS]
    assert [batch.ticket(index) for index in range(4)] == [0, 0, port.ticket, 0]


def test_a_packet_that_waits_is_tried_again_with_the_latest_rules() -> None:
    port, keeper, batch = run(2)
    assert keeper.calls == 3
    assert batch.ticket(0) == 0
    assert port.flow_counts() == fast_port().flow_counts()


def test_a_packet_that_waits_for_ever_becomes_a_slow_operation() -> None:
    port, keeper, batch = run(10_000)
    assert keeper.calls < 10_000
    assert batch.ticket(0) == port._slow_path.tickets
    assert port.process(OUT, outbound(1), NOW) == batch.verdict(0)


def test_a_packet_waits_for_the_operation_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[SlowPath] = []

    def wait(slow_path: SlowPath) -> None:
        waited.append(slow_path)

    monkeypatch.setattr(SlowPath, "wait_for_turn", wait)
    port, _, _ = run(2)
    assert waited == [port._slow_path] * 2


def test_a_table_that_misses_have_filled_is_full_for_the_reference_too() -> None:
    parts = Parts(SMALL, misses=Misses.COMPILED)
    parts.words[int(thread_at(parts.words, 0)) + USED + KIND_TCP] += SMALL.tcp
    assert parts.process(*handshake(1)[0]) == Drop(DropCause.TCP_ERROR)
