"""Frames of replies, as scapy reads them."""

from hypothesis import given

from proofs.units.reference_packet.frames import (
    IP,
    UDP,
    Ether,
    IPv6,
    ipv4_addresses,
    ipv6_addresses,
    payloads,
    ports,
    recomputed,
)
from reference.hairpin import frame
from reference.packet.checksum import fold
from reference.packet.protocol import EtherType, IpProtocol


@given(ipv4_addresses, ipv4_addresses, ports, ports, payloads)
def test_a_udp_datagram_over_ipv4_reads_back(
    source: bytes, destination: bytes, source_port: int, destination_port: int, payload: bytes
) -> None:
    datagram = frame.udp(source_port, destination_port, payload)
    packet = frame.ipv4(source, destination, IpProtocol.UDP, datagram)
    layers = Ether(frame.ethernet(bytes(6), bytes(6), EtherType.IPV4, packet))
    assert (layers[UDP].sport, layers[UDP].dport, layers[UDP].chksum) == (source_port, destination_port, 0)
    assert (layers[UDP].len, layers[IP].len) == (8 + len(payload), 28 + len(payload))
    assert (layers[IP].ihl, layers[IP].id, layers[IP].flags, layers[IP].ttl) == (5, 0, 0, 128)
    del layers[IP].chksum
    assert bytes(layers)[24:26] == packet[10:12]


@given(ipv6_addresses, ipv6_addresses, payloads)
def test_an_icmpv6_message_reads_back_with_the_right_checksum(source: bytes, destination: bytes, data: bytes) -> None:
    message = frame.icmpv6(source, destination, bytes([129, 0, 0, 0, 0, 1, 0, 2]) + data)
    assert fold(frame.icmpv6_sum(source, destination, message)) == 0xFFFF
    reply = frame.ethernet(
        bytes(6), bytes(6), EtherType.IPV6, frame.ipv6(source, destination, IpProtocol.ICMPV6, message, 7)
    )
    layers = Ether(reply)
    assert (layers[IPv6].plen, layers[IPv6].hlim, layers[IPv6].tc, layers[IPv6].fl) == (8 + len(data), 7, 0, 0)
    assert recomputed(reply) == reply
