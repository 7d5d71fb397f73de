"""How a native flow leaves the arena: both entries unlinked in one commit, then collected until their grace is over.

Who removes flows brings two arrays of his own along. `removed` has a word for each kind of entry (`layout.KINDS`) and
counts what has left the tables. `collected` lists the flows that have left the arena: their number first, then two
words for each, its outbound entry and its inbound one. Both entries, and the flow record that they name, stay as they
are until they are given back, which may be no sooner than a grace period after the unlinking: hits that found them
before may still be under way.

Flows are removed with the gate closed, so that no miss is about; hits may be. They are given back beside either.
"""

import numpy as np

from fastpath.atomics import load_relaxed, store_relaxed
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.hash_table import NOTHING, entry_at
from fastpath.layout import (
    BINDING,
    DEAD,
    ENTRY_LIST,
    FLOW_LIST,
    KEY,
    KEY_WORDS,
    KIND_FIREWALL,
    KIND_NAT,
    LOW_32,
    META_DIRECTION_SHIFT,
    ONE,
    ORIGIN,
    OUTBOUND,
    PARTNER,
    RECORDS_LOCK,
    Index,
)
from fastpath.memory import Words
from fastpath.native import NO_NAT, origin_nat, partner_of
from fastpath.records import clear_content, push_locked
from fastpath.spin_lock import acquire, release
from fastpath.uft import remove

_META = KEY + KEY_WORDS - 1


@kernel
def is_outbound(words: Words, entry: np.uint64) -> bool:
    """Whether an entry is the outbound half of its flow."""
    return load_relaxed(words, entry_at(words, entry) + _META) >> META_DIRECTION_SHIFT == OUTBOUND


@kernel
def halves_of(words: Words, entry: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The outbound and the inbound entry of the native flow to which an entry belongs."""
    partner = partner_of(load_relaxed(words, entry_at(words, entry) + PARTNER))
    return (entry, partner) if is_outbound(words, entry) else (partner, entry)


@kernel
def is_dead(life: np.uint64) -> bool:
    """Whether a half with this life word is out of the unified table."""
    return life & DEAD != NOTHING


@kernel
def time_of(life: np.uint64) -> np.uint64:
    """The time of the last hit in a life word, also of a half that is dead."""
    return life & ~DEAD


@kernel
def flows_that_fit(collected: Words) -> Index:
    """How many flows a list has room for."""
    return (len(collected) - 1) // 2


@cold_kernel
def unlink(words: Words, outbound: np.uint64, inbound: np.uint64, removed: Words, collected: Words) -> None:
    """Take both halves of a native flow, and with them its layer entries, out of the table, and note them.

    From here on the entries are nobody's: their partner words say nothing, so that no sweep meets them again before
    they are given back.
    """
    remove(words, outbound, inbound)
    store_relaxed(words, entry_at(words, outbound) + PARTNER, NOTHING)
    store_relaxed(words, entry_at(words, inbound) + PARTNER, NOTHING)
    removed[KIND_FIREWALL] += ONE
    if origin_nat(load_relaxed(words, entry_at(words, inbound) + ORIGIN)) != NO_NAT:
        removed[KIND_NAT] += ONE
    place = 1 + 2 * np.int64(collected[0])
    collected[place], collected[place + 1] = outbound, inbound
    collected[0] += ONE


@entry_point
def give_back_flows(words: Words, collected: Words) -> None:
    """Free the records of all flows of a list, once their grace period is over, and empty the list."""
    for place in range(1, 1 + 2 * np.int64(collected[0]), 2):
        outbound, inbound = collected[place], collected[place + 1]
        # Both halves name the flow record.
        flow = load_relaxed(words, entry_at(words, outbound) + BINDING) & LOW_32
        clear_content(words, ENTRY_LIST, outbound)
        clear_content(words, ENTRY_LIST, inbound)
        # Flow by flow, so that no miss waits for long.
        acquire(words, RECORDS_LOCK)
        push_locked(words, ENTRY_LIST, inbound)
        push_locked(words, ENTRY_LIST, outbound)
        if flow != NOTHING:
            push_locked(words, FLOW_LIST, flow)
        release(words, RECORDS_LOCK)
    collected[0] = NOTHING
