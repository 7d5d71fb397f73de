"""A capture made into a sequence of steps for a port, with the reference's answer to each.

The reference runs while the steps are made: what arrives from the internet must carry the external address and port
that the port chose for the flow, and only a port that processed the flow's first packet can tell which.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments import underlay
from experiments.surroundings import Surroundings
from experiments.traffic import Sighting
from reference import Direction, Port
from reference.packet.flow import NO_FLOW, l4_hash
from reference.packet.headers import TcpFlag
from reference.packet.protocol import IpProtocol
from reference.verdict import Modified, Verdict

START_MS = 1_000_000
"""The port's clock at the first frame."""

NANOSECONDS_PER_MILLISECOND = 1_000_000
AFTER_ALL_LIFETIMES_MS = 8_000_001
"""Longer than any flow's time-to-live: an established TCP connection has the longest."""

Snapshot = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One packet for the port.

    Attributes:
        direction: where it comes from.
        now_ms: the port's clock, which never goes back.
        timestamp_ns: when the frame was recorded, in nanoseconds since 1970.
        frame: what the port is given: plain from the guest, encapsulated from the underlay.
        kind: protocol, family and direction, for people.
        conversation: the same number for all packets of a flow and of its answers.
        takes_turn: it changed what flows share (the ports of source NAT are handed out in order).
        repeatable: sent again in mid-flow, it changes no connection's state: neither SYN, FIN nor RST.
        verdict: the reference's.
    """

    direction: Direction
    now_ms: int
    timestamp_ns: int
    frame: bytes
    kind: str
    conversation: int
    takes_turn: bool
    repeatable: bool
    verdict: Verdict


@dataclass(frozen=True)
class Scenario:
    """Steps for a port in these surroundings.

    `final` is the reference's state after the last step, `expired` after everything then outlived its time-to-live.
    """

    surroundings: Surroundings
    steps: tuple[Step, ...]
    final: Snapshot
    expired: Snapshot

    @property
    def end_ms(self) -> int:
        """The port's clock at the last step."""
        return self.steps[-1].now_ms if self.steps else START_MS

    @property
    def expiry_ms(self) -> int:
        """A time at which every flow has outlived its time-to-live."""
        return self.end_ms + AFTER_ALL_LIFETIMES_MS


def build(
    sightings: Sequence[Sighting],
    surroundings: Surroundings,
    advance: Callable[[Iterable[Sighting]], Iterable[Sighting]] = iter,
) -> Scenario:
    """Replay the sightings through a reference port. `advance` may wrap the sightings to show progress."""
    port = new_reference_port(surroundings)
    translations = underlay.Translations()
    first_ns = next((sighting.frame.timestamp_ns for sighting in sightings), 0)
    now_ms = START_MS
    steps = []
    for sighting in advance(sightings):
        now_ms = max(now_ms, START_MS + (sighting.frame.timestamp_ns - first_ns) // NANOSECONDS_PER_MILLISECOND)
        if sighting.direction is Direction.OUT:
            frame = underlay.from_guest(sighting)
        else:
            frame = underlay.to_guest(sighting, surroundings, translations)
        shared = _shared(port)
        verdict = port.process(sighting.direction, frame, now_ms)
        _learn(translations, sighting, verdict)
        steps.append(
            Step(
                direction=sighting.direction,
                now_ms=now_ms,
                timestamp_ns=sighting.frame.timestamp_ns,
                frame=frame,
                kind=_kind(sighting),
                conversation=_conversation(sighting),
                takes_turn=_shared(port) != shared,
                repeatable=_is_repeatable(sighting),
                verdict=verdict,
            )
        )
    final = port.snapshot()
    port.expire(now_ms + AFTER_ALL_LIFETIMES_MS)
    return Scenario(surroundings, tuple(steps), final, port.snapshot())


def new_reference_port(surroundings: Surroundings) -> Port:
    """A running reference port in these surroundings."""
    port = Port(surroundings.config(), limits=surroundings.limits, mappings=surroundings.mappings())
    surroundings.prepare(port)
    return port


def lasting(sightings: Iterable[Sighting]) -> list[Sighting]:
    """The sightings without the segments that end a connection: after them every flow is still there."""
    return [sighting for sighting in sightings if not _tcp_flags(sighting) & (TcpFlag.FIN | TcpFlag.RST)]


def _shared(port: Port) -> object:
    """What all flows draw upon: the entries of the NAT layer, each of which holds a port of source NAT."""
    return port.flow_counts()["nat"]


def _learn(translations: underlay.Translations, sighting: Sighting, verdict: Verdict) -> None:
    if sighting.direction is Direction.OUT and sighting.packet is not None and isinstance(verdict, Modified):
        translations.learn(sighting.packet.flow, verdict.packet)


def _conversation(sighting: Sighting) -> int:
    flow = NO_FLOW if sighting.packet is None else sighting.packet.flow
    return l4_hash(min(flow, flow.mirror()))


def _kind(sighting: Sighting) -> str:
    way = sighting.direction.value
    if sighting.packet is None or sighting.packet.network is None:
        return f"other {way}"
    flow = sighting.packet.flow
    return f"{IpProtocol(flow.protocol).name}/IPv{flow.family} {way}"


def _is_repeatable(sighting: Sighting) -> bool:
    return not _tcp_flags(sighting) & (TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)


def _tcp_flags(sighting: Sighting) -> int:
    tcp = sighting.packet.tcp if sighting.packet is not None else None
    return tcp.flags if tcp is not None else 0
