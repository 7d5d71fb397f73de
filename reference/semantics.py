"""Semantics: which of upstream's behaviours the port follows, each difference a named flag."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Semantics:
    """Differences between OPTE as recorded and OPTE as it should be. Each flag is consulted in one place.

    Attributes:
        pair_at_install: both halves of a flow enter the unified flow table with the flow's first packet. Upstream
            installs only the half of the packet at hand and leaves the other to the first packet that travels the other
            way (`process_in_miss` and `process_out_miss` in `port/mod.rs`). With this flag the reply is simulated
            through the layers when the first packet was allowed and met stateful entries on its way; if the reply would
            not simply be modified, only the half at hand is installed. What upstream has from the second packet of a
            direction on then holds from the first: the flow id alone decides, so that the reply's Ethernet addresses
            are not looked at, and its destination is where it was mapped at the moment of pairing. Every flow takes up
            space in both tables.
    """

    pair_at_install: bool = True

    UPSTREAM: ClassVar["Semantics"]
    CORRECT: ClassVar["Semantics"]


Semantics.UPSTREAM = Semantics(pair_at_install=False)
Semantics.CORRECT = Semantics()
