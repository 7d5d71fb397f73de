"""Arenas small enough to be filled, keys that meet in the same buckets, and the same kernels without the compiler."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from fastpath.arena import new_arena
from fastpath.geometry import Geometry
from fastpath.hash_table import entry_at, first_bucket, hash_key, second_bucket
from fastpath.interpreted import Interpreted
from fastpath.layout import (
    ACTION,
    BINDING,
    BUCKET_MASK,
    BUCKET_WORDS,
    BUCKETS_AT,
    ENTRY_WORDS,
    KEY,
    KEY_WORDS,
    LIFE,
    LOW_32,
    REWRITE,
    SLOTS,
    VERSION,
)
from fastpath.memory import Words

GEOMETRY = Geometry(entries=4, spare=60, threads=3)
"""Eight buckets, and more entries than they have slots."""

Key = tuple[int, int, int, int, int]


def small_arena(seed: int = 1) -> Words:
    """A new arena, the same for the same seed."""
    return new_arena(GEOMETRY, seed)


def write_half(words: Words, entry: int, key: Key, payload: Sequence[int] = (0, 0, 0), last_hit_ms: int = 0) -> int:
    """Write an entry that is not reachable; `payload` is its binding, action and rewrite words. Returns where it is."""
    at = int(entry_at(words, np.uint64(entry)))
    words[at : at + ENTRY_WORDS] = 0
    words[at + KEY : at + KEY + KEY_WORDS] = key
    words[at + BINDING], words[at + ACTION], words[at + REWRITE] = payload
    words[at + LIFE] = last_hit_ms
    return at


def as_words(key: Key) -> Words:
    """A key as look-ups take it."""
    return np.array(key, np.uint64)


def hash_of(words: Words, key: Key) -> np.uint64:
    """The hash of a key."""
    return np.uint64(hash_key(words, as_words(key), 0))


def buckets_of(words: Words, key: Key) -> tuple[int, int]:
    """Where the two candidate buckets of a key begin."""
    hashed = hash_of(words, key)
    return int(first_bucket(words, hashed)), int(second_bucket(words, hashed))


def all_buckets(words: Words) -> range:
    """Where every bucket begins."""
    start, count = int(words[BUCKETS_AT]), int(words[BUCKET_MASK]) + 1
    return range(start, start + count * BUCKET_WORDS, BUCKET_WORDS)


def keys_with(words: Words, accept: Callable[[int, int], bool], count: int, direction: int = 0) -> list[Key]:
    """Keys whose candidate buckets are as wanted."""
    found: list[Key] = []
    for source in range(1, 10_000):
        key = (0, source, 0, 1, direction << 48)
        if accept(*buckets_of(words, key)):
            found.append(key)
            if len(found) == count:
                return found
    raise LookupError(f"only {len(found)} keys have such buckets")


def slots(words: Words) -> dict[int, int]:
    """The filled slots: where each is, and which entry it names."""
    found = {}
    for bucket in all_buckets(words):
        assert int(words[bucket + VERSION]) % 2 == 0, "a bucket stays locked"
        for slot in range(bucket + 1, bucket + 1 + SLOTS):
            if words[slot]:
                found[slot] = int(words[slot] & LOW_32)
    return found


def free_slots(words: Words, *buckets: int) -> int:
    """How many slots of these buckets are empty, a bucket named twice counted once."""
    return sum(int(words[bucket + slot] == 0) for bucket in set(buckets) for slot in range(1, 1 + SLOTS))


def plain(module: str) -> Any:
    """A module of kernels as plain functions."""
    loaded: ModuleType = Interpreted().module(module)
    return loaded


def entry_place(words: Words, entry: int) -> int:
    """Index of the first word of an entry."""
    return int(entry_at(words, np.uint64(entry)))
