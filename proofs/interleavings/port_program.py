"""Programs on the whole production port, slow path and all, held against the reference port.

Every thread calls the port's public methods. Results, packets out included, and the final snapshot must be those of
`reference.Port` for some order of the same calls that respects which had returned before which was made.
"""

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

import reference
from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from fastpath.policy import Misses
from proofs.interleavings.arena import label_of
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.locks import Threading
from proofs.interleavings.mappings import SeenMappings
from proofs.interleavings.observed import observed
from proofs.interleavings.port_objects import PortObjects
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Fault, Scenario
from proofs.units.reference import scene
from proofs.units.reference_packet.frames import TCP, ipv4
from reference import Direction
from reference.address import Cidr
from reference.vpc.firewall import FirewallRule
from reference.vpc.mappings import Mappings
from reference.vpc.router import RouterClass, RouterTarget

Port = Any
"""A `fastpath.Port`, interpreted, or a `reference.Port`: they have one surface."""


LIMITS = reference.TableLimits(uft=8, tcp=8)
NOW = 5
"""Milliseconds; packets at one time, so that no order of them lets a clock go back."""


@dataclass(frozen=True)
class Call:
    """One call of a port's method, by name; `effect` makes it and returns something comparable."""

    name: str
    effect: Callable[[Port], Hashable]

    def __call__(self, port: Port) -> Hashable:
        """Make the call; a refusal is a result too."""
        try:
            return self.effect(port)
        except reference.ControlError as refusal:
            return type(refusal).__name__


def packet(name: str, direction: Direction, frame: bytes, now_ms: int) -> Call:
    """Process one packet."""
    return Call(name, lambda port: comparable(port.process(direction, frame, now_ms)))


def control(name: str, effect: Callable[[Port], None]) -> Call:
    """A control operation without a result."""

    def call(port: Port) -> Hashable:
        effect(port)
        return None

    return Call(name, call)


def comparable(value: object) -> Hashable:
    """A value that can be compared and hashed: mappings and sequences become tuples."""
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), comparable(entry)) for key, entry in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(comparable, value))
    return repr(value)


class SequentialPort(Specification[tuple[str, ...]]):
    """What the reference port does with calls in one order; a state is the calls so far."""

    def __init__(self, prepare: Callable[[type], Port], calls: Mapping[str, Call]) -> None:
        self.initial = ()
        self._prepare = prepare
        self._calls = calls
        self._result = functools.cache(self._compute)

    def after(self, state: tuple[str, ...], operation: Operation) -> Iterable[tuple[str, ...]]:
        following = (*state, operation.name)
        return (following,) if self._result(following) == operation.result else ()

    def _compute(self, names: tuple[str, ...]) -> Hashable:
        port = self._prepare(reference.Port)
        results = [self._calls[name](port) for name in names]
        return results[-1]


SNAPSHOT = Call("snapshot", lambda port: comparable(port.snapshot()))


@dataclass(frozen=True)
class Setting:
    """The port on which calls are made.

    Attributes:
        limits: of its tables.
        misses: who decides about misses.
        external: the guest's external addresses, if not those of `scene`.
        mappings_change: whether what is done to the mappings is observed. Calls find those that the port goes by in its
            attribute `mappings`.
    """

    limits: reference.TableLimits = LIMITS
    misses: Misses = Misses.REFERENCE
    external: reference.ExternalIps | None = None
    mappings_change: bool = False


def port_scenario(
    name: str,
    about: str,
    before: Sequence[Call],
    threads: Sequence[Sequence[Call]],
    faults: Mapping[str, Fault] = MappingProxyType({}),
    setting: Setting = Setting(),
    **options: Any,
) -> Scenario:
    """Threads that make calls on a port on which the calls of `before` have been made, as a scenario.

    `options` are attributes of `Scenario`; it is held under every design that they do not call broken.
    """

    def build(modules: Interpreted, design: Design) -> Program:
        return port_program(modules, design, before, threads, setting)

    named = [", ".join(call.name for call in thread) for thread in threads]
    designs = tuple(design for design in Design if design not in options.get("broken", ()))
    return Scenario(name, about, named, build, faults, **{"designs": designs, **options})


def port_program(
    modules: Interpreted,
    design: Design,
    before: Sequence[Call],
    threads: Sequence[Sequence[Call]],
    setting: Setting = Setting(),
) -> Program:
    """Threads that make calls on a port on which the calls of `before` have been made."""
    threading = modules.substitutes["threading"]
    assert isinstance(threading, Threading)
    module: Any = modules.module("fastpath.port")
    layout: Any = modules.module("fastpath.layout")
    arena = module.new_arena
    module.new_arena = lambda geometry, seed: observed(arena(geometry, seed))
    policies: Any = modules.module("fastpath.designs").POLICIES
    known: Any = modules.module("fastpath.designs").Design
    policy = replace(
        policies[known(design.value)], misses=modules.module("fastpath.policy").Misses(setting.misses.value)
    )
    objects = PortObjects(modules)
    tables: dict[Hashable, int] = {}
    calls = {call.name: call for thread in threads for call in thread} | {"snapshot": SNAPSHOT}

    def prepare(kind: Callable[..., Port], mappings: Mappings | None = None, **options: Any) -> Port:
        mappings = mappings or scene.mappings()
        with np.errstate(over="ignore"):
            port = kind(scene.vpc_config(setting.external, with_ipv6=False), setting.limits, mappings, **options)
            port.mappings = mappings
            for call in START:
                call(port)
            for call in before:
                assert str(call(port)).startswith(("Modified", "None")), f"{call.name} was not let through"
        return port

    specification = SequentialPort(prepare, calls)

    def start() -> Instance:
        threading.renew()
        objects.renew()
        mappings = SeenMappings(scene.mappings(), tables) if setting.mappings_change else None
        port = prepare(module.Port, mappings, design=design.value, policy=policy, threads=len(threads) + 1, seed=1)
        port._seats._free = objects.seats(port._seats._free)
        if setting.misses is Misses.COMPILED:
            _provide(modules, port.words)
        history = History()

        def body(number: int) -> None:
            for call in threads[number]:
                history.perform(number, call.name, (), functools.partial(call, port))

        def finish(_results: Sequence[object]) -> Hashable:
            history.add_last("snapshot", SNAPSHOT(port))
            history.check(specification)
            return history.results()

        shared = {
            "words": port.words,
            "locks": threading.words,
            "objects": objects.words,
            **({"mappings": mappings.words} if mappings else {}),
        }
        return Instance(
            shared=shared,
            threads=[functools.partial(body, number) for number in range(len(threads))],
            finish=finish,
            constant={"words": range(layout.BUCKET_MASK, layout.HEADER_WORDS)},
            label=functools.partial(label_of, layout, port.words),
            guards="locks",
            guarded=lambda: objects.guarded(port, shared),
            named=objects.named,
        )

    return start


def _provide(modules: Interpreted, words: Any) -> None:
    """Give every thread records and room for its first misses, as a thread that has been at work for a while has.

    How threads get them is explored in `scenarios/misses.py`.
    """
    layout, capacity, records, reclaim = (
        modules.module(f"fastpath.{name}") for name in ("layout", "capacity", "records", "reclaim")
    )
    for thread in range(int(words[layout.THREAD_COUNT])):
        line = int(reclaim.thread_at(words, thread))
        for stock, list_ in ((layout.ENTRY_STOCK, layout.ENTRY_LIST), (layout.FLOW_STOCK, layout.FLOW_LIST)):
            records.put_back(words, line, stock, list_, records.take(words, line, stock, list_))
        for kind in range(layout.KINDS):
            if capacity.use(words, line, kind):
                capacity.undo_use(words, line, kind)


def _add_routes(port: Port) -> None:
    port.router.add(Cidr.parse("172.30.0.0/22"), RouterTarget.parse("sub4=172.30.0.0/22"), RouterClass.SYSTEM)
    port.router.add(Cidr.parse("0.0.0.0/0"), RouterTarget.parse("ig"), RouterClass.SYSTEM)


def rules(name: str, *texts: str) -> Call:
    """Replace the firewall rules."""
    return control(name, lambda port: port.set_firewall_rules([FirewallRule.parse(text) for text in texts]))


def outbound(name: str, layers: Any, now_ms: int = NOW) -> Call:
    """The guest sends a packet."""
    return packet(name, Direction.OUT, bytes(layers), now_ms)


def from_neighbour(name: str, flags: str, sequence: int, acknowledgement: int) -> Call:
    """A segment from the neighbour to the guest's server."""
    segment = TCP(sport=40_000, dport=22, flags=flags, seq=sequence, ack=acknowledgement)
    return packet(name, Direction.IN, bytes(scene.from_neighbour(segment)), NOW)


def to_neighbour(name: str, flags: str, sequence: int, acknowledgement: int) -> Call:
    """A segment from the guest's server to the neighbour."""
    segment = TCP(sport=22, dport=40_000, flags=flags, seq=sequence, ack=acknowledgement)
    return packet(name, Direction.OUT, bytes(ipv4(dst=scene.NEIGHBOUR_IP) / segment), NOW)


def inbound(name: str, flags: str, sequence: int, acknowledgement: int) -> Call:
    """A segment from the internet to the guest's connection."""
    segment = TCP(sport=80, dport=scene.LAST_PORT, flags=flags, seq=sequence, ack=acknowledgement)
    return packet(name, Direction.IN, bytes(scene.from_internet(segment)), NOW)


START = (
    control("add routes", _add_routes),
    rules("set first rules", scene.ALLOW_SSH, scene.ALLOW_VPC),
    control("start", lambda port: port.start()),
)
DATAGRAM = outbound("first datagram", scene.udp(), now_ms=1)
HANDSHAKE = (
    outbound("SYN", scene.tcp("S", seq=100)),
    inbound("SYN, ACK", "SA", 500, 101),
    outbound("ACK", scene.tcp("A", seq=101, ack=501)),
)
ACCEPTED = (from_neighbour("neighbour's SYN", "S", 500, 0), to_neighbour("guest's SYN, ACK", "SA", 100, 501))
"""A connection to the guest that the neighbour's next acknowledgement establishes."""
ESTABLISHING = from_neighbour("neighbour's ACK", "A", 501, 101)
SAME_RULES = rules("set the same rules", scene.ALLOW_SSH, scene.ALLOW_VPC)
LATE = 61_500
"""Milliseconds: flows of the first packet have been idle for as long as they may."""
PAUSE = control("pause", lambda port: port.pause())
