"""Two small systems whose behaviour is plain: a counter that two processes raise, and two locks."""

import enum
from typing import NamedTuple

from model.language import Process, Program, Property, System


class At(enum.StrEnum):
    """Locations of both toys."""

    LOAD = "load"
    STORE = "store"
    FIRST = "first"
    SECOND = "second"
    DONE = "done"


class Counter(NamedTuple):
    """One shared number."""

    value: int = 0
    raised: int = 0


class Raiser(NamedTuple):
    """A process that loads the number and stores one more."""

    at: At = At.LOAD
    seen: int = 0


raiser: Program[Counter, Raiser] = Program()


@raiser.at(At.LOAD)
def load(counter: Counter, me: Raiser) -> tuple[Counter, Raiser]:
    """Reads the number."""
    return counter, me._replace(seen=counter.value, at=At.STORE)


@raiser.at(At.STORE)
def store_one_more(counter: Counter, me: Raiser) -> tuple[Counter, Raiser]:
    """Writes what was read, and one."""
    return Counter(me.seen + 1, counter.raised + 1), me._replace(at=At.DONE)


NOTHING_LOST: Property[Counter, Raiser] = Property(
    "nothing lost", "the number is as high as it was raised", lambda counter, _: counter.value == counter.raised
)
RAISED_TWICE: Property[Counter, Raiser] = Property("twice", "the number is 2", lambda counter, _: counter.value == 2)
NEVER: Property[Counter, Raiser] = Property("never", "the number is 3", lambda counter, _: counter.value == 3)


def counter(
    processes: int, invariant: Property[Counter, Raiser] | None = None, witness: Property[Counter, Raiser] | None = None
) -> System[Counter, Raiser]:
    """Some processes that raise one number without a lock."""
    return System(
        name="counter",
        sentence="processes raise a number",
        shared=Counter(),
        processes=[Process(f"process {number}", raiser, Raiser()) for number in range(processes)],
        invariants=[invariant] if invariant else [],
        witnesses=[witness] if witness else [],
    )


class Locks(NamedTuple):
    """Two locks: who has them."""

    holders: tuple[str, str] = ("", "")


class Holder(NamedTuple):
    """A process that takes both locks in its order, and keeps them."""

    name: str
    order: tuple[int, int]
    at: At = At.FIRST


holder: Program[Locks, Holder] = Program()


def _free(locks: Locks, me: Holder) -> bool:
    return not locks.holders[me.order[0 if me.at is At.FIRST else 1]]


@holder.at(At.FIRST, At.SECOND, when=_free)
def take(locks: Locks, me: Holder) -> tuple[Locks, Holder]:
    """Takes the next lock of the order; after the second, both are given back."""
    if me.at is At.SECOND:
        return Locks(), me._replace(at=At.DONE)
    first, second = locks.holders
    taken = Locks((me.name, second) if me.order[0] == 0 else (first, me.name))
    return taken, me._replace(at=At.SECOND)


def locks(*orders: tuple[int, int]) -> System[Locks, Holder]:
    """Processes that take two locks in the given orders."""
    return System(
        name="locks",
        sentence="processes take two locks",
        shared=Locks(),
        processes=[Process(f"process {n}", holder, Holder(f"process {n}", order)) for n, order in enumerate(orders)],
        invariants=[],
    )
