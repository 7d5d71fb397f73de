"""Whether a packet's length matters to a port that changes its headers."""

from typing import Final

from experiments import hit_speed
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.hit_speed import Setting
from fastpath import Design
from fastpath.designs import POLICIES
from reference.direction import Direction

FRAMES: Final = (64, 128, 256, 512, 1_024, 1_514)
SMOKE_FRAMES: Final = (64, 1_514)
FLOWS: Final = 1_000
_HEADERS: Final = 54
_QUANTITY: Final = "a hit"


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design."""
    policy, lanes = POLICIES[Design(part)], ((Direction.OUT, (0, FLOWS)),)
    sizes = effort.choose(SMOKE_FRAMES, FRAMES, FRAMES)
    settings = {size: Setting(FLOWS, policy, part, lanes, payloads=(size - _HEADERS,)) for size in sizes}
    taken = hit_speed.measure(list(settings.values()), effort.rounds, effort.seconds, advance)
    found = []
    for size, setting in settings.items():
        at = {"design": part, "bytes": f"{size:,}"}
        samples = taken[setting].samples
        found.append(Measured(_QUANTITY, "ns a packet", at, samples))
        found.append(Measured("throughput", "Gbit/s of frames", at, tuple(8 * size / sample for sample in samples)))
    return found


def finding(rows: Rows) -> str:
    """The longest frame in units of the shortest."""
    ratios = {}
    for design in dict.fromkeys(row.setting["design"] for row in rows.all):
        mine = rows.where(_QUANTITY, design=design)
        ratios[design] = mine[-1].series.median / mine[0].series.median
    said = ", ".join(f"{ratio:.1f} under {design}" for design, ratio in ratios.items())
    return f"A frame of 1,514 bytes takes as long as one of 64 times {said}"


EXPERIMENT: Final = Experiment(
    name="packet_size",
    question="Does a packet's length matter to a port that changes its headers?",
    variables={
        "design": "mutex (which copies headers and computes whole checksums), pr585, rwlock, fine",
        "bytes": "of the frame as the guest sends it, from 64 to 1,514",
    },
    method="As threads, outbound on one thread, 1,000 flows. Payloads are not read by anyone but the port, and stay in "
    "the nearest caches as far as they fit: this is what the port adds, not what a network card would.",
    parts=tuple(design.value for design in Design),
    measure=measure,
    charts=(
        Chart(_QUANTITY, x="bytes", series="design", lines=True),
        Chart("throughput", x="bytes", series="design", lines=True, log_y=True),
    ),
    finding=finding,
)
