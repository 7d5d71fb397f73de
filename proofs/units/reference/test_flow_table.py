"""Flow tables: room, eviction, time to live, and what happens to entries that depend on each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference.scene import udp_flow
from reference.errors import TableFull
from reference.flow_table import (
    FIRST_TO_GO,
    FLOW_TIME_TO_LIVE_MS,
    PROTECTED,
    FlowEntry,
    FlowTable,
    Lifetime,
)
from reference.semantics import Semantics

TCP = 6


class Child(FlowEntry):
    """An entry that depends on others, with an eviction priority of its own."""

    __slots__ = ("_parents", "priority")

    def __init__(self, number: int, parents: tuple[FlowEntry, ...], priority: int | None = None) -> None:
        super().__init__(udp_flow(number), Lifetime(0))
        self._parents = parents
        self.priority = priority

    def on_hold(self) -> None:
        for parent in self._parents:
            parent.add_child(self)

    def parents(self) -> tuple[FlowEntry, ...]:
        return self._parents

    def own_priority(self, now_ms: int) -> int | None:
        return self.priority


def entry(number: int, now_ms: int = 0, protocol: int = 17) -> FlowEntry:
    return FlowEntry(udp_flow(number, protocol), Lifetime(now_ms))


def table_of(*entries: FlowEntry, limit: int = 8) -> FlowTable[FlowEntry]:
    table: FlowTable[FlowEntry] = FlowTable(limit)
    for present in entries:
        table.put(present)
    return table


def test_an_entry_expires_at_sixty_seconds_and_not_a_millisecond_before() -> None:
    table = table_of(entry(1, now_ms=1000))
    assert table.expire_due(1000 + FLOW_TIME_TO_LIVE_MS - 1) == []
    assert len(table) == 1
    assert [gone.flow for gone in table.expire_due(1000 + FLOW_TIME_TO_LIVE_MS)] == [udp_flow(1)]
    assert len(table) == 0


def test_a_hit_begins_the_time_to_live_anew_and_is_counted() -> None:
    present = entry(1)
    table = table_of(present)
    present.hit(59_999)
    assert table.expire_due(100_000) == []
    assert present.hits == 1


def test_a_clock_that_goes_back_expires_nothing() -> None:
    table = table_of(entry(1, now_ms=90_000))
    assert table.expire_due(10_000) == []


def test_entries_expire_in_key_order() -> None:
    table = table_of(entry(3), entry(1), entry(2))
    assert [gone.flow.source_port for gone in table.expire_due(FLOW_TIME_TO_LIVE_MS)] == [1, 2, 3]


def test_a_full_table_of_flows_in_good_health_refuses_and_stays_as_it_is() -> None:
    table = table_of(entry(1), entry(2), limit=2)
    with pytest.raises(TableFull) as refusal:
        table.add(entry(3), 1_000_000)
    assert refusal.value.limit == 2
    assert sorted(table.entries) == [udp_flow(1), udp_flow(2)]


def test_a_killed_entry_goes_first_even_if_others_are_more_eligible() -> None:
    dead = entry(9)
    table = table_of(entry(1, protocol=TCP), dead, limit=2)
    dead.kill()
    table.add(entry(3), 0)
    assert udp_flow(9) not in table.entries


def test_the_oldest_of_equally_eligible_entries_goes() -> None:
    table = table_of(entry(1, 30, TCP), entry(2, 10, TCP), entry(3, 20, TCP), limit=3)
    table.add(entry(4), 100)
    assert udp_flow(2, TCP) not in table.entries


def test_the_first_in_key_order_goes_when_age_does_not_decide() -> None:
    table = table_of(entry(3, 10, TCP), entry(2, 10, TCP), limit=2)
    table.add(entry(4), 100)
    assert udp_flow(2, TCP) not in table.entries


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=12))
def test_the_victim_is_the_most_eligible_oldest_first_whatever_the_order_of_insertion(
    described: list[tuple[int, int, int]],
) -> None:
    table: FlowTable[FlowEntry] = FlowTable(100)
    for number, last_hit_ms, priority in described:
        present = Child(number, (), priority or None)
        present.last_hit_ms = last_hit_ms
        table.put(present)
    candidates = [e for e in table.in_order() if isinstance(e, Child) and e.priority]
    expected = min(candidates, key=lambda e: (-(e.priority or 0), e.last_hit_ms, e.flow), default=None)
    assert table.find_victim(10) is expected


@pytest.mark.parametrize(("semantics", "left"), [(Semantics.UPSTREAM, [2]), (Semantics.CORRECT, [1, 2])])
def test_replacing_an_entry_of_a_full_table_evicts_another_one_upstream(semantics: Semantics, left: list[int]) -> None:
    table: FlowTable[FlowEntry] = FlowTable(2, semantics)
    table.put(entry(1, 0, TCP))
    table.put(entry(2, 5, TCP))
    table.add(entry(2, 9, TCP), 9)
    assert sorted(table.entries) == [udp_flow(number, TCP) for number in left]
    assert table.evictions == 2 - len(left)


def test_a_parent_outlives_its_time_while_a_child_exists() -> None:
    parent = entry(1)
    child = Child(2, (parent,))
    parents, children = table_of(parent), table_of(child)
    assert parents.expire_due(FLOW_TIME_TO_LIVE_MS) == []
    children.remove(child.flow)
    assert parents.expire_due(FLOW_TIME_TO_LIVE_MS) == [parent]


def test_an_expiring_child_leaves_its_later_time_stamp_to_its_parent() -> None:
    parent = entry(1)
    child = Child(2, (parent,))
    child.hit(50_000)
    table_of(child).expire_due(50_000 + FLOW_TIME_TO_LIVE_MS)
    assert parent.last_hit_ms == 50_000


def test_a_parent_does_not_take_over_an_earlier_time_stamp() -> None:
    parent = entry(1, now_ms=70_000)
    table_of(Child(2, (parent,))).expire_due(FLOW_TIME_TO_LIVE_MS)
    assert parent.last_hit_ms == 70_000


def test_evicting_a_parent_kills_its_children_which_are_then_never_found() -> None:
    parent = entry(1)
    child = Child(2, (parent,))
    children = table_of(child)
    table_of(parent).expire(parent.flow)
    assert child.killed
    assert children.get(child.flow) is None
    assert len(children) == 1


def test_expiry_sweeps_killed_entries_without_reporting_them() -> None:
    killed = entry(1)
    table = table_of(killed)
    killed.kill()
    assert table.expire_due(0) == []
    assert len(table) == 0


@pytest.mark.parametrize(
    ("protocol", "children", "priority"),
    [
        (17, [], PROTECTED),
        (TCP, [], FIRST_TO_GO),
        (TCP, [7], 7),
        (TCP, [7, 3, None], 3),
        (TCP, [PROTECTED], PROTECTED),
        (17, [5], 5),
        (17, [None], PROTECTED),
    ],
)
def test_the_most_protective_word_known_to_an_entry_and_its_children_counts(
    protocol: int, children: list[int | None], priority: int
) -> None:
    parent = entry(1, protocol=protocol)
    table_of(*(Child(number, (parent,), own) for number, own in enumerate(children, start=10)))
    assert parent.eviction_priority(0) == priority


def test_children_that_are_gone_protect_nobody() -> None:
    parent = entry(1, protocol=TCP)
    child = Child(2, (parent,), PROTECTED)
    children = table_of(child)
    assert parent.eviction_priority(0) == PROTECTED
    children.clear()
    assert parent.eviction_priority(0) == FIRST_TO_GO


def test_both_halves_of_a_flow_share_time_and_death() -> None:
    lifetime = Lifetime(0)
    half, other = FlowEntry(udp_flow(1), lifetime), FlowEntry(udp_flow(2), lifetime)
    half.hit(500)
    half.kill()
    assert other.last_hit_ms == 500
    assert other.killed


class Witness:
    """Notes what a table tells its watcher."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def appeared(self, entry: FlowEntry) -> None:
        self.events.append(("appeared", entry.flow.source_port))

    def gone(self, entry: FlowEntry) -> None:
        self.events.append(("gone", entry.flow.source_port))

    def consulted(self, entry: FlowEntry) -> None:
        self.events.append(("consulted", entry.flow.source_port))


def test_a_watcher_hears_of_every_coming_going_and_look_up() -> None:
    table: FlowTable[FlowEntry] = FlowTable(8)
    witness = Witness()
    table.watcher = witness
    table.put(entry(1))
    table.get(udp_flow(1))
    table.put(entry(1))
    table.remove(udp_flow(1))
    assert witness.events == [("appeared", 1), ("consulted", 1), ("gone", 1), ("appeared", 1), ("gone", 1)]


def test_a_watcher_hears_of_a_killing_at_once() -> None:
    table: FlowTable[FlowEntry] = FlowTable(8)
    witness = Witness()
    table.watcher = witness
    present = entry(1)
    table.put(present)
    present.kill()
    assert witness.events[-1] == ("gone", 1)


def test_everything_is_brought_up_to_date_before_a_victim_is_sought() -> None:
    table = table_of(entry(1))
    calls: list[str] = []
    table.before_eviction = lambda: calls.append("now")
    table.find_victim(0)
    assert calls == ["now"]
