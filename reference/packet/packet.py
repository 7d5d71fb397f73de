"""A parsed packet: one buffer, the places of its headers, its flow, and what has been changed since it was parsed."""

from dataclasses import dataclass, field

from reference.direction import Direction
from reference.packet.flow import FlowId
from reference.packet.geneve import Option, OxideOption, split_options
from reference.packet.headers import Ethernet, Geneve, Icmp, Ipv4, Ipv6, Tcp, Udp
from reference.packet.protocol import IpProtocol

NetworkHeader = Ipv4 | Ipv6
TransportHeader = Tcp | Udp | Icmp


@dataclass(frozen=True, slots=True)
class Outer:
    """The encapsulation of an inbound packet: views of its headers, and its length in bytes.

    `length` is also the offset of the inner Ethernet header.
    """

    ethernet: Ethernet
    network: Ipv6
    transport: Udp
    geneve: Geneve
    length: int

    @property
    def vni(self) -> int:
        """Virtual network identifier under which the packet was sent."""
        return self.geneve.vni

    @property
    def options(self) -> tuple[Option, ...]:
        """Geneve options in the order they stand in."""
        start = self.geneve.offset + Geneve.LENGTH
        return split_options(bytes(self.geneve.buffer[start : self.length]))

    @property
    def is_external(self) -> bool:
        """Whether the switch marked the packet as coming from outside the rack.

        The search ends at an Oxide option that is too short (upstream: `DecapAction` in
        `lib/oxide-vpc/src/engine/overlay.rs`).
        """
        for option in self.options:
            if option.is_truncated:
                return False
            if option.is_known and option.option_type == OxideOption.EXTERNAL:
                return True
        return False


@dataclass(slots=True, eq=False)
class Packet:
    """A frame whose headers have been found and checked by `reference.packet.parse`.

    Headers are changed in place, by the functions of `reference.packet.modify` alone: those keep `flow` up to date at
    once and remember what the checksums need. The encapsulation is removed, or put in front, by an `EmitSpec` at the
    very end.

    Attributes:
        direction: the way the packet travels.
        buffer: the whole frame, encapsulation included.
        outer: the encapsulation; None outbound.
        ethernet: the inner Ethernet header.
        network: the inner IPv4 or IPv6 header; None for ARP.
        transport: the inner TCP, UDP, ICMP or ICMPv6 header; None for ARP.
        body_offset: where the bytes after the transport header begin (ARP: after the Ethernet header). The body reaches
            to the end of the frame, padding included.
        flow: the flow id of the headers as they are now.
        checksum_delta: one's-complement sum of all changes to words that the transport checksum covers, not yet folded.
        headers_modified: whether a header that a checksum covers was touched.
        body_modified: whether the body was (or may have been) rewritten.
    """

    direction: Direction
    buffer: bytearray
    outer: Outer | None
    ethernet: Ethernet
    network: NetworkHeader | None
    transport: TransportHeader | None
    body_offset: int
    flow: FlowId
    checksum_delta: int = field(default=0)
    headers_modified: bool = field(default=False)
    body_modified: bool = field(default=False)

    @property
    def length(self) -> int:
        """Bytes of the frame, encapsulation included: what byte counters count."""
        return len(self.buffer)

    @property
    def encapsulation_length(self) -> int:
        """Bytes in front of the inner Ethernet header."""
        return self.ethernet.offset

    @property
    def ethertype(self) -> int:
        """Ethernet type of the inner frame."""
        return self.ethernet.ethertype

    @property
    def body(self) -> bytearray:
        """A copy of the bytes after the transport header, padding included."""
        return self.buffer[self.body_offset :]

    @property
    def payload_length(self) -> int:
        """Bytes of data that the IP header says are behind the transport header, as far as they are in the frame."""
        network = self.network
        if network is None:
            return 0
        whole = network.total_length if isinstance(network, Ipv4) else Ipv6.LENGTH + network.payload_length
        return max(0, min(network.offset + whole, len(self.buffer)) - self.body_offset)

    @property
    def tcp(self) -> Tcp | None:
        """The transport header if it is TCP."""
        return self.transport if isinstance(self.transport, Tcp) else None

    @property
    def udp(self) -> Udp | None:
        """The transport header if it is UDP."""
        return self.transport if isinstance(self.transport, Udp) else None

    @property
    def icmp(self) -> Icmp | None:
        """The transport header if it is ICMP (protocol 1)."""
        return self._icmp_of(IpProtocol.ICMP)

    @property
    def icmpv6(self) -> Icmp | None:
        """The transport header if it is ICMPv6 (protocol 58)."""
        return self._icmp_of(IpProtocol.ICMPV6)

    def _icmp_of(self, protocol: IpProtocol) -> Icmp | None:
        if self.flow.protocol == protocol and isinstance(self.transport, Icmp):
            return self.transport
        return None
