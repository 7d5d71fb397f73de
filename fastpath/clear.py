"""Clearing: all native flows go at once, or their halves leave the unified table and all else stays.

What `reference.port_data.PortData.clear` and `reference.uft.UnifiedFlowTable.clear` do to flows that the reference
does not know. Nothing passes its time on: what is cleared is forgotten.

The gate must be closed, and stay so until a grace period has passed; hits may be about, and meet the marks.
"""

import numpy as np

from fastpath.atomics import load_relaxed
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.flow import bury, tcp_word_at
from fastpath.hash_table import NOTHING, entry_at
from fastpath.layout import (
    BINDING,
    ENTRY_COUNT,
    KIND_TCP,
    KIND_UFT_IN,
    KIND_UFT_OUT,
    LOW_32,
    ONE,
    PARTNER,
    Index,
)
from fastpath.memory import Words
from fastpath.native import is_native
from fastpath.removal import flows_that_fit, halves_of, is_dead, is_outbound, unlink
from fastpath.tcp import DEAD as DEAD_WORD
from fastpath.uft import kill


@entry_point
def clear_natives(words: Words, first: Index, count: Index, removed: Words, collected: Words) -> Index:
    """Remove the native flows to which `count` entries from number `first` on belong.

    Arguments and result as those of `expire.expire_natives`.
    """
    end = min(first + count, np.int64(words[ENTRY_COUNT]))
    room = flows_that_fit(collected)
    entry = first
    while entry < end and np.int64(collected[0]) < room:
        if is_native(load_relaxed(words, entry_at(words, np.uint64(entry)) + PARTNER)):
            _clear_flow(words, np.uint64(entry), removed, collected)
        entry += 1
    return entry


@cold_kernel
def _clear_flow(words: Words, entry: np.uint64, removed: Words, collected: Words) -> None:
    outbound, inbound = halves_of(words, entry)
    _kill_half(words, inbound, KIND_UFT_IN, removed)
    _kill_half(words, outbound, KIND_UFT_OUT, removed)
    flow = load_relaxed(words, entry_at(words, outbound) + BINDING) & LOW_32
    # Relaxed: only who removes flows marks a word dead, and that is this thread.
    if flow != NOTHING and load_relaxed(words, tcp_word_at(words, flow)) & DEAD_WORD == NOTHING:
        bury(words, flow)
        removed[KIND_TCP] += ONE
    unlink(words, outbound, inbound, removed, collected)


@entry_point
def clear_unified(words: Words, first: Index, count: Index, removed: Words) -> Index:
    """Take `count` entries from number `first` on out of the unified table, as far as they belong to native flows.

    Connections and layer entries stay, with their times: a dead half keeps the time of its last hit, which is the
    connection's too. What has left is added to `removed`; returns the entry to go on with.
    """
    end = min(first + count, np.int64(words[ENTRY_COUNT]))
    for entry in range(first, end):
        if is_native(load_relaxed(words, entry_at(words, np.uint64(entry)) + PARTNER)):
            kind = KIND_UFT_OUT if is_outbound(words, np.uint64(entry)) else KIND_UFT_IN
            _kill_half(words, np.uint64(entry), kind, removed)
    return end


@kernel
def _kill_half(words: Words, entry: np.uint64, kind: Index, removed: Words) -> None:
    if not is_dead(kill(words, entry)):
        removed[kind] += ONE
