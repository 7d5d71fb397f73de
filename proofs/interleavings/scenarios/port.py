"""The whole production port while the reference alone decides about misses: hits beside slow operations."""

from functools import partial
from types import MappingProxyType

import reference
from fastpath.designs import Design
from proofs.interleavings.faults import (
    CONTROL_STAYS,
    COUNT_WITHOUT_UPDATE,
    EPOCH_IGNORED,
    NO_DEAD_MARK,
    NO_FREEZING,
    NO_GRACE_AFTER_CONTROL,
    RESET_UNSEEN,
    STORE_WITHOUT_SWAP,
)
from proofs.interleavings.port_program import (
    ACCEPTED,
    DATAGRAM,
    ESTABLISHING,
    HANDSHAKE,
    LATE,
    NOW,
    PAUSE,
    SAME_RULES,
    Call,
    Port,
    Setting,
    comparable,
    control,
    inbound,
    outbound,
    port_scenario,
    rules,
    to_neighbour,
)
from proofs.units.reference import scene

OUT_DATA = outbound("data out", scene.tcp("A", seq=101, ack=501))
OUT_FIN = outbound("FIN out", scene.tcp("FA", seq=101, ack=501))
IN_DATA = inbound("data in", "A", 501, 102)
IN_FIN = inbound("FIN in", "FA", 501, 102)
IN_RST = inbound("RST in", "R", 501, 102)
CLOSED_BY = 16_000
"""A closing connection that has been idle since `NOW` has expired by then."""
EPHEMERAL = reference.ExternalIps(ephemeral_ip=scene.packed("10.60.1.20"))


def _expire_closed(port: Port) -> None:
    port.expire(CLOSED_BY)


_scenario = partial(port_scenario, at_least=15)

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
        setting=Setting(limits=reference.TableLimits(uft=1, tcp=1)),
        broken=PAST_THE_LOCK,
    ),
    _scenario(
        "port: hit beside pause and dump",
        "what pause has stopped stands still: a dump after it has all that was processed",
        [DATAGRAM],
        [[outbound("datagram", scene.udp())], [PAUSE, EARLY_DUMP]],
        {"no grace after the control word": NO_GRACE_AFTER_CONTROL},
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
