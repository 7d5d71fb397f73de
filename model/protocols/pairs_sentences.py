"""What holds of the paired install: the invariants of the proof, and what is promised."""

from model.protocols.pairs import (
    BUCKET,
    CHANGING,
    ENTRY,
    IDLE,
    INSTALL,
    KEY,
    LOCKING,
    NO_BUCKET,
    NO_ENTRY,
    NOBODY,
    THREAD,
    UNLOCKING,
    WRITING,
    absent,
    first,
    four,
    free,
    is_mine,
    job,
    key,
    linked,
    making,
    makings,
    one,
    owner,
    pairs,
    partner,
    phase,
    place,
    rank,
    second,
    stamp,
    taken,
    two,
    wanted,
)
from model.protocols.terms import Term, both, choose, either

__all__ = ["pairs"]


def paired(entry: Term) -> Term:
    """The partner of an entry is linked, names it, and was made with it."""
    other = partner(entry)
    return both(
        other != NO_ENTRY,
        other != entry,
        place(other) != NO_BUCKET,
        partner(other) == entry,
        making(other) == making(entry),
    )


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
    return ((thread != NOBODY) & (entry != NO_ENTRY)) >> (_at_work(thread) & is_mine(thread, entry))


@pairs.always(ENTRY)
def what_is_free(entry: Term) -> Term:
    """A free entry is in nobody's hand and in no bucket."""
    return (free(entry) & (entry != NO_ENTRY)) >> ((taken(entry) == NOBODY) & (place(entry) == NO_BUCKET))


@pairs.always(BUCKET)
def who_has_a_bucket(bucket: Term) -> Term:
    """A locked bucket is one of the four of a thread that locks, changes or unlocks."""
    thread = owner(bucket)
    busy = either(phase(thread) == LOCKING, phase(thread) == CHANGING, phase(thread) == UNLOCKING)
    return (thread != NOBODY) >> (busy & wanted(thread, bucket))


@pairs.always(THREAD)
def all_buckets_while_changing(thread: Term) -> Term:
    """A thread that changes buckets has all four."""
    changing = (phase(thread) == CHANGING) & (thread != NOBODY)
    return changing >> both(*(owner(bucket) == thread for bucket in four(thread)))


@pairs.always(ENTRY)
def where_an_entry_is(entry: Term) -> Term:
    """A linked entry is in a bucket of its key."""
    return linked(entry) >> ((place(entry) == one(key(entry))) | (place(entry) == two(key(entry))))


@pairs.always(ENTRY)
def pairs_at_rest(entry: Term) -> Term:
    """A linked entry in nobody's hand is paired, and its partner is in nobody's hand either."""
    return (linked(entry) & (taken(entry) == NOBODY)) >> (paired(entry) & (taken(partner(entry)) == NOBODY))


@pairs.always(THREAD)
def pairs_in_hand(thread: Term) -> Term:
    """Before a commit nothing is linked that comes, and all is that goes; after it both halves are, or neither."""
    mine, other = first(thread), second(thread)
    neither = ~linked(mine) & ~linked(other)
    whole = both(linked(mine), linked(other), partner(mine) == other, partner(other) == mine)
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
    looked = both(phase(thread) == CHANGING, thread != NOBODY, absent(thread), linked(entry))
    same = (key(entry) == key(first(thread))) | (key(entry) == key(second(thread)))
    return (looked & same) >> is_mine(thread, entry)


@pairs.always(ENTRY)
def makings_are_numbered(entry: Term) -> Term:
    """No entry is of a making to come."""
    return making(entry) <= makings()


@pairs.always(THREAD, ENTRY)
def a_stamp_is_nobody_elses(thread: Term, entry: Term) -> Term:
    """No linked entry is of the making that a thread is about to install, but its own."""
    installs = _at_work(thread) & (job(thread) == INSTALL)
    others = linked(entry) & ~is_mine(thread, entry)
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
    visible = both(linked(entry), place(entry) == bucket, owner(bucket) == NOBODY)
    return visible >> both(other != NO_ENTRY, other != entry, place(other) != NO_BUCKET, partner(other) == entry)


@pairs.always(ENTRY, BUCKET, promised=True)
def never_another_incarnations_partner(entry: Term, bucket: Term) -> Term:
    """Whoever finds an entry in a bucket that is not locked: its partner was made with it."""
    visible = both(linked(entry), place(entry) == bucket, owner(bucket) == NOBODY)
    return visible >> (making(partner(entry)) == making(entry))


@pairs.always(ENTRY, ENTRY, promised=True)
def a_making_has_two_halves(entry: Term, other: Term) -> Term:
    """No third entry that is linked is of their making."""
    same = both(linked(entry), linked(other), making(entry) == making(other))
    in_hand = (taken(entry) != NOBODY) & is_mine(taken(entry), other)
    return same >> either(other == entry, (taken(entry) == NOBODY) & (other == partner(entry)), in_hand)


@pairs.always(ENTRY, promised=True)
def nothing_dangles(entry: Term) -> Term:
    """No bucket names a free record."""
    return linked(entry) >> ~free(entry)


@pairs.always(ENTRY, ENTRY, promised=True)
def one_flow_a_key(entry: Term, other: Term) -> Term:
    """No two linked entries have one key."""
    return both(linked(entry), linked(other), key(entry) == key(other)) >> (entry == other)


@pairs.always(THREAD, BUCKET, BUCKET, promised=True)
def nobody_waits_for_ever(thread: Term, bucket: Term, waited: Term) -> Term:
    """Who waits for a bucket has lower ones only: who has the highest waits for nobody, so that somebody gets on."""
    waits = both(phase(thread) == LOCKING, thread != NOBODY, wanted(thread, waited), owner(waited) != thread)
    return (waits & (owner(bucket) == thread)) >> (rank(bucket) < rank(waited))
