"""What is each step worth? Every switch of `fastpath/policy.py` alone, and all of them one after the other.

`python -m experiments.ladder`. Hits of 1,000 TCP flows as in `hit_speed.py`, on one thread and on two with flows of
their own. Three series: `fine` with one switch turned back, `mutex` with one switch turned to what `fine` has, and from
`mutex` to `fine` step by step, in the order in which upstream took the steps. All in turn in the same rounds, and
given as ratios to `fine` or `mutex` round by round.

Misses are left to the reference under all policies: the measured packets have none, and the code compiles faster.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments import hit_speed, machine
from experiments.experiment import Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.hit_speed import Setting
from experiments.measure import Series
from experiments.results import write_json
from fastpath import Design
from fastpath.designs import POLICIES
from fastpath.policy import Misses, Policy
from reference.direction import Direction

FLOWS: Final = 1_000
SWITCHES: Final = (
    "parsing",
    "metadata",
    "checksums",
    "flow_hash",
    "push",
    "tcp_state",
    "transforms",
    "port_lock",
)
"""In the order of the ladder: what a packet costs alone comes first, who may run beside it last."""


def policy_of(design: Design) -> Policy:
    """A design's, without misses."""
    return replace(POLICIES[design], misses=Misses.REFERENCE)


MUTEX: Final = policy_of(Design.MUTEX)
FINE: Final = policy_of(Design.FINE)


@dataclass(frozen=True)
class Step:
    """A policy of the ladder.

    Attributes:
        series: which of the three it belongs to.
        name: what was changed.
        policy: the switches.
        base: what it is compared with.
    """

    series: str
    name: str
    policy: Policy
    base: Policy


def steps() -> list[Step]:
    """All steps, `mutex` and `fine` themselves at both ends of the last series."""
    found = [Step("fine but for", name, _with(FINE, MUTEX, name), FINE) for name in SWITCHES]
    found += [Step("mutex with", name, _with(MUTEX, FINE, name), MUTEX) for name in SWITCHES]
    policy = MUTEX
    found.append(Step("one by one", "mutex", policy, MUTEX))
    for name in SWITCHES:
        policy = _with(policy, FINE, name)
        found.append(Step("one by one", name, policy, MUTEX))
    return found


def _with(policy: Policy, other: Policy, switch: str) -> Policy:
    """A policy with one switch as another has it."""
    return replace(policy, **{switch: getattr(other, switch)})


@dataclass(frozen=True)
class Result:
    """What a step costs.

    Attributes:
        one_thread, two_threads: nanoseconds a packet, of each sample.
        to_base: one thread's in units of the base's in the same round.
        two_to_base: the same with two threads.
        scaling: what two threads do in units of what one does.
    """

    step: Step
    one_thread: list[float]
    two_threads: list[float]
    to_base: list[float]
    two_to_base: list[float]
    scaling: list[float]


def measure(chosen: list[Step], rounds: int, seconds: float, advance: Callable[[Any], Any] = iter) -> list[Result]:
    """Every policy once, however many steps have it."""
    policies = dict.fromkeys(policy for step in chosen for policy in (step.policy, step.base))
    settings = {policy: (_alone(policy), _both(policy)) for policy in policies}
    taken = hit_speed.measure([one for pair in settings.values() for one in pair], rounds, seconds, advance)
    found = []
    for step in chosen:
        (one, two), (base, base_two) = (
            [taken[setting] for setting in settings[policy]] for policy in (step.policy, step.base)
        )
        found.append(
            Result(
                step,
                list(one.samples),
                list(two.samples),
                _ratios(one, base),
                _ratios(two, base_two),
                _ratios(one, two),
            )
        )
    return found


def _alone(policy: Policy) -> Setting:
    return Setting(FLOWS, policy, "", ((Direction.OUT, (0, FLOWS)),))


def _both(policy: Policy) -> Setting:
    half = FLOWS // 2
    return Setting(FLOWS, policy, "", ((Direction.OUT, (0, half)), (Direction.OUT, (half, FLOWS - half))))


def _ratios(mine: Series, base: Series) -> list[float]:
    return [one / other for one, other in zip(mine.samples, base.samples, strict=True)]


def table_of(results: list[Result]) -> Table:
    """The figures for reading."""
    table = Table(title="What each switch is worth: TCP/IPv4, outbound, 1,000 flows, batches of 256")
    for heading in ("series", "switch"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ns", "least", "to base", "two threads, ns", "to base", "scaling"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        one, two = Series(tuple(result.one_thread)), Series(tuple(result.two_threads))
        table.add_row(
            result.step.series,
            result.step.name,
            f"{one.median:.1f}",
            f"{one.extremes[0]:.1f}",
            _spread(result.to_base),
            f"{two.median:.1f}",
            _spread(result.two_to_base),
            f"{Series(tuple(result.scaling)).median:.2f}",
        )
    return table


def _spread(ratios: list[float]) -> str:
    series = Series(tuple(ratios))
    return "{:.2f}, {:.2f} {:.2f}".format(series.median, *series.quartiles)


PUBLISHED: Final = (
    ("mutex", 2.36),
    ("parsing", 2.7),
    ("flow_hash", 2.75),
    ("checksums", 2.8),
    ("push", 3.05),
    ("tcp_state", 2.95),
)
"""Gbit/s that upstream's PR 585 gives for its steps, by the switch that comes nearest: zero-copy parsing, L4 hashes
cached, checksums only when fields change, lightweight metadata together with bytes serialised once, a lock per flow.
"""
RATIO: Final = "speed to where it begins"
_UPSTREAM: Final = "upstream's PR 585: Gbit/s to 2.36"
_THREADS: Final = ("one thread", "two threads")


def measure_part(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One series."""
    chosen = [step for step in steps() if step.series == part]
    found = []
    for result in measure(chosen[:1] if effort is Effort.SMOKE else chosen, effort.rounds, effort.seconds, advance):
        for threads, samples, ratios in (
            (_THREADS[0], result.one_thread, result.to_base),
            (_THREADS[1], result.two_threads, result.two_to_base),
        ):
            setting = {"series": part, "switch": result.step.name, "threads": threads}
            found.append(Measured("a hit", "ns a packet", setting, tuple(samples)))
            found.append(Measured(RATIO, "", setting, tuple(1 / ratio for ratio in ratios)))
    return found


def finding(rows: Rows) -> str:
    """The whole ladder, and its greatest step."""
    one, two = (rows.where(RATIO, series="one by one", threads=threads) for threads in _THREADS)
    if len(one) < len(SWITCHES):
        return "What each switch is worth to a hit"
    medians = [row.series.median for row in one]
    gains = {
        row.setting["switch"]: late / early
        for row, (early, late) in zip(one[1:], itertools.pairwise(medians), strict=True)
    }
    greatest = max(gains, key=lambda name: gains[name])
    return (
        f"From mutex to fine a hit becomes {medians[-1]:.1f} times as fast on one thread and "
        f"{two[-1].series.median:.1f} times on two; the greatest step on one thread is {greatest} "
        f"({gains[greatest]:.1f} times)"
    )


EXPERIMENT: Final = Experiment(
    name="ladder",
    question="What is each step from mutex to fine worth to a hit, alone and one after the other?",
    variables={
        "series": "fine with one switch turned back; mutex with one switch turned on; from mutex to fine one by one",
        "switch": "of fastpath/policy.py: " + ", ".join(SWITCHES),
        "threads": "one; two with flows of their own",
    },
    method="Hits of 1,000 TCP/IPv4 flows, outbound, payloads of 0 and 1,400 bytes in turn, batches of 256, through the "
    "production kernel specialised for each policy. All policies of a series in turn in the same rounds, ratios round "
    "by round. Beside them the Gbit/s that upstream's PR 585 names for its own steps, between two machines with iperf, "
    "in units of the 2.36 before it: another measurement, of the same ideas.",
    parts=("fine but for", "mutex with", "one by one"),
    measure=measure_part,
    charts=(Chart(RATIO, x="switch", series="threads", panel="series", base=1.0),),
    finding=finding,
    quick=("one by one",),
    known=tuple(
        Measured(RATIO, "", {"series": "one by one", "switch": name, "threads": _UPSTREAM}, (rate / PUBLISHED[0][1],))
        for name, rate in PUBLISHED
    ),
)


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Samples of each policy.")] = 20,
    seconds: Annotated[float, typer.Option(min=0, help="Measure no longer than this.")] = 120.0,
    output: Annotated[Path | None, typer.Option(help="Write the data to this file as JSON.")] = None,
) -> None:
    """Measures what each switch is worth to a hit."""
    console = Console()
    results = measure(steps(), rounds, seconds, lambda items: track(items, console=console, transient=True))
    console.print(table_of(results))
    if output:
        write_json(output, {"machine": machine.describe(), "results": results})


if __name__ == "__main__":
    typer.run(main)
