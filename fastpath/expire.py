"""Expiry of native flows: what `reference.port_data.PortData.expire` does to flows that the reference does not know.

Three things of a flow expire, children before parents: the connection, by the lifetime of its state; each half, a
minute after its last hit; and the layer entries, a minute after theirs, once nothing depends on them. Connection and
halves leave their time to the layer entries when they go. A flow of which nothing is left leaves the arena
(`removal.py`).

Hits run beside all of it. A half is *sealed*: a compare-and-swap of LIFE from an old time to dead, which fails after
a hit. Of a connection the TCP word is frozen first and both LIFE words are then made dead: a hit does the two in the
other order, so it has left its time, or meets a mark. Both steps change their word: mere loads of LIFE after the
freeze would need more than acquire and release. What turns out to live on is given back to hits as it was. Connection
and halves are decided in the one moment at which all three are stopped, so that no hit refreshes a half of a
connection that is already gone.

Whether a flow is due is stable: hits only ever postpone it. So `next_due` may look for the next such flow without any
lock, beside hits and misses, and the gate is closed only where there is something to do.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_relaxed, store_relaxed, store_release
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.flow import bury, flow_at, freeze, tcp_word_at, thaw
from fastpath.hash_table import NOTHING, entry_at
from fastpath.layout import (
    BINDING,
    ENTRY_COUNT,
    KIND_TCP,
    KIND_UFT_IN,
    KIND_UFT_OUT,
    LAST_SEGMENT,
    LAYERS_HIT,
    LIFE,
    LOW_32,
    ONE,
    ORIGIN,
    PARTNER,
    Index,
)
from fastpath.memory import Words
from fastpath.native import SOURCE_NAT, is_native, origin_nat, partner_of
from fastpath.removal import flows_that_fit, halves_of, is_dead, is_outbound, time_of, unlink
from fastpath.tcp import CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT, state_of
from fastpath.tcp import DEAD as DEAD_WORD
from fastpath.uft import kill, kill_if_idle
from reference.flow_table import FLOW_TIME_TO_LIVE_MS
from reference.tcp_flows import ESTABLISHED_TIME_TO_LIVE_MS, INCIPIENT_TIME_TO_LIVE_MS, QUIESCENT_TIME_TO_LIVE_MS

_FLOW_LIVES: Final = np.uint64(FLOW_TIME_TO_LIVE_MS)
_INCIPIENT_LIVES: Final = np.uint64(INCIPIENT_TIME_TO_LIVE_MS)
_QUIESCENT_LIVES: Final = np.uint64(QUIESCENT_TIME_TO_LIVE_MS)
_ESTABLISHED_LIVES: Final = np.uint64(ESTABLISHED_TIME_TO_LIVE_MS)


@kernel
def time_to_live(state: np.uint64) -> np.uint64:
    """How long a connection in a state of `tcp.py` lives after its last segment, in milliseconds."""
    if state == ESTABLISHED:
        return _ESTABLISHED_LIVES
    if state in (CLOSE_WAIT, FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT):
        return _QUIESCENT_LIVES
    return NOTHING if state == CLOSED else _INCIPIENT_LIVES


@kernel
def is_over(last_hit: np.uint64, lives: np.uint64, now: np.uint64) -> bool:
    """Whether a time to live is over. Times are less than 2**63, and the last hit may be ahead of `now`."""
    return bool(last_hit + lives <= now)


# --- looking, without any lock ---


@entry_point
def next_due(words: Words, now: np.uint64, first: Index, end: Index) -> Index:
    """The first entry from `first` on, and before `end`, whose flow has something to expire; `end` if there is none.

    Reads only, and may run beside hits and misses: what it finds must be looked at again with the gate closed. A flow
    that it passes was not due at the moment of that look.
    """
    entry = first
    while entry < end and not looks_due(words, np.uint64(entry), now):
        entry += 1
    return entry


@entry_point
def next_with_port(words: Words, first: Index, end: Index) -> Index:
    """The first inbound half from `first` on, before `end`, of a native flow that owns a port; `end` if there is none.

    With the gate closed.
    """
    entry = first
    while entry < end:
        at = entry_at(words, np.uint64(entry))
        if (
            is_native(load_relaxed(words, at + PARTNER))
            and not is_outbound(words, np.uint64(entry))
            and owns_port(load_relaxed(words, at + ORIGIN))
        ):
            return entry
        entry += 1
    return entry


@kernel
def owns_port(origin: np.uint64) -> bool:
    """Whether a flow with this origin word owns a port, which only the reference gives back."""
    return origin_nat(origin) == SOURCE_NAT


@kernel
def looks_due(words: Words, entry: np.uint64, now: np.uint64) -> bool:
    """Whether an entry shows that something of its flow is to expire. Of every flow that is due one entry shows it.

    No for entries that belong to no native flow: their partner word lacks the flag. Most entries are done with after
    one line of memory: within the shortest lifetime of all nothing can be due but the other half, which shows that
    itself.
    """
    at = entry_at(words, entry)
    partner = load_relaxed(words, at + PARTNER)
    if not is_native(partner):
        return False
    life = load_relaxed(words, at + LIFE)
    if not is_dead(life):
        if not is_over(life, _INCIPIENT_LIVES, now):
            return False
        if is_over(life, _FLOW_LIVES, now):
            return True
    # The rest both halves would show alike.
    other = partner_of(partner)
    return bool(entry < other) and _connection_or_layers_look_due(words, entry, other, now)


@kernel
def _connection_or_layers_look_due(words: Words, entry: np.uint64, partner: np.uint64, now: np.uint64) -> bool:
    at, partner_at = entry_at(words, entry), entry_at(words, partner)
    life, other = load_relaxed(words, at + LIFE), load_relaxed(words, partner_at + LIFE)
    flow = load_relaxed(words, at + BINDING) & LOW_32
    if flow != NOTHING:
        word = load_relaxed(words, tcp_word_at(words, flow))
        if word & DEAD_WORD == NOTHING:
            return is_over(_last_segment(words, flow, life, other), time_to_live(state_of(word)), now)
    if not is_dead(life) or not is_dead(other):
        return False
    outbound_at = at if is_outbound(words, entry) else partner_at
    return is_over(load_relaxed(words, outbound_at + LAYERS_HIT), _FLOW_LIVES, now)


# --- expiring, with the gate closed ---


@entry_point
def expire_natives(words: Words, now: np.uint64, first: Index, count: Index, removed: Words, collected: Words) -> Index:
    """Expire what is due at `now` of the native flows to which `count` entries from number `first` on belong.

    The gate must be closed, and stay so until a grace period has passed if anything was removed: a half that was marked
    dead may be made anew then. What has left the tables is added to `removed`, flows of which nothing is left to
    `collected` (`removal.py`). Returns the entry to go on with: an earlier one than asked for when `collected` is full,
    `words[ENTRY_COUNT]` at the end.
    """
    end = min(first + count, np.int64(words[ENTRY_COUNT]))
    room = flows_that_fit(collected)
    entry = first
    while entry < end and np.int64(collected[0]) < room:
        if looks_due(words, np.uint64(entry), now):
            outbound, inbound = halves_of(words, np.uint64(entry))
            if _expire_flow(words, outbound, inbound, now, removed):
                unlink(words, outbound, inbound, removed, collected)
        entry += 1
    return entry


@cold_kernel
def _expire_flow(words: Words, outbound: np.uint64, inbound: np.uint64, now: np.uint64, removed: Words) -> bool:
    """Expire what is due of one flow; whether nothing is left of it, not even a port of source NAT."""
    outbound_at, inbound_at = entry_at(words, outbound), entry_at(words, inbound)
    flow = load_relaxed(words, outbound_at + BINDING) & LOW_32
    word = load_relaxed(words, tcp_word_at(words, flow)) if flow != NOTHING else DEAD_WORD
    connected = word & DEAD_WORD == NOTHING
    life, other = load_relaxed(words, outbound_at + LIFE), load_relaxed(words, inbound_at + LIFE)
    if connected and is_over(_last_segment(words, flow, life, other), time_to_live(state_of(word)), now):
        connected = not _expire_connection(words, flow, outbound, inbound, now, removed)
    else:
        _expire_half(words, inbound, outbound_at, KIND_UFT_IN, now, removed)
        _expire_half(words, outbound, outbound_at, KIND_UFT_OUT, now, removed)
    if connected:
        return False
    if not is_dead(load_relaxed(words, inbound_at + LIFE)) or not is_dead(load_relaxed(words, outbound_at + LIFE)):
        return False
    if owns_port(load_relaxed(words, inbound_at + ORIGIN)):
        return False
    return is_over(load_relaxed(words, outbound_at + LAYERS_HIT), _FLOW_LIVES, now)


@kernel
def _last_segment(words: Words, flow: np.uint64, life: np.uint64, other: np.uint64) -> np.uint64:
    """Time of a connection's last segment, given the life words of both halves.

    Each segment has hit a half; a dead half keeps its time, and one that is made anew leaves it to the connection.
    """
    before = load_relaxed(words, flow_at(words, flow) + LAST_SEGMENT)
    return max(time_of(life), time_of(other), before)


@cold_kernel
def _expire_connection(
    words: Words, flow: np.uint64, outbound: np.uint64, inbound: np.uint64, now: np.uint64, removed: Words
) -> bool:
    """Stop hits on a connection that looks expired and on both halves, and expire what is due; whether it is gone.

    The word is frozen before the lives are looked at, and they are looked at by changing them.
    """
    outbound_at = entry_at(words, outbound)
    word = freeze(words, flow)
    inbound_life = kill(words, inbound)
    outbound_life = kill(words, outbound)
    last = _last_segment(words, flow, inbound_life, outbound_life)
    gone = is_over(last, time_to_live(state_of(word)), now)
    if gone:
        bury(words, flow)
        removed[KIND_TCP] += ONE
        _pass_time(words, outbound_at, last)
    _settle_half(words, inbound, inbound_life, outbound_at, KIND_UFT_IN, now, removed)
    _settle_half(words, outbound, outbound_life, outbound_at, KIND_UFT_OUT, now, removed)
    if not gone:
        thaw(words, flow, word)
    return gone


@kernel
def _settle_half(
    words: Words, entry: np.uint64, life: np.uint64, outbound_at: Index, kind: Index, now: np.uint64, removed: Words
) -> None:
    """Let a half that was just marked dead stay so if its time is over, and give it back to hits if not."""
    if is_dead(life):
        return
    if is_over(life, _FLOW_LIVES, now):
        removed[kind] += ONE
        _pass_time(words, outbound_at, life)
    else:
        # A plain store is safe: nobody else writes a life word that is dead. Release: for the hits that go on.
        store_release(words, entry_at(words, entry) + LIFE, life)


@kernel
def _expire_half(
    words: Words, entry: np.uint64, outbound_at: Index, kind: Index, now: np.uint64, removed: Words
) -> None:
    """Seal a half whose time is over, unless a hit comes first."""
    if now >= _FLOW_LIVES and kill_if_idle(words, entry, now - _FLOW_LIVES):
        removed[kind] += ONE
        # Relaxed: it was this thread that wrote the mark, and nobody writes it after.
        _pass_time(words, outbound_at, time_of(load_relaxed(words, entry_at(words, entry) + LIFE)))


@kernel
def _pass_time(words: Words, outbound_at: Index, last_hit: np.uint64) -> None:
    """Leave the time of a child's last hit to the layer entries. Relaxed: misses, who write it too, are kept out."""
    if load_relaxed(words, outbound_at + LAYERS_HIT) < last_hit:
        store_relaxed(words, outbound_at + LAYERS_HIT, last_hit)
