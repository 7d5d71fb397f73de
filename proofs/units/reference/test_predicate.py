"""Predicates: what they match, and their exact texts."""

import pytest
from scapy.layers.inet import icmptypes
from scapy.layers.inet6 import icmp6types

from proofs.units.reference.scene import arp_request, outbound_packet, packed, udp
from proofs.units.reference_packet.frames import GATEWAY_MAC, GUEST_MAC, ICMP, TCP, UDP, ICMPv6EchoRequest, ipv4, ipv6
from reference.action import ActionMeta
from reference.address import Cidr, parse_mac
from reference.packet.protocol import IpProtocol
from reference.predicate import (
    AnyOf,
    DestinationPort,
    EtherAddressGroup,
    EtherDestination,
    EtherSource,
    EtherTypeIs,
    IcmpCode,
    IcmpType,
    IpDestination,
    IpProtocolIs,
    IpSource,
    MetaTag,
    Not,
    NumberRange,
    Predicate,
    SourcePort,
    one_number,
)

FRAMES = {
    "udp": udp(5000),
    "tcp6": ipv6() / TCP(sport=443, dport=80),
    "echo": ipv4() / ICMP(type=8, code=0, id=7),
    "echo6": ipv6() / ICMPv6EchoRequest(id=7),
    "unreachable": ipv4() / ICMP(type=3, code=4) / b"quoted",
    "arp": arp_request("172.30.0.1"),
    "multicast": ipv4(dst="224.1.2.3") / UDP(sport=67, dport=68),
}


def number_range(first: int, last: int) -> tuple[NumberRange, ...]:
    return (NumberRange(first, last),)


@pytest.mark.parametrize(
    ("predicate", "text", "matching"),
    [
        (EtherTypeIs((0x0806,)), "inner.ether.ether_type=ARP", {"arp"}),
        (
            EtherTypeIs((0x0800, 0x86DD)),
            "inner.ether.ether_type=IPv4,IPv6",
            {"udp", "tcp6", "echo", "echo6", "unreachable", "multicast"},
        ),
        (EtherTypeIs((0x88CC, 0x6558)), "inner.ether.ether_type=0x88CC,ETHER", set()),
        (EtherSource((parse_mac(GUEST_MAC),)), "inner.ether.src=A8:40:25:FA:FA:37", set(FRAMES)),
        (EtherDestination((EtherAddressGroup.MULTICAST,)), "inner.ether.dst=multicast", {"arp"}),
        (
            EtherDestination((parse_mac(GATEWAY_MAC), b"\xff" * 6)),
            "inner.ether.dst=A8:40:25:FF:77:77,FF:FF:FF:FF:FF:FF",
            set(FRAMES),
        ),
        (IpSource((packed("fd00::5"),)), "inner.ip6.src=fd00::5", {"tcp6", "echo6"}),
        (IpSource((packed("0.0.0.0"),)), "inner.ip.src=0.0.0.0", set()),
        (IpDestination((Cidr.parse("224.0.0.0/4"),)), "inner.ip.dst=224.0.0.0/4", {"multicast"}),
        (
            IpDestination((packed("1.1.1.1"), Cidr.parse("93.184.0.0/16"))),
            "inner.ip.dst=1.1.1.1,93.184.0.0/16",
            {"udp", "echo", "unreachable"},
        ),
        (IpProtocolIs((17,)), "inner.ip.proto=UDP", {"udp", "multicast"}),
        (IpProtocolIs((6, 58)), "inner.ip.proto=TCP,ICMPv6", {"tcp6", "echo6"}),
        (IpProtocolIs((132,)), "inner.ip.proto=Unknown", set()),
        (SourcePort(one_number(443)), "inner.ulp.src=443", {"tcp6"}),
        (DestinationPort(number_range(50, 60)), "inner.ulp.dst∈(50..=60)", {"udp"}),
        (
            DestinationPort((NumberRange(22, 22), NumberRange(80, 82), NumberRange(443, 443))),
            "inner.ulp.dst=22,∈(80..=82),=443",
            {"tcp6"},
        ),
        (SourcePort(one_number(8)), "inner.ulp.src=8", set()),
        (IcmpType(IpProtocol.ICMP, one_number(8)), "inner.icmp.type=echo request", {"echo"}),
        (IcmpType(IpProtocol.ICMPV6, one_number(128)), "inner.icmp.type=echo request", {"echo6"}),
        (
            IcmpType(IpProtocol.ICMP, number_range(3, 8)),
            "inner.icmp.type∈(destination unreachable..=echo request)",
            {"echo", "unreachable"},
        ),
        (
            IcmpType(IpProtocol.ICMPV6, number_range(133, 137)),
            "inner.icmp.type∈(router solicitation..=redirect)",
            set(),
        ),
        (IcmpType(IpProtocol.ICMP, one_number(42)), "inner.icmp.type=42", set()),
        (IcmpCode(IpProtocol.ICMP, number_range(1, 4)), "inner.icmp.code∈(1..=4)", {"unreachable"}),
        (MetaTag("vni", "77"), "meta: vni=77", {"udp"}),
        (
            AnyOf((IpDestination((Cidr.parse("224.0.0.0/4"),)), IpProtocolIs((6,)))),
            "any(inner.ip.dst=224.0.0.0/4,inner.ip.proto=TCP)",
            {"multicast", "tcp6"},
        ),
        (Not(EtherTypeIs((0x0800,))), "!inner.ether.ether_type=IPv4", {"tcp6", "echo6", "arp"}),
    ],
)
def test_a_predicate_matches_exactly_these_packets_and_prints_like_this(
    predicate: Predicate, text: str, matching: set[str]
) -> None:
    found = set()
    for name, layers in FRAMES.items():
        meta = ActionMeta()
        meta.tags["vni"] = "77" if name == "udp" else "78"
        if predicate.matches(outbound_packet(layers), meta):
            found.add(name)
    assert found == matching
    assert str(predicate) == text


def test_a_tag_that_nobody_noted_matches_nothing() -> None:
    assert not MetaTag("vni", "77").matches(outbound_packet(udp()), ActionMeta())


def test_predicates_of_the_same_kind_and_values_are_equal() -> None:
    source: Predicate = IpSource((packed("10.0.0.1"),))
    destination: Predicate = IpDestination((packed("10.0.0.1"),))
    assert source == IpSource((packed("10.0.0.1"),))
    assert source != destination


SCAPY_NAMES = {
    "dest unreach": "destination unreachable",
    "redirect": "message redirect",
    "timestamp request": "timestamp",
    "mld query": "multicast listener query",
    "mld report version 2": "multicast listener report",
    "redirect message": "redirect",
    "rpl control message": "RPL control message",
}
"""What scapy calls otherwise than OPTE does."""


def named_by_scapy(names: dict[int, str], number: int) -> str:
    name = names[number].lower().replace("-", " ")
    return SCAPY_NAMES.get(name, name)


@pytest.mark.parametrize("number", [0, 3, 5, 8, 9, 10, 11, 12, 13, 14])
def test_icmp_types_go_by_their_names(number: int) -> None:
    text = str(IcmpType(IpProtocol.ICMP, one_number(number)))
    assert text == f"inner.icmp.type={named_by_scapy(icmptypes, number)}"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 128, 129, 130, 133, 134, 135, 136, 137, 143, 155])
def test_icmpv6_types_go_by_their_names(number: int) -> None:
    text = str(IcmpType(IpProtocol.ICMPV6, one_number(number)))
    assert text == f"inner.icmp.type={named_by_scapy(icmp6types, number)}"


@pytest.mark.parametrize("protocol", [IpProtocol.ICMP, IpProtocol.ICMPV6])
@pytest.mark.parametrize("number", [6, 7, 42, 255])
def test_icmp_types_without_a_name_are_numbers(protocol: IpProtocol, number: int) -> None:
    assert str(IcmpType(protocol, one_number(number))) == f"inner.icmp.type={number}"
