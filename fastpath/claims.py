"""Claims: which keys the reference's entries have, so that no miss begins a second flow for one of them.

A counting filter in the arena: a byte for each hash, modulo their number, says how many of the reference's entries
have a key with that hash. A miss looks at one byte for each of its two keys. A claim that it finds may be another
key's; then the packet goes to the reference, which does the same for it as a miss would have. There are sixteen times
as many bytes as entries, and no key has more than four claims: that two hundred claims meet in one byte takes a broken
hash.

Every entry in any of the reference's tables has one claim, from when it appears until it has left its table: `Claims`
watches the tables. The key is the entry's flow id with a direction: outbound for outbound tables and connections,
inbound for inbound tables.

Thread safety: `claimed` by misses (`gate.py`); `claim` and `disclaim`, and so all of `Claims`, by the owner of the slow
lock with the gate closed, which orders the accesses.
"""

from typing import Any

import numpy as np

from fastpath.atomics import load_relaxed, prefetch, store_relaxed
from fastpath.compile_flow import key_words
from fastpath.compiler import entry_point, kernel
from fastpath.hash_table import hash_key
from fastpath.layout import CLAIM_MASK, CLAIMS_AT, LOW_8, ONE, SHIFT_32, Index
from fastpath.memory import Words
from reference.direction import Direction
from reference.flow_table import FlowEntry, FlowTable, Watcher

_NOTHING = np.uint64(0)
_BYTE, _LAST_BYTE = np.uint64(8), np.uint64(7)


@kernel
def claim_at(words: Words, hash_: np.uint64) -> Index:
    """Index of the word that counts claims on a hash, among others."""
    return np.int64(words[CLAIMS_AT]) + np.int64(hash_ & words[CLAIM_MASK])


@kernel
def claim_shift(hash_: np.uint64) -> np.uint64:
    """Which byte of its word counts claims on a hash."""
    return (hash_ >> SHIFT_32 & _LAST_BYTE) * _BYTE


@kernel
def prefetch_claims(words: Words, hash_: np.uint64) -> None:
    """Ask for what `claimed` will look at."""
    prefetch(words, claim_at(words, hash_))


@kernel
def claimed(words: Words, hash_: np.uint64) -> bool:
    """Whether an entry of the reference has a key with this hash, or with one that is counted with it."""
    return load_relaxed(words, claim_at(words, hash_)) >> claim_shift(hash_) & LOW_8 != _NOTHING


@entry_point
def claim(words: Words, hash_: np.uint64) -> None:
    """Count one more entry whose key has this hash."""
    at = claim_at(words, hash_)
    store_relaxed(words, at, load_relaxed(words, at) + (ONE << claim_shift(hash_)))


@entry_point
def disclaim(words: Words, hash_: np.uint64) -> None:
    """Take back one `claim`."""
    at = claim_at(words, hash_)
    store_relaxed(words, at, load_relaxed(words, at) - (ONE << claim_shift(hash_)))


@entry_point
def claim_key(words: Words, key: Words) -> np.uint64:
    """`claim` for the key at `key[0]`; its hash, for `disclaim`."""
    hash_ = hash_key(words, key, 0)
    claim(words, hash_)
    return hash_


class Claims:
    """Claims for the entries of one table. A watcher, which passes on what it sees to the table's other one, if any."""

    def __init__(
        self, words: Words, table: FlowTable[Any], direction: Direction, onward: Watcher | None = None
    ) -> None:
        self._words = words
        self._table = table
        self._direction = direction
        self._onward = onward
        self._hashes: dict[FlowEntry, np.uint64] = {}

    def __len__(self) -> int:
        """How many claims there are for entries of the table."""
        return len(self._hashes)

    def appeared(self, entry: FlowEntry) -> None:
        """The entry can be found from now on: its key is claimed."""
        if entry not in self._hashes:
            key = np.array(key_words(self._direction, entry.flow), np.uint64)
            self._hashes[entry] = np.uint64(claim_key(self._words, key))
        if self._onward is not None:
            self._onward.appeared(entry)

    def gone(self, entry: FlowEntry) -> None:
        """The entry cannot be found any more. A killed one keeps its claim as long as it takes up its place."""
        # The dictionary's own look-up: a table's recalls a native flow, for which it is too late here.
        if dict.get(self._table.entries, entry.flow) is not entry:
            hash_ = self._hashes.pop(entry, None)
            if hash_ is not None:
                disclaim(self._words, hash_)
        if self._onward is not None:
            self._onward.gone(entry)

    def consulted(self, entry: FlowEntry) -> None:
        """The entry is about to be looked at."""
        if self._onward is not None:
            self._onward.consulted(entry)
