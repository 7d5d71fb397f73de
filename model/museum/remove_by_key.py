"""`remove-by-key`, benign: a stale half takes a newer partner with it.

Upstream `port/mod.rs`: an inbound packet finds its half stale and drops the read lock; an outbound packet of
the flow installs a fresh outbound half; the first packet then takes the write lock and removes its own half
and, by key, whatever outbound half is there now. One more miss follows, and no packet is ever processed by a
transform of rules that are over: every hit compares the epoch, and a stamp is never newer than the rules that
made the half. A system of its own, where the halves are created one at a time and stamped with the epoch that
the look-up read, as upstream does; under `fine` halves come and go in pairs and are removed by entry, not by
key.
"""

import enum
from typing import NamedTuple

from model.language import Process, Program, Property, System
from model.museum.exhibit import Exhibit

OUT, IN = 0, 1


class At(enum.StrEnum):
    """Locations of a packet, and of the rule change."""

    LOOK_UP = "look up"
    MISS = "miss"
    CHANGE = "change the rules"
    DONE = "done"


class Half(NamedTuple):
    """One half: the epoch it is stamped with, and the epoch of the rules that made it."""

    stamp: int
    rules: int


class Tables(NamedTuple):
    """The unified flow tables, each with at most one half. Each step is one hold of the port's lock."""

    halves: tuple[Half | None, Half | None] = (Half(1, 1), Half(1, 1))
    epoch: int = 1
    by_key: bool = True


class Packet(NamedTuple):
    """A thread with its packets.

    Attributes:
        epoch: as the look-up read it.
        stale: the half that the look-up found stale.
        lost: a half of the present epoch was removed with a stale partner.
        late: a packet was processed by rules that were over.
    """

    directions: tuple[int, ...]
    at: At = At.LOOK_UP
    epoch: int = 0
    stale: Half | None = None
    lost: bool = False
    late: bool = False


program: Program[Tables, Packet] = Program()


def _with(tables: Tables, direction: int, half: Half | None) -> Tables:
    return tables._replace(halves=(half, tables.halves[IN]) if direction == OUT else (tables.halves[OUT], half))


def _next(me: Packet) -> Packet:
    rest = me.directions[1:]
    return me._replace(directions=rest, epoch=0, stale=None, at=At.LOOK_UP if rest else At.DONE)


@program.at(At.LOOK_UP)
def look_up_the_half(tables: Tables, me: Packet) -> tuple[Tables, Packet]:
    """Under the read lock: a half with the stamp of the present epoch is a hit; a stale one, or none, is a miss."""
    half = tables.halves[me.directions[0]]
    if half is not None and half.stamp == tables.epoch:
        return tables, _next(me)._replace(late=half.rules != tables.epoch)
    return tables, me._replace(epoch=tables.epoch, stale=half, at=At.MISS)


@program.at(At.MISS)
def process_and_install(tables: Tables, me: Packet) -> tuple[Tables, Packet]:
    """Under the write lock, without looking again: removes the stale half's partner, and installs a fresh half."""
    direction = me.directions[0]
    partner = tables.halves[1 - direction]
    if me.stale is not None and (tables.by_key or partner == me.stale):
        me = me._replace(lost=partner is not None and partner.stamp == tables.epoch)
        tables = _with(tables, 1 - direction, None)
    return _with(tables, direction, Half(me.epoch, tables.epoch)), _next(me)


@program.at(At.CHANGE)
def change_the_rules(tables: Tables, me: Packet) -> tuple[Tables, Packet]:
    """Under the write lock."""
    return tables._replace(epoch=tables.epoch + 1), me._replace(at=At.DONE)


_PRESENT: Property[Tables, Packet] = Property(
    "present rules", "no packet is processed by a transform of rules that are over", lambda _, me: not me.late
)
_LOST: Property[Tables, Packet] = Property(
    "one more miss", "a fresh half is removed with a stale partner", lambda _, me: me.lost
)
_SPARED: Property[Tables, Packet] = Property(
    "spared", "no fresh half is removed with a stale partner", lambda _, me: not me.lost
)


def _system(*, by_key: bool) -> System[Tables, Packet]:
    return System(
        name="removal of the partner, " + ("by key" if by_key else "only the same one"),
        sentence="the rules change between the packets of both directions",
        shared=Tables(by_key=by_key),
        processes=(
            Process("inbound", program, Packet((IN, IN))),
            Process("outbound", program, Packet((OUT, OUT))),
            Process("rules", program, Packet((), At.CHANGE)),
        ),
        invariants=(_PRESENT,) if by_key else (_PRESENT, _SPARED),
        witnesses=(_LOST,) if by_key else (),
    )


EXHIBIT = Exhibit(
    name="remove-by-key",
    story="a stale half takes along whatever partner its key finds, also a fresh one: one more miss, that is all",
    faulty=_system(by_key=True),
    sound=_system(by_key=False),
    finds="",
)
