"""Header transforms in the arena, each distinct one once, whoever made it: slow operations or misses.

An index finds the record with a given content: open addressing, a slot is `hash >> 32 << 32 | record`, at most half of
them in use. Whoever finds nothing adds the record under a spin lock. A record is written before its slot, and neither
changes until a sweep, so that looking needs no lock.

Nobody counts who names a transform. An entry names one by its `ACTION`, from when that is written until the entry is
given back (`records.py` clears it). When the table is full, `sweep` marks what is named, in limbo or in the table, and
builds the index anew without the rest. A hit may still be using what it found in an entry that has since been made anew
in place (`docs/misses.md`), so the rest is free only after a grace period.

Thread safety: `intern` by misses, between `begin_miss` and `end_miss` (`gate.py`), and by the owner of the slow lock,
beside one another. From the return of `intern` to the store of the `ACTION` that names the record its caller keeps the
gate from being closed (a miss), or does not sweep. `sweep` by the owner of the slow lock, with the gate closed; `reuse`
by the owner.
"""

from typing import Final

import numpy as np

from fastpath.atomics import load_acquire, load_plain, multiply_mix, rotate_left, store_plain, store_release
from fastpath.compiler import cold_kernel, entry_point, kernel
from fastpath.layout import (
    ACTION,
    ENTRIES_AT,
    ENTRY_LIST,
    ENTRY_WORDS,
    FRESH,
    LOW_32,
    ONE,
    SECRET,
    SHIFT_32,
    TRANSFORM_INDEX_AT,
    TRANSFORM_INDEX_MASK,
    TRANSFORM_LINK,
    TRANSFORM_LIST,
    TRANSFORM_LOCK,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
    Index,
)
from fastpath.memory import Words
from fastpath.reclaim import Limbo
from fastpath.records import count_locked, push_locked, take_locked
from fastpath.spin_lock import acquire, release

_NOTHING = np.uint64(0)
_NAMED = np.uint64(1 << 63)
"""Mark of a sweep, in `TRANSFORM_LINK`; no record's number."""
_ENTRIES_FOR_ONE_REFUSAL: Final = 4_096
"""A sweep looks at every entry: it is worth one refused transform for so many."""


@kernel
def transform_record_at(words: Words, number: np.uint64) -> Index:
    """Index of the first word of a transform record."""
    return np.int64(words[TRANSFORMS_AT]) + np.int64(number) * TRANSFORM_WORDS


@kernel
def hash_transform(words: Words, content: Words, at: Index) -> np.uint64:
    """The 64-bit hash of the transform at `content[at]` under the arena's secret.

    The products do not wait for one another. Each has a secret of its own, so that words cannot change places.
    """
    mixed = words[SECRET]
    for word in range(0, TRANSFORM_WORDS, 2):
        one = content[at + word] ^ rotate_left(words[SECRET + 1], np.uint64(word))
        other = content[at + word + 1] ^ rotate_left(words[SECRET + 2], np.uint64(word))
        mixed ^= multiply_mix(one, other)
    return multiply_mix(mixed, words[SECRET + 3] | ONE)


@kernel
def same_transform(words: Words, record: Index, content: Words, at: Index) -> bool:
    """Whether the record that begins at `words[record]` has the words at `content[at]`; without branches."""
    difference = _NOTHING
    for word in range(TRANSFORM_WORDS):
        # Plain: the record was written before the slot that led here, and stays as it is until a sweep.
        difference |= load_plain(words, record + word) ^ content[at + word]
    return difference == _NOTHING


@kernel
def slot_of(words: Words, content: Words, at: Index, hash_: np.uint64) -> tuple[np.uint64, Index]:
    """The record with a content, 0 for none, and the slot of the index where the search ended."""
    mask, tag = words[TRANSFORM_INDEX_MASK], hash_ >> SHIFT_32
    place = hash_ & mask
    while True:
        slot = np.int64(words[TRANSFORM_INDEX_AT]) + np.int64(place)
        # Acquire: the record's words are at least as new as the slot that names it.
        found = load_acquire(words, slot)
        if found == _NOTHING:
            return found, slot
        number = found & LOW_32
        if found >> SHIFT_32 == tag and same_transform(words, transform_record_at(words, number), content, at):
            return number, slot
        place = (place + ONE) & mask


@kernel
def intern(words: Words, content: Words, at: Index) -> np.uint64:
    """The record whose words are those at `content[at]`, added if there is none; 0 when there is no room."""
    hash_ = hash_transform(words, content, at)
    number, _ = slot_of(words, content, at, hash_)
    if number == _NOTHING:
        number = _add(words, content, at, hash_)
    return number


@cold_kernel
def _add(words: Words, content: Words, at: Index, hash_: np.uint64) -> np.uint64:
    acquire(words, TRANSFORM_LOCK)
    # Another thread may have come first, with this transform or with one that took the slot.
    number, slot = slot_of(words, content, at, hash_)
    if number == _NOTHING:
        number = take_locked(words, TRANSFORM_LIST)
        if number != _NOTHING:
            record = transform_record_at(words, number)
            for word in range(TRANSFORM_WORDS):
                store_plain(words, record + word, content[at + word])
            # Release: whoever finds the slot finds the record written.
            store_release(words, slot, (hash_ >> SHIFT_32) << SHIFT_32 | number)
    release(words, TRANSFORM_LOCK)
    return number


@entry_point
def intern_alone(words: Words, content: Words) -> np.uint64:
    """`intern` for a slow operation: the content is an array of its own."""
    return intern(words, content, 0)


# --- finding out which are needed: misses are kept out, and hits read neither links nor index, so plain accesses do ---


@entry_point
def sweep(words: Words) -> np.uint64:
    """Forget the transforms that no entry names.

    Returns a chain of them for `reuse` after a grace period, 0 if there is none. Takes a few nanoseconds for each entry
    that has ever been used.
    """
    _mark_named(words)
    chain = _clear_index(words)
    for number in range(1, np.int64(load_plain(words, TRANSFORM_LIST + FRESH)) + 1):
        record = transform_record_at(words, np.uint64(number))
        if load_plain(words, record + TRANSFORM_LINK) == _NAMED:
            store_plain(words, record + TRANSFORM_LINK, _NOTHING)
            hash_ = hash_transform(words, words, record)
            _, slot = slot_of(words, words, record, hash_)
            store_plain(words, slot, (hash_ >> SHIFT_32) << SHIFT_32 | np.uint64(number))
    return chain


@cold_kernel
def _mark_named(words: Words) -> None:
    """Mark what entries name, those that wait for their grace period among them, for hits may hold them."""
    for entry in range(1, np.int64(load_plain(words, ENTRY_LIST + FRESH)) + 1):
        number = load_plain(words, np.int64(words[ENTRIES_AT]) + entry * ENTRY_WORDS + ACTION) >> SHIFT_32
        if number != _NOTHING:
            store_plain(words, transform_record_at(words, number) + TRANSFORM_LINK, _NAMED)


@cold_kernel
def _clear_index(words: Words) -> np.uint64:
    """Empty the index; a chain of the records in it that are not marked. Their words stay, for hits may read them."""
    chain = _NOTHING
    for place in range(np.int64(words[TRANSFORM_INDEX_MASK]) + 1):
        slot = np.int64(words[TRANSFORM_INDEX_AT]) + place
        number = load_plain(words, slot) & LOW_32
        if number != _NOTHING:
            store_plain(words, slot, _NOTHING)
            link = transform_record_at(words, number) + TRANSFORM_LINK
            if load_plain(words, link) != _NAMED:
                store_plain(words, link, chain)
                chain = number
    return chain


@entry_point
def reuse(words: Words, chain: np.uint64) -> None:
    """Free the records of a chain that `sweep` returned, once the grace period is over."""
    while chain != _NOTHING:
        following = load_plain(words, transform_record_at(words, chain) + TRANSFORM_LINK)
        # One by one, so that no miss waits for long.
        acquire(words, TRANSFORM_LOCK)
        push_locked(words, TRANSFORM_LIST, chain)
        release(words, TRANSFORM_LOCK)
        chain = following


@entry_point
def count_free_transforms(words: Words) -> np.uint64:
    """How many records no transform is in, those left out that a sweep has found and that wait for a grace period."""
    acquire(words, TRANSFORM_LOCK)
    free = count_locked(words, TRANSFORM_LIST)
    release(words, TRANSFORM_LOCK)
    return free


class Transforms:
    """The transforms of an arena, for the owner of the slow lock with the gate closed."""

    def __init__(self, words: Words, limbo: Limbo) -> None:
        self._words = words
        self._limbo = limbo
        self._refused = 0

    def take(self, content: tuple[int, ...]) -> int | None:
        """The number of the record with these words, written if it is new; None when there is no room.

        The caller names it by an entry's `ACTION` before it takes another.
        """
        words = np.array(content, np.uint64)
        number = int(intern_alone(self._words, words))
        if number == 0 and self._may_sweep():
            self.sweep()
            number = int(intern_alone(self._words, words))
        return number or None

    def _may_sweep(self) -> bool:
        self._refused += 1
        return self._refused * _ENTRIES_FOR_ONE_REFUSAL > int(self._words[ENTRY_LIST + FRESH])

    def sweep(self) -> None:
        """Let go of what no entry names: at once when nobody is inside a batch, else after a grace period."""
        self._refused = 0
        chain = np.uint64(sweep(self._words))
        if chain:
            self._limbo.retire(lambda: reuse(self._words, chain))

    @property
    def free(self) -> int:
        """How many records no transform is in."""
        return int(count_free_transforms(self._words))
