"""How many packets a second: lock designs side by side, on one thread and on several."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from experiments.forwarding import LANE_FRAMES, Forwarding, hits, split
from experiments.measure import Series, interleaved
from experiments.replay import Setting
from experiments.scenario import Scenario

REPETITIONS = 40
"""Of a lane in one sample: some 80,000 packets a thread, a few milliseconds."""

WARM_UP_ROUNDS = 5
ROUNDS = 200
SECONDS = 20.0


@dataclass(frozen=True)
class Throughput:
    """The result.

    Attributes:
        packets_per_second: of all threads together.
        restoring_ns: median time to restore one frame, already taken off, by number of threads.
        hits: packets of the capture that were sent again and again.
        conversations: two-way flows among them.
    """

    packets_per_second: dict[Setting, Series]
    restoring_ns: dict[int, float]
    hits: int
    conversations: int

    def scaling(self, setting: Setting) -> float:
        """Throughput in units of the same design's on one thread."""
        alone = self.packets_per_second[Setting(setting.design, 1)]
        return self.packets_per_second[setting].median / alone.median

    def nanoseconds(self, setting: Setting) -> float:
        """Time a thread takes for a packet."""
        return setting.threads * 1e9 / self.packets_per_second[setting].median


class NothingToForward(Exception):
    """The scenario has no packet that the unified flow table forwards."""


class TooNoisy(Exception):
    """The samples make no sense."""


def measure(
    scenario: Scenario,
    settings: Sequence[Setting],
    advance: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Throughput:
    """Forward the scenario's own packets in each of the settings. Each design must also be measured on one thread.

    Raises:
        NothingToForward: no packet can be forwarded again and again.
        NotForwarded: the port did something else than forward them.
        TooNoisy: the samples make no sense.
    """
    steps = hits(scenario)
    if not steps:
        raise NothingToForward
    forwarders = {setting: Forwarding(scenario, split(steps, setting.threads), setting.design) for setting in settings}
    try:
        return _measure(forwarders, advance, len(steps), len({step.conversation for step in steps}))
    finally:
        for forwarder in forwarders.values():
            forwarder.close()


def _measure(
    forwarders: dict[Setting, Forwarding],
    advance: Callable[[Iterable[int]], Iterable[int]],
    packets: int,
    conversations: int,
) -> Throughput:
    for forwarder in forwarders.values():
        forwarder.check()
    restoring = {setting.threads: forwarder for setting, forwarder in forwarders.items()}
    samplers: dict[Setting | int, Callable[[], float]] = {}
    for setting, forwarder in forwarders.items():
        samplers[setting] = _bound(forwarder.seconds)
    for threads, forwarder in restoring.items():
        samplers[threads] = _bound(forwarder.seconds_of_restoring)
    seconds = interleaved(samplers, warm_up_rounds=WARM_UP_ROUNDS, rounds=ROUNDS, seconds=SECONDS, advance=advance)
    for forwarder in forwarders.values():
        forwarder.check()
    return Throughput(
        {
            setting: _packets_per_second(seconds[setting], seconds[setting.threads].median, setting.threads)
            for setting in forwarders
        },
        {threads: seconds[threads].median * 1e9 / (REPETITIONS * LANE_FRAMES) for threads in restoring},
        packets,
        conversations,
    )


def _bound(sample: Callable[[int], float]) -> Callable[[], float]:
    return lambda: sample(REPETITIONS)


def _packets_per_second(seconds: Series, restoring: float, threads: int) -> Series:
    if min(seconds.samples) <= restoring:
        raise TooNoisy("forwarding frames took no longer than restoring them: the machine is too busy to measure")
    packets = REPETITIONS * LANE_FRAMES * threads
    return Series(tuple(packets / (sample - restoring) for sample in seconds.samples))
