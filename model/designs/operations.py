"""The other slow operations: grace periods, rule changes, pause and reset, expiry, removal."""

from model.designs.faults import Fault
from model.designs.hit import entry_of, pair_of, put
from model.designs.hit import program as hit_program
from model.designs.slow import grace_is_over, removal
from model.designs.slow import program as slow_program
from model.designs.words import IN, NONE, OUT, Arena, At, Control, PortState, Setting, Thread
from model.language import Program

program: Program[Arena, Thread] = Program(hit_program, slow_program)

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
    """As pause, and all tables are empty when it has returned."""
    return *_locks(setting), At.READY, *_grace(setting), At.EMPTY, At.RETURN, At.RELEASE


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
    """All at once, which is the harder case (`model.designs.slow.retire_the_records`)."""
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


@program.at(At.EXPIRE, At.UNINSTALL, At.EMPTY)
def look_at_the_flow_to_remove_it(arena: Arena, me: Thread) -> Outcome:
    """What to do with the flow, if it is there."""
    entry = arena.slots[OUT]
    if me.at is At.EMPTY:
        arena = arena._replace(truth=arena.truth._replace(open=False))
    if entry == NONE:
        return arena, me.next()
    if me.at is At.EXPIRE:
        work = _sealing(arena.setting)
    else:
        keeps = me.at is At.UNINSTALL
        thaw = (At.THAW,) if keeps and arena.setting.tcp and arena.setting.keep_record else ()
        work = (*removal(arena, keeps_flow=keeps), *thaw)
    return arena, me._replace(pair=pair_of(entry), todo=(*work, *me.todo)).next()


def _sealing(setting: Setting) -> tuple[At, ...]:
    freeze: tuple[At, ...] = (At.FREEZE,) if setting.tcp else ()
    copies = (At.COPY_LIFE_OUT, At.COPY_LIFE_IN)
    if setting.fault in (Fault.ORPHAN_HIT, Fault.UNCOUNTED_HIT):
        return *freeze, *copies, At.DECIDE
    if setting.fault is Fault.LIFE_BEFORE_FREEZE:
        return *copies, *freeze, At.DECIDE
    return *freeze, At.SEAL_OUT, At.SEAL_IN, At.DECIDE


@program.at(At.SEAL_OUT, At.SEAL_IN)
def seal_the_half_if_idle(arena: Arena, me: Thread) -> Outcome:
    """Compare and swap of the life word: idle and still as read, then dead. A hit that came between makes it fail."""
    index = entry_of(me.pair, OUT if me.at is At.SEAL_OUT else IN)
    entry = arena.entries[index]
    if me.now - entry.life.last < arena.setting.time_to_live:
        return arena, me.next()
    sealed = entry._replace(life=entry.life._replace(dead=True))
    return arena._replace(entries=put(arena.entries, index, sealed)), me._replace(idle=me.idle + 1).next()


@program.at(At.COPY_LIFE_OUT, At.COPY_LIFE_IN)
def copy_the_last_hit(arena: Arena, me: Thread) -> Outcome:
    """Reads the life word and leaves it as it is."""
    entry = arena.entries[entry_of(me.pair, OUT if me.at is At.COPY_LIFE_OUT else IN)]
    disbelieved = arena.setting.fault is Fault.UNCOUNTED_HIT and entry.hits == 0
    last = 0 if disbelieved else entry.life.last
    idle = int(me.now - last >= arena.setting.time_to_live)
    return arena, me._replace(idle=me.idle + idle).next()


@program.at(At.DECIDE)
def expire_or_keep(arena: Arena, me: Thread) -> Outcome:
    """Both halves idle: the flow goes. Otherwise it stays as it was."""
    if me.idle == 2:
        work = tuple(at for at in removal(arena) if at is not At.FREEZE)
        return arena._replace(truth=arena.truth._replace(open=False)), me._replace(todo=(*work, *me.todo)).next()
    thaw = (At.THAW,) if arena.setting.tcp else ()
    return arena, me._replace(todo=(At.UNSEAL_OUT, At.UNSEAL_IN, *thaw, *me.todo)).next()


@program.at(At.UNSEAL_OUT, At.UNSEAL_IN)
def unseal_the_half(arena: Arena, me: Thread) -> Outcome:
    """The half was never unlinked: it is hit again."""
    index = entry_of(me.pair, OUT if me.at is At.UNSEAL_OUT else IN)
    entry = arena.entries[index]
    alive = entry._replace(life=entry.life._replace(dead=False))
    return arena._replace(entries=put(arena.entries, index, alive)), me.next()
