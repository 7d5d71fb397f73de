"""The versioned bucket: a reader takes no lock, and yet sees a bucket, and the entries that it names, at one moment.

The model of `find_in_bucket`, `lock_bucket`, `unlock_bucket` and `write_slot` in `fastpath/hash_table.py`, with any
number of readers and writers, buckets, slots in each, entries, and words in each entry. It is a sequence lock that
protects more than its own line: an entry has no version, it is read under that of the bucket that names it, and is
written by whoever has locked all buckets that name it, also where none does. That nobody else writes to an entry that
no bucket names is for those to see to who hand out entries (`model.protocols.grace`).

`named_then` and `said_then` are what the proof remembers: what slots named and entries said at the moment when a reader
read the version. What the reader believes in the end is promised to be that.
"""

from model.protocols.protocol import Change, Protocol, set_all, set_at
from model.protocols.terms import NUMBER, TRUTH, Sort, Term, Word, both, choose, constant, every, odd

THREAD = Sort("thread", nothing="nobody")
BUCKET = Sort("bucket", nothing="no bucket")
SLOT = Sort("slot")
ENTRY = Sort("entry", nothing="no entry")
FIELD = Sort("field")
VALUE = Sort("value")

home = Word("home", (SLOT,), BUCKET, constant=True)
version = Word("version", (BUCKET,), NUMBER)
owner = Word("owner", (BUCKET,), THREAD, ghost=True)
names = Word("names", (SLOT,), ENTRY)
says = Word("says", (ENTRY, FIELD), VALUE)

looks_at = Word("looks_at", (THREAD,), BUCKET)
believes = Word("believes", (THREAD,), BUCKET)
returns = Word("returns", (THREAD,), BUCKET)
noted = Word("noted", (THREAD,), NUMBER)
met = Word("met", (THREAD, SLOT), TRUTH)
found = Word("found", (THREAD, SLOT), ENTRY)
read = Word("read", (THREAD, ENTRY, FIELD), TRUTH)
got = Word("got", (THREAD, ENTRY, FIELD), VALUE)

named_then = Word("named_then", (THREAD, SLOT), ENTRY, ghost=True)
said_then = Word("said_then", (THREAD, ENTRY, FIELD), VALUE, ghost=True)

NOBODY, NO_BUCKET, NO_ENTRY = THREAD.none, BUCKET.none, ENTRY.none

bucket = Protocol(
    "versioned bucket",
    "readers look buckets up while writers change them, without a lock that both take",
    words=(
        *(home, version, owner, names, says),
        *(looks_at, believes, returns, noted, met, found, read, got),
        *(named_then, said_then),
    ),
)

Parts = tuple[dict[str, Term], list[Change]]


@bucket.starts(SLOT)
def _each_slot_is_in_a_bucket(slot: Term) -> Term:
    return home(slot) != NO_BUCKET


@bucket.starts(BUCKET)
def _nobody_has_a_bucket(place: Term) -> Term:
    return (owner(place) == NOBODY) & ~odd(version(place))


@bucket.starts(THREAD)
def _nobody_looks(thread: Term) -> Term:
    return both(looks_at(thread) == NO_BUCKET, believes(thread) == NO_BUCKET, returns(thread) == NO_BUCKET)


# --- a look-up: H3 ---


@bucket.step("hash_table.find_in_bucket: load_acquire of VERSION", THREAD, BUCKET)
def read_the_version(thread: Term, place: Term) -> Parts:
    """An even version; an odd one is waited for, which changes nothing."""

    def forgotten(word: Word) -> Change:
        named = f"{word.name} is forgotten"
        return set_all(word, lambda own, *rest: choose(own == thread, constant(False), word(own, *rest)), named)

    return {"the version is even": ~odd(version(place))}, [
        set_at(looks_at, [thread], place),
        set_at(believes, [thread], NO_BUCKET, "nothing is believed yet"),
        set_at(returns, [thread], NO_BUCKET, "nothing is returned yet"),
        set_at(noted, [thread], version(place), "the version is noted"),
        forgotten(met),
        forgotten(read),
        set_all(named_then, lambda own, slot: choose(own == thread, names(slot), named_then(own, slot))),
        set_all(
            said_then, lambda own, entry, part: choose(own == thread, says(entry, part), said_then(own, entry, part))
        ),
    ]


@bucket.step("hash_table.entry_in_bucket: load_relaxed of a slot", THREAD, SLOT)
def read_a_slot(thread: Term, slot: Term) -> Parts:
    """Any slot of the bucket, any number of times; what is read last counts."""
    return {"the slot is in the bucket looked at": home(slot) == looks_at(thread)}, [
        set_at(met, [thread, slot], True),
        set_at(found, [thread, slot], names(slot), "what the slot names is kept"),
    ]


@bucket.step("hash_table.same_key, find_in_bucket: load_relaxed of a word of the entry", THREAD, SLOT, ENTRY, FIELD)
def read_a_word(thread: Term, slot: Term, entry: Term, part: Term) -> Parts:
    """A word of the entry that a slot of the bucket named when the slot was read."""
    return {
        "an entry": entry != NO_ENTRY,
        "the slot is in the bucket looked at": home(slot) == looks_at(thread),
        "the slot has named the entry": met(thread, slot) & (found(thread, slot) == entry),
    }, [
        set_at(read, [thread, entry, part], True),
        set_at(got, [thread, entry, part], says(entry, part), "what the word says is kept"),
    ]


@bucket.step("hash_table.find_in_bucket: load_relaxed of VERSION, as noted", THREAD, BUCKET)
def find_the_same_version(thread: Term, place: Term) -> Parts:
    """The look-up believes what it has read."""
    return {
        "it looks at this bucket": (looks_at(thread) == place) & (place != NO_BUCKET),
        "the version is as noted": version(place) == noted(thread),
    }, [
        set_at(looks_at, [thread], NO_BUCKET, "the look-up is over"),
        set_at(believes, [thread], place),
    ]


@bucket.step("hash_table.find_in_bucket: load_relaxed of VERSION, changed", THREAD)
def find_another_version(thread: Term) -> Parts:
    """The look-up begins anew, and forgets what it has read."""
    return {}, [set_at(looks_at, [thread], NO_BUCKET)]


@bucket.step("hash_table.find_in_bucket: return", THREAD, BUCKET)
def return_what_was_found(thread: Term, place: Term) -> Parts:
    """From here on somebody acts on it."""
    return {"it is believed": believes(thread) == place}, [set_at(returns, [thread], place)]


# --- a commit: S3, M6 ---


@bucket.step("hash_table.lock_bucket: compare_and_swap of VERSION", THREAD, BUCKET)
def lock_the_bucket(thread: Term, place: Term) -> Parts:
    """The version becomes odd."""
    return {
        "a writer": (thread != NOBODY) & (place != NO_BUCKET),
        "the version is even": ~odd(version(place)),
    }, [
        set_at(version, [place], version(place) + 1, "the version becomes odd"),
        set_at(owner, [place], thread),
    ]


@bucket.step("hash_table.write_slot: store_relaxed", THREAD, SLOT, ENTRY)
def write_a_slot(thread: Term, slot: Term, entry: Term) -> Parts:
    """An entry is linked, or none."""
    return {
        "the bucket is locked": (owner(home(slot)) == thread) & (thread != NOBODY),
    }, [set_at(names, [slot], entry)]


@bucket.step("uft.write_entry, commit.write_half, renew.py: store_relaxed of a word", THREAD, ENTRY, FIELD, VALUE)
def write_a_word(thread: Term, entry: Term, part: Term, value: Term) -> Parts:
    """A word of an entry that nobody can reach, or whose buckets are all locked."""
    named_elsewhere = every([SLOT], lambda slot: (names(slot) == entry) >> (owner(home(slot)) == thread))
    return {
        "a writer": both(thread != NOBODY, entry != NO_ENTRY),
        "every bucket that names it is locked": named_elsewhere,
    }, [set_at(says, [entry, part], value)]


@bucket.step("hash_table.unlock_bucket: store_release of VERSION", THREAD, BUCKET)
def unlock_the_bucket(thread: Term, place: Term) -> Parts:
    """The version becomes even, and another one than before."""
    return {
        "the bucket is locked": (owner(place) == thread) & (thread != NOBODY) & (place != NO_BUCKET),
    }, [
        set_at(version, [place], version(place) + 1, "the version becomes even"),
        set_at(owner, [place], NOBODY),
    ]


# --- what holds ---


def _unchanged(thread: Term, slot: Term) -> Term:
    """A thread looks at the bucket of a slot, whose version is still as noted."""
    return (looks_at(thread) == home(slot)) & (version(home(slot)) == noted(thread))


@bucket.always(SLOT)
def each_slot_is_in_a_bucket(slot: Term) -> Term:
    """Each slot belongs to a bucket."""
    return home(slot) != NO_BUCKET


@bucket.always(BUCKET)
def odd_while_locked(place: Term) -> Term:
    """The version of a bucket is odd while somebody has it."""
    return (
        (place == NO_BUCKET)
        | ((owner(place) != NOBODY) & odd(version(place)))
        | ((owner(place) == NOBODY) & ~odd(version(place)))
    )


@bucket.always(THREAD)
def versions_only_rise(thread: Term) -> Term:
    """What a reader has noted is even, and no later version than the present one."""
    looks = looks_at(thread) != NO_BUCKET
    return looks >> ((noted(thread) <= version(looks_at(thread))) & ~odd(noted(thread)))


@bucket.always(THREAD, SLOT)
def same_version_same_slots(thread: Term, slot: Term) -> Term:
    """While the version is as noted, slots name what they named then."""
    return _unchanged(thread, slot) >> (names(slot) == named_then(thread, slot))


@bucket.always(THREAD, SLOT, FIELD)
def same_version_same_entries(thread: Term, slot: Term, part: Term) -> Term:
    """While the version is as noted, entries that the bucket names say what they said then."""
    entry = names(slot)
    unchanged = _unchanged(thread, slot) & (entry != NO_ENTRY)
    return unchanged >> (says(entry, part) == said_then(thread, entry, part))


@bucket.always(THREAD, SLOT)
def slots_read_so_far(thread: Term, slot: Term) -> Term:
    """While the version is as noted, what was read of a slot is what it named then."""
    return (_unchanged(thread, slot) & met(thread, slot)) >> (found(thread, slot) == named_then(thread, slot))


@bucket.always(THREAD, ENTRY, FIELD)
def words_read_so_far(thread: Term, entry: Term, part: Term) -> Term:
    """While the version is as noted, what was read of an entry is what it said then."""
    looks = (looks_at(thread) != NO_BUCKET) & (version(looks_at(thread)) == noted(thread))
    return (looks & read(thread, entry, part)) >> (got(thread, entry, part) == said_then(thread, entry, part))


@bucket.always(THREAD)
def one_look_up_at_a_time(thread: Term) -> Term:
    """A thread believes nothing before its look-up is over, and returns only what it believes."""
    idle = (looks_at(thread) == NO_BUCKET) | (believes(thread) == NO_BUCKET)
    return idle & ((returns(thread) == NO_BUCKET) | (returns(thread) == believes(thread)))


@bucket.always(THREAD, SLOT)
def slots_believed(thread: Term, slot: Term) -> Term:
    """What a thread believes of slots is what they named then."""
    believed = (believes(thread) == home(slot)) & met(thread, slot)
    return believed >> (found(thread, slot) == named_then(thread, slot))


@bucket.always(THREAD, ENTRY, FIELD)
def words_believed(thread: Term, entry: Term, part: Term) -> Term:
    """What a thread believes of entries is what they said then."""
    believed = (believes(thread) != NO_BUCKET) & read(thread, entry, part)
    return believed >> (got(thread, entry, part) == said_then(thread, entry, part))


@bucket.always(THREAD, SLOT, promised=True)
def slots_at_one_moment(thread: Term, slot: Term) -> Term:
    """What a look-up returns of a bucket is what all its slots named when the version was read: one writer's state."""
    returned = (returns(thread) == home(slot)) & met(thread, slot)
    return returned >> (found(thread, slot) == named_then(thread, slot))


@bucket.always(THREAD, ENTRY, FIELD, promised=True)
def entries_at_the_same_moment(thread: Term, entry: Term, part: Term) -> Term:
    """What a look-up returns of an entry is what all its words said at that moment too: never two makings mixed."""
    returned = (returns(thread) != NO_BUCKET) & read(thread, entry, part)
    return returned >> (got(thread, entry, part) == said_then(thread, entry, part))


@bucket.always(BUCKET, THREAD, THREAD, promised=True)
def one_writer(place: Term, thread: Term, other: Term) -> Term:
    """While a look-up may still believe in a bucket, nobody is in the middle of changing it."""
    return (both(looks_at(thread) == place, version(place) == noted(thread), owner(place) == other)) >> (
        (other == NOBODY) | (place == NO_BUCKET)
    )
