"""Changing packets in place: fields, flow id and checksums, with scapy recomputing every checksum independently."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import ICMP, IP, TCP, UDP, Ether, IPv6, Layers, recomputed
from reference.direction import Direction
from reference.packet.checksum import change, fold, update
from reference.packet.flow import FlowId
from reference.packet.headers import Ipv4
from reference.packet.modify import (
    MissingHeader,
    finish_checksums,
    set_addresses,
    set_ethernet,
    set_icmp_identifier,
    set_ports,
)
from reference.packet.packet import Packet
from reference.packet.parse import parse

words = st.integers(0, 0xFFFF)


@st.composite
def translated(draw: st.DrawFn) -> tuple[Packet, bytes]:
    """A packet after a translation of some of its fields, and the frame it was before."""
    frame = draw(frames.frames())
    packet = parse(Direction.OUT, frame)
    addresses = frames.ipv4_addresses if packet.flow.family == 4 else frames.ipv6_addresses
    if draw(st.booleans()):
        set_addresses(packet, source=draw(st.none() | addresses), destination=draw(st.none() | addresses))
    if draw(st.booleans()):
        set_ports(packet, source=draw(st.none() | words), destination=draw(st.none() | words))
    if draw(st.booleans()):
        set_icmp_identifier(packet, draw(words))
    return packet, frame


def translate(packet: Packet, flow: FlowId) -> None:
    """Give a packet the addresses, ports and identifier of a flow of its protocol."""
    set_addresses(packet, flow.source, flow.destination)
    set_ports(packet, flow.source_port, flow.destination_port)
    set_icmp_identifier(packet, flow.destination_port)
    finish_checksums(packet)


@given(translated())
def test_the_flow_follows_every_change_at_once(change_made: tuple[Packet, bytes]) -> None:
    packet, _ = change_made
    assert packet.flow == parse(Direction.OUT, packet.buffer).flow


@given(translated())
def test_right_checksums_are_right_again_after_the_changes(change_made: tuple[Packet, bytes]) -> None:
    packet, frame = change_made
    # scapy does not see the transport behind the header of a later fragment
    assume(packet.transport is not None and type(packet.transport).__name__.upper() in str(Ether(frame).summary()))
    assume(recomputed(frame) == frame)
    finish_checksums(packet, send_udp_zero_as_ones=True)
    assert bytes(packet.buffer) == recomputed(bytes(packet.buffer))


@given(translated())
def test_translating_back_restores_the_frame(change_made: tuple[Packet, bytes]) -> None:
    packet, frame = change_made
    original = parse(Direction.OUT, frame)
    # Checksums of 0 and of 0xffff come back as the same number in its other form.
    assume(original.transport is not None and original.transport.checksum not in (0, 0xFFFF))
    assume(not isinstance(original.network, Ipv4) or original.network.checksum != 0xFFFF)
    finish_checksums(packet, send_udp_zero_as_ones=True)
    back = parse(Direction.OUT, packet.buffer)
    translate(back, original.flow)
    assert back.buffer == frame


@given(frames.frames(), frames.ipv4_addresses, words)
def test_a_wrong_transport_checksum_stays_wrong_by_the_same_amount(frame: bytes, address: bytes, wrong: int) -> None:
    right, off = parse(Direction.OUT, frame), parse(Direction.OUT, frame)
    assume(right.flow.family == 4)
    assert right.transport is not None
    assert off.transport is not None
    assume(right.transport.checksum != 0 and wrong != 0)
    error = change(right.transport.checksum, wrong)
    off.transport.checksum = wrong
    for packet in (right, off):
        set_addresses(packet, source=address)
        finish_checksums(packet)
    assert off.transport.checksum % 0xFFFF == fold(right.transport.checksum + error) % 0xFFFF


@pytest.mark.parametrize(
    "headers",
    [
        frames.ipv4(options=[frames.IPOption_NOP()] * 4) / TCP(chksum=0x4321),
        frames.ipv4(options=[frames.IPOption_NOP()] * 4) / UDP(chksum=0x4321),
        frames.ipv4() / ICMP(chksum=0x4321),
        frames.ipv6() / TCP(chksum=0x4321),
        frames.ipv6() / frames.ICMPv6EchoRequest(cksum=0x4321),
    ],
    ids=["tcp over 4", "udp over 4", "icmp", "tcp over 6", "icmpv6"],
)
def test_a_rewritten_body_has_the_transport_checksum_computed_from_scratch(headers: Layers) -> None:
    packet = parse(Direction.OUT, bytes(headers / b"an odd body"))
    packet.body_modified = True
    finish_checksums(packet)
    assert bytes(packet.buffer) == recomputed(bytes(packet.buffer))


@pytest.mark.parametrize("transport", [TCP(), UDP(), ICMP()], ids=["tcp", "udp", "icmp"])
def test_a_packet_that_is_not_changed_keeps_its_wrong_checksums(transport: Layers) -> None:
    frame = bytes(frames.ipv4(chksum=0x1234) / type(transport)(chksum=0x4321))
    packet = parse(Direction.OUT, frame)
    finish_checksums(packet)
    assert packet.buffer == frame


def test_mac_addresses_are_covered_by_no_checksum() -> None:
    frame = bytes(frames.ipv4(chksum=0x1234) / UDP(chksum=0x4321))
    packet = parse(Direction.OUT, frame)
    set_ethernet(packet, source=b"\x02" + bytes(5))
    set_ethernet(packet, destination=b"\x04" + bytes(5))
    finish_checksums(packet)
    assert packet.buffer == bytes.fromhex("040000000000 020000000000") + frame[12:]


def test_a_wrong_ipv4_header_checksum_is_repaired_by_any_change_of_addresses_or_ports() -> None:
    right = Ether(bytes(frames.ipv4() / UDP(sport=7, dport=1)))[IP].chksum
    packet = parse(Direction.OUT, bytes(frames.ipv4(chksum=0x1234) / UDP(sport=6, dport=1)))
    set_ports(packet, source=7)
    finish_checksums(packet)
    assert isinstance(packet.network, Ipv4)
    assert packet.network.checksum == right


def test_udp_without_a_checksum_stays_without_one() -> None:
    packet = parse(Direction.OUT, bytes(frames.ipv4() / UDP(chksum=0)))
    set_addresses(packet, source=bytes(4))
    set_ports(packet, destination=9)
    finish_checksums(packet, send_udp_zero_as_ones=True)
    assert packet.udp is not None
    assert packet.udp.checksum == 0


@pytest.mark.parametrize(("as_ones", "written"), [(False, 0), (True, 0xFFFF)])
def test_an_updated_udp_checksum_of_0_is_written_as_0_or_on_request_as_ffff(as_ones: bool, written: int) -> None:
    packet = parse(Direction.OUT, bytes(frames.ipv4() / UDP(sport=0, dport=1)))
    assert packet.udp is not None
    # The port that brings the checksum to 0: the checksum itself, by which the sum falls short of all ones.
    set_ports(packet, source=packet.udp.checksum)
    finish_checksums(packet, send_udp_zero_as_ones=as_ones)
    assert packet.udp.checksum == written


def test_a_udp_checksum_that_passes_through_0_is_not_taken_for_a_missing_one() -> None:
    frame = bytes(frames.ipv4() / UDP(sport=0, dport=1))
    packet = parse(Direction.OUT, frame)
    assert packet.udp is not None
    original = packet.udp.checksum
    set_ports(packet, source=original)
    set_ports(packet, source=0x1234)
    finish_checksums(packet)
    assert packet.udp.checksum == update(original, change(0, 0x1234))


def test_icmp_is_the_transport_whose_checksum_leaves_the_addresses_out() -> None:
    packet = parse(Direction.OUT, bytes(frames.ipv4() / ICMP(chksum=0x4321)))
    set_addresses(packet, source=bytes(4))
    finish_checksums(packet)
    assert packet.icmp is not None
    assert packet.icmp.checksum == 0x4321


@pytest.mark.parametrize(("message", "changed"), [((8, 0), True), ((0, 0), True), ((8, 1), False), ((3, 0), False)])
def test_only_echoes_of_code_0_have_an_identifier_to_change(message: tuple[int, int], changed: bool) -> None:
    frame = bytes([*message, 0, 0, 0, 7, 0, 1])
    packet = parse(Direction.OUT, bytes(frames.ipv4(proto=1) / frame))
    set_icmp_identifier(packet, 99)
    assert packet.icmp is not None
    assert packet.icmp.identifier == (99 if changed else 7)
    assert packet.headers_modified is changed


def test_ports_of_icmp_and_identifiers_of_udp_do_not_exist() -> None:
    for transport in (ICMP(), UDP()):
        frame = bytes(frames.ipv4() / transport)
        packet = parse(Direction.OUT, frame)
        set_ports(packet, source=1) if packet.icmp else set_icmp_identifier(packet, 1)
        assert packet.buffer == frame


def test_a_frame_without_an_ip_header_has_no_addresses_to_change() -> None:
    arp = parse(Direction.OUT, bytes(12) + bytes.fromhex("0806") + bytes(28))
    with pytest.raises(MissingHeader):
        set_addresses(arp, source=bytes(4))
    finish_checksums(arp)
    assert arp.buffer == bytes(12) + bytes.fromhex("0806") + bytes(28)


def test_an_address_of_the_other_family_is_refused() -> None:
    packet = parse(Direction.OUT, bytes(frames.ethernet() / IPv6() / UDP()))
    with pytest.raises(ValueError, match="16 bytes cannot hold 4 bytes"):
        set_addresses(packet, source=bytes(4))
