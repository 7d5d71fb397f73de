"""A passage: what a packet gathers on its way."""

from proofs.units.reference.scene import outbound_packet, packed, udp
from reference.direction import Direction
from reference.packet.packet import Packet
from reference.passage import Passage
from reference.transform import BodyTransform, HeaderTransform, InnerModification


class Blank(BodyTransform):
    """Overwrites the body with zeros."""

    def apply(self, packet: Packet) -> None:
        packet.buffer[packet.body_offset :] = bytes(len(packet.body))


def test_transformations_take_effect_at_once_and_are_remembered_in_order() -> None:
    passage = Passage(outbound_packet(udp(payload=b"abc")), Direction.OUT, 7)
    first = HeaderTransform("first", InnerModification(ip_source=packed("10.0.0.1")))
    second = HeaderTransform("second", InnerModification(source_port=9))
    blank = Blank()
    passage.transform_headers(first)
    passage.transform_headers(second)
    passage.transform_body(blank)
    assert (passage.packet.flow.source, passage.packet.flow.source_port) == (packed("10.0.0.1"), 9)
    assert passage.packet.body == bytes(3)
    assert (passage.headers, passage.bodies) == ([first, second], [blank])


def test_a_passage_begins_with_nothing() -> None:
    passage = Passage(outbound_packet(udp()), Direction.OUT, 7)
    assert (passage.headers, passage.bodies, passage.parents, passage.meta.tags) == ([], [], [], {})
