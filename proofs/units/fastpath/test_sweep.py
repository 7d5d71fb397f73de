"""Sweeps: all that is due goes, misses are let in between and at the end, records come back after their grace."""

from itertools import pairwise
from typing import SupportsIndex

import numpy as np
import pytest

from fastpath import records, sweep
from fastpath.interpreted import Interpreted, Rewrite, replace_once
from fastpath.layout import ENTRY_LIST, ENTRY_STOCK, FRESH, GATE, KIND_UFT_OUT, ORIGIN
from fastpath.memory import Memory, Ordering, Words, using
from fastpath.native import NAT_SHIFT, SOURCE_NAT
from fastpath.reclaim import Limbo, enter, leave
from proofs.units.fastpath.arenas import entry_place
from proofs.units.fastpath.native_flows import (
    NOTHING_LEFT,
    NOW,
    UDP,
    HalfWas,
    NativeFlow,
    Natives,
    Tables,
    list_of,
    removed_words,
)

OLD, NEW = HalfWas(0, True), HalfWas(NOW, True)
DUE = NativeFlow(UDP, None, True, OLD, OLD, 0, False)
LIVE = NativeFlow(UDP, None, True, NEW, NEW, 0, True)
FLOWS = [DUE, LIVE, DUE, LIVE, DUE]


OWNS_PORT = int(SOURCE_NAT) << int(NAT_SHIFT)


def free_entries(words: Words) -> int:
    """Entries that nobody has."""
    return int(records.count_free(words, ENTRY_STOCK, ENTRY_LIST))


def test_expiry_removes_what_is_due_and_gives_it_back() -> None:
    natives, tables = Natives(FLOWS), Tables(FLOWS)
    free = free_entries(natives.words)
    removed = sweep.Sweeper(natives.words, Limbo(natives.words), waits_for_hits=True).expire(NOW)
    tables.data.expire(NOW)
    assert natives.all_left() == tables.all_left()
    assert [int(number) for number in removed] == [3, 3, 3, 3, 0]
    assert free_entries(natives.words) == free + 6
    assert natives.words[GATE] == 0


def test_expiry_goes_on_behind_a_full_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "CHUNK_FLOWS", 1)
    natives = Natives(FLOWS)
    removed = sweep.Sweeper(natives.words, Limbo(natives.words), waits_for_hits=True).expire(NOW)
    assert removed[KIND_UFT_OUT] == 3


def test_clearing_removes_everything() -> None:
    natives = Natives(FLOWS)
    free = free_entries(natives.words)
    removed = sweep.Sweeper(natives.words, Limbo(natives.words), waits_for_hits=True).clear()
    assert natives.all_left() == [NOTHING_LEFT] * 5
    assert ([int(number) for number in removed], free_entries(natives.words)) == ([5, 5, 5, 5, 0], free + 10)


def test_clearing_the_unified_table_leaves_the_layers() -> None:
    natives, tables = Natives(FLOWS), Tables(FLOWS)
    removed = sweep.Sweeper(natives.words, Limbo(natives.words), waits_for_hits=True).clear_unified()
    tables.data.uft.clear()
    assert natives.all_left() == tables.all_left()
    assert [int(number) for number in removed] == [5, 5, 0, 0, 0]


def test_where_nobody_waits_for_hits_flows_wait_in_limbo() -> None:
    natives = Natives(FLOWS)
    words, limbo = natives.words, Limbo(natives.words)
    free = free_entries(words)
    enter(words, 0)
    sweep.Sweeper(words, limbo, waits_for_hits=False).expire(NOW)
    limbo.collect()
    assert (len(limbo), free_entries(words)) == (1, free)
    leave(words, 0)
    limbo.collect()
    assert (len(limbo), free_entries(words)) == (0, free + 6)


def test_every_flow_that_is_due_and_every_one_that_owns_a_port_is_found_once() -> None:
    natives = Natives(FLOWS)
    sweeper = sweep.Sweeper(natives.words, Limbo(natives.words), waits_for_hits=True)
    assert sorted({(entry + 1) // 2 for entry in sweeper.due(NOW)}) == [1, 3, 5]
    assert list(sweeper.owning_ports()) == []
    natives.words[entry_place(natives.words, natives.entries(3)[1]) + ORIGIN] = OWNS_PORT
    assert list(sweeper.owning_ports()) == [natives.entries(3)[1]]


def test_entries_that_nobody_ever_had_are_not_looked_at() -> None:
    natives = Natives(FLOWS)
    natives.words[ENTRY_LIST + FRESH] = 4
    removed = sweep.Sweeper(natives.words, Limbo(natives.words), waits_for_hits=True).clear()
    assert removed[KIND_UFT_OUT] == 2


class Trace(Memory):
    """Notes when the gate is closed and opened, and when announcements are read."""

    def __init__(self, words: Words, announcements: range) -> None:
        self._words = words
        self._announcements = announcements
        self.events: list[str] = []

    def store(self, words: Words, index: SupportsIndex, value: int | np.uint64, ordering: Ordering) -> None:
        super().store(words, index, value, ordering)
        if index == GATE:
            self.events.append("closed" if value else "opened")

    def load(self, words: Words, index: SupportsIndex, ordering: Ordering) -> np.uint64:
        if index in self._announcements and ordering is Ordering.ACQUIRE:
            self.events.append("looked")
        return super().load(words, index, ordering)


def events_of(flows: list[NativeFlow], waits: bool = True, rewrite: Rewrite | None = None) -> list[str]:
    """What one chunk does to the gate, and whether it waits for hits; the same event twice counts once."""
    modules = Interpreted({"fastpath.sweep": rewrite} if rewrite else {})
    words = Natives(flows).words
    reclaim, layout = modules.module("fastpath.reclaim"), modules.module("fastpath.layout")
    announcements = range(reclaim.thread_at(words, 0), reclaim.thread_at(words, 3), layout.THREAD_WORDS)
    announced = np.zeros(3, np.uint64)
    arguments = (words, np.uint64(NOW), 1, removed_words(), list_of(8), announced, waits)
    with using(Trace(words, announcements)) as trace, np.errstate(over="ignore"):
        modules.module("fastpath.sweep").expire_chunk(*arguments)
    assert isinstance(trace, Trace)
    return [event for before, event in pairwise(["", *trace.events]) if event != before]


def test_a_chunk_waits_for_hits_before_it_lets_misses_in() -> None:
    assert events_of(FLOWS) == ["closed", "looked", "opened"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    if waits and _total", "    open_gate(words)\n    if waits and _total"),
        ("        wait_for_grace(words, announced)\n    open_gate", "        pass\n    open_gate"),
        ("    close_gate(words)\n", ""),
    ],
    ids=["opened early", "no grace", "never closed"],
)
def test_a_chunk_that_keeps_another_order_is_noticed(old: str, new: str) -> None:
    assert events_of(FLOWS, rewrite=replace_once(old, new)) != ["closed", "looked", "opened"]


def test_a_chunk_waits_for_nobody_if_nothing_has_gone_or_limbo_does() -> None:
    assert events_of([LIVE]) == ["closed", "opened"]
    assert events_of(FLOWS, waits=False) == ["closed", "opened"]
