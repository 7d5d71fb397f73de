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


def _is_mine(thread: Term, entry: Term) -> Term:
    """The entry is one of the two that a thread has in hand."""
    return (entry == first(thread)) | (entry == second(thread))


def _wanted(thread: Term, bucket: Term) -> Term:
    """The bucket is one of the four of a thread's two keys."""
    return either(*(bucket == candidate for candidate in _four(thread)))


def _four(thread: Term) -> tuple[Term, Term, Term, Term]:
    mine, other = key(first(thread)), key(second(thread))
    return one(mine), two(mine), one(other), two(other)


def _for_mine(word: Word, thread: Term, value: Term, name: str = "") -> Change:
    """A word of both entries that a thread has in hand."""
    return set_all(word, lambda entry: choose(_is_mine(thread, entry), value, word(entry)), name)


def _paired(entry: Term) -> Term:
    """The partner of an entry is linked, names it, and was made with it."""
    other = partner(entry)
    return both(
        other != NO_ENTRY,
        other != entry,
        place(other) != NO_BUCKET,
        partner(other) == entry,
        making(other) == making(entry),
    )


def _linked(entry: Term) -> Term:
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
        "its own record": _is_mine(thread, entry),
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
        "linked": _linked(entry),
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
        return (_wanted(thread, lower) & (rank(lower) < rank(bucket))) >> (owner(lower) == thread)

    return {
        "about to lock": (phase(thread) == LOCKING) & (thread != NOBODY),
        "a bucket of its keys": _wanted(thread, bucket),
        "nobody has it": owner(bucket) == NOBODY,
        "all lower ones are locked": every([BUCKET], lower_ones),
    }, [set_at(owner, [bucket], thread)]


@pairs.step("hash_table.lock_keys: return", THREAD)
def have_all_buckets(thread: Term) -> Parts:
    """From here on they may be changed."""
    return {
        "about to lock": (phase(thread) == LOCKING) & (thread != NOBODY),
        "every bucket of its keys is locked": both(*(owner(bucket) == thread for bucket in _four(thread))),
    }, [set_at(phase, [thread], CHANGING)]


@pairs.step("uft._is_present, commit.is_present: false for both keys", THREAD)
def see_that_the_keys_are_absent(thread: Term) -> Parts:
    """Under the locks: nobody else can add them meanwhile."""

    def neither(entry: Term) -> Term:
        mine, other = key(first(thread)), key(second(thread))
        return _linked(entry) >> ((key(entry) != mine) & (key(entry) != other))

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
        "its own record": _is_mine(thread, entry),
        "a bucket of its key": (bucket == one(key(entry))) | (bucket == two(key(entry))),
        "the keys were seen to be absent": absent(thread),
    }, [set_at(place, [entry], bucket)]


@pairs.step("uft._install_locked, commit.write_half: store_relaxed of PARTNER", THREAD, ENTRY, ENTRY)
def name_the_partner(thread: Term, entry: Term, other: Term) -> Parts:
    """Before anybody can reach the half, or under the locks."""
    return {
        "not after the commit": ((phase(thread) == WRITING) | (phase(thread) == CHANGING)) & (thread != NOBODY),
        "its own records": both(_is_mine(thread, entry), _is_mine(thread, other)),
    }, [set_at(partner, [entry], other)]


@pairs.step("uft._clear; _install_locked and link without a second slot: write_slot of 0", THREAD, ENTRY)
def unlink_a_half(thread: Term, entry: Term) -> Parts:
    """Of a pair that goes, or because the other half finds no slot."""
    return {
        "every bucket of its keys is locked": (phase(thread) == CHANGING) & (thread != NOBODY),
        "its own record": _is_mine(thread, entry),
    }, [set_at(place, [entry], NO_BUCKET)]


@pairs.step("uft._clear, records.clear_content: store_relaxed of PARTNER", THREAD, ENTRY)
def forget_the_partner(thread: Term, entry: Term) -> Parts:
    """Of a half that is not linked, at any time."""
    return {
        "its own record": _is_mine(thread, entry) & (phase(thread) != IDLE) & (thread != NOBODY),
        "its own or its partner's slot is empty, under the locks": ~_linked(entry) | (phase(thread) == CHANGING),
    }, [set_at(partner, [entry], NO_ENTRY)]


@pairs.step("hash_table.unlock_in_order: call", THREAD)
def begin_to_unlock(thread: Term) -> Parts:
    """The commit is over: both halves are linked and name each other, or neither is linked."""
    mine, other = first(thread), second(thread)
    return {
        "every bucket of its keys is locked": (phase(thread) == CHANGING) & (thread != NOBODY),
        "both are linked, or neither": _linked(mine) == _linked(other),
        "linked halves name each other": _linked(mine) >> ((partner(mine) == other) & (partner(other) == mine)),
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
    gone = ~_linked(first(thread))
    return {
        "the commit is over": (phase(thread) == UNLOCKING) & (thread != NOBODY),
        "no bucket is locked": both(*(owner(bucket) != thread for bucket in _four(thread))),
    }, [
        set_at(phase, [thread], IDLE),
        _for_mine(taken, thread, NOBODY),
        set_all(free, lambda entry: choose(_is_mine(thread, entry), gone, free(entry))),
    ]


# --- what holds ---


def _at_work(thread: Term) -> Term:
    return (phase(thread) != IDLE) & (thread != NOBODY)


@pairs.always(KEY)
def each_key_has_two_buckets(name: Term) -> Term:
    """A key has two candidate buckets, which may be the same."""
    return (one(name) != NO_BUCKET) & (two(name) != NO_BUCKET)


@pairs.always(BUCKET, BUCKET)
def buckets_have_an_order(bucket: Term, other: Term) -> Term:
    """No two buckets have one rank."""
    return (rank(bucket) == rank(other)) >> (bucket == other)


@pairs.always(THREAD)
def what_a_thread_has_in_hand(thread: Term) -> Term:
    """A thread at work has two entries in hand, which are not free."""
    mine, other = first(thread), second(thread)
    return _at_work(thread) >> both(
        *(mine != other, mine != NO_ENTRY, other != NO_ENTRY),
        *(taken(mine) == thread, taken(other) == thread),
        *(~free(mine), ~free(other)),
    )


@pairs.always(ENTRY)
def who_has_an_entry_in_hand(entry: Term) -> Term:
    """An entry in hand is one of the two of a thread at work."""
    thread = taken(entry)
    return ((thread != NOBODY) & (entry != NO_ENTRY)) >> (_at_work(thread) & _is_mine(thread, entry))


@pairs.always(ENTRY)
def what_is_free(entry: Term) -> Term:
    """A free entry is in nobody's hand and in no bucket."""
    return (free(entry) & (entry != NO_ENTRY)) >> ((taken(entry) == NOBODY) & (place(entry) == NO_BUCKET))


@pairs.always(BUCKET)
def who_has_a_bucket(bucket: Term) -> Term:
    """A locked bucket is one of the four of a thread that locks, changes or unlocks."""
    thread = owner(bucket)
    busy = either(phase(thread) == LOCKING, phase(thread) == CHANGING, phase(thread) == UNLOCKING)
    return (thread != NOBODY) >> (busy & _wanted(thread, bucket))


@pairs.always(THREAD)
def all_buckets_while_changing(thread: Term) -> Term:
    """A thread that changes buckets has all four."""
    changing = (phase(thread) == CHANGING) & (thread != NOBODY)
    return changing >> both(*(owner(bucket) == thread for bucket in _four(thread)))


@pairs.always(ENTRY)
def where_an_entry_is(entry: Term) -> Term:
    """A linked entry is in a bucket of its key."""
    return _linked(entry) >> ((place(entry) == one(key(entry))) | (place(entry) == two(key(entry))))


@pairs.always(ENTRY)
def pairs_at_rest(entry: Term) -> Term:
    """A linked entry in nobody's hand is paired, and its partner is in nobody's hand either."""
    return (_linked(entry) & (taken(entry) == NOBODY)) >> (_paired(entry) & (taken(partner(entry)) == NOBODY))


@pairs.always(THREAD)
def pairs_in_hand(thread: Term) -> Term:
    """Before a commit nothing is linked that comes, and all is that goes; after it both halves are, or neither."""
    mine, other = first(thread), second(thread)
    neither = ~_linked(mine) & ~_linked(other)
    whole = both(_linked(mine), _linked(other), partner(mine) == other, partner(other) == mine)
    return _at_work(thread) >> both(
        (phase(thread) == WRITING) >> (neither & (job(thread) == INSTALL)),
        (phase(thread) == LOCKING) >> choose(job(thread) == INSTALL, neither, whole),
        (phase(thread) == UNLOCKING) >> (neither | whole),
    )


@pairs.always(THREAD)
def one_making_in_hand(thread: Term) -> Term:
    """From when the buckets are locked on, both halves in hand are of one making, and have two keys."""
    mine, other = first(thread), second(thread)
    written = _at_work(thread) & (phase(thread) != WRITING)
    return written >> (making(mine) == making(other))


@pairs.always(THREAD)
def absent_is_seen_under_the_locks(thread: Term) -> Term:
    """Nothing is known of the keys before all buckets are locked."""
    early = (phase(thread) == WRITING) | (phase(thread) == LOCKING)
    return (_at_work(thread) & early) >> ~absent(thread)


@pairs.always(THREAD, ENTRY)
def absent_while_locked(thread: Term, entry: Term) -> Term:
    """What was seen to be absent stays so until the thread itself links it."""
    looked = both(phase(thread) == CHANGING, thread != NOBODY, absent(thread), _linked(entry))
    same = (key(entry) == key(first(thread))) | (key(entry) == key(second(thread)))
    return (looked & same) >> _is_mine(thread, entry)


@pairs.always(ENTRY)
def makings_are_numbered(entry: Term) -> Term:
    """No entry is of a making to come."""
    return making(entry) <= makings()


@pairs.always(THREAD, ENTRY)
def a_stamp_is_nobody_elses(thread: Term, entry: Term) -> Term:
    """No linked entry is of the making that a thread is about to install, but its own."""
    installs = _at_work(thread) & (job(thread) == INSTALL)
    others = _linked(entry) & ~_is_mine(thread, entry)
    return installs >> ((stamp(thread) <= makings()) & (others >> (making(entry) != stamp(thread))))


@pairs.always(THREAD, THREAD)
def stamps_differ(thread: Term, other: Term) -> Term:
    """No two threads install one making."""
    installs = both(_at_work(thread), job(thread) == INSTALL, _at_work(other), job(other) == INSTALL)
    return (installs & (stamp(thread) == stamp(other))) >> (thread == other)


@pairs.always(THREAD)
def stamped_when_written(thread: Term) -> Term:
    """From when the buckets are locked on, what a thread installs is of its making."""
    installs = both(_at_work(thread), job(thread) == INSTALL, phase(thread) != WRITING)
    return installs >> ((making(first(thread)) == stamp(thread)) & (making(second(thread)) == stamp(thread)))


@pairs.always(THREAD)
def two_keys_in_hand(thread: Term) -> Term:
    """What a thread installs or removes has two keys."""
    return (_at_work(thread) & (phase(thread) != WRITING)) >> (key(first(thread)) != key(second(thread)))


@pairs.always(ENTRY, BUCKET, promised=True)
def never_half_a_pair(entry: Term, bucket: Term) -> Term:
    """Whoever finds an entry in a bucket that is not locked: its partner is linked, and names it."""
    other = partner(entry)
    visible = both(_linked(entry), place(entry) == bucket, owner(bucket) == NOBODY)
    return visible >> both(other != NO_ENTRY, other != entry, place(other) != NO_BUCKET, partner(other) == entry)


@pairs.always(ENTRY, BUCKET, promised=True)
def never_another_incarnations_partner(entry: Term, bucket: Term) -> Term:
    """Whoever finds an entry in a bucket that is not locked: its partner was made with it."""
    visible = both(_linked(entry), place(entry) == bucket, owner(bucket) == NOBODY)
    return visible >> (making(partner(entry)) == making(entry))


@pairs.always(ENTRY, ENTRY, promised=True)
def a_making_has_two_halves(entry: Term, other: Term) -> Term:
    """No third entry that is linked is of their making."""
    same = both(_linked(entry), _linked(other), making(entry) == making(other))
    in_hand = (taken(entry) != NOBODY) & _is_mine(taken(entry), other)
    return same >> either(other == entry, (taken(entry) == NOBODY) & (other == partner(entry)), in_hand)


@pairs.always(ENTRY, promised=True)
def nothing_dangles(entry: Term) -> Term:
    """No bucket names a free record."""
    return _linked(entry) >> ~free(entry)


@pairs.always(ENTRY, ENTRY, promised=True)
def one_flow_a_key(entry: Term, other: Term) -> Term:
    """No two linked entries have one key."""
    return both(_linked(entry), _linked(other), key(entry) == key(other)) >> (entry == other)


@pairs.always(THREAD, BUCKET, BUCKET, promised=True)
def nobody_waits_for_ever(thread: Term, bucket: Term, waited: Term) -> Term:
    """Who waits for a bucket has lower ones only: who has the highest waits for nobody, so that somebody gets on."""
    waits = both(phase(thread) == LOCKING, thread != NOBODY, _wanted(thread, waited), owner(waited) != thread)
    return (waits & (owner(bucket) == thread)) >> (rank(bucket) < rank(waited))
