"""Decompiling: keys and transforms come back from their words as the reference made them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.compile_flow import compile_flow, key_words
from fastpath.decompile import decompile_flow, key_of_words
from fastpath.layout import IP_SOURCE, PUSH_AT
from proofs.equivalence import vpc
from proofs.equivalence.frames import ACK, ECHO, ICMP, ICMPV6, SYN, TCP, UDP, Content, Tunnel, plain
from proofs.units.fastpath.packets import flows
from proofs.units.fastpath.ports import IN, NOW, OUT, TUNNEL, reference_port
from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.uft import UftEntry
from reference.vpc.config import ExternalIps

OPENING = Content(flags=SYN)
FROM_OUTSIDE = Tunnel(vpc.BOUNDARY_UNDERLAY[0], vpc.GUEST_UNDERLAY, vpc.BOUNDARY_VNI, bytes.fromhex("01290000"))
PROTOCOLS = st.sampled_from([TCP, UDP, ICMP])


@st.composite
def begun_by_the_guest(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """A first packet to a neighbour or to the internet."""
    family = draw(st.sampled_from([4, 6]))
    peer = draw(st.sampled_from([*vpc.PEERS[family], *vpc.INTERNET[family]]))
    flow = between(draw, family, vpc.GUEST[family], peer)
    return OUT, plain(flow, OPENING, vpc.GATEWAY_MAC, vpc.GUEST_MAC)


@st.composite
def begun_from_outside(draw: st.DrawFn) -> tuple[Direction, bytes]:
    """A first packet of a neighbour, or from the internet to an address of the guest's own."""
    family = draw(st.sampled_from([4, 6]))
    if draw(st.booleans()):
        flow = between(draw, family, draw(st.sampled_from(vpc.PEERS[family])), vpc.GUEST[family])
        tunnel = TUNNEL
    else:
        external = draw(st.sampled_from([vpc.EPHEMERAL[family], vpc.FLOATING[family]]))
        flow = between(draw, family, draw(st.sampled_from(vpc.INTERNET[family])), external)
        tunnel = FROM_OUTSIDE
    return IN, tunnel.wrap(plain(flow, OPENING, vpc.GUEST_MAC, vpc.GATEWAY_MAC))


def between(draw: st.DrawFn, family: int, source: bytes, destination: bytes) -> FlowId:
    """A flow between two addresses; ICMP is an echo request."""
    protocol = draw(PROTOCOLS)
    if protocol == ICMP:
        protocol = ICMP if family == 4 else ICMPV6
        return FlowId(protocol, family, source, destination, ECHO[protocol][0], draw(st.integers(0, 0xFFFF)))
    port = draw(st.sampled_from([22, 53]))
    return FlowId(protocol, family, source, destination, draw(st.integers(1, 0xFFFF)), port)


def own_addresses(family: int, floating: bool) -> ExternalIps:
    """Source NAT, an ephemeral address, and perhaps a floating one."""
    floats = (vpc.FLOATING[family],) if floating else ()
    return ExternalIps(vpc.source_nat(family), vpc.EPHEMERAL[family], floats)


def halves_after(
    sights: list[tuple[Direction, bytes]], own_address: bool, floating: bool
) -> Iterator[tuple[Direction, UftEntry]]:
    """What the unified table of a reference port holds after these packets; with source NAT alone or with more."""
    port = reference_port()
    if own_address:
        port.set_external_ips(own_addresses(4, floating), own_addresses(6, floating))
    for direction, frame in sights:
        port.process(direction, frame, NOW)
    for direction in Direction:
        for entry in port.uft.table(direction).entries.values():
            yield direction, entry


@given(flow=flows(), direction=st.sampled_from(Direction))
def test_a_key_comes_back_from_its_words(flow: FlowId, direction: Direction) -> None:
    assert key_of_words(key_words(direction, flow)) == (direction, flow)


@given(
    sights=st.lists(begun_by_the_guest() | begun_from_outside(), min_size=1, max_size=4),
    own_address=st.booleans(),
    floating=st.booleans(),
    ones=st.booleans(),
)
def test_a_transform_comes_back_from_its_words(
    sights: list[tuple[Direction, bytes]], own_address: bool, floating: bool, ones: bool
) -> None:
    for _, entry in halves_after(sights, own_address, floating):
        assert entry.transform.compiled is not None
        compiled = compile_flow(entry.flow, entry.transform.compiled, ones)
        assert compiled is not None
        again = decompile_flow(entry.flow, compiled.transform, compiled.rewrite)
        assert again == entry.transform
        assert str(again) == str(entry.transform)


def test_every_kind_of_translation_is_among_them() -> None:
    """The property would mean little if the packets never met NAT."""
    echo = FlowId(ICMP, 4, vpc.GUEST[4], vpc.INTERNET[4][0], 8, 7)
    datagram = FlowId(UDP, 4, vpc.GUEST[4], vpc.INTERNET[4][0], 1_000, 53)
    sights = [(OUT, plain(flow, Content(), vpc.GATEWAY_MAC, vpc.GUEST_MAC)) for flow in (echo, datagram)]
    seen = {
        (direction, str(entry.transform), entry.flow.protocol)
        for own_address in (False, True)
        for direction, entry in halves_after(sights, own_address, floating=False)
    }
    for protocol, name in ((ICMP, "SNAT"), (UDP, "SNAT"), (UDP, "NAT"), (ICMP, "NAT")):
        assert (OUT, f"hdr: {name},encap, body: ", protocol) in seen
        assert (IN, f"hdr: decap,{name},, body: ", protocol) in seen


@pytest.mark.parametrize("at", [IP_SOURCE + 1, PUSH_AT + 4])
def test_other_words_give_another_transform(at: int) -> None:
    datagram = FlowId(UDP, 4, vpc.GUEST[4], vpc.INTERNET[4][0], 1_000, 53)
    sight = (OUT, plain(datagram, Content(flags=ACK), vpc.GATEWAY_MAC, vpc.GUEST_MAC))
    entry = next(entry for direction, entry in halves_after([sight], False, False) if direction is OUT)
    assert entry.transform.compiled is not None
    compiled = compile_flow(entry.flow, entry.transform.compiled, True)
    assert compiled is not None
    words = list(compiled.transform)
    words[at] ^= 1 << 24
    assert decompile_flow(entry.flow, words, compiled.rewrite) != entry.transform
