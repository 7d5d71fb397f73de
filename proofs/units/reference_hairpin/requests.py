"""Requests of a guest to its gateway, built by scapy, and how they are handed to the replies."""

import logging

logging.getLogger("scapy").setLevel(logging.CRITICAL)

from proofs.units.reference_packet.frames import Ether, Layers  # noqa: E402
from reference.direction import Direction  # noqa: E402
from reference.packet.packet import Packet  # noqa: E402
from reference.packet.parse import parse  # noqa: E402

GUEST_MAC, GUEST_MAC_TEXT = bytes.fromhex("a84025fafa37"), "a8:40:25:fa:fa:37"
GATEWAY_MAC, GATEWAY_MAC_TEXT = bytes.fromhex("a84025ff7777"), "a8:40:25:ff:77:77"
GUEST_IP, GUEST_IP_TEXT = bytes((172, 30, 0, 5)), "172.30.0.5"
GATEWAY_IP, GATEWAY_IP_TEXT = bytes((172, 30, 0, 1)), "172.30.0.1"
GUEST_LINK_LOCAL = "fe80::aa40:25ff:fefa:fa37"
GATEWAY_LINK_LOCAL = "fe80::aa40:25ff:feff:7777"
GATEWAY_LINK_LOCAL_BYTES = bytes.fromhex("fe80000000000000aa4025fffeff7777")


def packet(layers: Layers) -> Packet:
    """The frame as the port sees it."""
    return parse(Direction.OUT, bytes(layers))


def from_guest(destination: str = GATEWAY_MAC_TEXT) -> Layers:
    """The Ethernet header of a request."""
    return Ether(src=GUEST_MAC_TEXT, dst=destination)


def dissected(reply: bytes | None) -> Layers:
    """A reply as scapy reads it."""
    assert reply is not None, "there is no reply"
    return Ether(reply)
