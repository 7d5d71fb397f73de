"""Slow operations: everything that is not a hit, one at a time under the slow lock, S1 to S4.

A slow operation is a list of locations (`Thread.todo`) that is worked off in order; a step that looks at the
flow puts what has to be done in front of the rest. Between the locks only hits run beside it, so only what a
hit may read or write is a step of its own.
"""

from model.designs.faults import Fault
from model.designs.hit import effect, entry_of, pair_of, put
from model.designs.words import IN, NONE, OUT, Arena, At, Entry, Kind, Life, Payload, PortState, Thread, Word
from model.language import Program

program: Program[Arena, Thread] = Program()

Outcome = tuple[Arena, Thread]


@program.at(At.SLOW_LOCK, when=lambda arena, _: arena.slow_lock == NONE)
def take_the_slow_lock(arena: Arena, me: Thread) -> Outcome:
    """One slow operation at a time."""
    return arena._replace(slow_lock=me.number), me.next()


@program.at(At.SLOW_PORT_LOCK, when=lambda arena, me: arena.port_lock in (NONE, me.number))
def take_the_port_lock_too(arena: Arena, me: Thread) -> Outcome:
    """`mutex`: second, always."""
    return arena._replace(port_lock=me.number), me.next()


@program.at(At.RELEASE, when=lambda _, me: me.pending is None)
def release_the_locks(arena: Arena, me: Thread) -> Outcome:
    """The end of the operation, or of its locked part; a thread that processes packets goes on to the next batch."""
    port_lock = NONE if arena.port_lock == me.number else arena.port_lock
    released = arena._replace(slow_lock=NONE, port_lock=port_lock)
    me = me._replace(pair=NONE, idle=0, incarnation=0)
    if me.todo:
        return released, me.next()
    inside = me.number < len(arena.announce) and arena.announce[me.number] % 2 == 1
    return released, me.go(At.LEAVE if inside else At.ANNOUNCE if me.packets else At.DONE)


# --- a packet on the slow path ---


@program.at(At.ADMIT)
def look_at_the_state_of_the_port(arena: Arena, me: Thread) -> Outcome:
    """Under the lock, whatever was read before: only a running port processes packets."""
    running = arena.control.state is PortState.RUNNING
    if running or arena.setting.fault is Fault.PROCESS_AFTER_RESET:
        return arena, me.go(At.DISPATCH)
    return arena, me._replace(packets=me.packets[1:], stamp=0, at=At.RELEASE)


@program.at(At.DISPATCH)
def look_at_the_flow(arena: Arena, me: Thread) -> Outcome:
    """The reference decides what the packet does to the flow: nothing, remove, touch, or install."""
    packet, setting = me.packets[0], arena.setting
    entry = arena.slots[packet.direction]
    if me.pair != NONE:  # closed-then-reborn: the hit has decided already
        todo = (*removal(arena), At.FINISH, At.RELEASE) if pair_of(entry) == me.pair else (At.FINISH, At.RELEASE)
        return arena, me._replace(todo=todo).next()
    me = me._replace(pair=pair_of(entry) if entry != NONE else NONE)
    if packet.kind is Kind.CLOSE:
        todo = (*removal(arena), At.FINISH, At.RELEASE) if entry != NONE else (At.FINISH, At.RELEASE)
        return arena, me._replace(todo=todo).next()
    if not arena.truth.open and packet.kind is not Kind.OPEN:
        return arena, me._replace(todo=(At.RELEASE,), packets=me.packets[1:], stamp=0).next()
    if entry == NONE:
        freeze = (At.FREEZE,) if setting.tcp and setting.keep_record and arena.truth.open else ()
        return arena, me._replace(todo=(*freeze, At.ALLOCATE, At.FINISH, At.RELEASE)).next()
    stale = arena.entries[entry].payload.epoch != arena.control.epoch
    if packet.kind is Kind.OPEN or stale:
        keeps = packet.kind is not Kind.OPEN
        todo = (*removal(arena, keeps_flow=keeps), At.ALLOCATE, At.FINISH, At.RELEASE)
        return arena, me._replace(todo=todo).next()
    freeze, thaw = ((At.FREEZE,), (At.THAW,)) if setting.tcp else ((), ())
    return arena, me._replace(todo=(*freeze, At.TOUCH, *thaw, At.FINISH, At.RELEASE)).next()


@program.at(At.TOUCH)
def refresh_the_half(arena: Arena, me: Thread) -> Outcome:
    """The packet is a hit on the slow path: it refreshes its half, as a maximum."""
    packet = me.packets[0]
    index = entry_of(me.pair, packet.direction)
    entry = arena.entries[index]
    life = entry.life._replace(last=max(entry.life.last, packet.now))
    return arena._replace(entries=put(arena.entries, index, entry._replace(life=life))), me.next()


@program.at(At.FINISH)
def finish_the_packet(arena: Arena, me: Thread) -> Outcome:
    """The packet has taken effect; it is judged like a hit."""
    packet, control, truth = me.packets[0], arena.control, arena.truth
    if packet.kind is Kind.CLOSE:
        truth = truth._replace(open=False)
    elif packet.kind is Kind.OPEN:
        truth = truth._replace(open=True)
    running = control.state is PortState.RUNNING
    truth = effect(truth, truth.installation, packet.now, rules=control.epoch, running=running)
    return arena._replace(truth=truth), me._replace(packets=me.packets[1:], pair=NONE, stamp=0).next()


# --- S1: the reference looks at the flow ---


@program.at(At.FREEZE)
def freeze_the_tcp_word(arena: Arena, me: Thread) -> Outcome:
    """S1: from here on no hit advances the word; the reference copies it."""
    record = _record(arena, me)
    word = arena.words[record]
    copied = arena._replace(truth=arena.truth._replace(copied=word.advances))
    if arena.setting.fault is Fault.NO_FREEZE:
        return copied, me.next()
    return copied._replace(words=put(arena.words, record, word._replace(frozen=True))), me.next()


@program.at(At.THAW)
def store_the_tcp_word_back(arena: Arena, me: Thread) -> Outcome:
    """S3: the word as the reference left it, one more advance if it processed a packet; a hit may advance it again."""
    advance = int(bool(me.packets) and me.packets[0].kind is Kind.ADVANCE)
    advances = arena.truth.copied + advance
    words = put(arena.words, _record(arena, me), Word(advances, arena.control.epoch, frozen=False, dead=False))
    return arena._replace(
        words=words, truth=arena.truth._replace(copied=advances, advances=arena.truth.advances + advance)
    ), me.next()


# --- S3, S4: a pair leaves ---


def removal(arena: Arena, *, keeps_flow: bool = False) -> tuple[At, ...]:
    """Take both halves out in one commit, and retire the records. `keeps_flow`: the reference still has the flow."""
    setting = arena.setting
    first = (At.LOCK_FIRST, At.CLEAR_OUT)
    second = (*((At.LOCK_SECOND,) if setting.buckets == 2 else ()), At.CLEAR_IN)
    unlock = (At.UNLOCK_FIRST, *((At.UNLOCK_SECOND,) if setting.buckets == 2 else ()))
    if setting.fault is Fault.TWO_COMMITS:
        commit = (At.LOCK_FIRST, At.CLEAR_OUT, At.UNLOCK_FIRST, At.LOCK_SECOND, At.CLEAR_IN, At.UNLOCK_SECOND)
    else:
        commit = (first[0], *second[:-1], first[1], second[-1], *unlock)
    freeze: tuple[At, ...] = (At.FREEZE,) if setting.tcp else ()
    if not setting.tcp or (keeps_flow and setting.keep_record):
        end: tuple[At, ...] = ()
    else:
        end = (At.THAW if setting.fault is Fault.LIVE_RECORD_RETIRED else At.KILL_WORD,)
    return (*freeze, At.KILL_OUT, At.KILL_IN, *commit, *end, At.RETIRE)


@program.at(At.KILL_OUT, At.KILL_IN)
def mark_the_half_dead(arena: Arena, me: Thread) -> Outcome:
    """S3: a hit that comes after this looks again; one that came before has been counted."""
    index = entry_of(me.pair, OUT if me.at is At.KILL_OUT else IN)
    entry = arena.entries[index]
    truth = arena.truth
    if me.at is At.KILL_IN and me.idle == 2 and me.now - truth.last < arena.setting.time_to_live:
        truth = truth._replace(wrong="expired alive")
    if me.incarnation not in (0, truth.incarnation):
        truth = truth._replace(wrong="removed another incarnation")
    dead = entry._replace(life=entry.life._replace(dead=True))
    return arena._replace(entries=put(arena.entries, index, dead), truth=truth), me.next()


@program.at(At.LOCK_FIRST, At.LOCK_SECOND)
def lock_the_bucket(arena: Arena, me: Thread) -> Outcome:
    """S3: the version becomes odd. Ascending order; only the slow lock's owner does this."""
    return _turn_version(arena, 0 if me.at is At.LOCK_FIRST else 1), me.next()


@program.at(At.UNLOCK_FIRST, At.UNLOCK_SECOND)
def unlock_the_bucket(arena: Arena, me: Thread) -> Outcome:
    """S3: the version becomes even; readers see what was written."""
    return _turn_version(arena, 0 if me.at is At.UNLOCK_FIRST else 1), me.next()


@program.at(At.CLEAR_OUT, At.CLEAR_IN)
def clear_the_slot(arena: Arena, me: Thread) -> Outcome:
    """S3: the half is no longer reachable."""
    return arena._replace(slots=put(arena.slots, OUT if me.at is At.CLEAR_OUT else IN, NONE)), me.next()


@program.at(At.KILL_WORD)
def mark_the_tcp_word_dead(arena: Arena, me: Thread) -> Outcome:
    """S3: before the record is retired, so that a late hit fails on it instead of advancing it."""
    record = _record(arena, me)
    dead = arena.words[record]._replace(dead=True, frozen=False)
    return arena._replace(words=put(arena.words, record, dead)), me.next()


@program.at(At.RETIRE)
def retire_the_records(arena: Arena, me: Thread) -> Outcome:
    """S4: their grace period begins with the announcements as they are now.

    The real operation reads one announcement after the other. Reading them at once is the harder case: one read
    later can only be found odd where it was even, and is then waited for without need.
    """
    used, limbo = put(arena.used, me.pair, False), put(arena.limbo, me.pair, arena.announce)
    if arena.setting.fault is Fault.COLLECTED_EARLY:
        arena = _collected(arena, me.pair)
    return arena._replace(used=used, limbo=limbo), me._replace(pair=NONE).next()


def _collected(arena: Arena, pair: int) -> Arena:
    """The reference adds up what hits have counted in a pair of halves."""
    first = entry_of(pair, OUT)
    halves = arena.entries[first : first + 2]
    truth = arena.truth._replace(collected=arena.truth.collected + sum(half.hits for half in halves))
    counted = tuple(half._replace(hits=0) for half in halves)
    return arena._replace(truth=truth, entries=(*arena.entries[:first], *counted, *arena.entries[first + 2 :]))


# --- S3, S4: a pair comes ---


def free_pair(arena: Arena) -> int:
    """The lowest pair of records that may be used: not in use, and its grace period over. `NONE` when there is none."""
    for pair, used in enumerate(arena.used):
        if not used and (
            arena.setting.port_lock  # the port lock keeps hits out: nobody holds anything
            or arena.setting.fault is Fault.NO_GRACE
            or grace_is_over(arena.limbo[pair], arena.announce)
        ):
            return pair
    return NONE


def grace_is_over(sample: tuple[int, ...], announce: tuple[int, ...]) -> bool:
    """Whether every thread that was inside a batch when `sample` was taken has left it since."""
    return all(seen % 2 == 0 or seen != now for seen, now in zip(sample, announce, strict=False))


def _may_allocate(arena: Arena, _me: Thread) -> bool:
    return free_pair(arena) != NONE


@program.at(At.ALLOCATE, when=_may_allocate)
def install_written_before_linked(arena: Arena, me: Thread) -> Outcome:
    """S4: takes free records and writes them in the order of the source: contents first, then slots."""
    return _allocate(arena, me, (*_contents(arena), *_linking(arena)))


@program.at(
    At.ALLOCATE, when=lambda arena, me: _may_allocate(arena, me) and arena.setting.fault is not Fault.TWO_COMMITS
)
def install_linked_before_written(arena: Arena, me: Thread) -> Outcome:
    """S4: the same in the worst order that release and acquire on the versions leave open."""
    linking = _linking(arena)
    link_in = linking.index(At.LINK_IN) + 1
    return _allocate(arena, me, (*linking[:link_in], *_contents(arena), *linking[link_in:]))


def _allocate(arena: Arena, me: Thread, order: tuple[At, ...]) -> Outcome:
    pair = free_pair(arena)
    if arena.setting.fault is not Fault.COLLECTED_EARLY:
        arena = _collected(arena, pair)
    truth = arena.truth
    if me.packets[0].kind is Kind.OPEN:
        truth = truth._replace(incarnation=truth.incarnation + 1, advances=0, copied=0)
    taken = arena._replace(
        used=put(arena.used, pair, True),
        limbo=put(arena.limbo, pair, ()),
        truth=truth._replace(installation=truth.installation + 1),
    )
    return taken, me._replace(pair=pair, todo=(*order, *me.todo)).next()


def _contents(arena: Arena) -> tuple[At, ...]:
    word = (At.STORE_WORD,) if arena.setting.tcp else ()
    return At.KEY_OUT, At.PAYLOAD_OUT, At.KEY_IN, At.PAYLOAD_IN, *word


def _linking(arena: Arena) -> tuple[At, ...]:
    if arena.setting.buckets == 1:
        return At.LOCK_FIRST, At.LINK_OUT, At.LINK_IN, At.UNLOCK_FIRST
    if arena.setting.fault is Fault.TWO_COMMITS:
        return At.LOCK_FIRST, At.LINK_OUT, At.UNLOCK_FIRST, At.LOCK_SECOND, At.LINK_IN, At.UNLOCK_SECOND
    return At.LOCK_FIRST, At.LOCK_SECOND, At.LINK_OUT, At.LINK_IN, At.UNLOCK_FIRST, At.UNLOCK_SECOND


@program.at(At.KEY_OUT, At.KEY_IN)
def write_the_key(arena: Arena, me: Thread) -> Outcome:
    """S3: the half's key."""
    index = entry_of(me.pair, OUT if me.at is At.KEY_OUT else IN)
    entry = arena.entries[index]._replace(key=arena.truth.installation)
    return arena._replace(entries=put(arena.entries, index, entry)), me.next()


@program.at(At.PAYLOAD_OUT, At.PAYLOAD_IN)
def write_the_payload(arena: Arena, me: Thread) -> Outcome:
    """S3: epoch, flow record and transform; and a life word that begins with this packet."""
    index = entry_of(me.pair, OUT if me.at is At.PAYLOAD_OUT else IN)
    payload = Payload(arena.truth.installation, _stamp(arena, me), _new_record(arena, me), rules=arena.control.epoch)
    entry = Entry(arena.entries[index].key, payload, Life(me.packets[0].now, dead=False))
    return arena._replace(entries=put(arena.entries, index, entry)), me.next()


@program.at(At.STORE_WORD)
def store_the_tcp_word(arena: Arena, me: Thread) -> Outcome:
    """S3: live, tagged with the present epoch; the packet that installs the flow has advanced it."""
    advance = int(me.packets[0].kind is Kind.ADVANCE)
    advances = arena.truth.copied + advance
    words = put(arena.words, _new_record(arena, me), Word(advances, _stamp(arena, me), frozen=False, dead=False))
    truth = arena.truth._replace(
        copied=advances, advances=arena.truth.advances + advance, newest=arena.truth.installation
    )
    return arena._replace(words=words, truth=truth), me.next()


@program.at(At.LINK_OUT, At.LINK_IN)
def fill_the_slot(arena: Arena, me: Thread) -> Outcome:
    """S3: the half is reachable, as soon as the bucket is unlocked."""
    direction = OUT if me.at is At.LINK_OUT else IN
    return arena._replace(slots=put(arena.slots, direction, entry_of(me.pair, direction))), me.next()


def _turn_version(arena: Arena, bucket: int) -> Arena:
    return arena._replace(versions=put(arena.versions, bucket, arena.versions[bucket] + 1))


def _record(arena: Arena, me: Thread) -> int:
    """The flow record of the pair that the operation found."""
    if arena.setting.keep_record:
        return 0
    return arena.entries[entry_of(me.pair, OUT)].payload.record


def _stamp(arena: Arena, me: Thread) -> int:
    """The epoch that an installation is stamped with: the present one."""
    return me.stamp or arena.control.epoch


def _new_record(arena: Arena, me: Thread) -> int:
    """The flow record of a pair that is being installed."""
    return 0 if arena.setting.keep_record else me.pair
