"""What first packets cost those of running flows: batches in which some packets begin flows, and others are hits."""

import functools
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from experiments.experiment import SEED, Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.measure import beyond, interleaved, least
from experiments.miss_speed import LIMIT, Ground
from experiments.packets import Stream, Traffic
from experiments.replay import BATCH
from experiments.sending import Sender
from fastpath import Design
from fastpath.designs import POLICIES

RUNNING: Final = 4 * BATCH
"""Flows that the other packets belong to."""
SHARES: Final = (0.0, 0.001, 0.01, 0.1, 0.5, 1.0)
_NOW_MS: Final = 1_000_000
_BATCHES: Final = 200
_QUANTITY: Final = "packets"


def mixed(share: float, packets: int) -> npt.NDArray[np.int64]:
    """The flow of each packet: such a share of them begins one of its own, at places spread evenly at random."""
    random = np.random.default_rng(SEED)
    flows = random.integers(RUNNING, size=packets)
    beginning = random.permutation(packets)[: round(share * packets)]
    flows[beginning] = LIMIT + np.arange(len(beginning))
    return flows


class Meter:
    """A share, ready to be sampled."""

    def __init__(self, ground: Ground, share: float, batches: int, patient: bool) -> None:
        flows = mixed(share, batches * BATCH)
        self._ground = ground
        self._batches = batches
        self._beginning = int((flows >= LIMIT).sum())
        self._sender = Sender(ground.port, Stream(Traffic(), flows), batches, patient=patient)

    def seconds(self, process: bool) -> float:
        """One sample; raises `NotCompiled` unless exactly the packets that were to begin flows were misses."""
        stamps = self._sender.send(self._batches, _NOW_MS, process=process)
        if process:
            self._ground.check(self._beginning)
            self._ground.clear()
        return float(stamps[-1] - stamps[0]) / 1e9


def measure(part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """One design; fewer packets where the reference begins flows."""
    design = Design(part)
    patient = POLICIES[design].has_port_lock
    batches = effort.choose(4, 4 if patient else _BATCHES, 8 if patient else _BATCHES)
    ground = Ground(design, RUNNING, patient=patient)
    samplers: dict[tuple[float, bool], Callable[[], float]] = {}
    for share in SHARES:
        meter = Meter(ground, share, batches, patient)
        samplers[share, True] = functools.partial(meter.seconds, True)
        samplers[share, False] = least(functools.partial(meter.seconds, False))
    taken = interleaved(samplers, warm_up_rounds=1, rounds=effort.rounds, seconds=effort.seconds, advance=advance)
    return [
        Measured(
            _QUANTITY,
            "million a second",
            {"design": part, "that begin flows": f"{100 * share:g} %"},
            tuple(batches * BATCH / spent / 1e6 for spent in beyond(taken[share, True], taken[share, False]).samples),
        )
        for share in SHARES
    ]


def finding(rows: Rows) -> str:
    """What one packet in a hundred costs, by design."""
    said = []
    for design in dict.fromkeys(row.setting["design"] for row in rows.all):
        none, some = (rows.median(_QUANTITY, design=design, that_begin_flows=share) for share in ("0 %", "1 %"))
        if none and some:
            said.append(f"{some / none:.2f} under {design}")
    return f"When one packet in a hundred begins a flow, throughput is {', '.join(said)} of what it is with hits alone"


EXPERIMENT: Final = Experiment(
    name="mixes",
    question="What do first packets cost those of running flows?",
    variables={
        "design": "mutex, pr585, rwlock (which leave misses to the reference), fine",
        "that begin flows": "of all packets, from none to all; the others belong to 1,024 running flows",
    },
    method="UDP to a neighbour, batches of 256, one thread, from a compiled loop; first packets lie at random places. "
    "The port's counters say after each sample that exactly they were misses; then their flows expire. What writing "
    "the packets takes is taken off.",
    parts=tuple(design.value for design in Design),
    measure=measure,
    charts=(Chart(_QUANTITY, x="that begin flows", series="design", log_y=True),),
    finding=finding,
)
