"""The whole production port with misses in compiled code: misses beside each other, beside hits and slow operations."""

from dataclasses import replace
from functools import partial

import reference
from fastpath.designs import Design
from fastpath.policy import Misses
from proofs.interleavings.miss_faults import (
    GATE_UNSEEN,
    KEY_UNSEEN,
    NEITHER_KEY_SEEN,
    OLD_RULES_TAKEN,
    PORT_UNLOCKED,
    RENEWAL_UNSEEN,
)
from proofs.interleavings.port_program import (
    LATE,
    NOW,
    PAUSE,
    SAME_RULES,
    Call,
    Setting,
    comparable,
    control,
    outbound,
    packet,
    port_scenario,
    rules,
)
from proofs.units.reference import scene
from proofs.units.reference_packet.frames import UDP
from reference import Direction


def _question(name: str, payload: bytes = b"query", now_ms: int = NOW) -> Call:
    """The guest sends the neighbour a datagram."""
    return outbound(name, scene.udp(remote=scene.NEIGHBOUR_IP, payload=payload), now_ms)


def _answer(name: str, now_ms: int = NOW) -> Call:
    """The neighbour answers."""
    frame = scene.from_neighbour(UDP(sport=53, dport=5000) / b"answer")
    return packet(name, Direction.IN, bytes(frame), now_ms)


FIRST = _question("first question", now_ms=1)
DUMP = Call("dump", lambda port: comparable(port.snapshot()))


COMPILED = Setting(misses=Misses.COMPILED)

_scenario = partial(port_scenario, setting=COMPILED, designs=(Design.FINE,), at_least=5)

SCENARIOS = (
    _scenario(
        "misses: renewal in both directions",
        "after a change of rules both directions at once make the flow anew, once",
        [FIRST, SAME_RULES],
        [[_question("question")], [_answer("answer")]],
        {"renewal unseen": RENEWAL_UNSEEN},
    ),
    _scenario(
        "misses: beside rule change",
        "a packet begins a flow by the old rules or is denied by the new ones, as if before or after the change",
        [],
        [[_question("question")], [rules("deny", "dir=out action=deny priority=1")]],
        {"old rules taken": OLD_RULES_TAKEN},
    ),
    _scenario(
        "misses: renewal beside rule change",
        "a packet makes its flow anew by the old rules or is denied by the new ones, as if before or after the change",
        [FIRST, SAME_RULES],
        [[_question("question")], [rules("deny", "dir=out action=deny priority=1")]],
        {"old rules taken": OLD_RULES_TAKEN},
    ),
    _scenario(
        "misses: beside pause",
        "no flow begins after pause has returned",
        [],
        [[_question("question")], [PAUSE]],
    ),
    _scenario(
        "misses: beside reset",
        "no flow is left after reset has returned",
        [FIRST],
        [[_question("question")], [control("reset", lambda port: port.reset())]],
        {"gate unseen": GATE_UNSEEN},
    ),
    _scenario(
        "misses: beside dump",
        "a dump has the flow or does not, and the flow goes on as the reference's",
        [],
        [[_question("question")], [DUMP]],
    ),
    _scenario(
        "misses: two of one flow",
        "one of two first packets begins the flow, the other finds it",
        [],
        [[_question("question")], [_question("other question", b"again")]],
        {"neither key seen": NEITHER_KEY_SEEN},
        harmless={"key unseen": KEY_UNSEEN},
    ),
    _scenario(
        "misses: both directions at once",
        "the first packets of both directions begin one flow, not two",
        [],
        [[_question("question")], [_answer("answer")]],
        {"neither key seen": NEITHER_KEY_SEEN},
        harmless={"key unseen": KEY_UNSEEN},
    ),
    _scenario(
        "misses: two flows",
        "two flows begin beside each other, and both are there",
        [],
        [[_question("question")], [outbound("other flow", scene.udp(source_port=5001, remote=scene.NEIGHBOUR_IP))]],
    ),
    _scenario(
        "misses: two that want a port",
        "source NAT gives each flow the port that it would have had in the order in which they begin",
        [],
        [[outbound("flow", scene.udp())], [outbound("other flow", scene.udp(source_port=5001))]],
        harmless={"pool unlocked": PORT_UNLOCKED},
    ),
    _scenario(
        "misses: two that want a port, for different servers",
        "also where replies would tell the flows apart if both had one port",
        [],
        [[outbound("flow", scene.udp())], [outbound("other flow", scene.udp(source_port=5001, port=54))]],
        {"pool unlocked": PORT_UNLOCKED},
    ),
    _scenario(
        "misses: beside expiry",
        "a flow that was used in time survives; one that has expired begins anew",
        [FIRST],
        [[_question("question", now_ms=LATE - 1_000)], [control("expire", lambda port: port.expire(LATE))]],
    ),
    _scenario(
        "misses: beside a full table",
        "of two flows for which there is room once both begin, and one of them leaves for the other",
        [],
        [[_question("question")], [outbound("other flow", scene.udp(source_port=5001, remote=scene.NEIGHBOUR_IP))]],
        setting=replace(COMPILED, limits=reference.TableLimits(uft=1, tcp=1)),
    ),
)
"""A whole miss has some three hundred scheduling points on a port."""
