"""The packet that an ICMP message quotes is translated as its sender once was; scapy builds and reads it."""

from collections.abc import Callable

import pytest
from scapy.layers.inet import IPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_Redirect,
    ICMPv6NDOptRedirectedHdr,
    ICMPv6PacketTooBig,
    IPerror6,
)

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import ICMP, IP, UDP, Ether, IPv6, Layers
from reference.direction import Direction
from reference.packet.embedded import NoPayload, rewrite_embedded
from reference.packet.modify import finish_checksums
from reference.packet.packet import Packet
from reference.packet.parse import parse

PRIVATE, PUBLIC = "172.30.0.5", "10.77.77.13"
PRIVATE_6, PUBLIC_6 = "fd00::5", "2001:db8::1"
REMOTE, REMOTE_6 = "93.184.216.34", "2001:db8::99"

PRIVATE_BYTES, PUBLIC_BYTES = bytes((172, 30, 0, 5)), bytes((10, 77, 77, 13))
PRIVATE_6_BYTES = bytes.fromhex("fd000000000000000000000000000005")
PUBLIC_6_BYTES = bytes.fromhex("20010db8000000000000000000000001")


def inbound(frame: Layers) -> Packet:
    """The frame as an encapsulated packet from the underlay."""
    return parse(Direction.IN, bytes(frames.encapsulated(bytes(frame))))


def outbound(frame: Layers) -> Packet:
    """The frame as a packet from the guest."""
    return parse(Direction.OUT, bytes(frame))


def inner(packet: Packet) -> Layers:
    """The inner frame as scapy reads it."""
    return Ether(bytes(packet.buffer[packet.encapsulation_length :]))


def icmp_error(message_type: int, source: str, destination: str) -> Layers:
    """An ICMP message that quotes a UDP packet."""
    quoted = IP(src=source, dst=destination) / UDP(sport=4, dport=5) / b"quoted"
    return frames.ethernet() / IP(src=REMOTE, dst=PUBLIC) / ICMP(type=message_type, code=1) / quoted


@pytest.mark.parametrize("message_type", [3, 4, 5, 11, 12])
def test_an_error_about_the_guests_own_packet_shows_the_guest_its_private_address(message_type: int) -> None:
    packet = inbound(icmp_error(message_type, PUBLIC, REMOTE))
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    quoted = inner(packet)[IPerror]
    assert (quoted.src, quoted.dst) == (PRIVATE, REMOTE)


@pytest.mark.parametrize("message_type", [3, 4, 5, 11, 12])
def test_an_error_that_the_guest_sends_shows_the_remote_side_its_public_address(message_type: int) -> None:
    packet = outbound(icmp_error(message_type, REMOTE, PRIVATE))
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    quoted = inner(packet)[IPerror]
    assert (quoted.src, quoted.dst) == (REMOTE, PUBLIC)


def test_the_quoted_header_and_the_message_have_right_checksums_afterwards() -> None:
    packet = outbound(icmp_error(3, REMOTE, PRIVATE))
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    finish_checksums(packet)
    written = Ether(bytes(packet.buffer))
    anew = Ether(bytes(packet.buffer))
    for layer in (IP, ICMP, IPerror):
        del anew[layer].chksum
    assert bytes(written) == bytes(anew)


def test_only_the_address_and_the_quoted_header_checksum_change() -> None:
    before = outbound(icmp_error(3, REMOTE, PRIVATE))
    packet = outbound(icmp_error(3, REMOTE, PRIVATE))
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    start = packet.body_offset
    changed = {i - start for i, (a, b) in enumerate(zip(before.buffer, packet.buffer, strict=True)) if a != b}
    assert changed <= {10, 11, 16, 17, 18, 19}
    assert changed


@pytest.mark.parametrize(("make", "source"), [(inbound, REMOTE), (outbound, PRIVATE)], ids=["inbound", "outbound"])
def test_a_quotation_of_another_host_keeps_its_addresses(make: Callable[[Layers], Packet], source: str) -> None:
    frame = icmp_error(3, source, "192.0.2.1")
    packet = make(frame)
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    assert packet.buffer == make(frame).buffer
    assert packet.body_modified


@pytest.mark.parametrize("message_type", [0, 8, 13])
def test_messages_that_quote_nothing_keep_their_bytes_but_count_as_rewritten(message_type: int) -> None:
    frame = icmp_error(message_type, PUBLIC, REMOTE)
    packet = inbound(frame)
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    assert packet.buffer == inbound(frame).buffer
    assert packet.body_modified


@pytest.mark.parametrize("kept", [1, 19])
def test_a_quotation_shorter_than_an_ip_header_keeps_its_bytes(kept: int) -> None:
    quoted = bytes(IP(src=PUBLIC, dst=REMOTE))[:kept]
    frame = frames.ipv4() / ICMP(type=3) / quoted
    packet = inbound(frame)
    rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    assert bytes(packet.body) == quoted


def test_a_message_without_any_body_is_an_error() -> None:
    packet = inbound(frames.ipv4() / ICMP(type=8))
    with pytest.raises(NoPayload):
        rewrite_embedded(packet, PRIVATE_BYTES, PUBLIC_BYTES)
    assert not packet.body_modified


@pytest.mark.parametrize("message", [ICMPv6DestUnreach(), ICMPv6PacketTooBig()])
def test_icmpv6_errors_are_translated_in_both_directions(message: Layers) -> None:
    ours = IPv6(src=PUBLIC_6, dst=REMOTE_6) / UDP() / b"quoted"
    packet = inbound(frames.ethernet() / IPv6(src=REMOTE_6, dst=PUBLIC_6) / message / ours)
    rewrite_embedded(packet, PRIVATE_6_BYTES, PUBLIC_6_BYTES)
    assert inner(packet)[IPerror6].src == PRIVATE_6

    theirs = IPv6(src=REMOTE_6, dst=PRIVATE_6) / UDP() / b"quoted"
    packet = outbound(frames.ethernet() / IPv6(src=PRIVATE_6, dst=REMOTE_6) / message / theirs)
    rewrite_embedded(packet, PRIVATE_6_BYTES, PUBLIC_6_BYTES)
    assert inner(packet)[IPerror6].dst == PUBLIC_6


def test_an_icmpv6_echo_quotes_nothing() -> None:
    frame = frames.ipv6() / ICMPv6EchoRequest(data=bytes(IPv6(src=PUBLIC_6, dst=REMOTE_6)))
    packet = inbound(frame)
    rewrite_embedded(packet, PRIVATE_6_BYTES, PUBLIC_6_BYTES)
    assert packet.buffer == inbound(frame).buffer


def test_a_redirected_header_option_is_translated_wherever_it_stands_among_the_options() -> None:
    quoted = bytes(IPv6(src=PUBLIC_6, dst=REMOTE_6) / UDP())
    redirected = bytes(ICMPv6NDOptRedirectedHdr(pkt=quoted))
    frame = frames.ipv6(nh=58) / bytes([137, 0, 0, 0, 0, 0, 0, 0]) / (bytes([1, 1]) + bytes(6)) / redirected
    packet = inbound(frame)
    rewrite_embedded(packet, PRIVATE_6_BYTES, PUBLIC_6_BYTES)
    assert bytes(packet.body)[8 + 8 :][8:24] == PRIVATE_6_BYTES
    assert bytes(packet.body)[8 + 8 :][24:40] == quoted[24:40]


@pytest.mark.parametrize(
    "options",
    [bytes([4, 0]) + bytes(60), bytes([4, 9]) + bytes(60), bytes([4]), bytes([4, 1]) + bytes(6)],
    ids=["length 0", "cut off", "one byte", "no room for a packet"],
)
def test_options_that_cannot_hold_a_packet_keep_their_bytes(options: bytes) -> None:
    frame = frames.ipv6(nh=58) / bytes([137, 0, 0, 0, 0, 0, 0, 0]) / options
    packet = inbound(frame)
    rewrite_embedded(packet, PRIVATE_6_BYTES, PUBLIC_6_BYTES)
    assert packet.buffer == inbound(frame).buffer


@pytest.mark.parametrize("message_type", [1, 2, 3, 4, 5, 11, 12, 137])
def test_the_addresses_must_belong_to_the_protocol(message_type: int) -> None:
    quoted = bytes(IPv6(src=PUBLIC_6, dst=REMOTE_6) / UDP(sport=1, dport=2))
    over_ipv4 = frames.ipv4(proto=1) / bytes([message_type, 0, 0, 0, 0, 0, 0, 0]) / quoted
    over_ipv6 = (
        frames.ipv6(nh=58) / bytes([message_type, 0, 0, 0, 0, 0, 0, 0]) / bytes(IP(src=PUBLIC, dst=REMOTE) / UDP())
    )
    for frame, private, public in (
        (over_ipv4, PRIVATE_6_BYTES, PUBLIC_6_BYTES),
        (over_ipv6, PRIVATE_BYTES, PUBLIC_BYTES),
    ):
        packet = inbound(frame)
        rewrite_embedded(packet, private, public)
        assert packet.buffer == inbound(frame).buffer


def test_a_real_redirect_has_addresses_where_options_are_looked_for() -> None:
    quoted = IPv6(src=PUBLIC_6, dst=REMOTE_6) / UDP()
    redirect = ICMPv6ND_Redirect(tgt=REMOTE_6, dst=REMOTE_6) / ICMPv6NDOptRedirectedHdr(pkt=quoted)
    packet = inbound(frames.ethernet() / IPv6(src=REMOTE_6, dst=PUBLIC_6) / redirect)
    before = bytes(packet.body)
    rewrite_embedded(packet, PRIVATE_6_BYTES, PUBLIC_6_BYTES)
    # The target address begins with 0x2001, read as an option of 8 bytes; from there on the options do not add up.
    assert bytes(packet.body) == before
