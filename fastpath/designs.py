"""The lock designs that are compared: one source, a compile-time policy each.

A policy is a set of constants that the compiler sees; nothing else differs between two designs, so that measuring
them side by side measures locking and nothing else.

`mutex` is OPTE of 2023: one lock around the whole port, taken for every packet in either direction, for expiry and
for reconfiguration (upstream issue 435). `fine` takes no lock for a hit: see `docs/protocol.md`.
"""

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn

import numpy as np

from fastpath.atomics import compare_and_swap, load_relaxed, pause, store_release, yield_thread
from fastpath.compiler import entry_point, kernel
from fastpath.layout import ONE, PORT_LOCK
from fastpath.memory import Words

_FREE = np.uint64(0)
_SPINS_BEFORE_YIELD: Final = 100


class UnknownDesign(ValueError):
    """No lock design has this name; the message lists those there are."""


class Design(enum.Enum):
    """A lock design by name; an unknown name raises `UnknownDesign`."""

    MUTEX = "mutex"
    FINE = "fine"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise UnknownDesign(f"no lock design is called {value!r}: choose from {', '.join(item.value for item in cls)}")


@dataclass(frozen=True)
class LockPolicy:
    """What a design locks.

    Attributes:
        port_lock: each packet is processed under the port's one lock, and so is every slow operation from beginning
        to end.
    """

    port_lock: bool


POLICIES: Final = MappingProxyType({Design.MUTEX: LockPolicy(port_lock=True), Design.FINE: LockPolicy(port_lock=False)})
"""The policy of each design."""


@kernel
def acquire_port_lock(words: Words) -> None:
    """Take the port lock: test, then test and set.

    After a while another thread is let run, for the holder may need this core.
    """
    spins = 0
    while True:
        if load_relaxed(words, PORT_LOCK) == _FREE and compare_and_swap(words, PORT_LOCK, _FREE, ONE):
            return
        spins += 1
        if spins % _SPINS_BEFORE_YIELD == 0:
            yield_thread()
        else:
            pause()


@kernel
def release_port_lock(words: Words) -> None:
    """Give the port lock back. Release: the next holder sees all that was written under it."""
    store_release(words, PORT_LOCK, _FREE)


@entry_point
def lock_port(words: Words) -> None:
    """`acquire_port_lock` for a slow operation."""
    acquire_port_lock(words)


@entry_point
def unlock_port(words: Words) -> None:
    """`release_port_lock` for a slow operation."""
    release_port_lock(words)
