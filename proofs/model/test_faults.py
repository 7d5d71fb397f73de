"""The checks of the models can fail: each fault, seeded by one switch, is found; without it the same scenario holds."""

from dataclasses import replace

import pytest

from model.catalogue import FAULTS
from model.designs import fine
from model.designs.faults import Fault
from model.designs.invariants import INVARIANTS
from model.designs.operations import rule_change
from model.designs.port import port
from model.designs.scenarios import SCENARIOS
from model.designs.seeded import SEEDED
from model.designs.words import IN, OUT, Packet
from model.search import Outcome
from proofs.ledger import Method, claim
from proofs.model.searched import searched


def test_every_fault_is_seeded_somewhere() -> None:
    assert set(SEEDED) == set(Fault) - {Fault.NONE}


@claim(
    "C11",
    "every fault that is seeded in the protocol is found, by the invariant that it breaks",
    method=Method.EXHAUSTIVE,
    scope=f"the model: {len(SEEDED)} faults, one at a time, one of them known to be harmless",
)
@pytest.mark.parametrize("name", FAULTS)
def test_a_seeded_fault_is_found(name: str) -> None:
    faulty = FAULTS[name]
    result = searched(faulty.system)
    assert faulty.found_by(result), f"{result.outcome.value}: {result.finding}"


@pytest.mark.parametrize("fault", SEEDED)
def test_without_the_fault_the_same_scenario_holds(fault: Fault) -> None:
    result = searched(SEEDED[fault].sound())
    assert result.outcome is Outcome.HELD, result.finding


def test_a_packet_processed_after_reset_leaves_a_flow_on_a_ready_port() -> None:
    system = SEEDED[Fault.PROCESS_AFTER_RESET].system()
    empty_when_ready = [invariant for invariant in INVARIANTS if invariant.name.startswith("I7")]
    result = searched(replace(system, invariants=tuple(empty_when_ready)))
    assert result.outcome is Outcome.BROKEN
    assert result.finding.startswith("I7")


def test_each_invariant_is_broken_by_some_fault() -> None:
    shown = {seeded.finds for seeded in SEEDED.values() if seeded.finds} | {"I7"}
    unbroken = [
        invariant.name for invariant in INVARIANTS if not any(invariant.name.startswith(name) for name in shown)
    ]
    assert unbroken == []


@pytest.mark.parametrize("fault", [Fault.NO_RECHECK, Fault.STORED_WORD, Fault.ORPHAN_HIT])
def test_a_shortest_trace_ends_with_the_step_that_breaks_the_invariant(fault: Fault) -> None:
    system = SEEDED[fault].system()
    *_, last = searched(system).trace
    before, after = last.shared[0], last.shared[1]
    own_before, own_after = last.registers
    assert all(invariant.holds(before, own_before) for invariant in system.invariants)
    assert not all(invariant.holds(after, own_after) for invariant in system.invariants)


def test_a_kept_flow_record_is_overtaken_when_the_halves_come_back_under_the_same_epoch() -> None:
    result = searched(SCENARIOS["clearing-spare-records"](fine.RECORD_KEPT))
    assert result.outcome is Outcome.BROKEN
    assert result.finding.startswith("I4 order")


@pytest.mark.parametrize("keep_record", [False, True], ids=["record fresh", "record kept"])
def test_the_epoch_tag_is_not_needed_while_a_rule_change_keeps_its_lock(keep_record: bool) -> None:
    setting = fine.FINE._replace(fault=Fault.NO_TAG, keep_record=keep_record)
    system = port(
        "rule change",
        "the rules change, and the lock is held through the grace period",
        setting=setting,
        threads=[[Packet(OUT)], [Packet(IN)]],
        operations=[("rules", rule_change(setting), 0)],
        pairs=2,
    )
    assert searched(system).outcome is Outcome.HELD


def test_the_epoch_tag_is_not_needed_where_a_flow_record_ends_with_its_halves() -> None:
    assert searched(SCENARIOS["overtaking"](fine.FINE._replace(fault=Fault.NO_TAG))).outcome is Outcome.HELD
