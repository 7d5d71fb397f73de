"""The other slow operations: grace periods, rule changes, pause and reset, expiry, removal."""

from model.designs.faults import Fault
from model.designs.hit import program as hit_program
from model.designs.immutable import put, put_half
from model.designs.pairing import present, removal
from model.designs.pairing import program as pairing_program
from model.designs.reclaim import grace_is_over
from model.designs.slow import program as slow_program
from model.designs.words import IN, NONE, OUT, Arena, At, Control, PortState, Setting, Thread
from model.language import Program

program: Program[Arena, Thread] = Program(hit_program, slow_program, pairing_program)

Outcome = tuple[Arena, Thread]


def _locks(setting: Setting) -> tuple[At, ...]:
    return (At.SLOW_LOCK, At.SLOW_PORT_LOCK) if setting.port_lock else (At.SLOW_LOCK,)


def _grace(setting: Setting) -> tuple[At, ...]:
    """Until every thread inside a batch has left it. Under the port lock hits are excluded; waiting would deadlock."""
    if setting.fault is Fault.NO_GRACE or (setting.port_lock and setting.fault is not Fault.GRACE_UNDER_PORT_LOCK):
        return ()
    fence = () if setting.fault is Fault.NO_CONTROL_FENCE else (At.PUBLISH_FENCE,)
    return *fence, At.GRACE, At.WAIT


def rule_change(setting: Setting, *, releases_early: bool = False) -> tuple[At, ...]:
    """The new epoch, a grace period, return. `releases_early`: the lock is not held while waiting."""
    release, grace = (At.RELEASE,), _grace(setting)
    return (
        (*_locks(setting), At.BUMP, *release, *grace, At.RETURN)
        if releases_early
        else (*_locks(setting), At.BUMP, *grace, At.RETURN, *release)
    )


def pause(setting: Setting) -> tuple[At, ...]:
    """No packet is processed after it has returned."""
    return *_locks(setting), At.PAUSE, *_grace(setting), At.RETURN, At.RELEASE


def reset(setting: Setting) -> tuple[At, ...]:
    """The tables are emptied, then hits are told; both are so when it has returned."""
    return *_locks(setting), At.EMPTY, At.READY, *_grace(setting), At.RETURN, At.RELEASE


def start(setting: Setting) -> tuple[At, ...]:
    """The port runs."""
    return *_locks(setting), At.RUN, At.RELEASE


def expire(setting: Setting) -> tuple[At, ...]:
    """Remove the flow if both halves are idle: seal them, decide, remove or unseal."""
    return *_locks(setting), At.EXPIRE, At.RELEASE


def clear(setting: Setting) -> tuple[At, ...]:
    """Both halves leave the table, the TCP flow stays: `clear_uft`, and idle halves of a long-lived flow."""
    return *_locks(setting), At.UNINSTALL, At.RELEASE


def evict(setting: Setting) -> tuple[At, ...]:
    """A full table chooses the flow: hits are held off, then it is removed."""
    return *_locks(setting), At.HOLD_OFF, *_grace(setting), At.EMPTY, At.RUN, At.RELEASE


# --- the control word ---


@program.at(At.BUMP, At.PAUSE, At.READY, At.RUN, At.HOLD_OFF)
def store_the_control_word(arena: Arena, me: Thread) -> Outcome:
    """A plain store: it stays in the store buffer until that drains."""
    control = arena.control
    states = {
        At.PAUSE: PortState.PAUSED,
        At.READY: PortState.READY,
        At.RUN: PortState.RUNNING,
        At.HOLD_OFF: PortState.SEALED,
    }
    new = Control(control.epoch + (me.at is At.BUMP), states.get(me.at, control.state))
    return arena, me._replace(pending=new).next()


@program.anywhere(when=lambda _, me: me.pending is not None)
def control_word_becomes_visible(arena: Arena, me: Thread) -> Outcome:
    """The store buffer of the operation's thread drains."""
    assert me.pending is not None
    truth = arena.truth
    if me.pending.state is PortState.RUNNING and truth.settled.state is not PortState.RUNNING:
        truth = truth._replace(settled=me.pending)  # a start takes effect here: hits may begin at once
    return arena._replace(control=me.pending, truth=truth), me._replace(pending=None)


@program.at(At.PUBLISH_FENCE, when=lambda _, me: me.pending is None)
def fence(arena: Arena, me: Thread) -> Outcome:
    """Until the control word is visible, before the announcements are read."""
    return arena, me.next()


@program.at(At.GRACE)
def read_the_announcements(arena: Arena, me: Thread) -> Outcome:
    """All at once, which is the harder case (`model.designs.reclaim.Pool.retire`)."""
    return arena, me._replace(sample=arena.announce).next()


@program.at(At.WAIT, when=lambda arena, me: grace_is_over(me.sample, arena.announce))
def end_of_the_grace_period(arena: Arena, me: Thread) -> Outcome:
    """Everybody who was inside has left."""
    return arena, me._replace(sample=()).next()


@program.at(At.RETURN)
def return_to_the_caller(arena: Arena, me: Thread) -> Outcome:
    """From here on nothing may happen under an older control word."""
    settled = me.pending if me.pending is not None else arena.control
    me = me._replace(at=At.DONE) if not me.todo else me.next()
    return arena._replace(truth=arena.truth._replace(settled=settled)), me


# --- the flow ---


@program.at(At.EXPIRE)
def look_at_the_flow_to_expire_it(arena: Arena, me: Thread) -> Outcome:
    """Freeze its TCP word, then seal the halves that are idle, then decide."""
    found = present(arena, me)
    there = [direction for direction in (OUT, IN) if found.halves[direction] != NONE]
    if not there:
        return arena, me.next()
    fault = arena.setting.fault
    freeze = (At.FREEZE,) if found.record != NONE else ()
    sealed = tuple((At.SEAL_OUT, At.SEAL_IN)[direction] for direction in there)
    copied = tuple((At.COPY_LIFE_OUT, At.COPY_LIFE_IN)[direction] for direction in there)
    if fault in (Fault.ORPHAN_HIT, Fault.UNCOUNTED_HIT):
        work = (*freeze, *copied)
    elif fault is Fault.LIFE_BEFORE_FREEZE:
        work = (*copied, *freeze)
    else:
        work = (*freeze, *sealed)
    return arena, found._replace(todo=(*work, At.DECIDE, *me.todo)).next()


@program.at(At.SEAL_OUT, At.SEAL_IN)
def seal_the_half_if_idle(arena: Arena, me: Thread) -> Outcome:
    """Compare and swap of the life word: idle and still as read, then dead. A hit that came between makes it fail."""
    direction = OUT if me.at is At.SEAL_OUT else IN
    index = me.halves[direction]
    entry = arena.entries[index]
    if me.now - entry.life.last < arena.setting.time_to_live:
        return arena, me.next()
    sealed = entry._replace(life=entry.life._replace(dead=True))
    idle = put_half(me.idle, direction, True)
    return arena._replace(entries=put(arena.entries, index, sealed)), me._replace(idle=idle).next()


@program.at(At.COPY_LIFE_OUT, At.COPY_LIFE_IN)
def copy_the_last_hit(arena: Arena, me: Thread) -> Outcome:
    """Reads the life word and leaves it as it is."""
    direction = OUT if me.at is At.COPY_LIFE_OUT else IN
    entry = arena.entries[me.halves[direction]]
    disbelieved = arena.setting.fault is Fault.UNCOUNTED_HIT and entry.hits == 0
    last = 0 if disbelieved else entry.life.last
    old = me.now - last >= arena.setting.time_to_live
    return arena, me._replace(idle=put_half(me.idle, direction, old)).next()


@program.at(At.DECIDE)
def expire_or_keep(arena: Arena, me: Thread) -> Outcome:
    """A pair expires when both halves are idle; a single half alone. What was sealed and stays is installed anew.

    A flow record ends with the first of its halves, so the other half of a TCP flow is installed anew as well.
    """
    there = [direction for direction in (OUT, IN) if me.halves[direction] != NONE]
    idle = [direction for direction in there if me.idle[direction]]
    stay = tuple(direction for direction in there if direction not in idle)
    if not idle:
        return arena, me._replace(todo=(*((At.THAW,) if me.record != NONE else ()), *me.todo)).next()
    if not stay:
        arena = arena._replace(truth=arena.truth._replace(open=arena.setting.singly))
        return arena, me._replace(todo=(*removal(arena, me, frozen=True), *me.todo)).next()
    if not arena.setting.singly:
        me = me._replace(idle=(False, False), comes=(OUT, IN))
    elif me.record == NONE:
        me = me._replace(halves=put_half(me.halves, stay[0], NONE))
    else:
        me = me._replace(comes=stay)
    work = (*removal(arena, me, keeps_flow=True, frozen=True), *((At.ALLOCATE,) if me.comes else ()))
    return arena, me._replace(todo=(*work, *me.todo)).next()


@program.at(At.UNINSTALL, At.EMPTY)
def look_at_the_flow_to_remove_it(arena: Arena, me: Thread) -> Outcome:
    """What to take out of the table, if anything is there."""
    found = present(arena, me)
    keeps = me.at is At.UNINSTALL
    if not keeps:
        arena = arena._replace(truth=arena.truth._replace(open=False))
    thaw = (At.THAW,) if keeps and found.record != NONE and arena.setting.keep_record else ()
    return arena, found._replace(todo=(*removal(arena, found, keeps_flow=keeps), *thaw, *me.todo)).next()
