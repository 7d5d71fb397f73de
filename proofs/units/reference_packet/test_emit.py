"""Emission: what scapy dissects is what was asked for, and emitting and parsing undo each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import GENEVE, UDP, Ether, IPv6
from reference.direction import Direction
from reference.packet.emit import EmitSpec, Encapsulation
from reference.packet.geneve import OxideOption, encode_option
from reference.packet.parse import parse

MULTICAST_MAC = bytes.fromhex("333300000001")
HOST, TARGET = bytes.fromhex("fd" + "00" * 14 + "01"), bytes.fromhex("fd" + "00" * 14 + "02")

FRAME = bytes(frames.ipv4() / UDP() / b"payload")


@st.composite
def encapsulations(draw: st.DrawFn) -> Encapsulation:
    """Any encapsulation, with none to two options."""
    options = draw(st.lists(st.sampled_from(OxideOption), max_size=2))
    return Encapsulation(
        ethernet_destination=draw(st.binary(min_size=6, max_size=6)),
        source=draw(frames.ipv6_addresses),
        destination=draw(frames.ipv6_addresses),
        vni=draw(st.integers(0, 2**24 - 1)),
        source_port=draw(frames.ports),
        options=b"".join(encode_option(option, bytes(4)) for option in options),
    )


def push(encapsulation: Encapsulation) -> EmitSpec:
    """An emit spec that puts an encapsulation in front."""
    return EmitSpec(pop=0, push=encapsulation, l4_hash=0, mtu_unrestricted=False)


@given(frames.frames(), encapsulations())
def test_what_is_emitted_parses_as_the_packet_with_that_encapsulation(frame: bytes, outer: Encapsulation) -> None:
    emitted = push(outer).apply(parse(Direction.OUT, frame))
    packet = parse(Direction.IN, emitted)
    assert packet.outer is not None
    assert packet.flow == parse(Direction.OUT, frame).flow
    assert (packet.outer.vni, packet.outer.transport.source_port) == (outer.vni, outer.source_port)
    assert (packet.outer.network.source, packet.outer.network.destination) == (outer.source, outer.destination)
    assert packet.outer.ethernet.destination == outer.ethernet_destination
    assert b"".join(encode_option(OxideOption(o.option_type), o.body) for o in packet.outer.options) == outer.options


@given(frames.frames(), encapsulations())
def test_taking_away_what_was_put_in_front_gives_the_frame_back(frame: bytes, outer: Encapsulation) -> None:
    inbound = parse(Direction.IN, push(outer).apply(parse(Direction.OUT, frame)))
    pop = EmitSpec(inbound.encapsulation_length, None, 0, mtu_unrestricted=False)
    assert pop.apply(inbound) == frame


@given(frames.frames(), encapsulations())
def test_a_parsed_encapsulation_emitted_again_is_the_same_bytes(frame: bytes, outer: Encapsulation) -> None:
    emitted = push(outer).apply(parse(Direction.OUT, frame))
    packet = parse(Direction.IN, emitted)
    assert EmitSpec(packet.encapsulation_length, outer, 0, mtu_unrestricted=True).apply(packet) == emitted


def test_scapy_dissects_the_encapsulation() -> None:
    options = encode_option(OxideOption.MSS, bytes(4))
    outer = Encapsulation(MULTICAST_MAC, HOST, TARGET, vni=99, source_port=0x6B71, options=options)
    emitted = push(outer).apply(parse(Direction.OUT, FRAME))
    layers = Ether(emitted)
    assert (layers.dst, layers.src, layers.type) == ("33:33:00:00:00:01", "00:00:00:00:00:00", 0x86DD)
    ip = layers[IPv6]
    assert (ip.version, ip.tc, ip.fl, ip.nh, ip.hlim) == (6, 0, 0, 17, 128)
    assert (ip.src, ip.dst, ip.plen) == ("fd00::1", "fd00::2", len(emitted) - 54)
    udp = layers[UDP]
    assert (udp.sport, udp.dport, udp.len, udp.chksum) == (0x6B71, 6081, len(emitted) - 54, 0)
    geneve = layers[GENEVE]
    assert (geneve.version, geneve.optionlen, geneve.critical, geneve.vni) == (0, 2, 0, 99)
    assert (geneve.options[0].classid, geneve.options[0].type) == (0x0129, 2)
    assert bytes(geneve.payload) == FRAME


def test_the_headers_are_serialised_once() -> None:
    outer = Encapsulation(bytes(6), HOST, TARGET, 1, 2)
    assert outer.header is outer.header


@pytest.mark.parametrize(("length", "written"), [(65519, 65535), (65520, 65535), (70000, 65535), (65518, 65534)])
def test_a_length_that_does_not_fit_is_written_as_the_greatest(length: int, written: int) -> None:
    emitted = Encapsulation(bytes(6), HOST, TARGET, 1, 2).wrap(bytes(length))
    assert int.from_bytes(emitted[18:20]) == written
    assert int.from_bytes(emitted[58:60]) == written
    assert len(emitted) == 70 + length


def test_the_packet_itself_stays_as_it_is() -> None:
    packet = parse(Direction.OUT, FRAME)
    push(Encapsulation(bytes(6), HOST, TARGET, 1, 2)).apply(packet)
    assert packet.buffer == FRAME
