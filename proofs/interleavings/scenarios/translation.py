"""The whole production port where addresses are translated: source NAT's ports, and where a destination is.

The reference alone decides about misses here.
"""

from functools import partial

from fastpath.designs import Design
from proofs.interleavings.faults import MAPPINGS_UNSEEN, NO_DEAD_MARK
from proofs.interleavings.port_program import (
    DATAGRAM,
    LATE,
    NOW,
    Call,
    Port,
    Setting,
    control,
    outbound,
    packet,
    port_scenario,
)
from proofs.units.reference import scene
from proofs.units.reference_packet.frames import UDP
from reference import Direction, ExternalIps, PhysicalAddress, SourceNat
from reference.address import parse_mac

ONE_PORT = Setting(
    external=ExternalIps(snat=SourceNat(scene.packed(scene.SNAT_IP), scene.LAST_PORT, scene.LAST_PORT)),
)
"""Source NAT with a single port."""
MOVED = PhysicalAddress(parse_mac(scene.NEIGHBOUR_MAC), scene.packed("fd00:0:f7:117::1"), scene.VNI)
UNDER_FINE = (Design.FINE,)
"""Two misses under a port lock have more interleavings than a search ends with in a minute."""


def _reply(name: str, now_ms: int = NOW) -> Call:
    """The internet answers to the last port of source NAT."""
    frame = scene.from_internet(UDP(sport=53, dport=scene.LAST_PORT) / b"answer")
    return packet(name, Direction.IN, bytes(frame), now_ms)


def _question(name: str, now_ms: int = NOW) -> Call:
    """The guest sends the neighbour a datagram."""
    return outbound(name, scene.udp(remote=scene.NEIGHBOUR_IP), now_ms)


def _move(port: Port) -> None:
    port.mappings.v2p.set(scene.packed(scene.NEIGHBOUR_IP), MOVED)


_scenario = partial(port_scenario, at_least=3)

SCENARIOS = (
    _scenario(
        "port: hit beside a move of its neighbour",
        "a hit goes to where its neighbour was or to where it is, as if before or after the change of mappings",
        [_question("first question", now_ms=1)],
        [[_question("question")], [control("neighbour moves", _move)]],
        {"mappings unseen": MAPPINGS_UNSEEN},
        Setting(mappings_change=True),
    ),
    _scenario(
        "port: two hits beside a move of their neighbour",
        "behind a hit that goes to where the neighbour is none goes to where it was",
        [_question("first question", now_ms=1)],
        [[_question("question"), _question("next question", NOW + 1)], [control("neighbour moves", _move)]],
        {"mappings unseen": MAPPINGS_UNSEEN},
        Setting(mappings_change=True),
    ),
    _scenario(
        "port: source NAT outbound beside the first reply",
        "a hit outbound and the first reply to its flow, which makes the other half, come in some order",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [_reply("reply")]],
    ),
    _scenario(
        "port: first packet beside a reply to its port",
        "a reply finds the port of source NAT taken by the flow, or not taken",
        [],
        [[outbound("datagram", scene.udp())], [_reply("reply")]],
        setting=ONE_PORT,
        designs=UNDER_FINE,
    ),
    _scenario(
        "port: two flows for one port",
        "of two flows one has the last port of source NAT, and the other is refused",
        [],
        [[outbound("flow", scene.udp())], [outbound("other flow", scene.udp(source_port=5001))]],
        setting=ONE_PORT,
        designs=UNDER_FINE,
    ),
    _scenario(
        "port: late reply beside its port's next flow",
        "a reply to a flow that has expired reaches it while it lives, then nobody, then whoever has its port",
        [DATAGRAM, _reply("first reply", 1)],
        [
            [_reply("late reply", LATE)],
            [
                control("expire", lambda port: port.expire(LATE)),
                outbound("next flow", scene.udp(source_port=5001), LATE),
            ],
        ],
        {"no dead mark": NO_DEAD_MARK},
        setting=ONE_PORT,
        designs=UNDER_FINE,
        long=True,
    ),
)
