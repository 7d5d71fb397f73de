"""The passage of one packet through the layers: the packet, and what it has gathered so far."""

from reference.action import ActionMeta
from reference.direction import Direction
from reference.flow_table import FlowEntry
from reference.packet.packet import Packet
from reference.transform import BodyTransform, HeaderTransform


class Passage:
    """One packet on its way through the layers.

    Attributes:
        packet: the packet as the layers so far have left it.
        direction: the way it travels.
        now_ms: the time, in milliseconds.
        meta: what actions have noted.
        headers, bodies: the transformations so far.
        parents: the layer entries that took part.
    """

    __slots__ = ("bodies", "direction", "headers", "meta", "now_ms", "packet", "parents")

    def __init__(self, packet: Packet, direction: Direction, now_ms: int) -> None:
        self.packet = packet
        self.direction = direction
        self.now_ms = now_ms
        self.meta = ActionMeta()
        self.headers: list[HeaderTransform] = []
        self.bodies: list[BodyTransform] = []
        self.parents: list[FlowEntry] = []

    def transform_headers(self, transform: HeaderTransform) -> None:
        """Apply a header transformation and remember it."""
        transform.inner.apply(self.packet)
        self.headers.append(transform)

    def transform_body(self, transform: BodyTransform) -> None:
        """Apply a body transformation and remember it."""
        transform.apply(self.packet)
        self.bodies.append(transform)
