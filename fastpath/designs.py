"""The lock designs that are compared: presets of the switches of `fastpath.policy`.

`mutex` is OPTE of 2023: one lock around the port, taken for every packet in either direction, for expiry and for
reconfiguration (upstream issue 435), and all the work of a packet under it. `pr585` is OPTE of 2024 (upstream PR 585):
the lock is held for the look-up only. `rwlock` is OPTE today (upstream PR 636): hits share the lock, everything else
takes it alone. `fine` takes no lock for a hit. What each excludes, and what that leaves open: `docs/protocol.md`.
"""

import enum
from types import MappingProxyType
from typing import Final, NoReturn

from fastpath.policy import Checksums, FlowHash, Metadata, Parsing, Policy, PortLock, Push, TcpState, Transforms


class UnknownDesign(ValueError):
    """No lock design has this name; the message lists those there are."""


class Design(enum.Enum):
    """A lock design by name, from the oldest to the newest; an unknown name raises `UnknownDesign`."""

    MUTEX = "mutex"
    PR585 = "pr585"
    RWLOCK = "rwlock"
    FINE = "fine"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise UnknownDesign(f"no lock design is called {value!r}: choose from {', '.join(item.value for item in cls)}")


POLICIES: Final = MappingProxyType(
    {
        Design.MUTEX: Policy(
            PortLock.EXCLUSIVE,
            Parsing.COPYING,
            Metadata.FULL,
            Checksums.FULL,
            FlowHash.RECOMPUTED,
            Push.SERIALISED,
            Transforms.INSIDE,
            TcpState.LOOKED_UP,
        ),
        Design.PR585: Policy(PortLock.EXCLUSIVE, tcp_state=TcpState.FLOW_LOCK),
        Design.RWLOCK: Policy(PortLock.SHARED, tcp_state=TcpState.FLOW_LOCK),
        Design.FINE: Policy(),
    }
)
"""The policy of each design."""
