"""Recorded frames made to order: a guest, its neighbours and what they say, built by scapy."""

import itertools
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from experiments import capture
from experiments.capture import Frame
from experiments.scenario import Scenario, build
from experiments.surroundings import Surroundings, surround, without_gateway
from experiments.traffic import Sighting, find_guest, observe

BUNDLED = Path(__file__).parents[3] / "experiments" / "data" / "bundled.pcapng"

GUEST_MAC = "a8:40:25:fa:fa:37"
OTHER_MAC = "02:00:00:00:00:01"
GUEST, GUEST6 = "10.0.0.5", "fd00::5"
PEER, PEER6 = "10.0.0.6", "fd00::6"
INTERNET, INTERNET6 = "198.51.100.7", "2001:db8:7::7"

__all__ = ["ARP", "ICMP", "IP", "TCP", "UDP", "Ether", "ICMPv6EchoReply", "ICMPv6EchoRequest", "IPv6"]


def sent(packet: Packet, destination: str = OTHER_MAC) -> bytes:
    """A frame that the guest sends."""
    return bytes(Ether(src=GUEST_MAC, dst=destination) / packet)


def received(packet: Packet, source: str = OTHER_MAC) -> bytes:
    """A frame that the guest receives."""
    return bytes(Ether(src=source, dst=GUEST_MAC) / packet)


def recorded(*frames: bytes) -> list[Frame]:
    """Frames one millisecond apart."""
    return [Frame(number * 1_000_000, "guest0", frame, len(frame)) for number, frame in zip(itertools.count(), frames)]


def scenario_of(frames: list[Frame], guest: str = GUEST) -> Scenario:
    """The scenario that the main job makes of these frames."""
    return build(*stage(frames, guest))


def stage(frames: list[Frame], guest: str = GUEST) -> tuple[list[Sighting], Surroundings]:
    """What the guest says and hears, and where."""
    found = find_guest(frames, guest)
    traffic = observe(frames, found)
    surroundings = surround(found, traffic.sightings)
    return without_gateway(traffic, surroundings).sightings, surroundings


def bundled() -> list[Frame]:
    """The frames of the bundled capture."""
    return list(capture.read(BUNDLED))
