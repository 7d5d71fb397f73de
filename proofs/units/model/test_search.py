"""The search visits every reachable state once, finds the nearest bad one, and calls no bounded search a pass."""

from collections import deque
from itertools import pairwise
from typing import Any

import pytest

from model.catalogue import CONFIGURATIONS
from model.language import System
from model.search import Outcome, search
from proofs.units.model.toys import NEVER, NOTHING_LOST, RAISED_TWICE, counter, locks


def plain_search(system: System[Any, Any]) -> tuple[int, int, int]:
    """States, transitions and depth by the textbook: every step of every process tried in every state."""
    initial = (system.shared, tuple(process.registers for process in system.processes))
    depths, waiting, transitions = {initial: 0}, deque([initial]), 0
    while waiting:
        state = waiting.popleft()
        shared, registers = state
        for position, process in enumerate(system.processes):
            for step in process.program.steps(registers[position].at):
                if step.guard(shared, registers[position]):
                    words, own = step.effect(shared, registers[position])
                    after = (words, (*registers[:position], own, *registers[position + 1 :]))
                    transitions += 1
                    if after not in depths:
                        depths[after] = depths[state] + 1
                        waiting.append(after)
    return len(depths), transitions, max(depths.values())


@pytest.mark.parametrize(
    "system",
    [
        counter(1),
        counter(3),
        locks((0, 1), (0, 1)),
        *(CONFIGURATIONS[name] for name in ("fine/first-packets", "fine-udp/lagging-clock", "mutex/rule-change")),
    ],
    ids=["one process", "three processes", "locks", "first packets", "lagging clock", "rule change"],
)
def test_it_visits_the_states_that_a_plain_search_visits(system: System[Any, Any]) -> None:
    result = search(system)
    assert result.outcome is Outcome.HELD
    assert (result.states, result.transitions, result.depth) == plain_search(system)


def test_a_lost_update_is_found_by_a_shortest_trace() -> None:
    result = search(counter(2, NOTHING_LOST))
    assert result.outcome is Outcome.BROKEN
    assert result.finding == "nothing lost: the number is as high as it was raised"
    assert [move.step for move in result.trace] == ["load", "load", "store one more", "store one more"]
    assert result.trace[-1].shared[1].value == 1


def test_each_step_of_a_trace_begins_where_the_last_one_ended() -> None:
    trace = search(counter(2, NOTHING_LOST)).trace
    assert trace[0].shared[0] == counter(2).shared
    for earlier, later in pairwise(trace):
        assert later.shared[0] == earlier.shared[1]
        assert later.process != earlier.process or later.registers[0] == earlier.registers[1]


def test_one_process_alone_loses_nothing() -> None:
    assert search(counter(1, NOTHING_LOST)).outcome is Outcome.HELD


def test_locks_taken_in_both_orders_are_a_deadlock() -> None:
    result = search(locks((0, 1), (1, 0)))
    assert result.outcome is Outcome.DEADLOCK
    assert result.finding == "nobody can go on: process 0 at second, process 1 at second"
    assert [move.step for move in result.trace] == ["take", "take"]


def test_locks_taken_in_one_order_are_not() -> None:
    assert search(locks((0, 1), (0, 1))).outcome is Outcome.HELD


def test_a_search_that_reaches_its_limit_is_bounded_and_says_so() -> None:
    result = search(counter(3), limit=5)
    assert result.outcome is Outcome.BOUNDED
    assert result.finding == "more than 5 states"


def test_a_witness_that_occurs_is_enough() -> None:
    assert search(counter(2, witness=RAISED_TWICE)).outcome is Outcome.HELD


def test_a_witness_that_never_occurs_makes_the_search_vacuous() -> None:
    result = search(counter(2, witness=NEVER))
    assert result.outcome is Outcome.VACUOUS
    assert result.finding == "never seen: the number is 3"
