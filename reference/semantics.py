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
        fin_ends_after_payload: the acknowledgement of the guest's FIN covers the sequence number behind the data that
            the FIN's segment carries, and later segments of the guest do not change which one that is. Upstream takes
            the sequence number of the guest's last segment for the FIN's (`tcp_state.rs`). Stories `fin-with-payload`:
            a connection does not close, and idles out; a half-closed one never reaches `TIME_WAIT`.
        guest_syn_reopens: a SYN of the guest on a connection that is being closed begins a new connection (RFC 9293
            section 3.6.1 for `TIME_WAIT`). Upstream ignores any flag but FIN in `CLOSE_WAIT`, and a SYN,ACK in the
            states after a FIN. Story `closewait-forever`: the new connection keeps the old one's state, and is lost after
            two minutes of silence instead of 8,000 s.
        fin_begins_closing: a FIN of a connection that is not known begins with a connection that is being closed: in
            `FIN_WAIT_1` if the guest sent it, else in `CLOSE_WAIT`. Upstream takes it for established. Story
            `resurrected-established`: the FIN that the guest repeats when `LAST_ACK` has expired leaves an established
            connection, with its NAT port, for 8,000 s. The segment passes, since the remote may have missed the first.
        remote_syn_keeps_established: a SYN of the remote on an established connection passes, and the state stays: it
            may be forged (RFC 5961 section 4). The guest decides: it challenges a SYN that does not belong, so that a
            remote that did begin anew resets the old connection first; if it has forgotten the connection itself, its
            SYN,ACK begins the new one. Upstream lets the SYN begin a connection in `LISTEN`. Story `blind-syn`: one
            forged SYN, and the connection is forgotten after 5 s of silence, its NAT port after 60 s.
    """

    pair_at_install: bool = True
    udp_zero_as_ones: bool = True
    fin_ends_after_payload: bool = True
    guest_syn_reopens: bool = True
    fin_begins_closing: bool = True
    remote_syn_keeps_established: bool = True

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
