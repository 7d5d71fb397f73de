"""Slow operations: the locks, a packet on the slow path, and S1, the reference looking at the flow.

A slow operation is a list of locations (`Thread.todo`) that is worked off in order; a step that looks at the
flow puts what has to be done in front of the rest. Between the locks only hits run beside it, so only what a
hit may read or write is a step of its own. The model of `fastpath/slow_path.py` and of what
`fastpath/mirror.py` does when the reference consults an entry.
"""

from model.designs.faults import Fault
from model.designs.hit import effect
from model.designs.immutable import put
from model.designs.pairing import present, removal
from model.designs.words import IN, NONE, OUT, Arena, At, Kind, PortState, Thread, Word
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
    me = me._replace(halves=(NONE, NONE), record=NONE, comes=(), idle=(False, False), incarnation=0, stamp=0)
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
    return arena, me._replace(packets=me.packets[1:], at=At.RELEASE)


@program.at(At.DISPATCH)
def look_at_the_flow(arena: Arena, me: Thread) -> Outcome:
    """The reference decides what the packet does to the flow: nothing, remove, touch, or install."""
    packet = me.packets[0]
    found = present(arena, me)
    if packet.kind is Kind.CLOSE:
        return _process(arena, found, removal(arena, found) if _is_the_one(me, found) else ())
    if not arena.truth.open and packet.kind is not Kind.OPEN:
        return arena, me._replace(todo=(), packets=me.packets[1:], at=At.RELEASE)
    wanted = (packet.direction,) if arena.setting.singly else (OUT, IN)
    own = found.halves[packet.direction]
    if packet.kind is Kind.OPEN or (own != NONE and arena.entries[own].payload.epoch != arena.control.epoch):
        work = removal(arena, found, keeps_flow=packet.kind is not Kind.OPEN)
        return _process(arena, found._replace(comes=wanted), (*work, At.ALLOCATE))
    freeze = (At.FREEZE,) if found.record != NONE else ()
    if own == NONE:  # the first packet of the flow, or of its direction
        return _process(arena, found._replace(comes=wanted), (*freeze, At.ALLOCATE))
    return _process(arena, found, (*freeze, At.TOUCH, *((At.THAW,) if freeze else ())))


def _process(arena: Arena, me: Thread, work: tuple[At, ...]) -> Outcome:
    return arena, me._replace(todo=(*work, At.FINISH, At.RELEASE)).next()


def _is_the_one(me: Thread, found: Thread) -> bool:
    """Whether there is a flow to close; for a hit that has closed it already, the one that it closed, by its record."""
    there = found.halves != (NONE, NONE)
    return there and (me.incarnation == 0 or me.record == found.record)


@program.at(At.TOUCH)
def refresh_the_half(arena: Arena, me: Thread) -> Outcome:
    """The packet is a hit on the slow path: it refreshes its half, as a maximum."""
    packet = me.packets[0]
    index = me.halves[packet.direction]
    entry = arena.entries[index]
    life = entry.life._replace(last=max(entry.life.last, packet.now))
    return arena._replace(entries=put(arena.entries, index, entry._replace(life=life))), me.next()


@program.at(At.FINISH)
def finish_the_packet(arena: Arena, me: Thread) -> Outcome:
    """The packet has taken effect; it is judged like a hit."""
    packet, truth = me.packets[0], arena.truth
    if packet.kind in (Kind.CLOSE, Kind.OPEN):
        truth = truth._replace(open=packet.kind is Kind.OPEN)
    half = arena.slots[packet.direction]
    made = arena.entries[half].payload.installation if half != NONE else truth.installation
    running = arena.control.state is PortState.RUNNING
    truth = effect(truth, packet, made, rules=arena.control.epoch, running=running, tcp=arena.setting.tcp)
    return arena._replace(truth=truth), me._replace(packets=me.packets[1:], incarnation=0).next()


# --- S1: the reference looks at the flow ---


@program.at(At.FREEZE)
def freeze_the_tcp_word(arena: Arena, me: Thread) -> Outcome:
    """S1: from here on no hit advances the word; the reference copies it."""
    word = arena.words[me.record]
    copied = arena._replace(truth=arena.truth._replace(copied=word.advances))
    if arena.setting.fault is Fault.NO_FREEZE:
        return copied, me.next()
    return copied._replace(words=put(arena.words, me.record, word._replace(frozen=True))), me.next()


@program.at(At.THAW)
def store_the_tcp_word_back(arena: Arena, me: Thread) -> Outcome:
    """S3: the word as the reference left it, one more advance if it processed a packet; a hit may advance it again."""
    advance = int(bool(me.packets) and me.packets[0].kind is Kind.ADVANCE)
    advances = arena.truth.copied + advance
    word = Word(advances, me.stamp or arena.control.epoch, frozen=False, dead=False)
    truth = arena.truth._replace(copied=advances, advances=arena.truth.advances + advance)
    if me.comes:  # the word of a new installation: whoever advances it now comes after
        truth = truth._replace(newest=(truth.installation, truth.installation))
    return arena._replace(words=put(arena.words, me.record, word), truth=truth), me.next()
