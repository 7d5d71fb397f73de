"""Flows that have left the arena: their records are free again, each once, and say nothing of native flows."""

from typing import Any

import numpy as np
import pytest

from fastpath import records, removal
from fastpath.clear import clear_natives
from fastpath.layout import ACTION, ENTRY_LIST, ENTRY_STOCK, FLOW_LIST, FLOW_STOCK, PARTNER, PARTNER_NATIVE
from fastpath.reclaim import thread_at
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.native_flows import TCP, UDP, HalfWas, NativeFlow, Natives, list_of, removed_words

UNCOMPILED = arenas.plain("fastpath.removal")
HIT = HalfWas(0, True)
FLOWS = [NativeFlow(protocol, None, False, HIT, HIT, 0, False) for protocol in (TCP, UDP, TCP)]


@pytest.mark.parametrize("kernels", [removal, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_the_records_of_a_flow_are_free_again_once_each(kernels: Any) -> None:
    natives, collected = Natives(FLOWS), list_of(3)
    words = natives.words
    free = [records.count_free(words, *kind) for kind in ((ENTRY_STOCK, ENTRY_LIST), (FLOW_STOCK, FLOW_LIST))]
    clear_natives(words, 1, 100, removed_words(), collected)
    kernels.give_back_flows(words, collected)
    assert collected[0] == 0
    assert records.count_free(words, ENTRY_STOCK, ENTRY_LIST) == free[0] + 6
    assert records.count_free(words, FLOW_STOCK, FLOW_LIST) == free[1] + 2
    entries = records.Records(words, ENTRY_STOCK, ENTRY_LIST)
    assert sorted(entries.take() or 0 for _ in range(6)) == [1, 2, 3, 4, 5, 6]
    flows = records.Records(words, FLOW_STOCK, FLOW_LIST)
    assert sorted(flows.take() or 0 for _ in range(2)) == [1, 3]


@pytest.mark.parametrize("kernels", [removal, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_an_empty_list_gives_nothing_back(kernels: Any) -> None:
    natives = Natives(FLOWS)
    untouched = natives.words.copy()
    kernels.give_back_flows(natives.words, list_of(3))
    assert np.array_equal(natives.words, untouched)


def test_a_free_record_belongs_to_no_flow_and_names_no_transform() -> None:
    natives, collected = Natives(FLOWS), list_of(3)
    for entry in range(1, 7):
        natives.words[entry_place(natives.words, entry) + ACTION] = 7 << 32
    clear_natives(natives.words, 1, 100, removed_words(), collected)
    removal.give_back_flows(natives.words, collected)
    for entry in range(1, 7):
        at = entry_place(natives.words, entry)
        assert (natives.words[at + PARTNER], natives.words[at + ACTION]) == (0, 0)


def test_a_record_that_a_miss_puts_back_is_half_of_no_flow() -> None:
    natives = Natives(FLOWS)
    words, removed = natives.words, removed_words()
    at = entry_place(words, 20)
    words[at + PARTNER] = int(PARTNER_NATIVE) | 21
    line = int(thread_at(words, 0))
    arenas.plain("fastpath.records").put_back(words, line, ENTRY_STOCK, ENTRY_LIST, np.uint64(20))
    clear_natives(words, 20, 1, removed, list_of(3))
    assert words[at + PARTNER] == 0
    assert not removed.any()
