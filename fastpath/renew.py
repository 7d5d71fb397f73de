"""Making a native flow's halves anew, in place: after a change of rules or mappings, or when a half had expired.

The layer entries and the connection of the flow live on; what the unified table had is replaced, as if the halves had
been removed and installed (`reference.port.Port._process_stale`). No hit is under way that found a half as it was
before: the slow operation that put it out of service has waited for those (`docs/misses.md`, grace).

Thread safety: inside a miss (`gate.py`), beside other misses, also of the same flow, and beside hits.
"""

import numpy as np

from fastpath.atomics import load_relaxed, store_relaxed
from fastpath.capacity import undo_use, use
from fastpath.commit import AGAIN, COMMITTED, LEAVE
from fastpath.compiler import kernel
from fastpath.decision import FORWARD, OTHER_KEY, opposite
from fastpath.flow import flow_at
from fastpath.hash_table import (
    hash_key,
    lock_keys,
    unlock_in_order,
)
from fastpath.layout import (
    ACTION,
    BINDING,
    DEAD,
    HITS_BEFORE,
    LAYERS_HIT,
    LIFE,
    LOW_32,
    ORIGIN,
    OUTBOUND,
    PASSED,
    REWRITE,
    SHIFT_32,
    WORK_HASH,
    Index,
)
from fastpath.memory import Words
from fastpath.native import NO_NAT, origin_nat, passed_again, with_route
from fastpath.rule_layout import PASSAGE_TARGET
from fastpath.segment import count_missed, keep_time, take_along
from fastpath.uft import counted_hits

_NOTHING = np.uint64(0)


@kernel
def is_dead(words: Words, half: Index) -> bool:
    """Whether the half at `words[half]` is out of the unified table."""
    return load_relaxed(words, half + LIFE) & DEAD != _NOTHING


@kernel
def is_stale(words: Words, half: Index, epoch: np.uint64) -> bool:
    """Whether a half is of another epoch."""
    return load_relaxed(words, half + BINDING) >> SHIFT_32 != epoch & LOW_32


@kernel
def state_of_half(words: Words, half: Index) -> np.uint64:
    """What misses change of a half, folded into one word: to see whether another miss has been there."""
    dead = load_relaxed(words, half + LIFE) & DEAD
    return load_relaxed(words, half + PASSED) ^ load_relaxed(words, half + BINDING) >> SHIFT_32 ^ dead


@kernel
def renew_flow(
    words: Words,
    work: Words,
    record: Index,
    line: Index,
    own: Index,
    other: Index,
    direction: np.uint64,
    epoch: np.uint64,
    now: np.uint64,
    length: np.uint64,
    seen: np.uint64,
    seen_other: np.uint64,
    renews_other: bool,
    actions: Index,
) -> np.uint64:
    """Make the packet's own half anew, and the other one if `renews_other`: `COMMITTED`, `LEAVE` or `AGAIN`.

    `own` and `other` are the indices of the halves; `seen` is what `state_of_half` gave for each when the packet was
    decided about. `actions` as for `commit.begin_flow`.
    """
    own_kind, other_kind = np.int64(direction), np.int64(opposite(direction))
    takes_own, takes_other = is_dead(words, own), renews_other and is_dead(words, other)
    if takes_own and not use(words, line, own_kind):
        return LEAVE
    if takes_other and not use(words, line, other_kind):
        if takes_own:
            undo_use(words, line, own_kind)
        return LEAVE
    own_hash, other_hash = work[record + WORK_HASH], hash_key(words, work, OTHER_KEY)
    a, b, c, d = lock_keys(words, own_hash, other_hash)
    outcome = AGAIN
    if state_of_half(words, own) == seen and state_of_half(words, other) == seen_other:
        outcome = _renew_locked(words, work, record, own, other, direction, epoch, now, length, renews_other, actions)
    unlock_in_order(words, a, b, c, d)
    if outcome != COMMITTED:
        if takes_own:
            undo_use(words, line, own_kind)
        if takes_other:
            undo_use(words, line, other_kind)
    return outcome


@kernel
def _renew_locked(
    words: Words,
    work: Words,
    record: Index,
    own: Index,
    other: Index,
    direction: np.uint64,
    epoch: np.uint64,
    now: np.uint64,
    length: np.uint64,
    renews_other: bool,
    actions: Index,
) -> np.uint64:
    flow = load_relaxed(words, own + BINDING) & LOW_32
    if flow != _NOTHING:
        if not take_along(words, work, record, flow, direction, epoch):
            return LEAVE
        at = flow_at(words, flow)
        count_missed(words, work, record, at, own, direction, length)
        keep_time(words, at, load_relaxed(words, own + LIFE))
        if renews_other:
            keep_time(words, at, load_relaxed(words, other + LIFE))
    binding = (epoch & LOW_32) << SHIFT_32 | flow
    _renew_half(words, own, direction, binding, work[actions], work[actions + 1], now)
    if renews_other:
        _renew_half(words, other, opposite(direction), binding, work[actions + 2], work[actions + 3], now)
    store_relaxed(words, own + PASSED, passed_again(load_relaxed(words, own + PASSED), epoch))
    outbound, inbound = (own, other) if direction == OUTBOUND else (other, own)
    store_relaxed(words, outbound + LAYERS_HIT, max(load_relaxed(words, outbound + LAYERS_HIT), now))
    origin = load_relaxed(words, inbound + ORIGIN)
    if direction == OUTBOUND and origin_nat(origin) != NO_NAT:
        store_relaxed(words, inbound + ORIGIN, with_route(origin, work[FORWARD + PASSAGE_TARGET]))
    return COMMITTED


@kernel
def _renew_half(
    words: Words,
    half: Index,
    direction: np.uint64,
    binding: np.uint64,
    action: np.uint64,
    rewrite: np.uint64,
    now: np.uint64,
) -> None:
    """Replace what a look-up finds, and begin to count hits anew. Relaxed: the buckets' versions tell readers."""
    store_relaxed(words, half + BINDING, binding)
    store_relaxed(words, half + ACTION, action)
    store_relaxed(words, half + REWRITE, rewrite)
    store_relaxed(words, half + HITS_BEFORE, counted_hits(words, half, binding & LOW_32, direction))
    store_relaxed(words, half + LIFE, now)
