"""Semantics: which of upstream's behaviours the port follows, each difference a named flag."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Semantics:
    """Differences between OPTE as recorded and OPTE as it should be. Each flag is consulted in one place.

    Attributes:
        pair_at_install: both halves of a flow enter the unified flow table with the flow's first packet. Upstream
            installs only the half of the packet at hand and leaves the other to the first packet that travels the other
            way (`port/mod.rs`, `process_in_miss`: "for now we only lazily create UFT outbound entries"). With this flag
            the reply is simulated through the layers when the first packet was allowed and met stateful entries on its
            way; if the reply would not simply be modified, only the half at hand is installed.
    """

    pair_at_install: bool = True

    UPSTREAM: ClassVar["Semantics"]
    CORRECT: ClassVar["Semantics"]


Semantics.UPSTREAM = Semantics(pair_at_install=False)
Semantics.CORRECT = Semantics()
