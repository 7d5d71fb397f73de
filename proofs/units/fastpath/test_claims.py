"""Claims: the key of every entry in any of the reference's tables, as long as it is there."""

from collections import Counter
from typing import Any, SupportsInt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastpath import claims
from fastpath.claims import Claims, claimed
from fastpath.compile_flow import key_words
from fastpath.hash_table import hash_key
from fastpath.layout import CLAIM_MASK, CLAIMS_AT
from fastpath.memory import Words
from fastpath.policy import Misses
from proofs.equivalence.frames import ACK, FIN, RST, SYN, TCP, UDP, Content
from proofs.units.fastpath import arenas
from proofs.units.fastpath.arenas import small_arena
from proofs.units.fastpath.ports import IN, NOW, OUT, Parts, flow, inbound, outbound
from reference.direction import Direction
from reference.flow_table import FLOW_TIME_TO_LIVE_MS, FlowEntry, FlowTable, Lifetime
from reference.packet.flow import FlowId
from reference.vpc.config import TableLimits
from reference.vpc.firewall import FirewallRule

UNCOMPILED = arenas.plain("fastpath.claims")
TINY = TableLimits(uft=3, tcp=2, gateway=8, firewall=6, nat=6)


def hash_of(words: Words, direction: Direction, id_: FlowId) -> np.uint64:
    """The hash of a flow's key."""
    return np.uint64(hash_key(words, np.array(key_words(direction, id_), np.uint64), 0))


def is_claimed(words: Words, direction: Direction, id_: FlowId) -> bool:
    """What a miss would see."""
    return bool(claimed(words, hash_of(words, direction, id_)))


def counts(words: Words) -> Counter[int]:
    """All claims in an arena, by their place."""
    start, count = int(words[CLAIMS_AT]), int(words[CLAIM_MASK]) + 1
    claims = words[start : start + count].view(np.uint8)
    return Counter({int(place): int(claims[place]) for place in np.flatnonzero(claims)})


def place_of(words: Words, hash_: SupportsInt) -> int:
    """Which byte, of all that count claims, is that of a hash."""
    return 8 * (int(hash_) & int(words[CLAIM_MASK])) + (int(hash_) >> 32 & 7)


def owed(parts: Parts) -> Counter[int]:
    """The claims that there must be: one for each entry in each table."""
    data = parts.port.data
    tables: list[tuple[FlowTable[Any], Direction]] = [
        (data.uft.inbound, IN),
        (data.uft.outbound, OUT),
        (data.tcp_flows, OUT),
    ]
    for layer in data.layers:
        tables += [(layer.inbound.table, IN), (layer.outbound.table, OUT)]
    keys = [(direction, id_) for table, direction in tables for id_ in table.entries]
    return Counter(place_of(parts.words, hash_of(parts.words, *key)) for key in keys)


class Seen:
    """A watcher that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, FlowEntry]] = []

    def appeared(self, entry: FlowEntry) -> None:
        """Write it down."""
        self.told.append(("appeared", entry))

    def gone(self, entry: FlowEntry) -> None:
        """Write it down."""
        self.told.append(("gone", entry))

    def consulted(self, entry: FlowEntry) -> None:
        """Write it down."""
        self.told.append(("consulted", entry))


def watched_table(words: Words, onward: Seen | None = None) -> FlowTable[FlowEntry]:
    """A table of outbound flows whose keys are claimed."""
    table = FlowTable[FlowEntry](8)
    table.watcher = Claims(words, table, OUT, onward)
    return table


def new_entry(number: int) -> FlowEntry:
    """An entry that is in no table."""
    return FlowEntry(flow(number), Lifetime(NOW))


@pytest.mark.parametrize("kernels", [claims, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_a_hash_is_claimed_as_long_as_one_of_its_claims_stands(kernels: Any) -> None:
    words = small_arena()
    one, same_word = np.uint64(5), np.uint64(5 + (int(words[CLAIM_MASK]) + 1) * 3)
    seen = [bool(kernels.claimed(words, one))]
    for change, hash_ in ((kernels.claim, one), (kernels.claim, same_word), (kernels.disclaim, one)):
        change(words, hash_)
        seen.append(bool(kernels.claimed(words, one)))
    kernels.disclaim(words, same_word)
    seen.append(bool(kernels.claimed(words, one)))
    assert seen == [False, True, True, True, False]
    assert not kernels.claimed(words, np.uint64(6))


@pytest.mark.parametrize("kernels", [claims, UNCOMPILED], ids=["compiled", "uncompiled"])
def test_a_key_is_claimed_by_the_hash_that_look_ups_use(kernels: Any) -> None:
    words = small_arena()
    hash_ = kernels.claim_key(words, np.array(key_words(IN, flow(1)), np.uint64))
    assert hash_ == hash_of(words, IN, flow(1))
    assert is_claimed(words, IN, flow(1))


def test_a_key_is_claimed_while_its_entry_is_in_the_table() -> None:
    words = small_arena()
    table = watched_table(words)
    table.put(new_entry(1))
    assert is_claimed(words, OUT, flow(1))
    assert not is_claimed(words, IN, flow(1))
    table.remove(flow(1))
    assert counts(words) == Counter()


def test_a_newcomer_keeps_its_claim_when_its_predecessor_goes() -> None:
    words = small_arena()
    table = watched_table(words)
    table.put(new_entry(1))
    table.put(new_entry(1))
    assert counts(words).total() == 1
    table.remove(flow(1))
    assert counts(words) == Counter()


def test_an_entry_that_is_put_again_has_one_claim() -> None:
    words = small_arena()
    table, entry = watched_table(words), new_entry(1)
    table.put(entry)
    table.put(entry)
    assert counts(words).total() == 1
    table.remove(flow(1))
    assert counts(words) == Counter()


def test_a_killed_entry_keeps_its_claim_as_long_as_it_takes_up_its_place() -> None:
    words = small_arena()
    table, entry = watched_table(words), new_entry(1)
    table.put(entry)
    entry.kill()
    assert table.get(flow(1)) is None
    assert is_claimed(words, OUT, flow(1))
    table.expire_due(NOW)
    assert counts(words) == Counter()


def test_a_killed_entry_that_is_replaced_loses_its_claim_to_the_newcomer() -> None:
    words = small_arena()
    table, entry = watched_table(words), new_entry(1)
    table.put(entry)
    entry.kill()
    table.put(new_entry(1))
    assert counts(words).total() == 1
    entry.watcher.gone(entry)  # type: ignore[union-attr]
    assert counts(words).total() == 1


def test_the_tables_other_watcher_is_told_the_same() -> None:
    seen, entry = Seen(), new_entry(1)
    table = watched_table(small_arena(), seen)
    table.put(entry)
    table.get(flow(1))
    table.expire(flow(1))
    assert seen.told == [("appeared", entry), ("consulted", entry), ("gone", entry), ("gone", entry)]


def test_a_port_whose_misses_are_the_references_claims_nothing() -> None:
    parts = Parts()
    parts.connect(1)
    assert counts(parts.words) == Counter()


def test_both_keys_of_a_conversation_are_claimed_in_every_table_and_stay_so_until_it_is_forgotten() -> None:
    parts = Parts(misses=Misses.COMPILED)
    parts.connect(1)
    assert is_claimed(parts.words, OUT, flow(1, TCP))
    assert is_claimed(parts.words, IN, flow(1, TCP).mirror())
    assert counts(parts.words) == owed(parts)
    with parts.slow_path.operation() as port:
        port.clear_uft()
    assert is_claimed(parts.words, OUT, flow(1, TCP))
    assert counts(parts.words) == owed(parts)
    with parts.slow_path.operation() as port:
        port.reset()
    assert counts(parts.words) == owed(parts) == Counter()


STEPS = ("converse", "connect", "out fin", "in rst", "deny", "clear", "clear layer", "expire", "rules")


def carry_out(parts: Parts, step: str, number: int, now: int) -> None:
    """One operation on a port."""
    if step in ("converse", "connect"):
        getattr(parts, step)(number, now)
    elif step == "out fin":
        parts.process(OUT, outbound(number, Content(flags=FIN | ACK), TCP), now)
    elif step == "in rst":
        parts.process(IN, inbound(number, Content(flags=RST), TCP), now)
    elif step == "deny":
        parts.process(IN, inbound(number, Content(flags=SYN), UDP if number else TCP), now)
    else:
        with parts.slow_path.operation() as port:
            match step:
                case "clear":
                    port.clear_uft()
                case "clear layer":
                    port.clear_lft("firewall")
                case "expire":
                    parts.slow_path.mirror.stop_expiring(now)
                    port.expire(now)
                case "rules":
                    port.set_firewall_rules([FirewallRule.parse("dir=in action=allow priority=1")])


@given(
    script=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 4), st.sampled_from([0, 1, FLOW_TIME_TO_LIVE_MS])), max_size=20
    )
)
@settings(max_examples=60)
def test_after_every_operation_there_is_one_claim_for_each_entry_of_each_table(
    script: list[tuple[str, int, int]],
) -> None:
    parts, now = Parts(TINY, misses=Misses.COMPILED), NOW
    for step, number, wait in script:
        now += wait
        carry_out(parts, step, number, now)
        assert counts(parts.words) == owed(parts)
