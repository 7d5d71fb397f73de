"""Header views: they read what scapy wrote, and writing a field touches that field alone."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.units.reference_packet import frames
from proofs.units.reference_packet.frames import ICMP, IP, TCP, UDP, Ether, IPv6
from reference.packet import headers
from reference.packet.headers import Ethernet, Geneve, Header, Icmp, Ipv4, Ipv6, Octets, Tcp, Udp, Uint8, Uint16, Uint32

NUMBERS = {Uint8: 1, Uint16: 2, Uint32: 4}

FIELDS = [
    pytest.param(view, name, id=f"{view.__name__}.{name}")
    for view in (Ethernet, Ipv4, Ipv6, Tcp, Udp, Icmp, Geneve)
    for name, field in vars(view).items()
    if isinstance(field, Octets | Uint8 | Uint16 | Uint32)
]


def width(view: type[Header], name: str) -> int:
    """Bytes of a field."""
    field = vars(view)[name]
    return field.length if isinstance(field, Octets) else NUMBERS[type(field)]


def test_every_header_has_fields_to_test() -> None:
    assert len(FIELDS) == 40


@pytest.mark.parametrize(("view", "name"), FIELDS)
@given(data=st.data())
def test_an_assigned_field_reads_back_and_no_other_byte_changes(
    view: type[Header], name: str, data: st.DataObject
) -> None:
    size, position = width(view, name), vars(view)[name].position
    before = data.draw(st.binary(min_size=view.LENGTH + 8, max_size=view.LENGTH + 8))
    octets = data.draw(st.binary(min_size=size, max_size=size))
    value: Any = octets if isinstance(vars(view)[name], Octets) else int.from_bytes(octets)

    buffer = bytearray(before)
    header = view(buffer, 3)
    setattr(header, name, value)

    assert getattr(header, name) == value
    start = 3 + position
    assert buffer == before[:start] + octets + before[start + size :]
    assert position + size <= view.LENGTH


@pytest.mark.parametrize(("view", "name"), FIELDS)
def test_a_value_too_large_for_its_field_is_refused(view: type[Header], name: str) -> None:
    size = width(view, name)
    is_octets = isinstance(vars(view)[name], Octets)
    header = view(bytearray(view.LENGTH))
    with pytest.raises((ValueError, struct.error)):
        setattr(header, name, bytes(size + 1) if is_octets else 1 << 8 * size)


def test_ethernet_and_ipv4_read_as_scapy_wrote_them() -> None:
    layers = frames.ipv4(id=7, ttl=63, options=[frames.IPOption_NOP()] * 4) / UDP()
    buffer = bytearray(bytes(layers))
    ethernet, ip = Ethernet(buffer, 0), Ipv4(buffer, 14)
    written = Ether(bytes(buffer))[IP]
    assert (ethernet.source.hex(":"), ethernet.destination.hex(":")) == (frames.GUEST_MAC, frames.GATEWAY_MAC)
    assert ethernet.ethertype == 0x0800
    assert (ip.version, ip.header_length, ip.total_length) == (4, 24, written.len)
    assert (ip.identification, ip.time_to_live, ip.protocol, ip.checksum) == (7, 63, 17, written.chksum)


def test_ipv6_reads_as_scapy_wrote_it() -> None:
    ip = Ipv6(bytearray(bytes(frames.ipv6(hlim=9, tc=0xFF, fl=0xFFFFF) / UDP() / b"abc")), 14)
    assert (ip.version, ip.payload_length, ip.next_header, ip.hop_limit) == (6, 11, 17, 9)
    assert IPv6(src=frames.GUEST_IP6).src == frames.GUEST_IP6
    assert ip.source == bytes.fromhex("fd000000000000000000000000000005")


def test_tcp_reads_as_scapy_wrote_it() -> None:
    layers = TCP(sport=1, dport=2, seq=3, ack=4, flags="SA", window=5, chksum=6, urgptr=7, options=[("NOP", None)] * 4)
    tcp = Tcp(bytearray(bytes(layers)))
    assert (tcp.source_port, tcp.destination_port, tcp.sequence, tcp.acknowledgement) == (1, 2, 3, 4)
    assert tcp.flags == headers.TcpFlag.SYN | headers.TcpFlag.ACK
    assert (tcp.header_length, tcp.window, tcp.checksum, tcp.urgent_pointer) == (24, 5, 6, 7)


def test_udp_and_icmp_read_as_scapy_wrote_them() -> None:
    udp = Udp(bytearray(bytes(UDP(sport=1, dport=2, len=3, chksum=4))))
    assert (udp.source_port, udp.destination_port, udp.length, udp.checksum) == (1, 2, 3, 4)
    icmp = Icmp(bytearray(bytes(ICMP(type=8, code=1, id=2, seq=3, chksum=4))))
    assert (icmp.type, icmp.code, icmp.identifier, icmp.sequence, icmp.checksum) == (8, 1, 2, 3, 4)


def test_geneve_reads_as_scapy_wrote_it() -> None:
    layers = frames.encapsulated(b"", vni=0xABCDEF, options=(frames.option(2, bytes(4)),), critical=1)
    geneve = Geneve(bytearray(bytes(layers)), 62)
    assert (geneve.version, geneve.header_length, geneve.vni) == (0, 16, 0xABCDEF)
    assert geneve.flags == Geneve.CRITICAL
