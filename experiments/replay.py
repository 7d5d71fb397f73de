"""A scenario through a port in batches, on one thread or on several at once.

The steps are split among the threads by conversation, so that the packets of a flow and of its answers keep their
order. Steps of different flows overtake each other freely, except those that change what all flows share: these take
turns in their recorded order. With that, every packet's verdict and the final state do not depend on timing.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from experiments.scenario import Step
from experiments.surroundings import Surroundings
from fastpath import Design, FrameBatch, Port
from reference.verdict import Verdict

BATCH = 256
"""Frames that a port is handed at once, at most."""

TURN_SECONDS = 60.0
"""Longer than any turn takes: a thread that waits longer has met a defect."""


HASH_SEED = 435
"""Seed of a port's hash secret: the same collisions in every run."""


class Setting(NamedTuple):
    """How a fast port is run: a lock design, on a number of threads."""

    design: Design
    threads: int

    def __str__(self) -> str:
        return f"{self.design.value} on {self.threads} thread{'s' if self.threads > 1 else ''}"


Numbered = tuple[int, Step]


def new_fast_port(surroundings: Surroundings, design: Design) -> Port:
    """A running fast port in these surroundings."""
    port = Port(
        surroundings.config(),
        limits=surroundings.limits,
        mappings=surroundings.mappings(),
        design=design,
        seed=HASH_SEED,
    )
    surroundings.prepare(port)
    return port


def replay(port: Port, steps: Sequence[Step], threads: int) -> list[Verdict]:
    """The port's verdict about each step."""
    verdicts: list[Verdict | None] = [None] * len(steps)
    turns = _Turns([number for number, step in enumerate(steps) if step.takes_turn])
    frame_size = max((len(step.frame) for step in steps), default=0)

    def run(share: Sequence[Numbered]) -> None:
        batch = FrameBatch(capacity=BATCH, frame_size=frame_size)
        for group in _groups(share):
            batch.clear()
            for _, step in group:
                batch.load(step.direction, step.frame)
            with turns.of(group[0][0]):
                port.process_batch(batch, group[0][1].now_ms)
            for index, (number, _) in enumerate(group):
                verdicts[number] = batch.verdict(index)

    with ThreadPoolExecutor(threads) as pool:
        for finished in [pool.submit(run, share) for share in shares(steps, threads)]:
            finished.result()
    return [verdict for verdict in verdicts if verdict is not None]


def shares(steps: Sequence[Step], threads: int) -> list[list[Numbered]]:
    """For each thread the numbered steps of its conversations."""
    split: list[list[Numbered]] = [[] for _ in range(threads)]
    for number, step in enumerate(steps):
        split[step.conversation % threads].append((number, step))
    return split


def _groups(share: Sequence[Numbered]) -> Iterator[list[Numbered]]:
    """Consecutive steps of the same time, up to a batch of them; a step that takes a turn is alone."""
    group: list[Numbered] = []
    for numbered in share:
        step = numbered[1]
        if group and (
            step.takes_turn or group[-1][1].takes_turn or group[0][1].now_ms != step.now_ms or len(group) == BATCH
        ):
            yield group
            group = []
        group.append(numbered)
    if group:
        yield group


class _Turns:
    """Lets the numbers of a list pass one after the other; any other number passes at once."""

    def __init__(self, order: Sequence[int]) -> None:
        self._rank = {number: rank for rank, number in enumerate(order)}
        self._next = 0
        self._moved = threading.Condition()

    @contextlib.contextmanager
    def of(self, number: int) -> Iterator[None]:
        """Waits until every earlier number of the list has passed."""
        rank = self._rank.get(number)
        if rank is None:
            yield
            return
        with self._moved:
            if not self._moved.wait_for(lambda: self._next == rank, TURN_SECONDS):
                raise TimeoutError(f"step {number} waited {TURN_SECONDS:.0f} s for its turn")
        try:
            yield
        finally:
            # Also when the turn fails: the others then end too, and the failure is what is reported.
            with self._moved:
                self._next += 1
                self._moved.notify_all()
