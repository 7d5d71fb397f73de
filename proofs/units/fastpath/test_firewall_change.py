"""A change of the firewall beside misses: they go by the old rules until it takes effect, and wait only for that."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastpath
from fastpath.current_rules import NOTHING_COMPILED
from fastpath.designs import Design
from fastpath.layout import FRAME_VERDICT, VERDICT_MODIFIED, VERDICT_WAIT
from fastpath.miss_control import CompiledMisses, MissControl
from proofs.equivalence import vpc
from proofs.units.fastpath.ports import LIMITS, NOW, OUT, fast_port, outbound, reference_port
from reference.errors import RuleNotFound
from reference.verdict import Drop
from reference.vpc.firewall import FirewallRule

CLOSED = [FirewallRule.parse("dir=out action=deny priority=1")]
OPEN = [FirewallRule.parse(text) for text in vpc.DEFAULT_FIREWALL]


class Attempt(NamedTuple):
    """What compiled code makes of a packet, asked directly: it never becomes a slow operation."""

    verdict: int
    is_decided: bool


def attempt(port: fastpath.Port, number: int) -> Attempt:
    """A packet of the guest in one conversation."""
    batch = fastpath.FrameBatch(1, 2_048)
    batch.load(OUT, outbound(number))
    arguments = (port.words, batch.frames, batch.descriptors, batch.work, *port.rules)
    decided = port._process_batch(*arguments, 0, 1, np.uint64(NOW), port.seat())
    return Attempt(int(batch.descriptors[FRAME_VERDICT]), bool(decided))


PASSES, WAITS = Attempt(int(VERDICT_MODIFIED), True), Attempt(int(VERDICT_WAIT), False)


def during(port: fastpath.Port, step: str, action: Callable[[], object]) -> list[object]:
    """Let an action happen when the next change compiles rules (`prepare`) or publishes them (`follow_rules`)."""
    control: Any = port._slow_path.misses
    happened: list[object] = []
    original = getattr(control, step)

    def instead() -> None:
        happened.append(action())
        original()

    setattr(control, step, instead)
    return happened


@pytest.mark.parametrize("number", [1, 2], ids=["of a flow that is there", "that begins a flow"])
def test_a_packet_goes_by_the_old_rules_while_the_new_ones_are_compiled(number: int) -> None:
    port, standard = fast_port(), reference_port()
    for each in (port, standard):
        each.process(OUT, outbound(1), NOW)
    happened = during(port, "prepare", lambda: attempt(port, number))
    port.set_firewall_rules(CLOSED)
    assert happened == [PASSES]
    standard.process(OUT, outbound(number), NOW)
    standard.set_firewall_rules(CLOSED)
    for again in (1, 2):
        verdict = port.process(OUT, outbound(again), NOW)
        assert isinstance(verdict, Drop)
        assert verdict == standard.process(OUT, outbound(again), NOW)
    assert port.snapshot() == standard.snapshot()


def test_a_flow_is_made_anew_by_the_old_rules_while_the_new_ones_are_compiled() -> None:
    """It had not had a packet since the change before."""
    port, standard = fast_port(), reference_port()
    for each in (port, standard):
        each.process(OUT, outbound(1), NOW)
        each.set_firewall_rules(OPEN)
    happened = during(port, "prepare", lambda: attempt(port, 1))
    port.set_firewall_rules(CLOSED)
    assert happened == [PASSES]
    standard.process(OUT, outbound(1), NOW)
    standard.set_firewall_rules(CLOSED)
    assert port.process(OUT, outbound(1), NOW) == standard.process(OUT, outbound(1), NOW)
    assert port.snapshot() == standard.snapshot()


def test_misses_wait_while_the_rules_are_published() -> None:
    port = fast_port()
    happened = during(port, "follow_rules", lambda: attempt(port, 1))
    port.set_firewall_rules(CLOSED)
    assert happened == [WAITS]


def test_misses_that_nothing_keeps_out_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompiledMisses, "held", MissControl.held)
    port = fast_port()
    happened = during(port, "follow_rules", lambda: attempt(port, 1))
    port.set_firewall_rules(CLOSED)
    assert happened == [PASSES]


def test_mappings_that_change_meanwhile_leave_misses_to_the_reference_until_it_has_heard_of_them() -> None:
    port, standard = fast_port(), reference_port()

    def move(network: Any) -> None:
        network.mappings.v2p.set(vpc.PEERS[4][0], vpc.peer(vpc.MOVED_UNDERLAY))

    during(port, "follow_rules", lambda: move(port._slow_path.port.network))
    port.set_firewall_rules(OPEN)
    assert port.rules is NOTHING_COMPILED
    standard.set_firewall_rules(OPEN)
    move(standard.network)
    assert port.process(OUT, outbound(1), NOW) == standard.process(OUT, outbound(1), NOW)
    assert port.rules is not NOTHING_COMPILED
    assert port.snapshot() == standard.snapshot()


class Fault(Exception):
    """What goes wrong in a test."""


def test_rules_that_cannot_be_compiled_leave_misses_to_the_reference_until_they_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = fast_port()
    control: Any = port._slow_path.misses

    def fail(*_: object) -> None:
        raise Fault

    with monkeypatch.context() as patched:
        patched.setattr(control._rules._compiler, "compile", fail)
        with pytest.raises(Fault):
            port.set_firewall_rules(CLOSED)
    assert port.rules is NOTHING_COMPILED
    assert isinstance(port.process(OUT, outbound(1), NOW), Drop)
    port.set_firewall_rules(OPEN)
    assert attempt(port, 1) == PASSES


def test_a_change_that_is_refused_changes_nothing() -> None:
    port = fast_port()
    before = port.rules
    with pytest.raises(RuleNotFound):
        port.remove_firewall_rule(OUT, 1_000)
    assert all(now is then for now, then in zip(port.rules, before, strict=True))
    assert attempt(port, 1) == PASSES


def test_a_design_with_a_port_lock_keeps_misses_out_throughout() -> None:
    """A miss inside would wait for the port lock, and the change for the miss."""
    port = fast_port(Design.MUTEX, LIMITS)
    slow_path: Any = port._slow_path
    operations: list[bool] = []
    original = slow_path.operation

    def operation(**options: bool) -> Any:
        operations.append(True)
        return original(**options)

    slow_path.operation = operation
    port.set_firewall_rules(CLOSED)
    assert operations == [True]
