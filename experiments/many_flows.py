"""One conversation of a capture made into many: the same segment from many ports of the guest.

A capture has few flows, and few flows stay in the nearest cache. With a thousand, every packet finds its entry
farther away.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from experiments.traffic import Sighting
from reference import Direction
from reference.packet.headers import TcpFlag
from reference.packet.modify import finish_checksums, set_ports
from reference.packet.parse import parse
from reference.packet.protocol import IpProtocol

FIRST_PORT = 20_000
SEED = 435
_CHANGES_STATE = TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST


def many_flows(sightings: Sequence[Sighting], count: int) -> list[Sighting]:
    """`count` flows like that of the guest's first TCP/IPv4 segment in mid-connection, in random order.

    None without such a segment. A connection whose beginning was not seen is taken for established, as upstream takes
    it.
    """
    model = next(filter(_is_model, sightings), None)
    if model is None:
        return []
    ports = list(range(FIRST_PORT, FIRST_PORT + count))
    random.Random(SEED).shuffle(ports)
    return [_from_port(model, port) for port in ports]


def _is_model(sighting: Sighting) -> bool:
    packet = sighting.packet
    if sighting.direction is not Direction.OUT or packet is None or packet.tcp is None:
        return False
    flags = packet.tcp.flags
    return packet.flow[:2] == (IpProtocol.TCP, 4) and bool(flags & TcpFlag.ACK) and not flags & _CHANGES_STATE


def _from_port(model: Sighting, port: int) -> Sighting:
    packet = parse(Direction.OUT, model.frame.data)
    set_ports(packet, source=port)
    finish_checksums(packet)
    frame = replace(model.frame, data=bytes(packet.buffer))
    return replace(model, frame=frame, packet=parse(Direction.OUT, frame.data))
