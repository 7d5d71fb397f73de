"""What two threads gain over one, under each lock design, and what they pay when they share flows."""

import itertools
import os
from typing import Final

from experiments import hit_speed
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.hit_speed import Setting
from experiments.measure import Series
from fastpath import Design
from fastpath.designs import POLICIES
from fastpath.policy import Policy
from reference.direction import Direction

FLOWS: Final = 1_000
SKEW: Final = 1.1
"""The first of 1,000 flows then has a fifth of all packets, the first ten a half."""
MOST_THREADS: Final = min(hit_speed.THREADS, os.cpu_count() or 1)

_ONE: Final = (0, 1)
_ALL: Final = (0, FLOWS)
_OUT: Final = Direction.OUT
APART, OWN, _SAME = "a port each", "flows of their own", "one flow"
_BOTH, _SKEWED = "one flow, both directions", "skewed flows"


def settings_of(name: str, policy: Policy) -> dict[tuple[str, int], tuple[Setting, list[Setting]]]:
    """By traffic and number of threads: the setting, and those with one thread that it is compared with."""
    half = FLOWS // 2
    own = [(_OUT, (0, half)), (_OUT, (half, half))]
    lanes: dict[str, tuple[list[tuple[Direction, tuple[int, int]]], list[tuple[Direction, tuple[int, int]]], float]] = {
        APART: ([(_OUT, _ALL)], own, 0.0),
        OWN: ([(_OUT, _ALL)], own, 0.0),
        _SAME: ([(_OUT, _ONE)], [(_OUT, _ONE)] * 2, 0.0),
        _BOTH: ([(direction, _ONE) for direction in Direction], [(direction, _ONE) for direction in Direction], 0.0),
        _SKEWED: ([(_OUT, _ALL)], [(_OUT, _ALL)] * 2, SKEW),
    }
    found: dict[tuple[str, int], tuple[Setting, list[Setting]]] = {}
    for traffic, (alone, together, skew) in lanes.items():
        ones = [Setting(FLOWS, policy, name, (lane,), skew=skew) for lane in alone]
        found[traffic, 1] = ones[0], ones
        if MOST_THREADS > 1:
            apart = traffic == APART
            found[traffic, 2] = Setting(FLOWS, policy, name, tuple(together), skew=skew, apart=apart), ones
    return found


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design."""
    wanted = settings_of(part, POLICIES[Design(part)])
    settings = list(dict.fromkeys(itertools.chain(*([mine, *alone] for mine, alone in wanted.values()))))
    taken = hit_speed.measure(settings, effort.rounds, effort.seconds, advance)
    found = []
    for (traffic, threads), (mine, alone) in wanted.items():
        setting = {"design": part, "traffic": traffic, "threads": str(threads)}
        rates = tuple(1e3 / sample for sample in taken[mine].samples)
        found.append(Measured("packets", "million a second", setting, rates))
        if threads > 1:
            gains = scaling(taken[mine], [taken[one] for one in alone])
            found.append(Measured("two threads to one", "", setting, gains))
    return found


def scaling(together: Series, alone: list[Series]) -> tuple[float, ...]:
    """Packets a second of all threads in units of one's, round by round; one's is the mean over its packets."""
    rounds = zip(together.samples, *(series.samples for series in alone), strict=True)
    return tuple(sum(ones) / len(ones) / both for both, *ones in rounds)


def finding(rows: Rows) -> str:
    """What the medians say."""
    gains = {row.setting["design"]: row.series.median for row in rows.where("two threads to one", traffic=OWN)}
    if not gains:
        return "On one core there is nothing to gain from a second thread"
    said = ", ".join(f"{gain:.2f} under {design}" for design, gain in gains.items())
    apart, both = (rows.median("two threads to one", design="fine", traffic=traffic) for traffic in (APART, _BOTH))
    end = f"; under fine {apart:.2f} with a port each, {both:.2f} at the two ends of one flow" if apart and both else ""
    return f"Two threads with flows of their own do {said} times one thread's work{end}"


EXPERIMENT: Final = Experiment(
    name="threads",
    question="What do two threads gain over one, and what do they pay when they share flows?",
    variables={
        "design": "mutex, pr585, rwlock, fine",
        "threads": "1 and 2",
        "traffic": f"{APART}, so that threads share nothing but the machine; {OWN} on one port, as all that follow "
        f"({FLOWS:,}, half of them for each thread); {_SAME} in one direction; {_BOTH}, one for each thread; "
        f"{_SKEWED}, by a power law with exponent {SKEW}, the same for both threads",
    },
    method="TCP/IPv4 hits, payloads of 0 and 1,400 bytes in turn, batches of 256, from a compiled loop through the "
    "production kernel; what writing the headers takes is measured in the same rounds and taken off. A packet that is "
    "no hit ends the measurement. Ratios are of samples of one round.",
    parts=tuple(design.value for design in Design),
    measure=measure,
    charts=(
        Chart("two threads to one", x="traffic", series="design", base=1.0),
        Chart("packets", x="threads", series="design", panel="traffic"),
    ),
    finding=finding,
)
