"""A miss: a parsed frame without a half in the unified table, decided by the compiled layers (`docs/misses.md`).

Here the steps M2 to M7 follow one another; each has a file of its own: the gate (`gate.py`), the layers (`passage.py`,
`layers.py`, `decision.py`), the words of the halves (`compose.py`), the commit (`commit.py`, `renew.py`). Whatever
compiled code has no answer to is left to the reference, with nothing changed and nothing counted.

Thread safety: `perform_miss` between `begin_miss` and `end_miss`, inside an announced batch.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_relaxed
from fastpath.capacity import undo_use, use
from fastpath.claims import claimed, prefetch_claims
from fastpath.close import close_flow
from fastpath.commit import AGAIN, COMMITTED, LEAVE, begin_flow
from fastpath.compiler import cold_kernel, kernel
from fastpath.compose import compose_rewrite, compose_transform
from fastpath.decision import (
    CONTENT,
    FORWARD,
    OTHER_KEY,
    OUTCOME_ACTION,
    OUTCOME_HASH,
    OUTCOME_REWRITE,
    REPLY,
    decide_known,
    decide_new,
    hash_of_departure,
    hash_of_half,
    mirrored_key,
    opposite,
)
from fastpath.hash_table import entry_at, find, hash_key, prefetch_buckets
from fastpath.layers import PASSED as LET_THROUGH
from fastpath.layers import REFUSED, WANTS_PORT
from fastpath.layout import (
    ACTION,
    BINDING,
    CONTROL,
    CONTROL_EPOCH_SHIFT,
    CONTROL_STATE_MASK,
    FRAME_DIRECTION,
    FRAME_FLAGS,
    FRAME_LENGTH,
    FRAME_VERDICT,
    INBOUND,
    KEY,
    KEY_WORDS,
    KIND_FIREWALL,
    KIND_NAT,
    LOW_8,
    LOW_32,
    META_DIRECTION_SHIFT,
    META_PROTOCOL_SHIFT,
    ONE,
    ORIGIN,
    OUTBOUND,
    PARTNER,
    PASSED,
    REWRITE,
    RULES_WANTED,
    SHIFT_32,
    STATE_RUNNING,
    VERDICT_DENIED,
    WORK_HASH,
    WORK_KEY,
    WORK_TCP_FLAGS,
    Index,
)
from fastpath.lowering import Frame
from fastpath.memory import Words
from fastpath.native import NO_NAT, is_native, origin_nat, partner_of
from fastpath.parse import TCP
from fastpath.passage import (
    BEGINS,
    COUNTED,
    DENIED,
    DENIED_COUNTER,
    FIREWALL,
    LAYERS,
    NAT,
    NAT_KIND,
    NAT_POOLS,
)
from fastpath.port_pool import NO_PORT, close_offer, offer, pool_of
from fastpath.renew import is_dead, is_stale, renew_flow, state_of_half
from fastpath.rule_counts import count, count_packet
from fastpath.rule_layout import RULES_COUNTERS, RULES_EPOCH, RULES_NUMBER, RULES_OTHERS_SINCE
from fastpath.segment import first_state
from fastpath.tcp import CLOSED
from fastpath.transforms import intern

FORWARDED: Final = COMMITTED
"""The packet goes on: its action, rewrite word and hash are in the work array."""
DENIED_HERE: Final = np.uint64(3)
"""A layer has denied the packet; the descriptor says so."""
CLOSED_HERE: Final = np.uint64(5)
"""The packet goes on as a hit, and has ended its connection; action, rewrite word and hash are in the work array."""
WAIT: Final = np.uint64(4)
"""Not now: a slow operation keeps misses out, or has published rules that the batch does not have."""
ACTIONS: Final = OUTCOME_HASH + 1
"""Action and rewrite word of the packet's own half, then those of the other half."""

_NOTHING = np.uint64(0)


@kernel
def prefetch_miss(words: Words, work: Words, record: Index) -> None:
    """Ask for what a miss will touch: what is known of the packet's key, and of its mirror's.

    Under NAT the other half has another key. A wrong guess costs time only.
    """
    prefetch_claims(words, work[record + WORK_HASH])
    direction = work[record + WORK_KEY + 4] >> META_DIRECTION_SHIFT
    mirrored_key(work, record + WORK_KEY, OTHER_KEY, opposite(direction))
    prefetch_key(words, hash_key(words, work, OTHER_KEY))


@kernel
def prefetch_key(words: Words, hash_: np.uint64) -> None:
    """Ask for what will be looked at, and changed, for a key that is to be installed."""
    prefetch_claims(words, hash_)
    prefetch_buckets(words, hash_)


@cold_kernel
def perform_miss(
    words: Words,
    rules: Words,
    counts: Words,
    frames: Frame,
    descriptors: Words,
    at: Index,
    work: Words,
    record: Index,
    now: np.uint64,
    line: Index,
    thread: Index,
    may_close: bool,
) -> np.uint64:
    """Decide about a packet that missed: `FORWARDED`, `DENIED_HERE`, `AGAIN`, `WAIT`, or `LEAVE` to the reference.

    Or `CLOSED_HERE`, for a hit that ends a connection.

    Args:
        words: the arena.
        rules: the rule set that the batch has; one of epoch 0 leaves every miss to the reference.
        counts: its counters.
        frames, descriptors, at: the frame.
        work, record: what parsing found.
        now: the time in milliseconds.
        line: index of the thread's record in the arena.
        thread: the thread's number.
        may_close: whether hits notice dead marks, so that connections may end here.
    """
    # Relaxed, as below: it changes with the gate closed, whose opening this thread has seen.
    control = load_relaxed(words, CONTROL)
    epoch = control >> CONTROL_EPOCH_SHIFT
    if rules[RULES_EPOCH] == _NOTHING or control & CONTROL_STATE_MASK != STATE_RUNNING:
        return LEAVE
    if rules[RULES_NUMBER] != load_relaxed(words, RULES_WANTED):
        return WAIT
    entry = find(words, work, record + WORK_KEY, work[record + WORK_HASH])[0]
    if entry == _NOTHING:
        outcome = miss_new(words, rules, frames, descriptors, at, work, record, epoch, now, line)
    else:
        outcome = miss_known(words, rules, frames, descriptors, at, work, record, entry, epoch, now, line, may_close)
    if outcome == FORWARDED or outcome == DENIED_HERE:
        base = np.int64(thread) * np.int64(rules[RULES_COUNTERS])
        count_miss(counts, base, work, descriptors[at + FRAME_DIRECTION], outcome == FORWARDED)
    return outcome


@kernel
def miss_new(
    words: Words,
    rules: Words,
    frames: Frame,
    descriptors: Words,
    at: Index,
    work: Words,
    record: Index,
    epoch: np.uint64,
    now: np.uint64,
    line: Index,
) -> np.uint64:
    """A packet whose key has no entry."""
    if claimed(words, work[record + WORK_HASH]):
        return LEAVE
    decided = decide_new(rules, frames, descriptors, at, work, record, _NOTHING)
    if decided != WANTS_PORT:
        return begin_decided(words, rules, descriptors, at, work, record, decided, epoch, now, line)
    pool = pool_of(words, work[record + WORK_KEY + 4])
    port = offer(words, pool, work[FORWARD + NAT_POOLS])
    if port == NO_PORT:
        return LEAVE
    # The pool is locked until the flow has begun: ports go in the order in which flows begin.
    decided = decide_new(rules, frames, descriptors, at, work, record, port + ONE)
    outcome = begin_decided(words, rules, descriptors, at, work, record, decided, epoch, now, line)
    close_offer(words, pool, outcome == COMMITTED)
    return outcome


@kernel
def begin_decided(
    words: Words,
    rules: Words,
    descriptors: Words,
    at: Index,
    work: Words,
    record: Index,
    decided: np.uint64,
    epoch: np.uint64,
    now: np.uint64,
    line: Index,
) -> np.uint64:
    """Carry out what `decide_new` says."""
    direction = descriptors[at + FRAME_DIRECTION]
    if decided == REFUSED:
        if direction == INBOUND and is_known_behind_nat(words, work):
            return LEAVE
        return deny(words, descriptors, at, work, line)
    state = _NOTHING
    if work[record + WORK_KEY + 4] >> META_PROTOCOL_SHIFT & LOW_8 == TCP:
        state = first_state(work[record + WORK_TCP_FLAGS], direction)
        if state == CLOSED:
            return LEAVE
    if decided != LET_THROUGH:
        return LEAVE
    if work[FORWARD + NAT_KIND] != NO_NAT:
        # Only now is it known what the other key is; by the time that it is looked up, its lines will have come.
        prefetch_key(words, hash_key(words, work, OTHER_KEY))
    if not compose(words, rules, work, record, direction, work[FORWARD + NAT_KIND], True):
        return LEAVE
    length = descriptors[at + FRAME_LENGTH]
    return begin_flow(words, work, record, line, direction, epoch, now, length, state, ACTIONS)


@kernel
def is_known_behind_nat(words: Words, work: Words) -> bool:
    """Whether the firewall may know the flow of an inbound packet, which it sees behind NAT, by its outbound key."""
    mirrored_key(work, FORWARD, OTHER_KEY, OUTBOUND)
    hash_ = hash_key(words, work, OTHER_KEY)
    return claimed(words, hash_) or find(words, work, OTHER_KEY, hash_)[0] != _NOTHING


@kernel
def miss_known(
    words: Words,
    rules: Words,
    frames: Frame,
    descriptors: Words,
    at: Index,
    work: Words,
    record: Index,
    entry: np.uint64,
    epoch: np.uint64,
    now: np.uint64,
    line: Index,
    may_close: bool,
) -> np.uint64:
    """A packet whose key has an entry that is no use for a hit."""
    own = entry_at(words, entry)
    partner = load_relaxed(words, own + PARTNER)
    if not is_native(partner):
        return LEAVE
    other = entry_at(words, partner_of(partner))
    seen, seen_other = state_of_half(words, own), state_of_half(words, other)
    own_is_dead = is_dead(words, own)
    direction = descriptors[at + FRAME_DIRECTION]
    for word in range(KEY_WORDS):
        work[OTHER_KEY + word] = load_relaxed(words, other + KEY + word)
    if not own_is_dead and not is_stale(words, own, epoch):
        return close_known(words, work, record, entry, direction, epoch, line) if may_close else AGAIN
    renews_other = not own_is_dead or is_dead(words, other) or is_stale(words, other, epoch)
    # By the time that the four buckets are locked, their lines will have come.
    prefetch_buckets(words, hash_key(words, work, OTHER_KEY))
    prefetch_buckets(words, work[record + WORK_HASH])
    origin = load_relaxed(words, (other if direction == OUTBOUND else own) + ORIGIN)
    passed, passed_other = load_relaxed(words, own + PASSED), load_relaxed(words, other + PASSED)
    keeps = are_as_they_would_be(words, rules, own, other)
    decided = decide_known(rules, frames, descriptors, at, work, record, origin, passed, passed_other, keeps)
    if decided != LET_THROUGH:
        return LEAVE
    nat = origin_nat(origin)
    if keeps:
        take_actions_along(words, work, own, other, direction, nat)
    elif not compose(words, rules, work, record, direction, nat, renews_other):
        return LEAVE
    length = descriptors[at + FRAME_LENGTH]
    return renew_flow(
        words, work, record, line, own, other, direction, epoch, now, length, seen, seen_other, renews_other, ACTIONS
    )


@kernel
def close_known(
    words: Words,
    work: Words,
    record: Index,
    entry: np.uint64,
    direction: np.uint64,
    epoch: np.uint64,
    line: Index,
) -> np.uint64:
    """A packet whose half is in service: it ends the connection, or is a hit by now, or the reference's."""
    own = entry_at(words, entry)
    work[OUTCOME_ACTION], work[OUTCOME_REWRITE] = load_relaxed(words, own + ACTION), load_relaxed(words, own + REWRITE)
    work[OUTCOME_HASH] = work[OUTCOME_ACTION] & LOW_32
    if close_flow(words, work, record, line, entry, direction, epoch) == COMMITTED:
        return CLOSED_HERE
    return AGAIN


@kernel
def are_as_they_would_be(words: Words, rules: Words, own: Index, other: Index) -> bool:
    """Whether nothing but the firewall's rules has changed since both halves were made.

    Then what becomes of packets is what the halves say, if the flow may go on. Not if they are of the very epoch of the
    last change: external addresses can change within one.
    """
    epoch = min(load_relaxed(words, own + BINDING), load_relaxed(words, other + BINDING)) >> SHIFT_32
    return bool(epoch > rules[RULES_OTHERS_SINCE] & LOW_32)


@kernel
def take_actions_along(
    words: Words, work: Words, own: Index, other: Index, direction: np.uint64, nat: np.uint64
) -> None:
    """Leave what `compose` does, as the halves have it.

    Relaxed: if they change meanwhile, the commit does not come off.
    """
    work[ACTIONS], work[ACTIONS + 1] = load_relaxed(words, own + ACTION), load_relaxed(words, own + REWRITE)
    work[ACTIONS + 2], work[ACTIONS + 3] = load_relaxed(words, other + ACTION), load_relaxed(words, other + REWRITE)
    work[OUTCOME_ACTION], work[OUTCOME_REWRITE] = work[ACTIONS], work[ACTIONS + 1]
    work[OUTCOME_HASH] = work[ACTIONS] & LOW_32 if nat == NO_NAT else hash_of_departure(work, direction)


@kernel
def deny(words: Words, descriptors: Words, at: Index, work: Words, line: Index) -> np.uint64:
    """The verdict of a denied packet. The reference looks for room before a later layer denies: so does this."""
    begins = work[FORWARD + BEGINS]
    for layer, kind in ((FIREWALL, KIND_FIREWALL), (NAT, KIND_NAT)):
        if begins >> np.uint64(layer) & ONE != _NOTHING:
            if not use(words, line, kind):
                return LEAVE
            undo_use(words, line, kind)
    descriptors[at + FRAME_FLAGS] = work[FORWARD + DENIED]
    descriptors[at + FRAME_VERDICT] = VERDICT_DENIED
    return DENIED_HERE


@kernel
def compose(
    words: Words, rules: Words, work: Words, record: Index, direction: np.uint64, nat: np.uint64, both: bool
) -> bool:
    """Action and rewrite words of the halves, and what the packet itself needs; False when there is no room."""
    key: Index = record + WORK_KEY
    compose_transform(rules, work, FORWARD, direction, nat, CONTENT)
    transform = intern(words, work, CONTENT)
    if transform == _NOTHING:
        return False
    own_hash = hash_of_half(work, key, FORWARD, nat, direction)
    work[ACTIONS] = transform << SHIFT_32 | own_hash
    work[ACTIONS + 1] = compose_rewrite(work, FORWARD, key, direction, nat)
    work[OUTCOME_ACTION], work[OUTCOME_REWRITE] = work[ACTIONS], work[ACTIONS + 1]
    work[OUTCOME_HASH] = own_hash if nat == _NOTHING else hash_of_departure(work, direction)
    if both:
        other_direction = opposite(direction)
        compose_transform(rules, work, REPLY, other_direction, nat, CONTENT)
        transform = intern(words, work, CONTENT)
        if transform == _NOTHING:
            return False
        other_hash = hash_of_half(work, OTHER_KEY, REPLY, nat, other_direction)
        work[ACTIONS + 2] = transform << SHIFT_32 | other_hash
        work[ACTIONS + 3] = compose_rewrite(work, REPLY, OTHER_KEY, other_direction, nat)
    return True


@kernel
def count_miss(counts: Words, base: Index, work: Words, direction: np.uint64, passed: bool) -> None:
    """Count a packet for the layers, for the rules that decided, and for the port, in the thread's own record."""
    for layer in range(LAYERS):
        counter = work[FORWARD + COUNTED + layer]
        if counter != _NOTHING:
            count(counts, base + np.int64(counter))
    if not passed and work[FORWARD + DENIED_COUNTER] != _NOTHING:
        count(counts, base + np.int64(work[FORWARD + DENIED_COUNTER]))
    count_packet(counts, base, direction, passed)
