"""What `experiments.compile_time` times: a process that uses the fast path, and compiles what is not in the cache.

`python -m experiments.first_packets PART`, with the name of a `Part`; prints nothing.
"""

import enum
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from experiments import scenario
from experiments.capture import read
from experiments.population import GATEWAY_MAC, GUEST, GUEST_HOST, GUEST_MAC, VNI
from experiments.replay import new_fast_port, replay
from experiments.surroundings import surround
from experiments.traffic import find_guest, observe
from fastpath import Design, Port
from reference.address import Cidr
from reference.direction import Direction
from reference.vpc.config import IpConfig, VpcConfig

CAPTURE: Final = Path(__file__).parent / "data" / "bundled.pcapng"
CAPTURED_GUEST: Final = "10.0.0.5"
_GATEWAY: Final = bytes([10, 0, 0, 1])


class Part(enum.Enum):
    """Which of the fast path's code a process needs."""

    ONE = "one"
    """A port's first packet."""
    FOUR = "four"
    """A first packet under each of the four designs."""
    ALL = "all"
    """A capture under each design, reconfiguration, clearing, expiry and dumps."""


def first_packet(design: Design) -> None:
    """Make a port and hand it a frame."""
    family = IpConfig(Cidr.parse("10.0.0.0/24"), GUEST, _GATEWAY)
    port = Port(VpcConfig(GUEST_MAC, GATEWAY_MAC, VNI, GUEST_HOST, ipv4=family), design=design)
    port.start()
    port.process(Direction.OUT, bytes(64), 0)


def everything() -> None:
    """Take the bundled capture through a port of each design, and use all else that ports can do."""
    frames = list(read(CAPTURE))
    guest = find_guest(frames, CAPTURED_GUEST)
    sightings = observe(frames, guest).sightings
    captured = scenario.build(sightings, surround(guest, sightings))
    for design in Design:
        port = new_fast_port(captured.surroundings, design)
        replay(port, captured.steps, threads=1)
        port.snapshot()
        port.statistics()
        port.set_firewall_rules([])
        replay(port, captured.steps, threads=1)
        port.clear_uft()
        port.clear_lft("firewall")
        replay(port, captured.steps, threads=1)
        port.expire(captured.expiry_ms)
        port.pause()
        port.reset()


USES: Final[dict[Part, Callable[[], object]]] = {
    Part.ONE: lambda: first_packet(Design.FINE),
    Part.FOUR: lambda: list(map(first_packet, Design)),
    Part.ALL: everything,
}

if __name__ == "__main__":
    USES[Part(sys.argv[1])]()
