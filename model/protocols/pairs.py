"""The paired install: the halves of a flow enter and leave the table together, whoever else does the same beside it.

The model of `install` and `remove` in `fastpath/uft.py` and of `link` in `fastpath/commit.py`, which lock with
`lock_keys` in `fastpath/hash_table.py`: any number of threads, of buckets, of entries and of keys. Every bucket is
locked before any is changed, in ascending order; so whoever finds a bucket unlocked finds each entry in it with a
partner that is linked, too, and was made with it. A bucket holds any number of entries here: that one has no slot left
is to link one half and to unlink it again.

Each making of a pair has a number of its own: the incarnation. Records are used again for other pairs; that nobody
still reads them is not told here (`model.protocols.grace`), nor what a look-up sees while buckets change
(`model.protocols.bucket`). `taken` is what the proof remembers: who has an entry in hand. Two threads never have one:
removals of a flow follow one another under the slow lock, and a record that was taken from the list is its taker's.
"""

from model.protocols.protocol import Change, Protocol, set_all, set_at
from model.protocols.terms import NUMBER, TRUTH, Sort, Term, Word, both, choose, constant, either, every

THREAD = Sort("thread", nothing="nobody")
BUCKET = Sort("bucket", nothing="no bucket")
ENTRY = Sort("entry", nothing="no entry")
KEY = Sort("key")
PHASE = Sort("phase", values=("idle", "writing", "locking", "changing", "unlocking"))
JOB = Sort("job", values=("install", "remove"))

NOBODY, NO_BUCKET, NO_ENTRY = THREAD.none, BUCKET.none, ENTRY.none
IDLE, WRITING, LOCKING, CHANGING, UNLOCKING = (PHASE.value(name) for name in PHASE.values)
INSTALL, REMOVE = (JOB.value(name) for name in JOB.values)

rank = Word("rank", (BUCKET,), NUMBER, constant=True)
one = Word("one", (KEY,), BUCKET, constant=True)
two = Word("two", (KEY,), BUCKET, constant=True)
owner = Word("owner", (BUCKET,), THREAD)

key = Word("key", (ENTRY,), KEY)
place = Word("place", (ENTRY,), BUCKET)
partner = Word("partner", (ENTRY,), ENTRY)
making = Word("making", (ENTRY,), NUMBER)
free = Word("free", (ENTRY,), TRUTH)
taken = Word("taken", (ENTRY,), THREAD, ghost=True)
makings = Word("makings", (), NUMBER, ghost=True)

phase = Word("phase", (THREAD,), PHASE)
job = Word("job", (THREAD,), JOB)
first = Word("first", (THREAD,), ENTRY)
second = Word("second", (THREAD,), ENTRY)
stamp = Word("stamp", (THREAD,), NUMBER, ghost=True)
absent = Word("absent", (THREAD,), TRUTH)

pairs = Protocol(
    "paired install",
    "threads install and remove pairs of entries under the locks of all their buckets",
    words=(
        *(rank, one, two, owner),
        *(key, place, partner, making, free, taken, makings),
        *(phase, job, first, second, stamp, absent),
    ),
)

Parts = tuple[dict[str, Term], list[Change]]


def is_mine(thread: Term, entry: Term) -> Term:
    """The entry is one of the two that a thread has in hand."""
    return (entry == first(thread)) | (entry == second(thread))


def wanted(thread: Term, bucket: Term) -> Term:
    """The bucket is one of the four of a thread's two keys."""
    return either(*(bucket == candidate for candidate in four(thread)))


def four(thread: Term) -> tuple[Term, Term, Term, Term]:
    """The buckets of a thread's two keys."""
    mine, other = key(first(thread)), key(second(thread))
    return one(mine), two(mine), one(other), two(other)


def _for_mine(word: Word, thread: Term, value: Term, name: str = "") -> Change:
    """A word of both entries that a thread has in hand."""
    return set_all(word, lambda entry: choose(is_mine(thread, entry), value, word(entry)), name)


def linked(entry: Term) -> Term:
    """A bucket names the entry."""
    return (place(entry) != NO_BUCKET) & (entry != NO_ENTRY)


@pairs.starts(KEY)
def _each_key_has_two_buckets(name: Term) -> Term:
    return (one(name) != NO_BUCKET) & (two(name) != NO_BUCKET)


@pairs.starts(BUCKET, BUCKET)
def _buckets_have_an_order(bucket: Term, other: Term) -> Term:
    return (rank(bucket) == rank(other)) >> (bucket == other)


@pairs.starts(BUCKET)
def _no_bucket_is_locked(bucket: Term) -> Term:
    return owner(bucket) == NOBODY


@pairs.starts(THREAD)
def _everybody_is_idle(thread: Term) -> Term:
    return phase(thread) == IDLE


@pairs.starts(ENTRY)
def _all_entries_are_free(entry: Term) -> Term:
    return both(place(entry) == NO_BUCKET, taken(entry) == NOBODY, making(entry) <= makings())


# --- records ---


@pairs.step("records.take, Records.take", THREAD, ENTRY, ENTRY)
def take_two_records(thread: Term, entry: Term, other: Term) -> Parts:
    """For a pair that is to come."""
    return {
        "a thread that does nothing else": (phase(thread) == IDLE) & (thread != NOBODY),
        "two entries": (entry != other) & (entry != NO_ENTRY) & (other != NO_ENTRY),
        "both are free": free(entry) & free(other),
    }, [
        set_at(first, [thread], entry),
        set_at(second, [thread], other),
        set_at(phase, [thread], WRITING),
        set_at(job, [thread], INSTALL),
        set_at(absent, [thread], False, "nothing is known of the keys"),
        set_at(makings, [], makings() + 1, "one more making"),
        set_at(stamp, [thread], makings() + 1),
        set_all(taken, lambda each: choose((each == entry) | (each == other), thread, taken(each))),
        set_all(
            free,
            lambda each: choose((each == entry) | (each == other), constant(False), free(each)),
            "they are free no more",
        ),
    ]


@pairs.step("uft.write_entry, commit.write_half: store_relaxed of KEY, BINDING and the rest", THREAD, ENTRY, KEY)
def write_a_half(thread: Term, entry: Term, name: Term) -> Parts:
    """In a record that nobody can reach."""
    return {
        "before any bucket is locked": (phase(thread) == WRITING) & (thread != NOBODY),
        "its own record": is_mine(thread, entry),
    }, [
        set_at(key, [entry], name),
        set_at(making, [entry], stamp(thread)),
    ]


@pairs.step("uft.install, commit.link: call of lock_keys", THREAD)
def begin_to_install(thread: Term) -> Parts:
    """The halves are written, and have different keys."""
    return {
        "before any bucket is locked": (phase(thread) == WRITING) & (thread != NOBODY),
        "both halves are written": both(
            making(first(thread)) == stamp(thread), making(second(thread)) == stamp(thread)
        ),
        "two keys": key(first(thread)) != key(second(thread)),
    }, [set_at(phase, [thread], LOCKING)]


@pairs.step("uft.remove: call", THREAD, ENTRY, ENTRY)
def begin_to_remove(thread: Term, entry: Term, other: Term) -> Parts:
    """A pair that is linked, and that nobody else is about to remove."""
    return {
        "a thread that does nothing else": (phase(thread) == IDLE) & (thread != NOBODY),
        "nobody else has it in hand": taken(entry) == NOBODY,
        "linked": linked(entry),
        "the partner that it names": (partner(entry) == other),
    }, [
        set_at(first, [thread], entry),
        set_at(second, [thread], other),
        set_at(phase, [thread], LOCKING),
        set_at(job, [thread], REMOVE),
        set_at(absent, [thread], False),
        set_all(taken, lambda each: choose((each == entry) | (each == other), thread, taken(each))),
    ]


# --- a commit ---


@pairs.step("hash_table.lock_bucket: compare_and_swap of VERSION", THREAD, BUCKET)
def lock_the_next_bucket(thread: Term, bucket: Term) -> Parts:
    """The lowest of its buckets that it has not locked yet; one that somebody else has is waited for."""

    def lower_ones(lower: Term) -> Term:
        return (wanted(thread, lower) & (rank(lower) < rank(bucket))) >> (owner(lower) == thread)

    return {
        "about to lock": (phase(thread) == LOCKING) & (thread != NOBODY),
        "a bucket of its keys": wanted(thread, bucket),
        "nobody has it": owner(bucket) == NOBODY,
        "all lower ones are locked": every([BUCKET], lower_ones),
    }, [set_at(owner, [bucket], thread)]


@pairs.step("hash_table.lock_keys: return", THREAD)
def have_all_buckets(thread: Term) -> Parts:
    """From here on they may be changed."""
    return {
        "about to lock": (phase(thread) == LOCKING) & (thread != NOBODY),
        "every bucket of its keys is locked": both(*(owner(bucket) == thread for bucket in four(thread))),
    }, [set_at(phase, [thread], CHANGING)]


@pairs.step("uft._is_present, commit.is_present: false for both keys", THREAD)
def see_that_the_keys_are_absent(thread: Term) -> Parts:
    """Under the locks: nobody else can add them meanwhile."""

    def neither(entry: Term) -> Term:
        mine, other = key(first(thread)), key(second(thread))
        return linked(entry) >> ((key(entry) != mine) & (key(entry) != other))

    return {
        "every bucket of its keys is locked": (phase(thread) == CHANGING) & (thread != NOBODY),
        "no entry has either key": every([ENTRY], neither),
    }, [set_at(absent, [thread], True)]


@pairs.step("uft._install_locked, commit.link: write_slot", THREAD, ENTRY, BUCKET)
def link_a_half(thread: Term, entry: Term, bucket: Term) -> Parts:
    """Into either of the buckets of its key."""
    return {
        "every bucket of its keys is locked": (phase(thread) == CHANGING) & (thread != NOBODY),
        "an install": job(thread) == INSTALL,
        "its own record": is_mine(thread, entry),
        "a bucket of its key": (bucket == one(key(entry))) | (bucket == two(key(entry))),
        "the keys were seen to be absent": absent(thread),
    }, [set_at(place, [entry], bucket)]


@pairs.step("uft._install_locked, commit.write_half: store_relaxed of PARTNER", THREAD, ENTRY, ENTRY)
def name_the_partner(thread: Term, entry: Term, other: Term) -> Parts:
    """Before anybody can reach the half, or under the locks."""
    return {
        "not after the commit": ((phase(thread) == WRITING) | (phase(thread) == CHANGING)) & (thread != NOBODY),
        "its own records": both(is_mine(thread, entry), is_mine(thread, other)),
    }, [set_at(partner, [entry], other)]


@pairs.step("uft._clear; _install_locked and link without a second slot: write_slot of 0", THREAD, ENTRY)
def unlink_a_half(thread: Term, entry: Term) -> Parts:
    """Of a pair that goes, or because the other half finds no slot."""
    return {
        "every bucket of its keys is locked": (phase(thread) == CHANGING) & (thread != NOBODY),
        "its own record": is_mine(thread, entry),
    }, [set_at(place, [entry], NO_BUCKET)]


@pairs.step("uft._clear, records.clear_content: store_relaxed of PARTNER", THREAD, ENTRY)
def forget_the_partner(thread: Term, entry: Term) -> Parts:
    """Of a half that is not linked, at any time."""
    return {
        "its own record": is_mine(thread, entry) & (phase(thread) != IDLE) & (thread != NOBODY),
        "its own or its partner's slot is empty, under the locks": ~linked(entry) | (phase(thread) == CHANGING),
    }, [set_at(partner, [entry], NO_ENTRY)]


@pairs.step("hash_table.unlock_in_order: call", THREAD)
def begin_to_unlock(thread: Term) -> Parts:
    """The commit is over: both halves are linked and name each other, or neither is linked."""
    mine, other = first(thread), second(thread)
    return {
        "every bucket of its keys is locked": (phase(thread) == CHANGING) & (thread != NOBODY),
        "both are linked, or neither": linked(mine) == linked(other),
        "linked halves name each other": linked(mine) >> ((partner(mine) == other) & (partner(other) == mine)),
    }, [set_at(phase, [thread], UNLOCKING)]


@pairs.step("hash_table.unlock_bucket: store_release of VERSION", THREAD, BUCKET)
def unlock_a_bucket(thread: Term, bucket: Term) -> Parts:
    """In any order."""
    return {
        "the commit is over": (phase(thread) == UNLOCKING) & (thread != NOBODY),
        "its own lock": owner(bucket) == thread,
    }, [set_at(owner, [bucket], NOBODY)]


@pairs.step("hash_table.unlock_in_order: return; later reclaim.py, records.give_back", THREAD)
def finish(thread: Term) -> Parts:
    """What is not linked is free from here on, once nobody can be reading it any more."""
    gone = ~linked(first(thread))
    return {
        "the commit is over": (phase(thread) == UNLOCKING) & (thread != NOBODY),
        "no bucket is locked": both(*(owner(bucket) != thread for bucket in four(thread))),
    }, [
        set_at(phase, [thread], IDLE),
        _for_mine(taken, thread, NOBODY),
        set_all(free, lambda entry: choose(is_mine(thread, entry), gone, free(entry))),
    ]
