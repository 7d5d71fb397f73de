"""Two network namespaces joined by a veth pair: a guest, and everything that it talks to.

The guest is set up as a VPC guest is: its addresses are host addresses, and all that it sends goes
through the gateway. The other namespace plays the gateway, a peer in the same VPC subnet and a host on
the internet at once: it owns all their addresses. Nothing outside the two namespaces is touched.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from experiments.recording.programs import Namespace, RecordingError, run

GUEST_MAC = "a8:40:25:fa:fa:37"
GATEWAY_MAC = "a8:40:25:ff:77:77"
"""The virtual gateway's address in OPTE's VPCs."""

GUEST_IPV4, GUEST_IPV6 = "10.0.0.5", "fd00::5"
GATEWAY_IPV4, GATEWAY_IPV6 = "10.0.0.1", "fe80::aa40:25ff:feff:7777"
PEER_IPV4, PEER_IPV6 = "10.0.0.6", "fd00::6"
INTERNET_IPV4, INTERNET_IPV6 = "198.51.100.7", "2001:db8:7::7"
"""Documentation addresses (RFC 5737, RFC 3849)."""

SUBNET_LENGTH_IPV4 = 24
GUEST_INTERFACE = "guest0"
GATEWAY_INTERFACE = "gateway0"
MTU = 1500
ADDRESS_CHECK_SECONDS = 10.0

OFFLOADS = ("tx", "rx", "sg", "tso", "gso", "gro")
"""Switched off, so that frames are no longer than the MTU and carry complete checksums."""


@dataclass(frozen=True)
class Topology:
    """The two namespaces, with their link down."""

    guest: Namespace
    outside: Namespace

    def bring_up(self) -> None:
        """Raises the link and adds the addresses; returns when IPv6 has checked them (RFC 4862)."""
        self._ip(self.outside, f"link set {GATEWAY_INTERFACE} up")
        self._ip(self.guest, f"link set {GUEST_INTERFACE} up")
        self._configure_outside()
        self._configure_guest()
        self._await_address_checks()

    def _configure_outside(self) -> None:
        ip = self._ip
        ip(self.outside, f"addr add {GATEWAY_IPV4}/{SUBNET_LENGTH_IPV4} dev {GATEWAY_INTERFACE}")
        for address in (PEER_IPV4, INTERNET_IPV4):
            ip(self.outside, f"addr add {address}/32 dev lo")
        for address in (PEER_IPV6, INTERNET_IPV6):
            ip(self.outside, f"addr add {address}/128 dev lo nodad")
        ip(self.outside, f"route add {GUEST_IPV6}/128 dev {GATEWAY_INTERFACE}")

    def _configure_guest(self) -> None:
        ip = self._ip
        ip(self.guest, f"addr add {GUEST_IPV4}/32 dev {GUEST_INTERFACE}")
        ip(self.guest, f"addr add {GUEST_IPV6}/128 dev {GUEST_INTERFACE}")
        ip(self.guest, f"route add {GATEWAY_IPV4} dev {GUEST_INTERFACE} src {GUEST_IPV4}")
        ip(self.guest, f"route add default via {GATEWAY_IPV4} src {GUEST_IPV4}")
        ip(self.guest, f"route add default via {GATEWAY_IPV6} dev {GUEST_INTERFACE}")

    def _await_address_checks(self) -> None:
        deadline = time.monotonic() + ADDRESS_CHECK_SECONDS
        for namespace in (self.guest, self.outside):
            while run(namespace, ["ip", "-6", "addr", "show", "tentative"]).strip():
                if time.monotonic() > deadline:
                    raise RecordingError(f"IPv6 addresses are still tentative after {ADDRESS_CHECK_SECONDS:.0f} s")
                time.sleep(0.1)

    @staticmethod
    def _ip(namespace: Namespace, arguments: str) -> None:
        run(namespace, ["ip", *arguments.split()])


@contextlib.contextmanager
def topology() -> Iterator[Topology]:
    """The namespaces, made anew under names of this process and removed again whatever happens.

    Raises `RecordingError`.
    """
    with contextlib.ExitStack() as cleanup:
        guest = _namespace("guest", cleanup)
        outside = _namespace("outside", cleanup)
        pair = f"name {GUEST_INTERFACE} mtu {MTU} address {GUEST_MAC} netns {guest}"
        other = f"name {GATEWAY_INTERFACE} mtu {MTU} address {GATEWAY_MAC} netns {outside}"
        run(None, f"ip link add {pair} type veth peer {other}".split())
        for namespace, interface in ((guest, GUEST_INTERFACE), (outside, GATEWAY_INTERFACE)):
            run(namespace, ["ip", "link", "set", "lo", "up"])
            switches = [word for offload in OFFLOADS for word in (offload, "off")]
            run(namespace, ["ethtool", "-K", interface, *switches])
        yield Topology(guest, outside)


def _namespace(role: str, cleanup: contextlib.ExitStack) -> Namespace:
    name = Namespace(f"lockstep-{role}-{os.getpid()}")
    run(None, ["ip", "netns", "add", name])
    cleanup.callback(run, None, ["ip", "netns", "delete", name])
    return name
