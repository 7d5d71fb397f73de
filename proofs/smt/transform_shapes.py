"""What a compiled transform can be: which fields it sets, and what it pushes or pops.

A shape leaves open what the fields are set to. `EVERY_SHAPE` lists what the layers of a VPC port can compile:
encapsulation outbound, decapsulation inbound, and one of the three ways of NAT (none, one address for another, a shared
address).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.protocol import IpProtocol
from reference.transform import CompiledTransform

FIELDS = (
    "ether_source",
    "ether_destination",
    "ip_source",
    "ip_destination",
    "source_port",
    "destination_port",
    "icmp_identifier",
)
"""Of `reference.transform.InnerModification`."""

TRANSPORTS = (IpProtocol.TCP, IpProtocol.UDP, IpProtocol.ICMP, IpProtocol.ICMPV6)


@dataclass(frozen=True)
class Shape:
    """One form of compiled transform, and of the packets that it is for.

    Attributes:
        direction: of the packets.
        family: of their inner addresses, 4 or 6.
        protocol: of their inner transport.
        fields: names of the fields that are set, in the order of `FIELDS`.
        options: bytes of Geneve options that are pushed; None where the encapsulation is popped.
        internal: whether the destination is inside the VPC.
    """

    direction: Direction
    family: int
    protocol: int
    fields: tuple[str, ...]
    options: int | None
    internal: bool

    def __str__(self) -> str:
        outer = "pop" if self.options is None else f"push with {self.options} bytes of options"
        inside = ", inside" if self.internal else ""
        protocol = IpProtocol(self.protocol).name
        return f"{self.direction.value} IPv{self.family} {protocol}: {'+'.join(self.fields)}, {outer}{inside}"

    @property
    def translates(self) -> bool:
        """Whether a checksum covers what is set."""
        return any(not field.startswith("ether") for field in self.fields)


def shape_of(direction: Direction, flow: FlowId, compiled: CompiledTransform) -> Shape:
    """The shape of a transform of a flow."""
    fields = tuple(field for field in FIELDS if getattr(compiled.inner, field) is not None)
    options = None if compiled.push is None else len(compiled.push.options)
    return Shape(direction, flow.family, flow.protocol, fields, options, compiled.internal_destination)


def _echo_of(family: int) -> int:
    return IpProtocol.ICMP if family == 4 else IpProtocol.ICMPV6


def _translations(family: int, protocol: int, direction: Direction) -> Iterator[tuple[str, ...]]:
    """What NAT may set. One address for another is compiled unless ICMP quotes addresses of the same family."""
    outbound = direction is Direction.OUT
    address = "ip_source" if outbound else "ip_destination"
    yield ()
    if protocol != _echo_of(family):
        yield (address,)
    if protocol in (IpProtocol.TCP, IpProtocol.UDP):
        yield address, "source_port" if outbound else "destination_port"
    if protocol == _echo_of(family):
        yield address, "icmp_identifier"


def _shapes() -> Iterator[Shape]:
    for family in (4, 6):
        for protocol in TRANSPORTS:
            for translation in _translations(family, protocol, Direction.IN):
                yield Shape(Direction.IN, family, protocol, ("ether_source", *translation), None, False)
            for translation in _translations(family, protocol, Direction.OUT):
                fields = ("ether_destination", *translation)
                if protocol == IpProtocol.TCP:
                    inside = [] if translation else [8]  # the segment size
                else:
                    inside = [8] if translation else [0, 8]  # a group's replication
                yield Shape(Direction.OUT, family, protocol, fields, 0, False)
                for options in inside:
                    yield Shape(Direction.OUT, family, protocol, fields, options, True)


EVERY_SHAPE: tuple[Shape, ...] = tuple(_shapes())
"""What the layers of a VPC port can compile, and nothing else."""


def _is_in_ci(shape: Shape) -> bool:
    foreign = IpProtocol.ICMPV6 if shape.family == 4 else IpProtocol.ICMP
    return shape.options in (None, 0) and not shape.internal and shape.protocol != foreign


IN_CI: tuple[Shape, ...] = tuple(filter(_is_in_ci, EVERY_SHAPE))
"""Those for which CI proves emission: one way of encapsulation for each translation, no ICMP of the other family."""
