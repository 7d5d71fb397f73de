"""The passage of one packet through the layers: the packet, and what it has gathered so far."""

from typing import Protocol

from reference.action import ActionMeta
from reference.direction import Direction
from reference.flow_table import FlowEntry
from reference.packet.packet import Packet
from reference.transform import BodyTransform, HeaderTransform


class Beginning(Protocol):
    """A flow that begins with the packet, or not at all."""

    def settle(self) -> None:
        """The packet is allowed: let the flow take its place."""

    def abandon(self) -> None:
        """The packet goes no further: leave nothing behind."""


class Passage:
    """One packet on its way through the layers.

    Attributes:
        packet: the packet as the layers so far have left it.
        direction: the way it travels.
        now_ms: the time, in milliseconds.
        meta: what actions have noted.
        headers, bodies: the transformations so far.
        parents: the layer entries that took part.
        beginning: flows that begin once the packet is allowed.
    """

    __slots__ = ("beginning", "bodies", "direction", "headers", "meta", "now_ms", "packet", "parents")

    def __init__(self, packet: Packet, direction: Direction, now_ms: int) -> None:
        self.packet = packet
        self.direction = direction
        self.now_ms = now_ms
        self.meta = ActionMeta()
        self.headers: list[HeaderTransform] = []
        self.bodies: list[BodyTransform] = []
        self.parents: list[FlowEntry] = []
        self.beginning: list[Beginning] = []

    def settle(self) -> None:
        """The packet is allowed: the flows that it begins take their places."""
        for flow in self.beginning:
            flow.settle()
        self.beginning.clear()

    def abandon(self) -> None:
        """The packet goes no further: what has not been settled leaves nothing behind."""
        for flow in self.beginning:
            flow.abandon()
        self.beginning.clear()

    def transform_headers(self, transform: HeaderTransform) -> None:
        """Apply a header transformation and remember it."""
        transform.inner.apply(self.packet)
        self.headers.append(transform)

    def transform_body(self, transform: BodyTransform) -> None:
        """Apply a body transformation and remember it."""
        transform.apply(self.packet)
        self.bodies.append(transform)
