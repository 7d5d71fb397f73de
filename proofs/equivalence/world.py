"""Ports side by side: every operation is done on all of them, and what they answer and become must be the same.

The first port is the standard, a `reference.Port`. A departure from it is reported as a list of places with both
values.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import fastpath
import reference
from fastpath.frames import Path
from fastpath.policy import Policy
from proofs.conformance.compare import Difference, differences
from proofs.conformance.engines import HASH_SEED
from proofs.conformance.port_engine import plain_verdict
from proofs.equivalence import vpc
from reference.direction import Direction
from reference.errors import ControlError
from reference.semantics import Semantics
from reference.verdict import Verdict
from reference.vpc.config import TableLimits, VpcConfig
from reference.vpc.mappings import Mappings

FRAME_SIZE = 2_048

_SHOWN = 12

Sight: TypeAlias = tuple[Direction, bytes]
"""A frame and the way it travels."""


class Departure(AssertionError):
    """A port did otherwise than the standard."""

    def __init__(self, name: str, operation: str, found: Sequence[Difference]) -> None:
        self.found = tuple(found)
        lines = [f"{place.path}: {place.expected!r} became {place.got!r}" for place in self.found[:_SHOWN]]
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        super().__init__("\n  ".join([f"{name} departs from the reference at: {operation}", *lines, *more]))


class MakePort(Protocol):
    """Makes a port with the surface of `reference.Port`."""

    def __call__(self, config: VpcConfig, limits: TableLimits, mappings: Mappings, semantics: Semantics) -> Any: ...


def fast_port(
    design: fastpath.Design, port_type: Callable[..., Any] = fastpath.Port, policy: Policy | None = None
) -> MakePort:
    """Makes fast ports of a design, or with the switches of a policy."""

    def make(config: VpcConfig, limits: TableLimits, mappings: Mappings, semantics: Semantics) -> Any:
        options = {} if policy is None else {"policy": policy}
        return port_type(config, limits, mappings, semantics, design.value, threads=8, seed=HASH_SEED, **options)

    return make


EVERY_DESIGN: Mapping[str, MakePort] = {design.value: fast_port(design) for design in fastpath.Design}


@dataclass(frozen=True)
class Subject:
    """One port with its own mappings, so that nothing is shared between ports."""

    name: str
    port: Any
    mappings: Mappings
    batch: Any
    """A batch of frames for ports that know batches, else None."""


Change: TypeAlias = Callable[[Any, Mappings], object]
"""A control operation on a port or its mappings."""


class World:
    """A reference port and fast ports in the same VPC, at the same time.

    Attributes:
        now_ms: the time.
        paths: how many packets of batches the fast ports have decided on which path, over all ports.
        packets: how many there were, over all fast ports.
    """

    def __init__(
        self,
        semantics: Semantics = Semantics.CORRECT,
        limits: TableLimits = vpc.ROOMY,
        fast_ports: Mapping[str, MakePort] = EVERY_DESIGN,
        now_ms: int = 1_000_000,
    ) -> None:
        self.now_ms = now_ms
        self.paths: Counter[Path] = Counter()
        self.packets = 0
        self._standard = _subject("reference", reference.Port, semantics, limits)
        self._others = [_subject(name, make, semantics, limits) for name, make in fast_ports.items()]
        self.change("set up", lambda port, _: vpc.set_up(port))

    @property
    def port(self) -> reference.Port:
        """The reference port, to look at."""
        port: reference.Port = self._standard.port
        return port

    def process(self, direction: Direction, frame: bytes, segments: Sequence[int] = ()) -> Verdict:
        """Let all ports decide about one frame."""
        expected: Verdict = self._standard.port.process(direction, frame, self.now_ms, segments)
        for subject in self._others:
            verdict = subject.port.process(direction, frame, self.now_ms, segments)
            self._same_verdict(subject, "one packet", direction, frame, expected, verdict)
        return expected

    def process_batch(self, sights: Sequence[Sight]) -> list[Verdict]:
        """Let all ports decide about a batch of frames: the fast ones at once, the reference one by one."""
        expected = [self._standard.port.process(direction, frame, self.now_ms) for direction, frame in sights]
        for subject in self._others:
            batch = subject.batch
            batch.clear()
            batch.load_all(sights)
            subject.port.process_batch(batch, self.now_ms)
            self.packets += len(sights)
            for index, (direction, frame) in enumerate(sights):
                operation = f"packet {index + 1} of {len(sights)} in a batch"
                self._same_verdict(subject, operation, direction, frame, expected[index], batch.verdict(index))
                self.paths[batch.path(index)] += 1
        return expected

    def change(self, name: str, change: Change) -> object:
        """Do a control operation on all ports; a refusal counts as its answer."""
        expected = _attempt(change, self._standard)
        for subject in self._others:
            got = _attempt(change, subject)
            if got != expected:
                raise Departure(subject.name, name, [Difference("answer", expected, got)])
        return expected

    def expire(self) -> object:
        """Let all ports remove what is past its time."""
        now_ms = self.now_ms
        return self.change("expire", lambda port, _: port.expire(now_ms))

    def compare(self) -> None:
        """Everything observable about the ports must be equal: counters, table sizes, entries, rules."""
        expected = self._standard.port.snapshot()
        for subject in self._others:
            got = subject.port.snapshot()
            if got != expected:
                raise Departure(subject.name, "snapshot", differences(expected, got))
            if subject.port.refused:
                raise Departure(subject.name, "room in the arena", [Difference("refused", 0, subject.port.refused)])

    def compare_counters(self) -> None:
        """The cheap part of `compare`: all counters and table sizes."""
        expected = (self._standard.port.statistics(), self._standard.port.flow_counts())
        for subject in self._others:
            got = (subject.port.statistics(), subject.port.flow_counts())
            if got != expected:
                raise Departure(subject.name, "counters", differences(expected, got))

    def _same_verdict(
        self, subject: Subject, operation: str, direction: Direction, frame: bytes, expected: Verdict, got: Verdict
    ) -> None:
        if got != expected:
            found = differences(plain_verdict(expected), plain_verdict(got))
            operation = f"{operation}, {direction.value} {frame.hex()} at {self.now_ms}"
            raise Departure(subject.name, operation, found)


class MakeWorld(Protocol):
    """Makes a world; its ports and semantics are settled."""

    def __call__(self, limits: TableLimits) -> World: ...


def _subject(name: str, make: MakePort, semantics: Semantics, limits: TableLimits) -> Subject:
    mappings = vpc.mappings()
    port = make(vpc.config(), limits, mappings, semantics)
    batch = fastpath.FrameBatch(64, FRAME_SIZE) if hasattr(port, "process_batch") else None
    return Subject(name, port, mappings, batch)


def _attempt(change: Change, subject: Subject) -> object:
    try:
        return change(subject.port, subject.mappings)
    except ControlError as error:
        return f"{type(error).__name__}: {error}"
