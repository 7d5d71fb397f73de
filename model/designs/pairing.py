"""Halves enter and leave the table: S3, each in one commit under the locks of all buckets concerned.

The model of `install` and `remove` in `fastpath/uft.py` and of `commit` in `fastpath/mirror.py`. Both halves of
a flow come and go together, except where a setting has them come and go singly.
"""

from model.designs.faults import Fault
from model.designs.immutable import put, put_half
from model.designs.words import IN, NONE, OUT, Arena, At, Entry, Kind, Life, Payload, Thread
from model.language import Program

program: Program[Arena, Thread] = Program()

Outcome = tuple[Arena, Thread]

_KILL = (At.KILL_OUT, At.KILL_IN)
_CLEAR = (At.CLEAR_OUT, At.CLEAR_IN)
_LINK = (At.LINK_OUT, At.LINK_IN)
_WRITE = ((At.KEY_OUT, At.PAYLOAD_OUT), (At.KEY_IN, At.PAYLOAD_IN))
_LOCK = (At.LOCK_FIRST, At.LOCK_SECOND)
_UNLOCK = (At.UNLOCK_FIRST, At.UNLOCK_SECOND)
_OUTBOUND = frozenset({At.KILL_OUT, At.CLEAR_OUT, At.LINK_OUT, At.KEY_OUT, At.PAYLOAD_OUT})


def present(arena: Arena, me: Thread) -> Thread:
    """The registers of an operation that has found the flow's halves and its record."""
    out, in_ = arena.slots[OUT], arena.slots[IN]
    if arena.setting.keep_record and arena.truth.open:
        record = 0
    else:
        record = next((arena.entries[half].payload.record for half in (out, in_) if half != NONE), NONE)
    return me._replace(halves=(out, in_), record=record)


def direction_of(at: At) -> int:
    """The direction of the half that a step works on."""
    return OUT if at in _OUTBOUND else IN


def _commit(arena: Arena, steps: tuple[At, At], directions: tuple[int, ...]) -> tuple[At, ...]:
    """Lock, in ascending order, the buckets of some halves, take the step for each half, unlock."""
    buckets = sorted({direction % arena.setting.buckets for direction in directions})
    if arena.setting.fault is Fault.TWO_COMMITS and len(directions) == 2:
        return (*_commit(arena, steps, directions[:1]), *_commit(arena, steps, directions[1:]))
    inside = tuple(steps[direction] for direction in directions)
    return (*(_LOCK[bucket] for bucket in buckets), *inside, *(_UNLOCK[bucket] for bucket in buckets))


# --- halves leave ---


def removal(arena: Arena, found: Thread, *, keeps_flow: bool = False, frozen: bool = False) -> tuple[At, ...]:
    """What takes the halves that were found out of the table, and retires them and their record.

    `keeps_flow`: the reference still has the TCP flow. `frozen`: its word is frozen already.
    """
    directions = tuple(direction for direction in (OUT, IN) if found.halves[direction] != NONE)
    if not directions:
        return ()
    kill = tuple(_KILL[direction] for direction in directions)
    freeze: tuple[At, ...] = (At.FREEZE,) if found.record != NONE and not frozen else ()
    if found.record == NONE or (keeps_flow and arena.setting.keep_record):
        end: tuple[At, ...] = ()
    else:
        end = (At.THAW if arena.setting.fault is Fault.LIVE_RECORD_RETIRED else At.KILL_WORD,)
    return (*freeze, *kill, *_commit(arena, _CLEAR, directions), *end, At.RETIRE)


@program.at(*_KILL)
def mark_the_half_dead(arena: Arena, me: Thread) -> Outcome:
    """S3: a hit that comes later looks again; one that came before has left its time, which the reference copies."""
    direction = direction_of(me.at)
    index, truth = me.halves[direction], arena.truth
    entry = arena.entries[index]
    if me.idle[direction] and me.now - truth.last[direction] < arena.setting.time_to_live:
        truth = truth._replace(wrong="expired alive")
    if me.incarnation not in (0, truth.incarnation):
        truth = truth._replace(wrong="removed another incarnation")
    last = max(truth.copied_last[direction], entry.life.last)
    dead = entry._replace(life=entry.life._replace(dead=True))
    truth = truth._replace(copied_last=put_half(truth.copied_last, direction, last))
    return arena._replace(entries=put(arena.entries, index, dead), truth=truth), me.next()


@program.at(*_CLEAR)
def clear_the_slot(arena: Arena, me: Thread) -> Outcome:
    """S3: the half is no longer reachable."""
    return arena._replace(slots=put(arena.slots, direction_of(me.at), NONE)), me.next()


@program.at(At.KILL_WORD)
def mark_the_tcp_word_dead(arena: Arena, me: Thread) -> Outcome:
    """S3: before the record is retired, so that a late hit fails on it instead of advancing it."""
    dead = arena.words[me.record]._replace(dead=True, frozen=False)
    return arena._replace(words=put(arena.words, me.record, dead)), me.next()


@program.at(At.RETIRE)
def retire_the_records(arena: Arena, me: Thread) -> Outcome:
    """S4: the grace period of the halves, and of their flow record unless the flow keeps it, begins."""
    halves = [half for half in me.halves if half != NONE]
    if arena.setting.fault is Fault.COLLECTED_EARLY:
        arena = _collected(arena, halves)
    entries, words = arena.entry_pool, arena.word_pool
    for half in halves:
        entries = entries.retire(half, arena.announce)
    kept = me.record == NONE or arena.setting.keep_record
    if not kept:
        words = words.retire(me.record, arena.announce)
    left = me._replace(halves=(NONE, NONE), record=me.record if kept else NONE, idle=(False, False))
    return arena._replace(entry_pool=entries, word_pool=words), left.next()


def _collected(arena: Arena, halves: list[int]) -> Arena:
    """The reference adds up what hits have counted in some halves."""
    entries = arena.entries
    collected = arena.truth.collected + sum(entries[half].hits for half in halves)
    for half in halves:
        entries = put(entries, half, entries[half]._replace(hits=0))
    return arena._replace(entries=entries, truth=arena.truth._replace(collected=collected))


# --- halves come ---


def _free(arena: Arena, me: Thread) -> tuple[tuple[int, ...], int] | None:
    """An entry for each half that comes, and a flow record if the flow needs one; None while there is none free."""
    at_once = arena.setting.port_lock or arena.setting.fault is Fault.NO_GRACE
    halves = []
    for direction in me.comes:
        candidates = range(direction, len(arena.entries), 2)
        half = arena.entry_pool.free(candidates, arena.announce, at_once=at_once)
        if half is None:
            return None
        halves.append(half)
    record: int | None = me.record
    if arena.setting.tcp and me.record == NONE:
        record = arena.word_pool.free(range(len(arena.words)), arena.announce, at_once=at_once)
    return None if record is None else (tuple(halves), record)


def _may_allocate(arena: Arena, me: Thread) -> bool:
    return _free(arena, me) is not None


def _may_allocate_late(arena: Arena, me: Thread) -> bool:
    return arena.setting.fault is not Fault.TWO_COMMITS and _may_allocate(arena, me)


@program.at(At.ALLOCATE, when=_may_allocate)
def install_written_before_linked(arena: Arena, me: Thread) -> Outcome:
    """S4: takes free records and writes them in the order of the source: contents first, then slots."""
    return _allocate(arena, me, (*_contents(me), *_word(arena), *_commit(arena, _LINK, me.comes)))


@program.at(At.ALLOCATE, when=_may_allocate_late)
def install_linked_before_written(arena: Arena, me: Thread) -> Outcome:
    """S4: the same in the worst order that release and acquire on the versions leave open."""
    linking = _commit(arena, _LINK, me.comes)
    linked = linking.index(_LINK[me.comes[-1]]) + 1
    return _allocate(arena, me, (*linking[:linked], *_contents(me), *_word(arena), *linking[linked:]))


def _contents(me: Thread) -> tuple[At, ...]:
    return tuple(at for direction in me.comes for at in _WRITE[direction])


def _word(arena: Arena) -> tuple[At, ...]:
    return (At.THAW,) if arena.setting.tcp else ()


def _allocate(arena: Arena, me: Thread, order: tuple[At, ...]) -> Outcome:
    free = _free(arena, me)
    assert free is not None
    taken, record = free
    if arena.setting.fault is not Fault.COLLECTED_EARLY:
        arena = _collected(arena, list(taken))
    pool, halves = arena.entry_pool, me.halves
    for direction, half in zip(me.comes, taken, strict=True):
        pool, halves = pool.take(half), put_half(halves, direction, half)
    words = arena.word_pool if record == NONE else arena.word_pool.take(record)
    truth = arena.truth
    if me.packets and me.packets[0].kind is Kind.OPEN:
        truth = truth._replace(incarnation=truth.incarnation + 1, advances=0, copied=0)
    if not _joins(arena, me):
        truth = truth._replace(installation=truth.installation + 1)
    arena = arena._replace(entry_pool=pool, word_pool=words, truth=truth)
    return arena, me._replace(halves=halves, record=record, todo=(*order, *me.todo)).next()


def _joins(arena: Arena, me: Thread) -> bool:
    """Whether the half that comes joins a partner made by the present rules: the two are of one installation."""
    partners = [half for half in me.halves if half != NONE]
    return any(arena.entries[half].payload.rules == arena.control.epoch for half in partners)


@program.at(At.KEY_OUT, At.KEY_IN)
def write_the_key(arena: Arena, me: Thread) -> Outcome:
    """S3: the half's key."""
    index = me.halves[direction_of(me.at)]
    serial = arena.truth.serial + 1
    written = arena.entries[index]._replace(key=serial)
    truth = arena.truth._replace(serial=serial)
    return arena._replace(entries=put(arena.entries, index, written), truth=truth), me.next()


@program.at(At.PAYLOAD_OUT, At.PAYLOAD_IN)
def write_the_payload(arena: Arena, me: Thread) -> Outcome:
    """S3: epoch, flow record, transform; the life word begins with this packet, or as the reference copied it."""
    direction, truth, epoch = direction_of(me.at), arena.truth, arena.control.epoch
    index = me.halves[direction]
    last = me.packets[0].now if me.packets else truth.copied_last[direction]
    payload = Payload(truth.serial, truth.installation, me.stamp or epoch, me.record, rules=epoch)
    written = Entry(arena.entries[index].key, payload, Life(last, dead=False))
    return arena._replace(entries=put(arena.entries, index, written)), me.next()


@program.at(*_LINK)
def fill_the_slot(arena: Arena, me: Thread) -> Outcome:
    """S3: the half is reachable, as soon as the bucket is unlocked."""
    direction = direction_of(me.at)
    return arena._replace(slots=put(arena.slots, direction, me.halves[direction])), me.next()


# --- buckets ---


@program.at(*_LOCK)
def lock_the_bucket(arena: Arena, me: Thread) -> Outcome:
    """S3: the version becomes odd. Ascending order; only the slow lock's owner does this."""
    return _turned(arena, _LOCK.index(me.at)), me.next()


@program.at(*_UNLOCK)
def unlock_the_bucket(arena: Arena, me: Thread) -> Outcome:
    """S3: the version becomes even; readers see what was written."""
    return _turned(arena, _UNLOCK.index(me.at)), me.next()


def _turned(arena: Arena, bucket: int) -> Arena:
    return arena._replace(versions=put(arena.versions, bucket, arena.versions[bucket] + 1))
