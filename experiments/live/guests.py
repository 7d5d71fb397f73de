"""Guests: network namespaces, each behind a TAP device, each with the address that DHCP gives it.

Nothing outside the namespaces is touched; they and the devices are gone after the block.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.errors import CannotRun
from experiments.live.tap import LARGEST_SEGMENT, MTU, Device, tap
from experiments.live.vpc import GATEWAY, Address
from experiments.recording.programs import PACKAGES, Namespace, RecordingError, check_programs, run
from reference.address import format_ip

INTERFACE: Final = "guest0"
PROGRAMS: Final[Mapping[str, str]] = {
    name: package for name, package in PACKAGES.items() if name in {"ip", "iperf3", "curl", "ping"}
} | {"udhcpc": "udhcpc"}
"""What guests run -> the Debian package that holds it."""

_ON_LEASE: Final = """#!/bin/sh
# Classless routes (RFC 3442) come as pairs of destination and router; 0.0.0.0 is a neighbour on the link.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/32" dev "$interface"
set -- $staticroutes
while [ $# -ge 2 ]; do
    if [ "$2" = 0.0.0.0 ]; then ip route add "$1" dev "$interface"
    else ip route add "$1" via "$2" dev "$interface"; fi
    shift 2
done
"""


@dataclass(frozen=True)
class Guest:
    """A namespace and what it is known as.

    Attributes:
        namespace: where its programs run.
        address: what the VPC knows it by.
        device: the machine's end of its network interface.
    """

    namespace: Namespace
    address: Address
    device: Device

    def lease(self) -> str:
        """Ask for an address by DHCP, and take it; what the client said. Raises `RecordingError` without one."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "on-lease")
            script.write_text(_ON_LEASE, encoding="utf-8")
            script.chmod(0o755)
            client = ["udhcpc", "-i", INTERFACE, "-n", "-q", "-f", "-t", "5", "-T", "2", "-O", "staticroutes"]
            return run(self.namespace, ["sh", "-c", f"{' '.join(client)} -s {script} 2>&1"])

    def addresses(self) -> str:
        """Its IPv4 addresses, as its kernel knows them."""
        return run(self.namespace, ["ip", "-4", "-o", "addr", "show", "dev", INTERFACE])

    def take_for_gateway(self, mac: bytes) -> None:
        """Send what goes to the gateway to this address, without asking for it."""
        words = ["ip", "neigh", "replace", format_ip(GATEWAY), "lladdr", mac.hex(":"), "dev", INTERFACE]
        run(self.namespace, [*words, "nud", "permanent"])


def check_machine() -> None:
    """Raises `CannotRun` where live guests cannot be: it says what is missing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotRun("live guests need Linux and root (network namespaces, TAP devices)")
    try:
        check_programs(PROGRAMS)
    except RecordingError as error:
        raise CannotRun(str(error)) from error
    with tap(f"lockstep{os.getpid() % 100_000}", offload=False):
        pass


@contextlib.contextmanager
def guests(addresses: list[Address], *, offload: bool) -> Iterator[list[Guest]]:
    """A guest for each address, its interface up and without an address. Raises `CannotRun` or `RecordingError`."""
    with contextlib.ExitStack() as stack:
        yield [_guest(address, offload, stack) for address in addresses]


def _guest(address: Address, offload: bool, stack: contextlib.ExitStack) -> Guest:
    name = Namespace(f"lockstep-guest{address.number}-{os.getpid()}")
    run(None, ["ip", "netns", "add", name])
    stack.callback(run, None, ["ip", "netns", "delete", name])
    outside = f"ls{os.getpid() % 100_000}g{address.number}"
    device = stack.enter_context(tap(outside, offload=offload))
    run(None, ["ip", "link", "set", outside, "netns", name, "name", INTERFACE])
    run(name, ["ip", "link", "set", "lo", "up"])
    link = ["ip", "link", "set", INTERFACE]
    run(name, [*link, "address", address.mac.hex(":"), "mtu", str(MTU), "addrgenmode", "none"])
    if offload:
        run(name, [*link, "gso_max_size", str(LARGEST_SEGMENT)])
    run(name, [*link, "up"])
    return Guest(name, address, device)
