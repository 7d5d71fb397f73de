"""Clearing native flows: what the reference's clearing leaves, of the same flows in the reference's tables."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from fastpath import clear
from fastpath.interpreted import Interpreted, replace_once
from fastpath.layout import ENTRY_COUNT
from fastpath.memory import Words
from proofs.ledger import Method, claim
from proofs.units.fastpath import arenas
from proofs.units.fastpath.native_flows import (
    NOTHING_LEFT,
    NativeFlow,
    Natives,
    Tables,
    list_of,
    removed_words,
    situations,
)

UNCOMPILED = arenas.plain("fastpath.clear")


def assert_clears_alike(
    flows: list[NativeFlow], chunk: Callable[[Natives, int, Words], int], cleared: Callable[[Tables], None]
) -> Natives:
    """Clear both, the arena in chunks, which return where to go on; the arena, for comparison with another's."""
    natives, tables = Natives(flows), Tables(flows)
    sizes, removed, position = tables.sizes(), removed_words(), 1
    with np.errstate(over="ignore"):
        while position < int(natives.words[ENTRY_COUNT]):
            position = int(chunk(natives, position, removed))
    cleared(tables)
    assert natives.all_left() == tables.all_left()
    assert [int(number) for number in removed] == [
        size - rest for size, rest in zip(sizes, tables.sizes(), strict=True)
    ]
    return natives


def assert_everything_goes(kernels: Any, flows: list[NativeFlow], count: int = 100, room: int = 2) -> Natives:
    """Remove all native flows as the reference does."""
    gone = []

    def chunk(natives: Natives, position: int, removed: Words) -> int:
        collected = list_of(room)
        following = int(kernels.clear_natives(natives.words, position, count, removed, collected))
        gone.extend(collected[1 : 1 + 2 * int(collected[0])].reshape(-1, 2).tolist())
        return following

    natives = assert_clears_alike(flows, chunk, lambda tables: tables.data.clear())
    assert natives.all_left() == [NOTHING_LEFT] * len(flows)
    assert sorted(map(tuple, gone)) == sorted(natives.entries(number) for number in range(len(flows)))
    return natives


def assert_halves_go(kernels: Any, flows: list[NativeFlow], count: int = 100) -> Natives:
    """Empty the unified table as the reference does."""

    def chunk(natives: Natives, position: int, removed: Words) -> int:
        return int(kernels.clear_unified(natives.words, position, count, removed))

    return assert_clears_alike(flows, chunk, lambda tables: tables.data.uft.clear())


@claim(
    "C7",
    "native flows are cleared as the reference's flows are: what is left, its times, and what is counted as gone",
    method=Method.TESTED,
    scope="200 situations of up to 5 flows",
)
@settings(max_examples=200)
@given(situations, st.integers(1, 12), st.integers(1, 3))
def test_what_clearing_leaves_is_what_the_reference_leaves(flows: list[NativeFlow], count: int, room: int) -> None:
    compiled = assert_everything_goes(clear, flows, count, room), assert_halves_go(clear, flows, count)
    uncompiled = assert_everything_goes(UNCOMPILED, flows, count, room), assert_halves_go(UNCOMPILED, flows, count)
    for one, other in zip(compiled, uncompiled, strict=True):
        assert np.array_equal(one.words, other.words)


FAULTS = {
    "a half that had expired is counted again": (
        "if not is_dead(kill(words, entry)):",
        "if kill(words, entry) >= ONE:",
    ),
    "a connection that had expired is counted again": ("& DEAD_WORD == NOTHING:", "& DEAD_WORD >= NOTHING:"),
    "connections stay": ("        bury(words, flow)\n        removed[KIND_TCP] += ONE\n", "        pass\n"),
    "inbound halves are counted as outbound ones": ("if is_outbound(words, np.uint64(entry))", "if True"),
}


@claim(
    "C11",
    "each seeded fault of clearing is found by comparing it with the reference",
    method=Method.TESTED,
    scope=f"{len(FAULTS)} changes of the production source: {'; '.join(FAULTS)}",
)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_finds_a_seeded_fault(fault: str) -> None:
    faulty = Interpreted({"fastpath.clear": replace_once(*FAULTS[fault])}).module("fastpath.clear")

    def disagrees(flows: list[NativeFlow]) -> bool:
        try:
            assert_everything_goes(faulty, flows)
            assert_halves_go(faulty, flows)
        except AssertionError:
            return True
        return False

    find(situations, disagrees, settings=settings(max_examples=1_000, derandomize=True, phases=[Phase.generate]))
