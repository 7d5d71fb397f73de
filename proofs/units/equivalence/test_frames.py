"""The frames that the ports are shown are what scapy makes of the same fields, and good unless damage was asked for."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.equivalence import frames
from proofs.equivalence.frames import Checksum, Content, Tunnel
from proofs.units.reference_packet.frames import (
    GENEVE,
    ICMP,
    IP,
    TCP,
    UDP,
    Ether,
    GeneveOptions,
    ICMPv6EchoRequest,
    IPOption_NOP,
    IPv6,
)
from reference.packet.flow import FlowId

GUEST_MAC, GATEWAY_MAC = bytes.fromhex("a84025f10001"), bytes.fromhex("a84025ff7777")
PORTS = st.integers(0, 0xFFFF)
SEQUENCES = st.integers(0, 0xFFFF_FFFF)


@st.composite
def flows(draw: st.DrawFn) -> FlowId:
    """Flows of TCP, UDP and echo requests, over IPv4 and IPv6."""
    family = draw(st.sampled_from([4, 6]))
    protocol = draw(st.sampled_from([frames.TCP, frames.UDP, frames.ICMP if family == 4 else frames.ICMPV6]))
    address = st.binary(min_size=4, max_size=4) if family == 4 else st.binary(min_size=16, max_size=16)
    first = draw(PORTS) if protocol in (frames.TCP, frames.UDP) else frames.ECHO[protocol][0]
    return FlowId(protocol, family, draw(address), draw(address), first, draw(PORTS))


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Undamaged contents."""
    return Content(
        payload=draw(st.binary(max_size=70)),
        flags=draw(st.integers(0, 0xFF)),
        sequence=draw(SEQUENCES),
        acknowledgement=draw(SEQUENCES),
        transport_options=draw(st.sampled_from([b"", b"\1" * 4, b"\1" * 12])),
        hop_limit=draw(st.integers(0, 255)),
    )


def by_scapy(flow: FlowId, content: Content) -> bytes:
    """The same packet by scapy, which fills in lengths and checksums itself."""
    source, destination = (str(ipaddress.ip_address(address)) for address in (flow.source, flow.destination))
    number = content.sequence & 0xFFFF
    transport: Any
    match flow.protocol:
        case frames.TCP:
            words = len(content.transport_options) // 4
            transport = TCP(
                sport=flow.source_port,
                dport=flow.destination_port,
                seq=content.sequence,
                ack=content.acknowledgement,
                flags=content.flags,
                dataofs=5 + words,
                window=0xFFFF,
                options=[("NOP", None)] * 4 * words,
            )
        case frames.UDP:
            transport = UDP(sport=flow.source_port, dport=flow.destination_port)
        case frames.ICMP:
            transport = ICMP(type=flow.source_port, id=flow.destination_port, seq=number)
        case _:
            transport = ICMPv6EchoRequest(id=flow.destination_port, seq=number)
    network = (
        IP(src=source, dst=destination, ttl=content.hop_limit, id=0, proto=flow.protocol)
        if flow.family == 4
        else IPv6(src=source, dst=destination, hlim=content.hop_limit, nh=flow.protocol)
    )
    ether = Ether(dst=GATEWAY_MAC, src=GUEST_MAC)
    return bytes(ether / network / transport / content.payload)


@given(flows(), contents())
def test_a_frame_is_what_scapy_makes_of_the_same_fields(flow: FlowId, content: Content) -> None:
    assert frames.plain(flow, content, GATEWAY_MAC, GUEST_MAC) == by_scapy(flow, content)


@given(flows(), contents(), SEQUENCES)
def test_a_tunnel_is_read_by_scapy_with_the_frame_inside(flow: FlowId, content: Content, vni: int) -> None:
    frame = frames.plain(flow, content, GATEWAY_MAC, GUEST_MAC)
    tunnel = Tunnel(bytes(15) + b"\1", bytes(15) + b"\2", vni & 0xFF_FFFF, frames.EXTERNAL_OPTION)
    outer = Ether(tunnel.wrap(frame))
    assert (outer[IPv6].src, outer[IPv6].dst, outer[IPv6].plen) == ("::1", "::2", len(frame) + 20)
    assert (outer[UDP].sport, outer[UDP].dport, outer[UDP].len) == (tunnel.source_port, 6081, len(frame) + 20)
    assert (outer[GENEVE].vni, outer[GENEVE].proto, outer[GENEVE].critical) == (tunnel.vni, 0x6558, 0)
    assert outer[GENEVE].options[0].classid == GeneveOptions(frames.EXTERNAL_OPTION).classid == 0x0129
    assert bytes(outer[GENEVE].payload) == frame


@pytest.mark.parametrize("family", [4, 6])
def test_damage_is_where_it_was_asked_for(family: int) -> None:
    address = bytes(range(1, 5)) if family == 4 else bytes(range(1, 17))
    flow = FlowId(frames.UDP, family, address, address[::-1], 5000, 53)
    good = frames.plain(flow, Content(b"query"), GATEWAY_MAC, GUEST_MAC)
    transport = 14 + (20 if family == 4 else 40)

    def changed(**fields: Any) -> set[int]:
        """The places where a damaged frame differs from the good one."""
        damaged = frames.plain(flow, Content(b"query", **fields), GATEWAY_MAC, GUEST_MAC)
        assert len(damaged) == len(good)
        return {place for place, (one, other) in enumerate(zip(good, damaged, strict=True)) if one != other}

    assert changed(checksum=Checksum.WRONG) <= {transport + 6, transport + 7} != set()
    assert changed(checksum=Checksum.ABSENT) <= {transport + 6, transport + 7} != set()
    assert changed(header_checksum=False) <= {24, 25}
    assert bool(changed(header_checksum=False)) == (family == 4)
    lengths = {16, 17, 24, 25} if family == 4 else {18, 19}
    assert changed(network_excess=9) <= lengths != set()
    assert changed(transport_excess=9) <= {transport + 4, transport + 5, transport + 6, transport + 7} != set()


def test_options_of_ipv4_are_read_by_scapy() -> None:
    flow = FlowId(frames.UDP, 4, b"\1\2\3\4", b"\4\3\2\1", 5000, 53)
    frame = frames.plain(flow, Content(b"query", network_options=b"\1" * 4), GATEWAY_MAC, GUEST_MAC)
    assert frame == bytes(
        Ether(dst=GATEWAY_MAC, src=GUEST_MAC)
        / IP(src="1.2.3.4", dst="4.3.2.1", id=0, options=[IPOption_NOP()] * 4)
        / UDP(sport=5000, dport=53)
        / b"query"
    )
