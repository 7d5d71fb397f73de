"""`torn-config`: two calls that set the external addresses interleave.

Upstream `oxide-vpc` `engine/nat.rs`: the rules are set first and the configuration second, each under a lock of
its own; the caller's lock hides it in the product. Two calls leave the rules of one with the configuration of
the other. A system of its own: two words and, when sound, one lock.
"""

import enum
from typing import NamedTuple

from model.language import Process, Program, Property, System
from model.museum.exhibit import Exhibit


class At(enum.StrEnum):
    """Locations of a call."""

    LOCK = "lock"
    RULES = "rules"
    CONFIGURATION = "configuration"
    UNLOCK = "unlock"
    DONE = "done"


class Nat(NamedTuple):
    """What is set: by which call the rules, by which the configuration."""

    rules: str = "first"
    configuration: str = "first"
    one_lock: bool = True
    locked: bool = False
    calls: int = 0
    """Calls under way."""


class Call(NamedTuple):
    """One call of `set_external_ips`."""

    name: str
    at: At = At.LOCK


program: Program[Nat, Call] = Program()


@program.at(At.LOCK, when=lambda nat, _: not (nat.one_lock and nat.locked))
def begin(nat: Nat, me: Call) -> tuple[Nat, Call]:
    """Takes the lock, where there is one."""
    return nat._replace(locked=True, calls=nat.calls + 1), me._replace(at=At.RULES)


@program.at(At.RULES)
def set_the_rules(nat: Nat, me: Call) -> tuple[Nat, Call]:
    """First."""
    return nat._replace(rules=me.name), me._replace(at=At.CONFIGURATION)


@program.at(At.CONFIGURATION)
def set_the_configuration(nat: Nat, me: Call) -> tuple[Nat, Call]:
    """Second."""
    return nat._replace(configuration=me.name), me._replace(at=At.UNLOCK)


@program.at(At.UNLOCK)
def end(nat: Nat, me: Call) -> tuple[Nat, Call]:
    """Releases the lock and returns."""
    return nat._replace(locked=False, calls=nat.calls - 1), me._replace(at=At.DONE)


_AGREE: Property[Nat, Call] = Property(
    "agree",
    "while no call is under way, rules and configuration are of one call",
    lambda nat, _: nat.calls > 0 or nat.rules == nat.configuration,
)


def _system(*, one_lock: bool) -> System[Nat, Call]:
    return System(
        name="external addresses, " + ("one lock" if one_lock else "a lock for each half"),
        sentence="two calls set the external addresses at once",
        shared=Nat(one_lock=one_lock),
        processes=(Process("call A", program, Call("A")), Process("call B", program, Call("B"))),
        invariants=(_AGREE,),
    )


EXHIBIT = Exhibit(
    name="torn-config",
    story="two concurrent changes of the external addresses leave the rules of one with the configuration of the other",
    faulty=_system(one_lock=False),
    sound=_system(one_lock=True),
    finds="agree",
)
