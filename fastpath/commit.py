"""Carrying out a miss: the records, room and words of a flow, and the one commit that lets everybody see them.

Everything that can fail comes first, in records that nobody can reach; then the four buckets of both keys are locked in
ascending order, it is looked again whether they are as the decision took them to be, and both halves change together. A
commit that does not come off leaves nothing behind.

Thread safety: inside a miss (`gate.py`), beside other misses and beside hits.
"""

from typing import Final

import numpy as np

from fastpath.atomics import store_relaxed
from fastpath.capacity import undo_use, use
from fastpath.claims import claimed
from fastpath.compiler import kernel
from fastpath.decision import (
    FORWARD,
    OTHER_KEY,
)
from fastpath.hash_table import (
    entry_at,
    entry_in_bucket,
    first_bucket,
    hash_key,
    lock_keys,
    second_bucket,
    slot_content,
    unlock_in_order,
    write_slot,
)
from fastpath.layout import (
    ACTION,
    BINDING,
    BYTES,
    ENTRY_LIST,
    ENTRY_STOCK,
    FLOW_LIST,
    FLOW_STOCK,
    HITS,
    HITS_BEFORE,
    INBOUND,
    KEY,
    KEY_WORDS,
    KIND_FIREWALL,
    KIND_NAT,
    KIND_TCP,
    LIFE,
    LOW_32,
    NUMBERS,
    ONE,
    ORIGIN,
    OUTBOUND,
    PARTNER,
    PARTNER_NATIVE,
    PASSED,
    REWRITE,
    SHIFT_32,
    WORK_HASH,
    WORK_KEY,
    Index,
)
from fastpath.memory import Words
from fastpath.native import NO_NAT, SOURCE_NAT, pack_origin, pack_passed
from fastpath.passage import NAT_KIND, NAT_POOLS
from fastpath.records import put_back, take
from fastpath.rule_layout import PASSAGE_TARGET, PASSAGE_VNI
from fastpath.segment import begin_connection
from fastpath.uft import free_slot

COMMITTED: Final = np.uint64(0)
LEAVE: Final = np.uint64(1)
"""Not for compiled code: no room, or a key that another flow has."""
AGAIN: Final = np.uint64(2)
"""Another thread came first: the packet begins anew."""

_NOTHING = np.uint64(0)


@kernel
def take_room(words: Words, line: Index, nat: bool, tcp: bool) -> bool:
    """Count one more flow in every table that it enters; False, and nothing counted, when one of them has no room."""
    wanted = 3 + (1 if nat else 0) + (1 if tcp else 0)
    taken = 0
    for step in range(5):
        kind = kind_of_step(step, nat)
        if step < wanted:
            if taken == step and use(words, line, kind):
                taken += 1
    if taken == wanted:
        return True
    for step in range(5):
        if step < taken:
            undo_use(words, line, kind_of_step(step, nat))
    return False


@kernel
def kind_of_step(step: Index, nat: bool) -> Index:
    """The kinds of entries of a flow one after the other: unified, firewall, then NAT if it has one, TCP last."""
    if step <= KIND_FIREWALL:
        return step
    return KIND_NAT if nat and step == KIND_NAT else KIND_TCP


@kernel
def give_room_back(words: Words, line: Index, nat: bool, tcp: bool) -> None:
    """Take back `take_room`."""
    for kind in range(KIND_FIREWALL + 1):
        undo_use(words, line, kind)
    if nat:
        undo_use(words, line, KIND_NAT)
    if tcp:
        undo_use(words, line, KIND_TCP)


@kernel
def write_half(
    words: Words,
    entry: np.uint64,
    partner: np.uint64,
    keys: Words,
    key: Index,
    binding: np.uint64,
    action: np.uint64,
    rewrite: np.uint64,
    now: np.uint64,
    detail: np.uint64,
) -> None:
    """Write a half into an entry that nobody can reach. `detail`: its `ORIGIN`, outbound its `LAYERS_HIT`.

    Relaxed: a look-up that still reads the record's former life sees words, and finds its bucket changed.
    """
    at = entry_at(words, entry)
    for word in range(KEY_WORDS):
        store_relaxed(words, at + KEY + word, keys[key + word])
    store_relaxed(words, at + BINDING, binding)
    store_relaxed(words, at + ACTION, action)
    store_relaxed(words, at + REWRITE, rewrite)
    store_relaxed(words, at + LIFE, now)
    store_relaxed(words, at + HITS, _NOTHING)
    store_relaxed(words, at + BYTES, _NOTHING)
    store_relaxed(words, at + NUMBERS, _NOTHING)
    store_relaxed(words, at + PARTNER, PARTNER_NATIVE | partner)
    store_relaxed(words, at + PASSED, pack_passed(_NOTHING, binding >> SHIFT_32))
    store_relaxed(words, at + HITS_BEFORE, _NOTHING)
    store_relaxed(words, at + ORIGIN, detail)


@kernel
def origin_of(work: Words, direction: np.uint64) -> np.uint64:
    """The origin word of a flow that the packet of the forward passage begins."""
    route = work[FORWARD + PASSAGE_TARGET] if direction == OUTBOUND else _NOTHING
    begun_inbound = ONE if direction == INBOUND else _NOTHING
    nat = work[FORWARD + NAT_KIND]
    pools = work[FORWARD + NAT_POOLS] if nat == SOURCE_NAT else _NOTHING
    return pack_origin(work[FORWARD + PASSAGE_VNI], begun_inbound, nat, route, pools)


@kernel
def begin_flow(
    words: Words,
    work: Words,
    record: Index,
    line: Index,
    direction: np.uint64,
    epoch: np.uint64,
    now: np.uint64,
    length: np.uint64,
    state: np.uint64,
    actions: Index,
) -> np.uint64:
    """Begin a native flow with the decided packet: `COMMITTED`, `LEAVE` or `AGAIN`.

    `state` is the connection's first state, 0 for protocols other than TCP. `actions`: where action and rewrite word of
    the packet's own half and then of the other one lie in the work array.
    """
    nat, tcp = work[FORWARD + NAT_KIND] != NO_NAT, state != _NOTHING
    own_hash = work[record + WORK_HASH]
    other_hash = hash_key(words, work, OTHER_KEY)
    if claimed(words, own_hash) or claimed(words, other_hash) or not take_room(words, line, nat, tcp):
        return LEAVE
    own = take(words, line, ENTRY_STOCK, ENTRY_LIST)
    other = take(words, line, ENTRY_STOCK, ENTRY_LIST)
    flow = take(words, line, FLOW_STOCK, FLOW_LIST) if tcp else _NOTHING
    outcome = LEAVE
    if own != _NOTHING and other != _NOTHING and (flow != _NOTHING or not tcp):
        binding = (epoch & LOW_32) << SHIFT_32 | flow
        origin = origin_of(work, direction)
        own_detail, other_detail = (now, origin) if direction == OUTBOUND else (origin, now)
        key: Index = record + WORK_KEY
        write_half(words, own, other, work, key, binding, work[actions], work[actions + 1], now, own_detail)
        write_half(words, other, own, work, OTHER_KEY, binding, work[actions + 2], work[actions + 3], now, other_detail)
        if tcp:
            begin_connection(words, work, record, flow, entry_at(words, own), direction, state, epoch, length)
        outcome = link(words, work, key, own, own_hash, other, other_hash)
    if outcome != COMMITTED:
        give_up(words, line, own, other, flow)
        give_room_back(words, line, nat, tcp)
    return outcome


@kernel
def give_up(words: Words, line: Index, own: np.uint64, other: np.uint64, flow: np.uint64) -> None:
    """Put records back that nobody could reach."""
    if own != _NOTHING:
        put_back(words, line, ENTRY_STOCK, ENTRY_LIST, own)
    if other != _NOTHING:
        put_back(words, line, ENTRY_STOCK, ENTRY_LIST, other)
    if flow != _NOTHING:
        put_back(words, line, FLOW_STOCK, FLOW_LIST, flow)


@kernel
def link(
    words: Words,
    work: Words,
    key: Index,
    own: np.uint64,
    own_hash: np.uint64,
    other: np.uint64,
    other_hash: np.uint64,
) -> np.uint64:
    """Make both halves reachable in one commit, if neither key has a flow (M6): here the miss takes effect."""
    a, b, c, d = lock_keys(words, own_hash, other_hash)
    outcome = COMMITTED
    if is_present(words, work, key, own_hash):
        outcome = AGAIN
    elif is_present(words, work, OTHER_KEY, other_hash):
        outcome = LEAVE
    else:
        slot = free_slot(words, own_hash)
        if slot < 0:
            outcome = LEAVE
        else:
            write_slot(words, slot, slot_content(own_hash, own))
            other_slot = free_slot(words, other_hash)
            if other_slot < 0:
                write_slot(words, slot, _NOTHING)
                outcome = LEAVE
            else:
                write_slot(words, other_slot, slot_content(other_hash, other))
    unlock_in_order(words, a, b, c, d)
    return outcome


@kernel
def is_present(words: Words, keys: Words, key: Index, hash_: np.uint64) -> bool:
    """Whether a key has an entry, its buckets being locked."""
    return (
        entry_in_bucket(words, first_bucket(words, hash_), keys, key, hash_) != _NOTHING
        or entry_in_bucket(words, second_bucket(words, hash_), keys, key, hash_) != _NOTHING
    )
