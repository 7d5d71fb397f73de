"""Whether a port did what the reference did: every verdict, every byte, the whole final state."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from experiments.replay import Setting, new_fast_port, replay
from experiments.scenario import Scenario, Step
from fastpath import Port
from reference.packet.errors import ParseError
from reference.packet.parse import parse
from reference.verdict import Hairpin, Modified, Verdict

COMPARED = (
    "every verdict with its reason, every byte of every frame, the L4 hash; and in the final state, before and after "
    "expiry, all counters, all table sizes, every entry of every table with hits, times, TCP state and sequence numbers"
)
"""What is compared. Steps of different flows may overtake each other between threads; none of this depends on it."""

_WINDOW = 16


@dataclass(frozen=True)
class Difference:
    """A place where a port and the reference disagree: where it is, and both values as text."""

    place: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.place}\n    expected {self.expected}\n    got      {self.got}"


def differences(scenario: Scenario, setting: Setting) -> Iterator[Difference]:
    """Where a fast port in this setting differs from the reference."""
    port = new_fast_port(scenario.surroundings, setting.design)
    verdicts = replay(port, scenario.steps, setting.threads)
    found = itertools.chain(
        verdict_differences(scenario.steps, verdicts),
        state_differences(scenario.final, port.snapshot(), "final state"),
        _after_expiry(scenario, port),
    )
    for difference in found:
        yield replace(difference, place=f"{setting}: {difference.place}")


def _after_expiry(scenario: Scenario, port: Port) -> Iterator[Difference]:
    port.expire(scenario.expiry_ms)
    yield from state_differences(scenario.expired, port.snapshot(), "state after expiry")


def verdict_differences(steps: Sequence[Step], verdicts: Sequence[Verdict]) -> Iterator[Difference]:
    """Every step whose verdict is not the reference's."""
    if len(steps) != len(verdicts):
        yield Difference("number of verdicts", str(len(steps)), str(len(verdicts)))
    for number, (step, got) in enumerate(zip(steps, verdicts, strict=False)):
        if got != step.verdict:
            yield _verdict_difference(number, step, got)


def state_differences(expected: object, got: object, place: str) -> Iterator[Difference]:
    """Every leaf of a snapshot that is not the reference's."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted(expected.keys() | got.keys(), key=str):
            yield from state_differences(expected.get(key), got.get(key), f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, pair in enumerate(zip(expected, got, strict=True)):
            yield from state_differences(*pair, f"{place}[{index}]")
    elif expected != got:
        yield Difference(place, _short(expected), _short(got))


def _verdict_difference(number: int, step: Step, got: Verdict) -> Difference:
    place = f"step {number} at {step.now_ms} ms, {step.direction.value}, {_flow_text(step)}"
    frames = [verdict.packet for verdict in (step.verdict, got) if isinstance(verdict, Modified | Hairpin)]
    if type(step.verdict) is not type(got) or len(frames) != 2 or frames[0] == frames[1]:
        return Difference(place, _verdict_text(step.verdict), _verdict_text(got))
    at = next((at for at, pair in enumerate(zip(*frames, strict=False)) if pair[0] != pair[1]), min(map(len, frames)))
    place += f", byte {at} (of {len(frames[0])} and {len(frames[1])})"
    start = max(0, at - _WINDOW // 2)
    return Difference(place, *(frame[start : start + _WINDOW].hex(" ") for frame in frames))


def _flow_text(step: Step) -> str:
    try:
        return " ".join(f"{key}={value}" for key, value in parse(step.direction, step.frame).flow.to_json().items())
    except ParseError:
        return f"frame of {len(step.frame)} bytes"


def _verdict_text(verdict: Verdict) -> str:
    if isinstance(verdict, Modified):
        return f"Modified, {len(verdict.packet)} bytes, l4_hash={verdict.l4_hash:#010x}, {verdict.mtu_unrestricted=}"
    return _short(verdict)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
