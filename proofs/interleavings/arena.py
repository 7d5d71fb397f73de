"""A small arena for scenarios, with names for its words."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastpath.interpreted import Interpreted
from fastpath.memory import Words
from proofs.interleavings.local_state import Unchanging
from proofs.interleavings.observed import observed

Key = tuple[int, int, int, int, int]
"""A half's key: source, destination (two words each) and the meta word."""


class SmallArena(Unchanging):
    """Makes equal fresh arenas: a few entries and flow records, eight buckets, two threads.

    The words are those of `fastpath.arena.new_arena`; entries are written by `write_half`, as a caller of `uft.install`
    must before an entry becomes reachable.
    """

    def __init__(self, modules: Interpreted, entries: int = 4, threads: int = 2, seed: int = 1, pools: int = 0) -> None:
        self.layout: Any = modules.module("fastpath.layout")
        self._table: Any = modules.module("fastpath.hash_table")
        geometry = modules.module("fastpath.geometry").Geometry(entries=entries, spare=0, threads=threads, pools=pools)
        self._template = np.array(modules.module("fastpath.arena").new_arena(geometry, seed))

    def fresh(self) -> Words:
        """A new arena, observed."""
        return observed(self._template.copy())

    @property
    def constant(self) -> range:
        """The geometry and the hash secret."""
        return range(self.layout.BUCKET_MASK, self.layout.HEADER_WORDS)

    def write_half(self, words: Words, entry: int, key: Key, payload: Sequence[int], last_hit_ms: int = 0) -> None:
        """Write an entry that is not reachable: `payload` is its binding, action and rewrite words."""
        at = self.entry_at(words, entry)
        words[at + self.layout.LIFE : at + self.layout.ENTRY_WORDS] = 0
        words[at + self.layout.KEY : at + self.layout.KEY + self.layout.KEY_WORDS] = key
        words[at + self.layout.BINDING] = payload[0]
        words[at + self.layout.ACTION] = payload[1]
        words[at + self.layout.REWRITE] = payload[2]
        words[at + self.layout.LIFE] = last_hit_ms

    def entry_at(self, words: Words, entry: int) -> int:
        """Index of an entry's first word."""
        return int(words[self.layout.ENTRIES_AT]) + entry * int(self.layout.ENTRY_WORDS)

    def flow_at(self, words: Words, flow: int) -> int:
        """Index of a flow record's TCP word."""
        return int(words[self.layout.FLOWS_AT]) + flow * int(self.layout.FLOW_WORDS) + int(self.layout.TCP_WORD)

    def hash_of(self, key: Key) -> np.uint64:
        """The hash of a key."""
        with np.errstate(over="ignore"):
            return np.uint64(self._table.hash_key(self._template, np.array(key, np.uint64), 0))

    def buckets(self, key: Key) -> tuple[int, int]:
        """The two candidate buckets of a key, as numbers."""
        words, hashed = self._template, self.hash_of(key)
        with np.errstate(over="ignore"):
            places = self._table.first_bucket(words, hashed), self._table.second_bucket(words, hashed)
        first, second = (
            (int(place) - int(words[self.layout.BUCKETS_AT])) // self.layout.BUCKET_WORDS for place in places
        )
        return first, second

    def key(self, accept: Callable[[int, int], bool], meta: int) -> Key:
        """The first key whose candidate buckets are as wanted."""
        for source in range(1, 1000):
            key = (0, source, 0, 1, meta)
            if accept(*self.buckets(key)):
                return key
        raise LookupError("no key has such buckets")

    def slots(self, words: Words) -> dict[int, int]:
        """How often each entry stands in a bucket, for checks at the end. Raises AssertionError on a locked bucket."""
        layout, found = self.layout, dict[int, int]()
        for bucket in range(int(words[layout.BUCKET_MASK]) + 1):
            at = int(words[layout.BUCKETS_AT]) + bucket * layout.BUCKET_WORDS
            assert int(words[at + layout.VERSION]) % 2 == 0, f"bucket {bucket} stays locked"
            for slot in range(1, layout.SLOTS + 1):
                content = int(words[at + slot])
                if content:
                    entry = content & int(layout.LOW_32)
                    found[entry] = found.get(entry, 0) + 1
        return found

    def label(self, name: str, index: int) -> str:
        """What a word is called in reports."""
        return label_of(self.layout, self._template, name, index)


def label_of(layout: Any, words: Words, array: str, index: int) -> str:
    """What a word of an arena is called in reports; words of other arrays go by their index."""
    if array != "words":
        return f"{array} {index}"
    named = _header_words(layout)
    if index in named:
        return named[index]
    regions: tuple[tuple[str, int, int, dict[int, str]], ...] = (
        ("pool", layout.POOLS_AT, layout.POOL_WORDS, {}),
        ("free transform", layout.TRANSFORM_NUMBERS_AT, 1, {}),
        ("free flow", layout.FLOW_NUMBERS_AT, 1, {}),
        ("free entry", layout.ENTRY_NUMBERS_AT, 1, {}),
        ("claim", layout.CLAIMS_AT, 1, {}),
        ("slot of transforms", layout.TRANSFORM_INDEX_AT, 1, {}),
        ("transform", layout.TRANSFORMS_AT, layout.TRANSFORM_WORDS, {}),
        ("flow", layout.FLOWS_AT, layout.FLOW_WORDS, {layout.TCP_WORD: "tcp word", layout.FIN_WORD: "fin word"}),
        ("entry", layout.ENTRIES_AT, layout.ENTRY_WORDS, _entry_fields(layout)),
        ("bucket", layout.BUCKETS_AT, layout.BUCKET_WORDS, {layout.VERSION: "version"}),
        ("thread", layout.THREADS_AT, layout.THREAD_WORDS, _thread_fields(layout)),
    )
    for name, start, size, fields in regions:
        begin = int(words[start])
        if index >= begin:
            record, field = divmod(index - begin, size)
            return f"{name} {record} {fields.get(field, f'word {field}')}"
    return f"header word {index}"


def _header_words(layout: Any) -> dict[int, str]:
    names = (
        "CONTROL",
        "PORT_LOCK",
        "GATE",
        "RECORDS_LOCK",
        "TRANSFORM_LOCK",
        "ENTRY_LIST",
        "FLOW_LIST",
        "TRANSFORM_LIST",
    )
    words = {getattr(layout, name): name.lower().replace("_", " ") for name in names}
    words |= {word + layout.FRESH: f"{name} fresh" for word, name in words.items() if name.endswith("list")}
    return words | {layout.ROOM + kind: f"room {kind}" for kind in range(layout.KINDS)}


def _thread_fields(layout: Any) -> dict[int, str]:
    fields = {layout.ANNOUNCE: "announcement", layout.MISSING: "miss announcement"}
    fields |= {layout.ENTRY_STOCK: "entry stock", layout.FLOW_STOCK: "flow stock"}
    for kind in range(layout.KINDS):
        fields |= {layout.USED + kind: f"used {kind}", layout.GRANTED + kind: f"granted {kind}"}
    return fields


def _entry_fields(layout: Any) -> dict[int, str]:
    names = ("BINDING", "ACTION", "REWRITE", "LIFE", "HITS", "BYTES", "NUMBERS", "PARTNER", "PASSED", "LAYERS_HIT")
    fields = {getattr(layout, name): name.lower() for name in names}
    return fields | {layout.KEY + word: f"key {word}" for word in range(layout.KEY_WORDS)}
