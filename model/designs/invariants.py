"""What must hold in every reachable state, and what must be seen for a search to mean anything.

The invariants are those of `docs/protocol.md`.
"""

from model.designs.words import IN, NONE, OUT, Arena, At, PortState, Thread
from model.language import Property

HOLDING = frozenset({At.LIFE, At.REFRESH, At.WORD, At.ADVANCE, At.COUNT, At.COUNT_STORE, At.PORT_UNLOCK, At.LEAVE})
"""Locations at which a thread holds what its look-up returned."""


def _between_commits(arena: Arena) -> bool:
    return all(version % 2 == 0 for version in arena.versions)


def _whole(arena: Arena, me: Thread) -> bool:
    read_whole = me.at not in HOLDING or me.entry == NONE or me.key == me.payload.serial
    reachable = [arena.entries[entry] for entry in arena.slots if entry != NONE]
    return read_whole and (
        not _between_commits(arena) or all(entry.key == entry.payload.serial > 0 for entry in reachable)
    )


def _paired(arena: Arena, _me: Thread) -> bool:
    if not _between_commits(arena):
        return True
    out, in_ = arena.slots[OUT], arena.slots[IN]
    if NONE in (out, in_):
        return out == in_ or arena.setting.singly
    one, other = arena.entries[out].payload, arena.entries[in_].payload
    return one.record == other.record and (one.installation == other.installation or arena.setting.singly)


def _not_reused(arena: Arena, me: Thread) -> bool:
    return me.at not in HOLDING or me.entry == NONE or arena.entries[me.entry].payload == me.payload


def _no_lost_update(arena: Arena, _me: Thread) -> bool:
    reachable = [half for half in arena.slots if half != NONE]
    if not arena.setting.tcp or not _between_commits(arena) or not reachable:
        return True
    word = arena.words[arena.entries[reachable[0]].payload.record]
    return word.frozen or word.dead or word.closed or word.advances == arena.truth.advances


def _empty_when_ready(arena: Arena, _me: Thread) -> bool:
    ready = arena.truth.settled.state is PortState.READY and arena.slow_lock == NONE
    return not ready or (arena.slots == (NONE, NONE) and not arena.truth.open)


def _all_counted(arena: Arena, _me: Thread) -> bool:
    quiet = arena.slow_lock == NONE and all(word % 2 == 0 for word in arena.announce)
    return not quiet or arena.truth.collected + sum(half.hits for half in arena.entries) == arena.truth.hits


INVARIANTS: tuple[Property[Arena, Thread], ...] = (
    Property("I1 whole", "a half that can be reached, and what a look-up returns, is of one installation", _whole),
    Property(
        "I2 paired",
        "between commits both halves are reachable, of one installation and on one record, or none is",
        _paired,
    ),
    Property("I3 not reused", "no record is reused while a thread inside a batch holds it", _not_reused),
    Property("I4 no lost update", "the TCP word in use counts every advance that took effect", _no_lost_update),
    Property(
        "I4 order",
        "no packet takes effect on an older installation after one of a newer installation did",
        lambda arena, _: arena.truth.wrong != "overtaken",
    ),
    Property(
        "I4 incarnation",
        "closing removes the incarnation that was closed, and no later one",
        lambda arena, _: arena.truth.wrong != "removed another incarnation",
    ),
    Property(
        "I5 settled",
        "no packet takes effect under a control word whose change has returned",
        lambda arena, _: arena.truth.wrong != "late",
    ),
    Property(
        "I6 alive",
        "a flow that took a packet less than its time to live ago is not expired",
        lambda arena, _: arena.truth.wrong != "expired alive",
    ),
    Property("I7 ready is empty", "while the port is ready its tables are empty", _empty_when_ready),
    Property(
        "I8 all counted", "while nobody is inside a batch or a slow operation, every hit is in a counter", _all_counted
    ),
)

HIT: Property[Arena, Thread] = Property(
    "hit", "a packet is a hit", lambda _, me: me.at in (At.LEAVE, At.PORT_UNLOCK) and me.entry != NONE
)
SLOW: Property[Arena, Thread] = Property(
    "slow", "a packet is processed on the slow path", lambda _, me: me.at is At.FINISH
)
REMOVED: Property[Arena, Thread] = Property("removed", "halves are retired", lambda _, me: me.at is At.RETIRE)
INSTALLED: Property[Arena, Thread] = Property(
    "installed", "halves are installed", lambda _, me: me.at in (At.LINK_OUT, At.LINK_IN)
)
KEPT: Property[Arena, Thread] = Property(
    "kept", "an expiry keeps a half", lambda _, me: me.at is At.DECIDE and me.idle != (True, True)
)
SURVIVES: Property[Arena, Thread] = Property(
    "survives",
    "what an expiry has sealed or buried, and keeps, is installed anew",
    lambda _, me: me.at is At.ALLOCATE and not me.packets,
)
WAITS: Property[Arena, Thread] = Property(
    "waits", "a slow operation finds a thread inside a batch", lambda _, me: any(seen % 2 for seen in me.sample)
)
