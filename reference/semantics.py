"""Semantics: which of upstream's behaviours the port follows, each difference a named flag."""

from dataclasses import dataclass, fields, replace
from typing import ClassVar


@dataclass(frozen=True)
class Semantics:
    """Differences between OPTE as recorded and OPTE as it should be. Each flag is consulted in one place.

    Correct is a port that never loses or misdelivers a packet of a live flow, keeps nothing that is dead, counts
    exactly, and does what its rules, routes and mappings say now. The stories named are recordings of the real OPTE in
    `proofs/conformance/recordings/museum`. `sequence-edge` needs no flag: the sum that overflows in a build with
    overflow checks wraps, rightly, in a release build and here.

    Attributes:
        pair_at_install: both halves of a flow enter the unified flow table with the flow's first packet. Upstream
            installs only the half of the packet at hand and leaves the other to the first packet that travels the other
            way (`process_in_miss` and `process_out_miss` in `port/mod.rs`). With this flag the reply is simulated
            through the layers when the first packet was allowed and met stateful entries on its way; if the reply would
            not simply be modified, only the half at hand is installed. What upstream has from the second packet of a
            direction on then holds from the first: the flow id alone decides, so that the reply's Ethernet addresses
            are not looked at, and its destination is where it was mapped at the moment of pairing. Every flow takes up
            space in both tables.
        udp_zero_as_ones: an updated UDP checksum that comes out as 0 is sent as 0xffff (RFC 768). Upstream sends 0,
            which says "no checksum", and over IPv6 makes the receiver drop the datagram (RFC 8200 section 8.1).
    """

    pair_at_install: bool = True
    udp_zero_as_ones: bool = True

    UPSTREAM: ClassVar["Semantics"]
    CORRECT: ClassVar["Semantics"]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all flags."""
        return tuple(flag.name for flag in fields(cls))

    @classmethod
    def only(cls, *names: str) -> "Semantics":
        """Upstream's behaviour with these corrections alone; raises `TypeError` for an unknown name."""
        return replace(cls.UPSTREAM, **dict.fromkeys(names, True))

    def without(self, *names: str) -> "Semantics":
        """The same without these corrections; raises `TypeError` for an unknown name."""
        return replace(self, **dict.fromkeys(names, False))


Semantics.UPSTREAM = Semantics(**dict.fromkeys(Semantics.names(), False))
Semantics.CORRECT = Semantics()
