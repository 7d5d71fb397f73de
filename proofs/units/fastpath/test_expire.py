"""Expiry of native flows: what the reference's expiry leaves, of the same flows in the reference's tables."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st

from fastpath import expire, native, tcp
from fastpath.interpreted import Interpreted, replace_once
from fastpath.layout import ENTRY_COUNT, KIND_TCP, LIFE, ORIGIN
from proofs.ledger import Method, claim
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.native_flows import (
    NOTHING_LEFT,
    NOW,
    TCP,
    UDP,
    FlowLeft,
    HalfWas,
    NativeFlow,
    Natives,
    Tables,
    list_of,
    moments,
    removed_words,
    situations,
)
from reference.tcp_flows import _TIME_TO_LIVE_MS

UNCOMPILED = arenas.plain("fastpath.expire")


def sweep(kernels: Any, natives: Natives, now: int, count: int, room: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Expire in chunks of `count` entries and `room` flows; what has left by kind, and the entries of flows gone."""
    removed, collected, gone, position = removed_words(), list_of(room), list[tuple[int, int]](), 1
    with np.errstate(over="ignore"):
        while position < int(natives.words[ENTRY_COUNT]):
            arguments = (natives.words, np.uint64(now), position, count, removed, collected)
            position = int(kernels.expire_natives(*arguments))
            pairs = collected[1 : 1 + 2 * int(collected[0])].reshape(-1, 2)
            gone += [(int(outbound), int(inbound)) for outbound, inbound in pairs]
            collected[0] = 0
    return [int(number) for number in removed], gone


def assert_expires_alike(
    kernels: Any, flows: list[NativeFlow], nows: list[int], count: int = 100, room: int = 8
) -> Natives:
    """Let both expire at several moments, one after the other; the arena, for comparison with another's."""
    natives, tables = Natives(flows), Tables(flows)
    for now in nows:
        before, sizes = natives.all_left(), tables.sizes()
        removed, gone = sweep(kernels, natives, now, count, room)
        tables.data.expire(now)
        left = natives.all_left()
        assert left == tables.all_left()
        assert removed == [size - rest for size, rest in zip(sizes, tables.sizes(), strict=True)]
        changes = zip(before, left, strict=True)
        ended = [number for number, (was, is_) in enumerate(changes) if is_ == NOTHING_LEFT != was]
        assert sorted(gone) == sorted(natives.entries(number) for number in ended)
    return natives


@claim(
    "C7",
    "native flows expire as the reference's flows do: what is left, its times, and what is counted as gone",
    method=Method.TESTED,
    scope="300 situations of up to 5 flows, up to 3 expiries each; times at the ends of lifetimes",
)
@settings(max_examples=300)
@given(situations, moments, st.integers(1, 12), st.integers(1, 3))
def test_what_is_left_is_what_the_reference_leaves(
    flows: list[NativeFlow], nows: list[int], count: int, room: int
) -> None:
    compiled = assert_expires_alike(expire, flows, nows, count, room)
    uncompiled = assert_expires_alike(UNCOMPILED, flows, nows, count, room)
    assert np.array_equal(compiled.words, uncompiled.words)


@settings(max_examples=200)
@given(situations, st.sampled_from([NOW - 60_000, NOW, NOW + 60_000]))
@example([NativeFlow(UDP, None, False, HalfWas(0, True), HalfWas(0, True), 0, False)], 59_999)
def test_looking_finds_a_flow_as_long_as_one_is_due(flows: list[NativeFlow], now: int) -> None:
    natives = Natives(flows)
    end = int(natives.words[ENTRY_COUNT])
    removed, collected = removed_words(), list_of(8)
    position = int(expire.next_due(natives.words, np.uint64(now), 1, end))
    assert position == int(UNCOMPILED.next_due(natives.words, np.uint64(now), 1, end))
    untouched = natives.words.copy()
    expire.expire_natives(natives.words, np.uint64(now), 1, position - 1, removed, collected)
    assert np.array_equal(natives.words, untouched), "a flow that was passed was due"
    if position < end:
        expire.expire_natives(natives.words, np.uint64(now), position, 1, removed, collected)
        assert removed.any()
    sweep(expire, natives, now, end, 8)
    assert expire.next_due(natives.words, np.uint64(now), 1, end) == end


@pytest.mark.parametrize(("state", "lives"), _TIME_TO_LIVE_MS.items())
def test_every_state_lives_as_long_as_in_the_reference(state: int, lives: int) -> None:
    assert expire.time_to_live(np.uint64(state)) == lives


def test_a_flow_is_not_met_again_while_it_waits_for_its_grace_period() -> None:
    natives = Natives([NativeFlow(UDP, None, False, HalfWas(0, True), HalfWas(0, True), 0, False)])
    assert sweep(expire, natives, NOW, 100, 8)[1] == [(1, 2)]
    assert sweep(expire, natives, NOW, 100, 8) == ([0] * 5, [])


def test_a_full_list_ends_the_chunk_before_the_next_flow() -> None:
    natives = Natives([NativeFlow(UDP, None, False, HalfWas(0, True), HalfWas(0, True), 0, False)] * 3)
    removed, collected = removed_words(), list_of(1)
    assert expire.expire_natives(natives.words, np.uint64(NOW), 1, 100, removed, collected) == 2
    assert natives.all_left()[1:] == Natives(natives.flows).all_left()[1:]


def test_a_connection_that_only_looked_expired_goes_on() -> None:
    """A hit between the look and the freeze: halves and word are given back as they were, and nothing is counted."""
    state = int(tcp.SYN_SENT)
    natives = Natives([NativeFlow(TCP, state, False, HalfWas(NOW - 5_000, True), HalfWas(NOW - 5_000, True), 0, False)])
    modules = Interpreted(
        {
            "fastpath.expire": replace_once(
                "    word = freeze(words, flow)\n",
                f"    words[entry_at(words, inbound) + LIFE] = np.uint64({NOW})\n    word = freeze(words, flow)\n",
            )
        }
    )
    expected = natives.words.copy()
    expected[entry_place(natives.words, 2) + LIFE] = NOW
    removed, gone = sweep(modules.module("fastpath.expire"), natives, NOW, 100, 8)
    assert (removed[KIND_TCP], gone) == (0, [])
    assert np.array_equal(natives.words, expected)


def test_a_flow_that_owns_a_port_stays_until_the_reference_has_it() -> None:
    natives = Natives([NativeFlow(UDP, None, True, HalfWas(0, True), HalfWas(0, True), 0, False)])
    words, end = natives.words, int(natives.words[ENTRY_COUNT])
    words[entry_place(words, 2) + ORIGIN] = native.pack_origin(
        np.uint64(0), np.uint64(0), native.SOURCE_NAT, np.uint64(0), np.uint64(0)
    )
    assert sweep(expire, natives, NOW, 100, 8) == ([1, 1, 0, 0, 0], [])
    assert natives.all_left() == [FlowLeft(None, None, None, 0, 0)]
    assert expire.next_due(words, np.uint64(NOW), 1, end) == 1
    assert [expire.next_with_port(words, first, end) for first in (1, 3)] == [2, end]


FAULTS = {
    "a half lives a millisecond longer": ("entry, now - _FLOW_LIVES)", "entry, now - _FLOW_LIVES - ONE)"),
    "a connection takes its time along": ("        _pass_time(words, outbound_at, last)\n", ""),
    "a half takes its time along": ("outbound_at, time_of(load", "outbound_at, NOTHING & time_of(load"),
    "inbound segments do not count": ("flow, inbound_life, outbound_life)", "flow, NOTHING, outbound_life)"),
    "layer entries go while a connection is open": ("    if connected:\n        return False\n", ""),
    "layer entries go while a half is there": ("if not is_dead(load_relaxed(words, inbound_at + LIFE)) or", "if"),
    "layer entries go whenever they were hit": (
        "    return is_over(load_relaxed(words, outbound_at + LAYERS_HIT), _FLOW_LIVES, now)\n\n\n@kernel\ndef _last",
        "    return True\n\n\n@kernel\ndef _last",
    ),
    "a half is gone with its connection": (
        "    if is_over(life, _FLOW_LIVES, now):\n        removed",
        "    if True:\n        removed",
    ),
    "a half survives its connection": (
        "    if is_over(life, _FLOW_LIVES, now):\n        removed",
        "    if False:\n        removed",
    ),
    "no half shows the state of its connection": ("bool(entry < other)", "False"),
    "every connection lives as an established one": (
        "return NOTHING if state == CLOSED else _INCIPIENT_LIVES",
        "return _ESTABLISHED_LIVES",
    ),
}


@claim(
    "C11",
    "each seeded fault of the expiry of native flows is found by comparing it with the reference",
    method=Method.TESTED,
    scope=f"{len(FAULTS)} changes of the production source: {'; '.join(FAULTS)}",
)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_finds_a_seeded_fault(fault: str) -> None:
    faulty = Interpreted({"fastpath.expire": replace_once(*FAULTS[fault])}).module("fastpath.expire")

    def disagrees(situation: tuple[list[NativeFlow], list[int]]) -> bool:
        try:
            assert_expires_alike(faulty, *situation)
        except AssertionError:
            return True
        return False

    without_shrinking = settings(max_examples=3_000, derandomize=True, phases=[Phase.generate])
    find(st.tuples(situations, moments), disagrees, settings=without_shrinking)
