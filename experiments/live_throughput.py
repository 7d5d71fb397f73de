"""What a single TCP stream between two guests loses to the two ports in between."""

import contextlib
import functools
from collections.abc import Callable
from typing import Final

from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.live import open_vswitch
from experiments.live.guests import Guest, check_machine, guests
from experiments.live.network import Network
from experiments.live.programs import iperf, listening
from experiments.live.vpc import addresses
from experiments.measure import interleaved
from experiments.population import GATEWAY_MAC
from fastpath import Design

PLAIN, OFFLOADED = "1,500-byte frames", "segmentation offload"
BARE: Final = "nothing"
PEER: Final = "Open vSwitch, user space"
UPSTREAM_BEST: Final = 3.05
"""Gbit/s: the best that upstream's PR 585 names."""
_RATE, _RATIO = "TCP throughput", "to nothing in between"


class Wire:
    """Two guests and a network whose path can be chosen."""

    def __init__(self, network: Network, pair: list[Guest], seconds: int) -> None:
        self._network = network
        self._pair = pair
        self._seconds = seconds

    def lease(self) -> None:
        """Get both guests their addresses, through ports."""
        self._network.change(Design.FINE)
        for guest in self._pair:
            guest.lease()

    def gigabits(self, design: Design | None) -> float:
        """Of one stream. With nothing in between a guest takes the other one for the gateway."""
        self._network.change(design)
        for guest, other in (self._pair, self._pair[::-1]):
            guest.take_for_gateway(GATEWAY_MAC if design else other.address.mac)
        found = iperf(self._pair[0], self._pair[1], self._seconds).gigabits
        self._network.check()
        return found


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """With one kind of frames. Raises `CannotRun`, `RecordingError`, `NotChanged`."""
    check_machine()
    offload = part == OFFLOADED
    seconds, rounds = effort.choose(1, 1, 3), effort.choose(2, 4, 10)
    designs = effort.choose([Design.FINE], [Design.MUTEX, Design.FINE], list(Design))
    with contextlib.ExitStack() as stack:
        pair = stack.enter_context(guests(addresses(2), offload=offload))
        network = stack.enter_context(Network(addresses(2), [guest.device for guest in pair], None))
        wire = Wire(network, pair, seconds)
        wire.lease()
        stack.enter_context(listening(pair[1]))
        samplers: dict[str, Callable[[], float]] = {BARE: functools.partial(wire.gigabits, None)}
        for design in designs:
            samplers[design.value] = functools.partial(wire.gigabits, design)
        if not offload and effort is not Effort.SMOKE and open_vswitch.is_installed():
            peers = stack.enter_context(open_vswitch.switched(addresses(2)))
            stack.enter_context(listening(peers[1]))
            samplers[PEER] = lambda: iperf(peers[0], peers[1], seconds).gigabits
        limit = effort.seconds * len(samplers)
        taken = interleaved(samplers, warm_up_rounds=1, rounds=rounds, seconds=limit, advance=advance)
    bare = taken[BARE].samples
    found = []
    for between, series in taken.items():
        setting = {"frames": part, "in between": between}
        found.append(Measured(_RATE, "Gbit/s", setting, series.samples))
        ratios = tuple(mine / other for mine, other in zip(series.samples, bare, strict=True))
        found.append(Measured(_RATIO, "", setting, ratios))
    return found


def finding(rows: Rows) -> str:
    """What fine keeps, with both kinds of frames."""
    said = []
    for frames in dict.fromkeys(row.setting["frames"] for row in rows.all):
        ratio = rows.median(_RATIO, frames=frames, in_between="fine")
        rate = rows.median(_RATE, frames=frames, in_between="fine")
        said.append(f"{ratio or 0:.2f} of it ({rate or 0:.1f} Gbit/s) with {frames}")
    return f"Of what a bare wire carries, two ports under fine keep {' and '.join(said)}"


EXPERIMENT: Final = Experiment(
    name="live_throughput",
    question="What does a single TCP stream between two guests lose to the two ports in between?",
    variables={
        "frames": f"{PLAIN}; {OFFLOADED}, with segments of up to 60 kB that nobody cuts",
        "in between": f"{BARE}: a compiled loop that reads one TAP device and writes the other; two ports under mutex, "
        f"pr585, rwlock, fine; where it is installed, {PEER}, between veth pairs without offloads",
    },
    method="iperf3 between two network namespaces, each behind a TAP device, one stream, guests and ports on the same "
    "cores. All settings in turn in the same rounds, ratios round by round. Each guest's frames are carried by a "
    "thread of its own, which nothing interrupts but frames that are left to the reference. Linux, root.",
    parts=(PLAIN, OFFLOADED),
    measure=measure,
    charts=(
        Chart(_RATIO, x="in between", panel="frames", base=1.0),
        Chart(_RATE, x="in between", panel="frames", base=UPSTREAM_BEST),
    ),
    finding=finding,
)
