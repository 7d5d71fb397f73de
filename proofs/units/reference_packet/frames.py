"""Frames to test with, built and read by scapy: an implementation independent of the reference.

Tests take the scapy layers they need from here, so that scapy is quiet and knows Geneve everywhere.
"""

import logging
from typing import Any

from hypothesis import strategies as st

logging.getLogger("scapy").setLevel(logging.CRITICAL)

from scapy.contrib.geneve import GENEVE, GeneveOptions  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    Pad1,
    PadN,
)
from scapy.layers.l2 import Ether  # noqa: E402

__all__ = [
    "GENEVE",
    "ICMP",
    "IP",
    "TCP",
    "UDP",
    "Ether",
    "GeneveOptions",
    "ICMPv6EchoRequest",
    "IPOption_NOP",
    "IPv6",
    "IPv6ExtHdrDestOpt",
    "IPv6ExtHdrFragment",
    "IPv6ExtHdrHopByHop",
    "PadN",
]

GUEST_MAC = "a8:40:25:fa:fa:37"
GATEWAY_MAC = "a8:40:25:ff:77:77"
GUEST_IP = "172.30.0.5"
REMOTE_IP = "93.184.216.34"
GUEST_IP6 = "fd00::5"
REMOTE_IP6 = "2001:db8::99"

Layers = Any
"""A scapy packet: layers stacked with `/`."""


def ethernet() -> Layers:
    """The Ethernet header of a frame from the guest to the gateway."""
    return Ether(src=GUEST_MAC, dst=GATEWAY_MAC)


def ipv4(**fields: Any) -> Layers:
    """Ethernet and IPv4 headers of a packet from the guest."""
    return ethernet() / IP(**{"src": GUEST_IP, "dst": REMOTE_IP, **fields})


def ipv6(**fields: Any) -> Layers:
    """Ethernet and IPv6 headers of a packet from the guest."""
    return ethernet() / IPv6(**{"src": GUEST_IP6, "dst": REMOTE_IP6, **fields})


def encapsulated(frame: bytes, vni: int = 99, options: tuple[Any, ...] = (), **geneve: Any) -> Layers:
    """The frame inside Ethernet, IPv6, UDP and Geneve, as the underlay delivers it."""
    outer = Ether(src="00:00:00:00:00:01", dst="00:00:00:00:00:02") / IPv6(src="fd00::1", dst="fd00::2")
    header = GENEVE(vni=vni, options=list(options), **geneve)
    return outer / UDP(sport=0x6B71, dport=6081, chksum=0) / header / frame


def option(option_type: int, data: bytes = b"", option_class: int = 0x0129) -> Layers:
    """A Geneve option."""
    return GeneveOptions(classid=option_class, type=option_type, length=len(data) // 4, data=data)


def recomputed(frame: bytes) -> bytes:
    """The frame with every checksum computed anew by scapy."""
    layers = Ether(frame)
    for layer in layers.iterpayloads():
        for name in ("chksum", "cksum"):
            if name in layer.fields:
                delattr(layer, name)
    return bytes(layers)


ports = st.integers(0, 0xFFFF)
payloads = st.binary(max_size=64)
ipv4_addresses = st.binary(min_size=4, max_size=4)
ipv6_addresses = st.binary(min_size=16, max_size=16)

_ipv4_options = st.lists(st.just(IPOption_NOP()), max_size=40)
_tcp_options = st.lists(st.sampled_from([("NOP", None), ("MSS", 1460), ("SAckOK", b"")]), max_size=8)
_extension_headers = st.lists(
    st.sampled_from(
        [
            IPv6ExtHdrHopByHop(options=[Pad1()]),
            IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))]),
            IPv6ExtHdrFragment(offset=3, id=7),
        ]
    ),
    max_size=3,
)


@st.composite
def network_layers(draw: st.DrawFn) -> Layers:
    """Ethernet and IP headers, with options or extension headers, of any addresses."""
    if draw(st.booleans()):
        return ipv4(options=draw(_ipv4_options))
    layers = ipv6()
    for header in draw(_extension_headers):
        layers = layers / header.copy()
    return layers


@st.composite
def transport_layers(draw: st.DrawFn) -> Layers:
    """TCP with options, UDP, or an ICMP echo, with a payload."""
    payload = draw(payloads)
    source, destination = draw(ports), draw(ports)
    kind = draw(st.sampled_from(["tcp", "udp", "icmp"]))
    if kind == "tcp":
        return TCP(sport=source, dport=destination, options=draw(_tcp_options)) / payload
    if kind == "udp":
        return UDP(sport=source, dport=destination) / payload
    return ICMP(id=source, seq=destination) / payload


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A good frame from the guest."""
    network, transport = draw(network_layers()), draw(transport_layers())
    if IPv6 in network and ICMP in transport:
        echo = transport[ICMP]
        transport = ICMPv6EchoRequest(id=echo.id, seq=echo.seq, data=bytes(echo.payload))
    return bytes(network / transport)
