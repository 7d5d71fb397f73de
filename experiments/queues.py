"""How evenly flows spread over a network card's receive queues: by the L4 hash, or by the pair of sleds alone."""

from typing import Final

import numpy as np

from experiments.experiment import SEED, Advance, Chart, Effort, Experiment, Measured, Rows
from experiments.population import GUEST_HOST, NEIGHBOUR
from experiments.receive_side_scaling import queue_of, udp_over_ipv6
from reference.packet.flow import FlowId, l4_hash
from reference.packet.protocol import IpProtocol

QUEUES: Final = (4, 8, 16, 32)
SENDERS: Final = (1, 4, 16)
FLOWS: Final = 256
"""Of all senders together."""
GENEVE_PORT: Final = 6_081
_BY_FLOW, _BY_PAIR = "L4 hash", "pair of sleds"
_QUANTITY: Final = "share of the busiest queue to an even share"
_GUEST: Final = bytes([10, 0, 0, 5])


def sled(number: int) -> bytes:
    """The underlay address of a sled, as Oxide's racks number them."""
    return bytes.fromhex("fd001122334400") + bytes([number + 1]) + bytes(7) + b"\x01"


def spread(entropy: str, senders: int, queues: int, random: np.random.Generator) -> float:
    """The busiest queue's share of flows with random client ports, in units of an even share."""
    counts = np.zeros(queues, np.int64)
    for sender in range(senders):
        ports = random.choice(np.arange(32_768, 61_000), FLOWS // senders, replace=False)
        sources = np.array([_source_port(entropy, int(port)) for port in ports])
        hashes = udp_over_ipv6(sled(sender), GUEST_HOST, sources, GENEVE_PORT)
        counts += np.bincount(queue_of(hashes, queues), minlength=queues)
    return float(counts.max() * queues / counts.sum())


def _source_port(entropy: str, port: int) -> int:
    """Of the Geneve datagram: the low bits of the flow's hash, or always the same one."""
    if entropy == _BY_PAIR:
        return GENEVE_PORT
    return l4_hash(FlowId(IpProtocol.TCP, 4, NEIGHBOUR, _GUEST, port, 443)) & 0xFFFF


def measure(_part: str, effort: Effort, advance: Advance) -> list[Measured]:
    """All of it: it takes a moment."""
    found: dict[tuple[str, int, int], list[float]] = {}
    random = np.random.default_rng(SEED)
    for _ in advance(range(effort.rounds)):
        for entropy in (_BY_FLOW, _BY_PAIR):
            for senders in SENDERS:
                for queues in QUEUES:
                    found.setdefault((entropy, senders, queues), []).append(spread(entropy, senders, queues, random))
    return [
        Measured(_QUANTITY, "", _setting(entropy, senders, queues), tuple(samples))
        for (entropy, senders, queues), samples in found.items()
    ]


def _setting(entropy: str, senders: int, queues: int) -> dict[str, str]:
    return {"source port from": entropy, "sending sleds": str(senders), "queues": str(queues)}


def finding(rows: Rows) -> str:
    """Sixteen queues, four senders."""
    flow, pair = (
        rows.median(_QUANTITY, source_port_from=entropy, sending_sleds="4", queues="16")
        for entropy in (_BY_FLOW, _BY_PAIR)
    )
    return (
        f"Of 16 queues, with four sleds sending, the busiest gets {flow or 0:.1f} times an even share when the source "
        f"port is the flow's hash, and {pair or 0:.1f} times when it is always the same"
    )


EXPERIMENT: Final = Experiment(
    name="queues",
    question="How evenly do flows spread over a receiver's queues?",
    variables={
        "source port from": "the L4 hash of the flow, as the port does it; always the same, so that the pair of sleds "
        "alone decides, as upstream had it before PR 585",
        "sending sleds": "1, 4, 16, with 256 TCP flows together",
        "queues": "4 to 32",
    },
    method="Computed, not timed: flows with random client ports, the reference's L4 hash, the Geneve source port it "
    "gives, the Toeplitz hash of the outer addresses and ports with Microsoft's default key, and a table of 128 "
    "entries that takes queues in turn. The spread is over draws of client ports; sled pairs have no ports, and none.",
    parts=("all",),
    measure=measure,
    charts=(Chart(_QUANTITY, x="queues", series="source port from", panel="sending sleds"),),
    finding=finding,
)
