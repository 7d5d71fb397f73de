"""The whole production port, slow path and all, held against the reference port.

Every thread calls the port's public methods. Results, packets out included, and the final snapshot must be those of
`reference.Port` for some order of the same calls that respects which had returned before which was made.
"""

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

import reference
from fastpath.designs import Design
from fastpath.interpreted import Interpreted
from proofs.interleavings.arena import label_of
from proofs.interleavings.faults import (
    CONTROL_STAYS,
    COUNT_WITHOUT_UPDATE,
    EPOCH_IGNORED,
    NO_DEAD_MARK,
    NO_FREEZING,
    RESET_UNSEEN,
    STORE_WITHOUT_SWAP,
)
from proofs.interleavings.linearizability import History, Operation, Specification
from proofs.interleavings.locks import Threading
from proofs.interleavings.observed import observed
from proofs.interleavings.program import Instance, Program
from proofs.interleavings.scenario import Fault, Scenario
from proofs.units.reference import scene
from proofs.units.reference_packet.frames import TCP, ipv4
from reference import Direction
from reference.address import Cidr
from reference.vpc.firewall import FirewallRule
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


def port_program(
    modules: Interpreted,
    design: Design,
    before: Sequence[Call],
    threads: Sequence[Sequence[Call]],
    limits: reference.TableLimits,
) -> Program:
    """Threads that make calls on a port on which the calls of `before` have been made."""
    threading = modules.substitutes["threading"]
    assert isinstance(threading, Threading)
    module: Any = modules.module("fastpath.port")
    layout: Any = modules.module("fastpath.layout")
    arena = module.new_arena
    module.new_arena = lambda geometry, seed: observed(arena(geometry, seed))
    calls = {call.name: call for thread in threads for call in thread} | {"snapshot": SNAPSHOT}

    def prepare(kind: Callable[..., Port], **options: Any) -> Port:
        with np.errstate(over="ignore"):
            port = kind(scene.vpc_config(with_ipv6=False), limits, scene.mappings(), **options)
            for call in START:
                call(port)
            for call in before:
                assert str(call(port)).startswith("Modified"), f"{call.name} was not let through"
        return port

    specification = SequentialPort(prepare, calls)

    def start() -> Instance:
        threading.renew()
        port = prepare(module.Port, design=design.value, threads=len(threads) + 1, seed=1)
        history = History()

        def body(number: int) -> None:
            for call in threads[number]:
                history.perform(number, call.name, (), functools.partial(call, port))

        def finish(_results: Sequence[object]) -> Hashable:
            history.add_last("snapshot", SNAPSHOT(port))
            history.check(specification)
            return history.results()

        return Instance(
            shared={"words": port.words, "locks": threading.words, "counts": port._slow_path.misses.rules[1]},
            threads=[functools.partial(body, number) for number in range(len(threads))],
            finish=finish,
            constant={"words": range(layout.BUCKET_MASK, layout.HEADER_WORDS)},
            label=functools.partial(label_of, layout, port.words),
        )

    return start


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
OUT_DATA = outbound("data out", scene.tcp("A", seq=101, ack=501))
OUT_FIN = outbound("FIN out", scene.tcp("FA", seq=101, ack=501))
IN_DATA = inbound("data in", "A", 501, 102)
IN_FIN = inbound("FIN in", "FA", 501, 102)
IN_RST = inbound("RST in", "R", 501, 102)
LATE = 61_500
CLOSED_BY = 16_000
"""A closing connection that has been idle since `NOW` has expired by then."""
PAUSE = control("pause", lambda port: port.pause())
EPHEMERAL = reference.ExternalIps(ephemeral_ip=scene.packed("10.60.1.20"))


def _expire_closed(port: Port) -> None:
    port.expire(CLOSED_BY)


def _scenario(
    name: str,
    about: str,
    before: Sequence[Call],
    threads: Sequence[Sequence[Call]],
    faults: Mapping[str, Fault] = MappingProxyType({}),
    limits: reference.TableLimits = LIMITS,
    broken: Mapping[Design, str] = MappingProxyType({}),
    **options: Any,
) -> Scenario:
    def build(modules: Interpreted, design: Design) -> Program:
        return port_program(modules, design, before, threads, limits)

    named = [", ".join(call.name for call in thread) for thread in threads]
    designs = tuple(design for design in Design if design not in broken)
    chosen = {"designs": designs, "at_least": 15, **options}
    return Scenario(name, about, named, build, faults, broken=broken, **chosen)


PAST_THE_LOCK = MappingProxyType(
    {Design.PR585: "orphan-hit: past the lock", Design.RWLOCK: "orphan-hit: past the lock"}
)
"""A hit holds the port lock for its look-up only, and nothing tells it what has happened since."""
SEARCHED_TO_THE_END = (Design.MUTEX, Design.FINE)
"""With a lock per flow beside the port lock, these have more interleavings than a search ends with in minutes."""
EARLY_DUMP = Call("dump", lambda port: comparable(port.snapshot()))

SCENARIOS = (
    _scenario(
        "port: hit beside rule change",
        "a hit goes by the old rules or by the new ones, as if before or after the change",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [rules("deny", "dir=out action=deny priority=1")]],
        {"epoch ignored": EPOCH_IGNORED},
    ),
    _scenario(
        "port: segment beside rule change",
        "a closing segment goes by the old rules or by the new ones; its connection is not lost",
        HANDSHAKE,
        [[OUT_FIN], [SAME_RULES]],
        harmless={"epoch ignored": EPOCH_IGNORED},
    ),
    _scenario(
        "port: segments in both directions",
        "a connection's two directions at once: one establishes it, the other has a sequence number",
        ACCEPTED,
        [[to_neighbour("guest's data", "A", 101, 501)], [ESTABLISHING]],
        {"store without swap": STORE_WITHOUT_SWAP},
        at_least=5,
    ),
    _scenario(
        "port: segment beside reset by the peer",
        "a closing segment removes the flow it closes, and a packet beside it comes before or after",
        HANDSHAKE,
        [[OUT_DATA], [IN_RST]],
        designs=SEARCHED_TO_THE_END,
        slow=True,
    ),
    _scenario(
        "port: hit beside expiry",
        "a flow that was hit in time survives; one that expired is not revived",
        [DATAGRAM],
        [[outbound("datagram", scene.udp(), LATE - 1_000)], [control("expire", lambda port: port.expire(LATE))]],
        {"no dead mark": NO_DEAD_MARK},
        broken=PAST_THE_LOCK,
        slow=True,
    ),
    _scenario(
        "port: hit beside pause",
        "no packet is processed after pause has returned",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [PAUSE]],
        {"control word stays": CONTROL_STAYS},
    ),
    _scenario(
        "port: hit beside reset",
        "no packet is processed after reset has returned, and nothing is left",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [control("reset", lambda port: port.reset())]],
        {"reset unseen": RESET_UNSEEN},
        slow=True,
    ),
    _scenario(
        "port: segment beside clearing the table",
        "a segment beside the removal of its flow's entries is not lost",
        ACCEPTED,
        [[ESTABLISHING], [control("clear", lambda port: port.clear_uft())]],
        {"no freezing": NO_FREEZING},
        designs=SEARCHED_TO_THE_END,
        slow=True,
    ),
    _scenario(
        "port: hit beside pause and start",
        "a pause that is over has not let a packet through, nor lost one that came before or after",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [PAUSE, control("start again", lambda port: port.start())]],
    ),
    _scenario(
        "port: hit beside new external addresses",
        "a hit has the old translation or the new one",
        [DATAGRAM],
        [
            [outbound("datagram", scene.udp())],
            [control("set external addresses", lambda port: port.set_external_ips(EPHEMERAL, None))],
        ],
    ),
    _scenario(
        "port: two hits of one half",
        "two threads that serve the same direction of a flow count both packets",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [outbound("other datagram", scene.udp(payload=b"again"))]],
        {"count without update": COUNT_WITHOUT_UPDATE},
        at_least=5,
    ),
    _scenario(
        "port: hit beside a full table",
        "hits are held off while a full table looks whom it could evict, and none is lost",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [outbound("new flow", scene.udp(source_port=5002))]],
        limits=reference.TableLimits(uft=1, tcp=1),
        broken=PAST_THE_LOCK,
    ),
    _scenario(
        "port: hit beside pause and dump",
        "what pause has stopped stands still: a dump after it has all that was processed",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [PAUSE, EARLY_DUMP]],
        broken=PAST_THE_LOCK,
    ),
    _scenario(
        "port: two hits beside each other's time",
        "a flow's last hit is the latest of all, whoever notes it last",
        [DATAGRAM],
        [
            [outbound("earlier datagram", scene.udp(), NOW)],
            [outbound("later datagram", scene.udp(payload=b"later"), NOW + 1)],
        ],
        broken=dict.fromkeys(PAST_THE_LOCK, "time-goes-back"),
        at_least=5,
    ),
    _scenario(
        "port: segment beside expiry",
        "a connection that was used in time survives; one that has expired is made anew",
        [*HANDSHAKE, OUT_FIN, IN_FIN],
        [
            [
                outbound("last ACK", scene.tcp("A", seq=102, ack=502), CLOSED_BY),
                outbound("last ACK again", scene.tcp("A", seq=102, ack=502), CLOSED_BY),
            ],
            [control("expire", _expire_closed)],
        ],
        at_least=10,
    ),
    _scenario(
        "port: two misses of one flow",
        "one of two first packets makes the flow, the other finds it",
        [],
        [[outbound("datagram", scene.udp())], [outbound("other datagram", scene.udp(payload=b"again"))]],
    ),
)
