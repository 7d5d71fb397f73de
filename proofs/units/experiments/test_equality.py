"""Equality holds on the bundled capture, and any difference is found and shown where it is."""

import functools
from dataclasses import replace
from typing import Any

import pytest

from experiments.equality import differences, state_differences, verdict_differences
from experiments.replay import Setting
from experiments.scenario import Scenario
from fastpath import Design
from proofs.ledger import Method, claim
from proofs.units.experiments.frames import bundled, scenario_of
from reference import Drop, DropCause, Modified, Verdict


@functools.cache
def scenario() -> Scenario:
    return scenario_of(bundled())


@claim(
    "C5",
    "on a real capture the fast path gives the reference's verdicts, bytes and final state",
    method=Method.TESTED,
    scope="the bundled capture: over 2,000 packets of iperf3, curl and ping; all lock designs, on 1, 2 and 4 threads",
    assumptions="packets of one flow keep their order; flows that share a pool of source NAT open in order",
)
@pytest.mark.parametrize("design", Design)
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_fast_path_equals_the_reference_on_a_real_capture(design: Design, threads: int) -> None:
    assert list(differences(scenario(), Setting(design, threads))) == []


def a_forwarded_step() -> tuple[int, Modified]:
    for number, step in enumerate(scenario().steps):
        if isinstance(step.verdict, Modified):
            return number, step.verdict
    raise AssertionError


def verdicts_with(number: int, verdict: Verdict) -> list[Verdict]:
    verdicts = [step.verdict for step in scenario().steps]
    verdicts[number] = verdict
    return verdicts


def test_one_wrong_byte_is_found_and_shown_in_its_place() -> None:
    number, verdict = a_forwarded_step()
    wrong = bytearray(verdict.packet)
    wrong[80] ^= 0xFF
    found = list(verdict_differences(scenario().steps, verdicts_with(number, replace(verdict, packet=bytes(wrong)))))
    assert len(found) == 1
    assert found[0].place.startswith(f"step {number} at ")
    assert "byte 80 " in found[0].place
    assert found[0].expected == verdict.packet[72:88].hex(" ")
    assert found[0].got == wrong[72:88].hex(" ")


def test_a_missing_byte_at_the_end_is_found() -> None:
    number, verdict = a_forwarded_step()
    shorter = replace(verdict, packet=verdict.packet[:-1])
    found = list(verdict_differences(scenario().steps, verdicts_with(number, shorter)))
    assert f"(of {len(verdict.packet)} and {len(verdict.packet) - 1})" in found[0].place


@pytest.mark.parametrize("field", ["l4_hash", "mtu_unrestricted"])
def test_a_verdict_that_differs_besides_the_bytes_is_found(field: str) -> None:
    number, verdict = a_forwarded_step()
    changes: dict[str, Any] = {field: not getattr(verdict, field)}
    other = replace(verdict, **changes)
    found = list(verdict_differences(scenario().steps, verdicts_with(number, other)))
    assert len(found) == 1
    assert found[0].expected != found[0].got


def test_a_verdict_of_another_kind_is_found() -> None:
    number, _ = a_forwarded_step()
    found = list(verdict_differences(scenario().steps, verdicts_with(number, Drop(DropCause.TCP_ERROR))))
    assert found[0].expected.startswith("Modified")
    assert found[0].got.startswith("Drop")


def test_a_missing_verdict_is_found() -> None:
    found = list(verdict_differences(scenario().steps, [step.verdict for step in scenario().steps][:-1]))
    assert [difference.place for difference in found] == ["number of verdicts"]


def test_states_are_compared_to_the_last_leaf() -> None:
    expected = {"stats": {"hits": 3}, "uft": [{"flow": "a"}, {"flow": "b"}]}
    got = {"stats": {"hits": 4}, "uft": [{"flow": "a"}, {"flow": "c"}], "more": 1}
    found = [(found.place, found.expected, found.got) for found in state_differences(expected, got, "state")]
    assert found == [
        ("state.more", "None", "1"),
        ("state.stats.hits", "3", "4"),
        ("state.uft[1].flow", "'b'", "'c'"),
    ]
    assert list(state_differences(expected, expected, "state")) == []


def test_lists_of_unequal_length_differ() -> None:
    assert len(list(state_differences([1, 2], [1], "state"))) == 1


def test_a_difference_reads_as_place_expected_and_got() -> None:
    assert str(next(state_differences(1, 2, "state.epoch"))).splitlines() == [
        "state.epoch",
        "    expected 1",
        "    got      2",
    ]
