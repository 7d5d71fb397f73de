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
    """

    pair_at_install: bool = True
    """Both halves of a flow enter the unified flow table with the flow's first packet. Upstream installs only the half
    of the packet at hand and leaves the other to the first packet that travels the other way (`process_in_miss` and
    `process_out_miss` in `port/mod.rs`). With this flag the reply is simulated through the layers when the first packet
    was allowed and met stateful entries on its way; if the reply would not simply be modified, only the half at hand is
    installed. What upstream has from the second packet of a direction on then holds from the first: the flow id alone
    decides, so that the reply's Ethernet addresses are not looked at, and its destination is where it was mapped at the
    moment of pairing. Every flow takes up space in both tables.
    """

    udp_zero_as_ones: bool = True
    """An updated UDP checksum that comes out as 0 is sent as 0xffff (RFC 768). Upstream sends 0, which says "no
    checksum", and over IPv6 makes the receiver drop the datagram (RFC 8200 section 8.1).
    """

    fin_ends_after_payload: bool = True
    """The acknowledgement of the guest's FIN covers the sequence number behind the data that the FIN's segment carries,
    and later segments of the guest do not change which one that is. Upstream takes the sequence number of the guest's
    last segment for the FIN's (`tcp_state.rs`). Stories `fin-with-payload`: a connection does not close, and idles out;
    a half-closed one never reaches `TIME_WAIT`.
    """

    guest_syn_reopens: bool = True
    """A SYN of the guest on a connection that is being closed begins a new connection (RFC 9293 section 3.6.1 for
    `TIME_WAIT`). Upstream ignores any flag but FIN in `CLOSE_WAIT`, and a SYN,ACK in the states after a FIN. Story
    `closewait-forever`: the new connection keeps the old one's state, and is lost after two minutes of silence instead
    of 8,000 s.
    """

    fin_begins_closing: bool = True
    """A FIN of a connection that is not known begins with a connection that is being closed: in `FIN_WAIT_1` if the
    guest sent it, else in `CLOSE_WAIT`. Upstream takes it for established. Story `resurrected-established`: the FIN
    that the guest repeats when `LAST_ACK` has expired leaves an established connection, with its NAT port, for 8,000 s.
    The segment passes, since the remote may have missed the first.
    """

    remote_syn_keeps_established: bool = True
    """A SYN of the remote on an established connection passes, and the state stays: it may be forged (RFC 5961 section
    4). The guest decides: it challenges a SYN that does not belong, so that a remote that did begin anew resets the old
    connection first; if it has forgotten the connection itself, its SYN,ACK begins the new one. Upstream lets the SYN
    begin a connection in `LISTEN`. Story `blind-syn`: one forged SYN, and the connection is forgotten after 5 s of
    silence, its NAT port after 60 s.
    """

    denied_segments_are_not_tracked: bool = True
    """The guest's segment is tracked when the layers have allowed it. Upstream tracks it before (`process_out_miss` in
    `port/mod.rs`). Story `denied-keeps-tcp`: denied segments fill the table of connections with established ones, and
    allowed connections are refused.
    """

    denied_packets_begin_nothing: bool = True
    """The flows that a packet begins in the layers, and the entries that they evict there, begin and go when the whole
    port has allowed the packet. Upstream has each at once, whatever later layers, the tracker of connections and the
    pool of ports say. Story `denied-fills-nat`: a few inbound packets that the firewall denies fill the table of NAT.
    Neither does a segment that closes a connection.
    """

    halves_live_as_pairs: bool = True
    """A half of a layer's flow that leaves takes the other half along, and the number of flows is that of the halves in
    each table. Upstream removes an invalid half alone, lets a new flow overwrite single halves of others, and counts
    additions (`layer.rs`). Stories `count-drift`: a table with three flows is full at eight; `in-half-leak` and
    `remote-leak`: inbound halves without a partner stay for ever, beyond the limit.
    """

    rules_reach_live_flows: bool = True
    """After any change of rules a flow that was merely allowed goes on exactly if the rules would let its first packet
    begin it now; and one that has a descriptor, if that is valid. Upstream keeps all flows when single rules are added
    or removed, and forgets all when the firewall's rules are replaced. Stories `rule-outlived`: what a removed rule let
    in passes as long as it talks. Forgetting loses packets too: a reply that comes before the guest's next packet is
    denied.
    """

    routes_reach_live_flows: bool = True
    """A flow keeps its external address only on routes on which flows are translated. Upstream translates whatever
    belongs to a translated flow, and the overlay then refuses what has an external address and is on its way to a
    guest: a flow whose route changes from an internet gateway to a guest is dropped for as long as it talks.
    """

    external_ports_are_reserved: bool = True
    """Source NAT keeps its pools of ports as long as the address is the guest's, whatever else of the configuration is
    set, and flows keep their ports. Upstream makes new pools with every refresh and forgets which ports are in use.
    Stories `refresh-breaks-snat`: an identical refresh drops live inbound packets, and two connections exchange ports;
    `wrong-guest`: two flows have one port to one remote, the replies to one reach the other, and the end of one ends
    the other; `evict-kills-other`: so does its eviction.
    """

    clearing_lets_go: bool = True
    """When a layer's flows are cleared, unified entries that came from them go too, and connections let go of them.
    Story `port-pinned`: established connections hold the ports of a cleared table of NAT, and the pool is exhausted for
    8,000 s.
    """

    mappings_reach_live_flows: bool = True
    """A change of V2P, V2B or multicast mappings holds for the next packet of every flow: it raises the epoch of each
    port that shares the mappings, when that next processes a packet. Upstream raises none (issue 221). Story
    `v2p-outlived`: a live flow keeps going to where its peer was.
    """

    idlest_entry_goes: bool = True
    """A full unified flow table evicts the entry of an ill or forgotten connection, else the one that was not hit for
    longest, and never refuses one. Upstream's unified entries know no connection (`flow_table.rs`). Story
    `evict-the-active`: an established connection goes first and cannot come back, idle datagrams stay.
    """

    replacing_evicts_nobody: bool = True
    """An entry that replaces one under the same key takes its place in a full table. Upstream makes room first. Story
    `full-overwrite`: a repeated SYN evicts an established connection.
    """

    gauges_are_exact: bool = True
    """A gauge is the size of its table, and only what goes to make room is an eviction. Upstream counts removals of
    what is not there, and no hard change of rules (`port/mod.rs`, `layer.rs`). Stories `negative-counters`: gauges of
    2^64 - 1; `flow-gauge`: four flows in a table of one.
    """

    hits_never_take_time_back: bool = True
    """A hit by a clock that lags does not make a flow look older. Upstream stores whatever time the packet has
    (`FlowEntry::hit` in `flow_table.rs`): a live flow looks idle, and expires early. With one thread this takes a clock
    that goes back; with several, it is the exhibit `time-goes-back`.
    """

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
