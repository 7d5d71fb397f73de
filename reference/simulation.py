"""Simulation of replies: what would happen to the answer to a packet, found out without a trace.

The unified flow table can then hold both directions of a flow from its first packet on. The reply is the packet itself
turned round: a real frame, which passes the layers without being counted, without touching flow entries, and without
beginning new flows. The idea is VFP's (Firestone, "VFP: A Virtual Switch Platform for Host SDN in the Public Cloud",
NSDI 2017, section 6.4.1).
"""

from reference.address import is_multicast
from reference.direction import Direction
from reference.layer import Layer
from reference.packet.emit import Encapsulation
from reference.packet.geneve import OxideOption, encode_option
from reference.packet.headers import Icmp, Tcp, Udp
from reference.packet.packet import Packet
from reference.packet.parse import parse
from reference.passage import Passage
from reference.transform import outer_outcome

_EXTERNAL_OPTION = encode_option(OxideOption.EXTERNAL)


def simulate_reply(layers: list[Layer], passage: Passage) -> Passage | None:
    """Let the reply to a packet that has passed the layers pass them in the other direction.

    Args:
        layers: in outbound order.
        passage: the packet's passage, completed.

    Returns:
        The reply's passage; None if the reply would not simply be modified: if it would be dropped or answered, if it
        would begin a flow of its own, or if none can come because the packet went to a group.
    """
    if is_multicast(passage.packet.flow.destination):
        return None
    reply = Passage(reply_to(passage), passage.direction.opposite, passage.now_ms)
    ordered = layers if reply.direction is Direction.OUT else reversed(layers)
    for layer in ordered:
        if not layer.simulate(reply):
            return None
    return reply


def reply_to(passage: Passage) -> Packet:
    """The reply as it would reach the port: all addresses and ports exchanged, inbound in its sender's encapsulation.

    A reply from outside the rack carries the mark of the switch.
    """
    packet = passage.packet
    frame = _turned_round(packet)
    if passage.direction is Direction.IN:
        return parse(Direction.OUT, frame)
    push, _ = outer_outcome(passage.headers)
    assert push is not None
    options = b"" if passage.meta.internal_target else _EXTERNAL_OPTION
    encapsulation = Encapsulation(bytes(6), push.destination, push.source, push.vni, push.source_port, options)
    return parse(Direction.IN, encapsulation.wrap(frame))


def _turned_round(packet: Packet) -> bytes:
    """The inner frame with source and destination exchanged in every header. Checksums do not matter to the layers."""
    start = packet.ethernet.offset
    frame = bytearray(packet.buffer[start:])
    turned = parse(Direction.OUT, frame)
    answer = packet.flow.mirror()
    ethernet = turned.ethernet
    ethernet.source, ethernet.destination = ethernet.destination, ethernet.source
    assert turned.network is not None
    turned.network.source = answer.source
    turned.network.destination = answer.destination
    match turned.transport:
        case Tcp() | Udp():
            turned.transport.source_port = answer.source_port
            turned.transport.destination_port = answer.destination_port
        case Icmp():
            turned.transport.type = answer.icmp_type
    return bytes(turned.buffer)
