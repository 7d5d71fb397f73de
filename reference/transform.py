"""Transforms: what a flow does to the headers and bodies of its packets.

Every layer may contribute a `HeaderTransform` and a `BodyTransform`; a flow's whole list is a `FlowTransform`. A list
that amounts to one simple pass over the packet is also kept as a `CompiledTransform`. Upstream behaviour:
`HdrTransform` and `CompiledTransform` in `lib/opte/src/engine/rule.rs`, `Transforms::compile` in `port/mod.rs`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from reference.packet.emit import EmitSpec, Encapsulation
from reference.packet.modify import set_addresses, set_ethernet, set_icmp_identifier, set_ports
from reference.packet.packet import Packet


@dataclass(frozen=True, slots=True)
class InnerModification:
    """New values for fields of the inner headers; None leaves a field alone. Addresses are network-order bytes."""

    ether_source: bytes | None = None
    ether_destination: bytes | None = None
    ip_source: bytes | None = None
    ip_destination: bytes | None = None
    source_port: int | None = None
    destination_port: int | None = None
    icmp_identifier: int | None = None

    @property
    def touches_ether(self) -> bool:
        """Whether the Ethernet header changes."""
        return self.ether_source is not None or self.ether_destination is not None

    @property
    def touches_ip(self) -> bool:
        """Whether the IP header changes."""
        return self.ip_source is not None or self.ip_destination is not None

    @property
    def touches_transport(self) -> bool:
        """Whether the transport header changes."""
        return self.source_port is not None or self.destination_port is not None or self.icmp_identifier is not None

    def apply(self, packet: Packet) -> None:
        """Rewrite the fields in place; the packet's flow id follows at once, its checksums when they are finished."""
        if self.touches_ether:
            set_ethernet(packet, source=self.ether_source, destination=self.ether_destination)
        if self.touches_ip:
            set_addresses(packet, source=self.ip_source, destination=self.ip_destination)
        if self.touches_transport:
            if packet.icmp is None and packet.icmpv6 is None:
                set_ports(packet, source=self.source_port, destination=self.destination_port)
            elif self.icmp_identifier is not None:
                set_icmp_identifier(packet, self.icmp_identifier)


@dataclass(frozen=True, slots=True)
class HeaderTransform:
    """One layer's transformation of headers.

    Attributes:
        name: the name in flow summaries; may be empty.
        inner: changes of inner headers.
        push: encapsulation to put in front.
        pop: whether the encapsulation is removed.
    """

    name: str = ""
    inner: InnerModification = InnerModification()
    push: Encapsulation | None = None
    pop: bool = False


class BodyTransform(ABC):
    """A change of the bytes after the transport header. `str()` is its text in flow summaries."""

    @abstractmethod
    def apply(self, packet: Packet) -> None:
        """Rewrite the body in place; raises `packet.embedded.NoPayload` when it is empty."""


@dataclass(frozen=True, slots=True)
class CompiledTransform:
    """A flow's transformation as one pass.

    Attributes:
        push: encapsulation to put in front; None: the encapsulation is removed.
        inner: all changes of inner headers.
        checksums_dirty: whether checksums must follow the changes.
        internal_destination: whether the destination is reached inside the VPC alone.
    """

    push: Encapsulation | None
    inner: InnerModification
    checksums_dirty: bool
    internal_destination: bool


@dataclass(frozen=True, slots=True)
class FlowTransform:
    """All that a flow does to its packets, in order of the layers.

    Attributes:
        headers: the header transformations, first to last; they run before any body transformation.
        bodies: the body transformations.
        compiled: the same as one pass, if that is possible.
    """

    headers: tuple[HeaderTransform, ...]
    bodies: tuple[BodyTransform, ...]
    compiled: CompiledTransform | None

    def apply(self, packet: Packet) -> None:
        """Run every transformation on the packet's inner frame."""
        for header in self.headers:
            header.inner.apply(packet)
        for body in self.bodies:
            body.apply(packet)

    def emit_spec(self, packet: Packet, l4_hash: int, mtu_unrestricted: bool) -> EmitSpec:
        """How to finish a packet whose inner frame has been transformed."""
        push, popped = outer_outcome(self.headers)
        return EmitSpec(packet.encapsulation_length if popped else 0, push, l4_hash, mtu_unrestricted)

    def __str__(self) -> str:
        headers = ",".join(header.name for header in self.headers)
        bodies = ",".join(map(str, self.bodies))
        return f"hdr: {headers}, body: {bodies}"


def outer_outcome(headers: Sequence[HeaderTransform]) -> tuple[Encapsulation | None, bool]:
    """What a list of transformations comes to outside: what is pushed, and whether what was there is removed."""
    push: Encapsulation | None = None
    popped = False
    for header in headers:
        if header.pop:
            push, popped = None, True
        if header.push is not None:
            push, popped = header.push, True
    return push, popped


def compile_transform(
    headers: Sequence[HeaderTransform],
    bodies: Sequence[BodyTransform],
    internal_destination: bool,
) -> FlowTransform:
    """Join the transformations of all layers into a flow's transformation.

    It compiles into a single pass unless a body is transformed or two layers change the same inner header.
    """
    return FlowTransform(tuple(headers), tuple(bodies), _compiled(headers, bodies, internal_destination))


def _compiled(
    headers: Sequence[HeaderTransform], bodies: Sequence[BodyTransform], internal_destination: bool
) -> CompiledTransform | None:
    if bodies:
        return None
    ether = [header.inner for header in headers if header.inner.touches_ether]
    network = [header.inner for header in headers if header.inner.touches_ip]
    transport = [header.inner for header in headers if header.inner.touches_transport]
    if len(ether) > 1 or len(network) > 1 or len(transport) > 1:
        return None
    nothing = InnerModification()
    first_ether = ether[0] if ether else nothing
    first_network = network[0] if network else nothing
    first_transport = transport[0] if transport else nothing
    return CompiledTransform(
        push=outer_outcome(headers)[0],
        inner=InnerModification(
            first_ether.ether_source,
            first_ether.ether_destination,
            first_network.ip_source,
            first_network.ip_destination,
            first_transport.source_port,
            first_transport.destination_port,
            first_transport.icmp_identifier,
        ),
        checksums_dirty=bool(network or transport),
        internal_destination=internal_destination,
    )
