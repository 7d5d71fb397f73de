"""What a thread does with a packet whose flow is known: H1 to H8, lock-free under `fine`.

Whatever does not fit (no entry, stale, dead, frozen, a segment that opens or closes the flow) diverts to the
slow path: the thread lets go of the port lock, leaves its announcement, and only then queues for the slow lock
(`model.designs.slow`).
"""

from model.designs.faults import Fault
from model.designs.immutable import put, put_half
from model.designs.words import NONE, Arena, At, Control, Kind, Life, Packet, Payload, PortState, Thread, Truth, Word
from model.language import Program

program: Program[Arena, Thread] = Program()

Outcome = tuple[Arena, Thread]


@program.at(At.ANNOUNCE)
def announce(arena: Arena, me: Thread) -> Outcome:
    """H1: stores the odd number. It stays in the store buffer until that drains."""
    fenced = arena.setting.fault is not Fault.NO_ANNOUNCE_FENCE
    return arena, me._replace(buffered=True, at=At.FENCE if fenced else _first(arena))


@program.anywhere(when=lambda _, me: me.buffered)
def store_buffer_drains(arena: Arena, me: Thread) -> Outcome:
    """The announcement becomes visible to the others."""
    return arena._replace(announce=_turned(arena, me)), me._replace(buffered=False)


@program.at(At.FENCE, when=lambda _, me: not me.buffered)
def fence(arena: Arena, me: Thread) -> Outcome:
    """H1: waits until the announcement is visible, before anything is read."""
    return arena, me.go(_first(arena))


@program.at(At.PORT_LOCK, when=lambda arena, _: arena.port_lock == NONE)
def take_the_port_lock(arena: Arena, me: Thread) -> Outcome:
    """`mutex` only: one packet at a time."""
    return arena._replace(port_lock=me.number), me.go(At.CONTROL)


@program.at(At.CONTROL)
def read_the_control_word(arena: Arena, me: Thread) -> Outcome:
    """H2."""
    if arena.control.state is PortState.RUNNING:
        return arena, me._replace(control=arena.control, at=At.VERSION)
    if arena.setting.fault is Fault.PROCESS_AFTER_RESET:
        return arena, me._replace(packets=me.packets[1:], at=_last(arena))
    return divert(arena, me)


@program.at(At.VERSION, when=lambda arena, me: arena.versions[_bucket(arena, me)] % 2 == 0)
def read_the_version(arena: Arena, me: Thread) -> Outcome:
    """H3: waits while a writer has the bucket."""
    return arena, me._replace(version=arena.versions[_bucket(arena, me)], at=At.SLOT)


@program.at(At.SLOT)
def read_the_slot(arena: Arena, me: Thread) -> Outcome:
    """H3."""
    entry = arena.slots[me.packets[0].direction]
    return arena, me._replace(entry=entry, at=At.RECHECK if entry == NONE else At.KEY)


@program.at(At.KEY)
def read_the_key(arena: Arena, me: Thread) -> Outcome:
    """H3."""
    return arena, me._replace(key=arena.entries[me.entry].key, at=At.PAYLOAD)


@program.at(At.PAYLOAD)
def read_the_payload(arena: Arena, me: Thread) -> Outcome:
    """H3."""
    return arena, me._replace(payload=arena.entries[me.entry].payload, at=At.RECHECK)


@program.at(At.RECHECK)
def read_the_version_again(arena: Arena, me: Thread) -> Outcome:
    """H3: what was read counts only if no writer came. H4: an entry of another epoch is stale."""
    fault = arena.setting.fault
    if arena.versions[_bucket(arena, me)] != me.version and fault is not Fault.NO_RECHECK:
        return arena, me._replace(version=0, entry=NONE, key=0, payload=Payload(), at=At.VERSION)
    if me.entry == NONE:
        return divert(arena, me)
    if me.payload.epoch != _control(me).epoch and fault is not Fault.NO_EPOCH:
        return divert(arena, me)
    first = At.WORD if fault is Fault.WORD_BEFORE_LIFE and arena.setting.tcp else At.LIFE
    return arena, me._replace(version=0, now=me.packets[0].now, at=first)


@program.at(At.LIFE)
def read_the_life_word(arena: Arena, me: Thread) -> Outcome:
    """H5: a dead half is not hit; a time already reached is not written, and then this read is a UDP flow's hit."""
    life = arena.entries[me.entry].life
    if life.dead:
        return (arena, me.go(At.COUNT)) if arena.setting.fault is Fault.WORD_BEFORE_LIFE else divert(arena, me)
    if life.last >= me.now and arena.setting.fault is not Fault.TIME_GOES_BACK:
        return _after_life(arena, me)
    return arena, me._replace(life=life, at=At.REFRESH)


@program.at(At.REFRESH, when=lambda _, me: not me.buffered)
def refresh_the_life_word(arena: Arena, me: Thread) -> Outcome:
    """H5: compare and swap, which also drains the store buffer; for a UDP flow this is the hit."""
    entry = arena.entries[me.entry]
    if arena.setting.fault is Fault.TIME_GOES_BACK:
        life = entry.life._replace(last=me.now)
    elif entry.life == me.life:
        life = Life(me.now, dead=False)
    else:
        return arena, me._replace(life=None, at=At.LIFE)
    refreshed = arena._replace(entries=put(arena.entries, me.entry, entry._replace(life=life)))
    return _after_life(refreshed, me._replace(life=None))


@program.at(At.WORD)
def read_the_tcp_word(arena: Arena, me: Thread) -> Outcome:
    """H6: frozen, dead, or tagged with another epoch: slow path. A segment that changes nothing takes effect here."""
    word = arena.words[me.payload.record]
    fault, kind = arena.setting.fault, me.packets[0].kind
    mistagged = word.tag != _control(me).epoch and fault is not Fault.NO_TAG
    if word.frozen or word.dead or mistagged:
        return divert(arena, me)
    if fault is Fault.CLOSED_THEN_REBORN and (kind is Kind.CLOSE or (kind is Kind.OPEN and word.closed)):
        return arena, me._replace(word=word, at=At.ADVANCE)
    if kind in (Kind.CLOSE, Kind.OPEN) or word.closed:
        return divert(arena, me)
    if kind is Kind.SAME:
        return _takes_effect(arena, me)
    return arena, me._replace(word=word, at=At.ADVANCE)


@program.at(At.ADVANCE, when=lambda _, me: not me.buffered)
def advance_the_tcp_word(arena: Arena, me: Thread) -> Outcome:
    """H6: compare and swap; whoever comes second looks again."""
    record, seen, kind = me.payload.record, _seen(me), me.packets[0].kind
    if arena.words[record] != seen and arena.setting.fault is not Fault.STORED_WORD:
        return arena, me._replace(word=None, at=At.WORD)
    if kind is Kind.CLOSE:
        closed = arena._replace(words=put(arena.words, record, seen._replace(closed=True)))
        return divert(closed, me._replace(incarnation=arena.truth.incarnation, record=record))
    if kind is Kind.OPEN:
        reborn = arena._replace(
            words=put(arena.words, record, seen._replace(closed=False, advances=0)),
            truth=arena.truth._replace(incarnation=arena.truth.incarnation + 1, advances=0),
        )
        return _takes_effect(reborn, me)
    advanced = arena._replace(
        words=put(arena.words, record, seen._replace(advances=seen.advances + 1)),
        truth=arena.truth._replace(advances=arena.truth.advances + 1),
    )
    return _takes_effect(advanced, me)


@program.at(At.COUNT)
def count_the_hit(arena: Arena, me: Thread) -> Outcome:
    """H7: an atomic addition, for two threads may serve one direction."""
    entry = arena.entries[me.entry]
    if arena.setting.fault is Fault.PLAIN_COUNT:
        return arena, me._replace(counted=entry.hits, at=At.COUNT_STORE)
    counted = entry._replace(hits=entry.hits + 1)
    return arena._replace(entries=put(arena.entries, me.entry, counted)), me.go(_last(arena))


@program.at(At.COUNT_STORE)
def store_the_count(arena: Arena, me: Thread) -> Outcome:
    """H7 without the atomic addition."""
    counted = arena.entries[me.entry]._replace(hits=me.counted + 1)
    return arena._replace(entries=put(arena.entries, me.entry, counted)), me._replace(counted=0, at=_last(arena))


@program.at(At.PORT_UNLOCK)
def release_the_port_lock(arena: Arena, me: Thread) -> Outcome:
    """`mutex` only."""
    return arena._replace(port_lock=NONE), me.forget().go(At.LEAVE)


def _goes_on(arena: Arena, me: Thread) -> bool:
    """Whether another packet of the batch comes next."""
    return arena.setting.one_batch and bool(me.packets) and not me.todo


@program.at(At.LEAVE, when=_goes_on)
def begin_the_next_packet(arena: Arena, me: Thread) -> Outcome:
    """The thread stays inside; nothing that it read for one packet counts for the next."""
    return arena, me.forget().go(_first(arena))


@program.at(At.LEAVE, when=lambda arena, me: not me.buffered and not _goes_on(arena, me))
def leave(arena: Arena, me: Thread) -> Outcome:
    """H8: the even number. From here on the thread holds nothing; then the slow path, the next batch, or the end."""
    left = arena._replace(announce=_turned(arena, me))
    me = me.forget()
    return left, me.next() if me.todo else me.go(At.ANNOUNCE if me.packets else At.DONE)


def divert(arena: Arena, me: Thread) -> Outcome:
    """To the slow path: let go of the port lock, leave the announcement, queue for the slow lock."""
    setting = arena.setting
    stamp = me.control.epoch if setting.fault is Fault.STALE_STAMP and me.control is not None else 0
    me = me.forget()._replace(stamp=stamp, todo=slow_packet(arena))
    if setting.fault is Fault.STAYS_ANNOUNCED:
        return arena, me.next()
    if setting.fault is Fault.LOCK_ORDER:
        return arena, me.go(At.LEAVE)
    return arena, me.go(_last(arena))


def slow_packet(arena: Arena) -> tuple[At, ...]:
    """Where a packet goes on the slow path, before the flow is looked at."""
    return At.SLOW_LOCK, *((At.SLOW_PORT_LOCK,) if arena.setting.port_lock else ()), At.ADMIT


def effect(truth: Truth, packet: Packet, installation: int, *, rules: int, running: bool, tcp: bool) -> Truth:
    """What a packet's taking effect leaves behind, and whether it may happen now."""
    wrong, direction = truth.wrong, packet.direction
    if not running or truth.settled.state is not PortState.RUNNING or rules < truth.settled.epoch:
        wrong = "late"
    elif installation < truth.newest[direction]:
        wrong = "overtaken"
    newest = max(truth.newest[direction], installation)
    return truth._replace(
        newest=(newest, newest) if tcp else put_half(truth.newest, direction, newest),
        last=put_half(truth.last, direction, max(truth.last[direction], packet.now)),
        wrong=wrong,
    )


def _takes_effect(arena: Arena, me: Thread) -> Outcome:
    """The linearization point of a hit."""
    packet = me.packets[0]
    rules = min(_control(me).epoch, me.payload.rules)
    truth = effect(arena.truth, packet, me.payload.installation, rules=rules, running=True, tcp=arena.setting.tcp)
    truth = truth._replace(hits=truth.hits + 1)
    after = At.LIFE if arena.setting.fault is Fault.WORD_BEFORE_LIFE and me.word is not None else At.COUNT
    return arena._replace(truth=truth), me._replace(packets=me.packets[1:], word=None, at=after)


def _after_life(arena: Arena, me: Thread) -> Outcome:
    """The half is alive and refreshed: on to the TCP word, if the flow has one."""
    if arena.setting.fault is Fault.WORD_BEFORE_LIFE:
        return arena, me.go(At.COUNT)
    return (arena, me.go(At.WORD)) if arena.setting.tcp else _takes_effect(arena, me)


def _first(arena: Arena) -> At:
    return At.PORT_LOCK if arena.setting.port_lock else At.CONTROL


def _last(arena: Arena) -> At:
    return At.PORT_UNLOCK if arena.setting.port_lock else At.LEAVE


def _bucket(arena: Arena, me: Thread) -> int:
    return me.packets[0].direction % len(arena.versions)


def _turned(arena: Arena, me: Thread) -> tuple[int, ...]:
    """The announcements with this thread's turned from even to odd or back."""
    return put(arena.announce, me.number, arena.announce[me.number] + 1)


def _control(me: Thread) -> Control:
    assert me.control is not None
    return me.control


def _seen(me: Thread) -> Word:
    assert me.word is not None
    return me.word
