"""The versioned hash table: from the key of a half to its entry, read without a lock.

A bucket is one cache line: a version and seven slots. A key has two candidate buckets and lies in the first unless that
was crowded. Who changes a bucket makes its version odd, writes, and makes it even again (a sequence lock); a reader
takes an even version, reads, and starts over if the version has changed meanwhile. So a reader sees a bucket as it was
at one moment, and writes nothing.

Thread safety: `find` may run at any time, inside an announced batch (`reclaim.py`), so that what it reads is not
reused meanwhile. Buckets are locked in ascending order only. A key is an array and an index: five words as laid out
in `layout.KEY`.
"""

import numpy as np

from fastpath.atomics import (
    compare_and_swap,
    fence_acquire,
    fence_release,
    load_acquire,
    load_relaxed,
    multiply_mix,
    pause,
    prefetch,
    store_relaxed,
    store_release,
)
from fastpath.compiler import kernel
from fastpath.layout import (
    ACTION,
    BINDING,
    BUCKET_MASK,
    BUCKET_WORDS,
    BUCKETS_AT,
    ENTRIES_AT,
    ENTRY_WORDS,
    FLOW_WORDS,
    FLOWS_AT,
    KEY,
    KEY_WORDS,
    LINE,
    LOW_32,
    ONE,
    REWRITE,
    SECRET,
    SHIFT_32,
    SLOT_TAG_SHIFT,
    SLOTS,
    TRANSFORM_WORDS,
    TRANSFORMS_AT,
    VERSION,
    Index,
)
from fastpath.memory import Words

NOTHING = np.uint64(0)
_LAST_SLOT = np.uint64(SLOTS)
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)


@kernel
def hash_key(words: Words, keys: Words, at: Index) -> np.uint64:
    """The 64-bit hash of the key at `keys[at]` under the arena's secret.

    The low half chooses the bucket, the high half is the tag.
    """
    sources = multiply_mix(keys[at] ^ words[SECRET], keys[at + 1] ^ words[SECRET + 1])
    destinations = multiply_mix(keys[at + 2] ^ words[SECRET + 2], keys[at + 3] ^ words[SECRET + 3])
    return multiply_mix(sources ^ words[SECRET + 1], destinations ^ keys[at + 4] ^ words[SECRET])


@kernel
def first_bucket(words: Words, hash_: np.uint64) -> Index:
    """Index of the version word of the preferred bucket."""
    return np.int64(words[BUCKETS_AT]) + np.int64(hash_ & words[BUCKET_MASK]) * BUCKET_WORDS


@kernel
def second_bucket(words: Words, hash_: np.uint64) -> Index:
    """Index of the version word of the other candidate; for a few keys it is the same bucket."""
    other = multiply_mix(hash_, _SPREAD)
    return np.int64(words[BUCKETS_AT]) + np.int64(other & words[BUCKET_MASK]) * BUCKET_WORDS


@kernel
def entry_at(words: Words, entry: np.uint64) -> Index:
    """Index of the first word of an entry."""
    return np.int64(words[ENTRIES_AT]) + np.int64(entry) * ENTRY_WORDS


@kernel
def same_key(words: Words, at: Index, keys: Words, other: Index) -> bool:
    """Whether the key of the entry that begins at `words[at]` is the one at `keys[other]`."""
    word = 0
    while word < KEY_WORDS and load_relaxed(words, at + KEY + word) == keys[other + word]:
        word += 1
    return word == KEY_WORDS


@kernel
def entry_in_bucket(words: Words, bucket: Index, keys: Words, at: Index, hash_: np.uint64) -> np.uint64:
    """The entry that a bucket holds for a key, 0 for none. What it returns is worth as much as the bucket's version."""
    tag = hash_ >> SLOT_TAG_SHIFT
    for slot in range(1, SLOTS + 1):
        content = load_relaxed(words, bucket + slot)
        if content != NOTHING and content >> SLOT_TAG_SHIFT == tag:
            entry = content & LOW_32
            if same_key(words, entry_at(words, entry), keys, at):
                return entry
    return NOTHING


@kernel
def find_in_bucket(
    words: Words, bucket: Index, keys: Words, at: Index, hash_: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """What `find` returns, looking into one bucket only."""
    while True:
        # Acquire: the slots and entries read below are at least as new as this version.
        version = load_acquire(words, bucket + VERSION)
        if version & ONE != NOTHING:
            pause()
            continue
        entry = entry_in_bucket(words, bucket, keys, at, hash_)
        binding = action = rewrite = NOTHING
        if entry != NOTHING:
            base = entry_at(words, entry)
            binding = load_relaxed(words, base + BINDING)
            action = load_relaxed(words, base + ACTION)
            rewrite = load_relaxed(words, base + REWRITE)
        # The fence keeps the reads above before the second look at the version.
        fence_acquire()
        if load_relaxed(words, bucket + VERSION) == version:
            return entry, binding, action, rewrite


@kernel
def find(words: Words, keys: Words, at: Index, hash_: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Look a key up.

    Returns `(entry, binding, action, rewrite)` as they stood together at one moment, all 0 when there is no entry.
    """
    found = find_in_bucket(words, first_bucket(words, hash_), keys, at, hash_)
    if found[0] != NOTHING:
        return found
    return find_in_bucket(words, second_bucket(words, hash_), keys, at, hash_)


@kernel
def find_hinted(
    words: Words, keys: Words, at: Index, hash_: np.uint64, hint: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """As `find`, looking first at the slot of a hint. A wrong hint costs time only.

    Hints are 1 to 7 for the slots of the first bucket, 8 to 14 for those of the other one, 0 for none.
    """
    if hint != NOTHING:
        bucket = hinted_bucket(words, hash_, hint)
        # Acquire, and the fence below: as in `find_in_bucket`.
        version = load_acquire(words, bucket + VERSION)
        content = load_relaxed(words, bucket + hinted_slot(hint))
        if version & ONE == NOTHING and content >> SLOT_TAG_SHIFT == hash_ >> SLOT_TAG_SHIFT:
            entry = content & LOW_32
            base = entry_at(words, entry)
            if entry != NOTHING and same_key(words, base, keys, at):
                binding = load_relaxed(words, base + BINDING)
                action = load_relaxed(words, base + ACTION)
                rewrite = load_relaxed(words, base + REWRITE)
                fence_acquire()
                if load_relaxed(words, bucket + VERSION) == version:
                    return entry, binding, action, rewrite
    return find(words, keys, at, hash_)


@kernel
def prefetch_bucket(words: Words, hash_: np.uint64) -> None:
    """Ask for the bucket where a look-up will begin."""
    prefetch(words, first_bucket(words, hash_))


@kernel
def prefetch_buckets(words: Words, hash_: np.uint64) -> None:
    """Ask for both buckets of a key that is to be installed."""
    prefetch(words, first_bucket(words, hash_))
    prefetch(words, second_bucket(words, hash_))


@kernel
def slot_with_tag(words: Words, bucket: Index, hash_: np.uint64) -> np.uint64:
    """Number of a slot with the key's tag, 0 for none; without branches, for which slot it is cannot be foreseen."""
    tag = hash_ >> SLOT_TAG_SHIFT
    found = NOTHING
    for slot in range(SLOTS, 0, -1):
        found = np.uint64(slot) if load_relaxed(words, bucket + slot) >> SLOT_TAG_SHIFT == tag else found
    return found


@kernel
def prefetch_first_line(words: Words, slot: Index) -> None:
    """Ask for the line of an entry that a slot names which says where to go on."""
    prefetch(words, entry_at(words, load_relaxed(words, slot) & LOW_32))


@kernel
def hinted_bucket(words: Words, hash_: np.uint64, hint: np.uint64) -> Index:
    """The bucket that a hint is about."""
    return first_bucket(words, hash_) if hint <= _LAST_SLOT else second_bucket(words, hash_)


@kernel
def hinted_slot(hint: np.uint64) -> Index:
    """The slot's number within the bucket that a hint is about."""
    return np.int64(hint if hint <= _LAST_SLOT else hint - _LAST_SLOT)


@kernel
def prefetch_entry(words: Words, hash_: np.uint64) -> np.uint64:
    """Ask for the first line of the entry that a look-up will probably find; its slot, for `find_hinted`.

    Without one in the first bucket, for the other bucket, and the slot is 0. A wrong guess costs time only.
    """
    bucket = first_bucket(words, hash_)
    slot = slot_with_tag(words, bucket, hash_)
    if slot == NOTHING:
        prefetch(words, second_bucket(words, hash_))
    else:
        prefetch_first_line(words, bucket + np.int64(slot))
    return slot


@kernel
def prefetch_flow(words: Words, hash_: np.uint64, hint: np.uint64) -> np.uint64:
    """Ask for what belongs to the entry that a look-up will probably find; a better hint.

    Where the first bucket had nothing, the entry itself is asked for if the other one has it; `prefetch_late_flow` goes
    on from there.
    """
    if hint == NOTHING:
        bucket = second_bucket(words, hash_)
        slot = slot_with_tag(words, bucket, hash_)
        prefetch_first_line(words, bucket + np.int64(slot))
        return slot + _LAST_SLOT if slot != NOTHING else NOTHING
    prefetch_the_rest(words, first_bucket(words, hash_) + np.int64(hint))
    return hint


@kernel
def prefetch_late_flow(words: Words, hash_: np.uint64, hint: np.uint64) -> None:
    """As `prefetch_flow`, of an entry in the other bucket."""
    if hint > _LAST_SLOT:
        prefetch_the_rest(words, second_bucket(words, hash_) + np.int64(hint - _LAST_SLOT))


@kernel
def prefetch_the_rest(words: Words, slot: Index) -> None:
    """Ask for the flow record, the second line and the transform of the entry that a slot names.

    The second line could be asked for without having read the first. But few lines can be on their way at once, and it
    would hold up the first ones, for which the next stage waits.
    """
    base = entry_at(words, load_relaxed(words, slot) & LOW_32)
    flow, transform = load_relaxed(words, base + BINDING) & LOW_32, load_relaxed(words, base + ACTION) >> SHIFT_32
    prefetch(words, np.int64(words[FLOWS_AT]) + np.int64(flow) * FLOW_WORDS)
    prefetch(words, base + LINE)
    prefetch(words, np.int64(words[TRANSFORMS_AT]) + np.int64(transform) * TRANSFORM_WORDS)


@kernel
def lock_bucket(words: Words, bucket: Index) -> None:
    """Make the version odd, waiting while another writer has it odd."""
    while True:
        version = load_relaxed(words, bucket + VERSION)
        if version & ONE == NOTHING and compare_and_swap(words, bucket + VERSION, version, version + ONE):
            # Readers that see any of the coming stores must also see the odd version.
            fence_release()
            return
        pause()


@kernel
def unlock_bucket(words: Words, bucket: Index) -> None:
    """Make the version even: from here on readers see what was written. Only for the writer that locked the bucket."""
    store_release(words, bucket + VERSION, load_relaxed(words, bucket + VERSION) + ONE)


@kernel
def lock_in_order(words: Words, a: Index, b: Index, c: Index, d: Index) -> tuple[Index, Index, Index, Index]:
    """Lock four buckets, which may coincide, in ascending order; returns them in that order for `unlock_in_order`."""
    a, b = min(a, b), max(a, b)
    c, d = min(c, d), max(c, d)
    a, c = min(a, c), max(a, c)
    b, d = min(b, d), max(b, d)
    b, c = min(b, c), max(b, c)
    lock_bucket(words, a)
    if b != a:
        lock_bucket(words, b)
    if c != b:
        lock_bucket(words, c)
    if d != c:
        lock_bucket(words, d)
    return a, b, c, d


@kernel
def lock_keys(words: Words, first_hash: np.uint64, second_hash: np.uint64) -> tuple[Index, Index, Index, Index]:
    """Lock all candidate buckets of two keys, by their hashes, as `lock_in_order` does."""
    return lock_in_order(
        words,
        first_bucket(words, first_hash),
        second_bucket(words, first_hash),
        first_bucket(words, second_hash),
        second_bucket(words, second_hash),
    )


@kernel
def unlock_in_order(words: Words, a: Index, b: Index, c: Index, d: Index) -> None:
    """Unlock what `lock_in_order` returned."""
    unlock_bucket(words, a)
    if b != a:
        unlock_bucket(words, b)
    if c != b:
        unlock_bucket(words, c)
    if d != c:
        unlock_bucket(words, d)


@kernel
def slot_holding(words: Words, bucket: Index, content: np.uint64) -> Index:
    """Index of the slot of a locked bucket with this content (0 for an empty slot), or -1."""
    for slot in range(1, SLOTS + 1):
        if load_relaxed(words, bucket + slot) == content:
            return bucket + slot
    return -1


@kernel
def slot_content(hash_: np.uint64, entry: np.uint64) -> np.uint64:
    """What a slot holds for an entry."""
    return (hash_ >> SLOT_TAG_SHIFT) << SLOT_TAG_SHIFT | entry


@kernel
def write_slot(words: Words, slot: Index, content: np.uint64) -> None:
    """Fill or empty (0) a slot of a locked bucket."""
    store_relaxed(words, slot, content)
