"""How long a hit takes when the flows no longer fit a cache: from one flow to a million."""

from typing import Final

from experiments import hit_speed
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.hit_speed import Setting
from fastpath import Design
from fastpath.designs import POLICIES
from reference.direction import Direction

SIZES: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
SMOKE_SIZES: Final = (1, 1_000)
_QUANTITY: Final = "a hit"


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design."""
    policy = POLICIES[Design(part)]
    settings = [
        Setting(flows, policy, part, ((direction, (0, flows)),))
        for flows in effort.choose(SMOKE_SIZES, SIZES, SIZES)
        for direction in Direction
    ]
    taken = hit_speed.measure(settings, effort.rounds, effort.seconds, advance)
    return [
        Measured(
            _QUANTITY,
            "ns a packet",
            {"design": part, "direction": setting.lanes[0][0].value, "flows": f"{setting.flows:,}"},
            series.samples,
        )
        for setting, series in taken.items()
    ]


def finding(rows: Rows) -> str:
    """From the fewest flows to the most, outbound."""
    fine = rows.where(_QUANTITY, design="fine", direction="out")
    if len(fine) < 2:
        return "How long a hit takes by the number of flows"
    first, last = fine[0], fine[-1]
    return (
        f"Under fine, a hit outbound takes {first.series.median:.0f} ns with {first.setting['flows']} flow and "
        f"{last.series.median:.0f} ns among {last.setting['flows']}"
    )


EXPERIMENT: Final = Experiment(
    name="flows",
    question="How long does a hit take when the flows no longer fit a cache?",
    variables={
        "design": "mutex, pr585, rwlock, fine",
        "direction": "in and out",
        "flows": "in the table, from 1 to a million; packets belong to all of them, in random order",
    },
    method="As threads, on one thread. Each flow has its turn before any has its second, over as many samples as that "
    "takes; tables lie on huge pages where the system gives them.",
    parts=tuple(design.value for design in Design),
    measure=measure,
    charts=(Chart(_QUANTITY, x="flows", series="design", panel="direction", lines=True, log_x=True),),
    finding=finding,
)
