"""How many packets a second: lock designs side by side on one thread and on several, and each kind of packet alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from experiments.forwarding import LANE_FRAMES, Forwarding, hits, split
from experiments.measure import Series, TooNoisy, interleaved
from experiments.replay import Setting
from experiments.scenario import Scenario, Step
from fastpath import Design
from reference import Modified

REPETITIONS = 80
"""Of a lane in one sample: some 160,000 packets a thread, several milliseconds."""

WARM_UP_ROUNDS = 5
ROUNDS = 100
SECONDS = 12.0
"""An end to each series of rounds on a slow or busy machine; a quiet one needs less."""

KIND_SETTING = Setting(Design.FINE, 1)
"""How each kind of packet is measured."""

FLOWS = 1_000
MANY_FLOWS = f"TCP/IPv4 out, {FLOWS:,} flows"
"""The kind that is made from the capture rather than found in it: see `many_flows`."""

Advance = Callable[[Iterable[int]], Iterable[int]]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Throughput:
    """The result.

    Attributes:
        by_setting: packets a second, of all threads together.
        by_kind: packets a second of one kind alone, in `KIND_SETTING`.
        restoring_ns: median time to restore one frame, already taken off.
        packets: packets that were sent again and again, by kind; those of `MANY_FLOWS` are not the capture's.
        conversations: two-way flows among them.
        not_measured: further packets that the port forwards, but not from its unified flow table again and again.
    """

    by_setting: dict[Setting, Series]
    by_kind: dict[str, Series]
    restoring_ns: dict[int, float]
    packets: dict[str, int]
    conversations: int
    not_measured: int

    @property
    def captured(self) -> int:
        """How many packets of the capture itself were sent again and again."""
        return sum(count for kind, count in self.packets.items() if kind != MANY_FLOWS)

    def scaling(self, setting: Setting) -> float:
        """Throughput in units of the same design's on one thread."""
        return self.by_setting[setting].median / self.by_setting[Setting(setting.design, 1)].median

    def nanoseconds(self, setting: Setting) -> float:
        """Time a thread takes for a packet."""
        return setting.threads * 1e9 / self.by_setting[setting].median


class NothingToForward(Exception):
    """The scenario has no packet that the unified flow table forwards."""


def measure(
    scenario: Scenario,
    settings: Sequence[Setting],
    seconds: float = SECONDS,
    advance: Advance = iter,
    wide: Scenario | None = None,
) -> Throughput:
    """Forward the scenario's own packets in each of the settings. Each design must also be measured on one thread.

    There are two series of rounds, settings and kinds of packet; each ends after `seconds` at the latest. `advance` may
    wrap each series to show progress. The packets of `wide`, of many flows, are one more kind.

    Raises:
        NothingToForward: no packet can be forwarded again and again.
        NotForwarded: the port did something else than forward them.
        TooNoisy: the samples make no sense.
    """
    steps = hits(scenario)
    if not steps:
        raise NothingToForward
    kinds = {kind: [step for step in steps if step.kind == kind] for kind in sorted({step.kind for step in steps})}
    by_setting, restoring = _sample(
        {setting: (scenario, setting.design, split(steps, setting.threads)) for setting in settings}, seconds, advance
    )
    alone = {kind: (scenario, KIND_SETTING.design, [chosen]) for kind, chosen in kinds.items()}
    wide_steps = hits(wide) if wide is not None else []
    if wide is not None and wide_steps:
        kinds[MANY_FLOWS] = wide_steps
        alone[MANY_FLOWS] = (wide, KIND_SETTING.design, [wide_steps])
    by_kind, _ = _sample(alone, seconds, advance)
    return Throughput(
        by_setting,
        by_kind,
        {threads: duration * 1e9 / (REPETITIONS * LANE_FRAMES) for threads, duration in restoring.items()},
        {kind: len(chosen) for kind, chosen in kinds.items()},
        len({step.conversation for step in steps}),
        sum(isinstance(step.verdict, Modified) for step in scenario.steps) - len(steps),
    )


def _sample(
    wanted: Mapping[Key, tuple[Scenario, Design, Sequence[Sequence[Step]]]],
    limit_seconds: float,
    advance: Advance,
) -> tuple[dict[Key, Series], dict[int, float]]:
    """Packets a second for each key, and the seconds a sample spends on restoring by number of threads."""
    forwarders = {key: Forwarding(scenario, lanes, design) for key, (scenario, design, lanes) in wanted.items()}
    try:
        for forwarder in forwarders.values():
            forwarder.check()
        samplers: dict[Key | int, Callable[[], float]] = {
            key: _once(forwarder.seconds) for key, forwarder in forwarders.items()
        }
        for forwarder in forwarders.values():
            samplers.setdefault(len(forwarder.lanes), _once(forwarder.seconds_of_restoring))
        seconds = interleaved(
            samplers, warm_up_rounds=WARM_UP_ROUNDS, rounds=ROUNDS, seconds=limit_seconds, advance=advance
        )
        for forwarder in forwarders.values():
            forwarder.check()
    finally:
        for forwarder in forwarders.values():
            forwarder.close()
    threads = {key: len(forwarder.lanes) for key, forwarder in forwarders.items()}
    restoring = {count: seconds[count].median for count in threads.values()}
    rates = {key: _packets_per_second(seconds[key], restoring[count], count) for key, count in threads.items()}
    return rates, restoring


def _once(sample: Callable[[int], float]) -> Callable[[], float]:
    return lambda: sample(REPETITIONS)


def _packets_per_second(seconds: Series, restoring: float, threads: int) -> Series:
    if min(seconds.samples) <= restoring:
        raise TooNoisy("forwarding frames took no longer than restoring them: the machine is too busy to measure")
    packets = REPETITIONS * LANE_FRAMES * threads
    return Series(tuple(packets / (sample - restoring) for sample in seconds.samples))
