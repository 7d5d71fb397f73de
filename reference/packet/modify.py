"""Changing a packet in place, and bringing its checksums up to date.

The `set_…` functions write header fields, keep the packet's flow id up to date and note what the change does to the
transport checksum. Checksums themselves are written once, by `finish_checksums`, when all changes are done: on the way
a UDP checksum could pass through 0, which means "no checksum" and would then no longer be updated.

Checksum rules (upstream: `update_checksums` and `compute_checksums` in `lib/opte/src/engine/packet.rs`):
- no checksum is ever verified, and one that no change touches is left alone, right or wrong;
- the transport checksum is updated incrementally, so that a wrong one stays wrong by the same amount; a UDP checksum of
  0 stays 0;
- when the body was rewritten the transport checksum is computed from scratch instead;
- the IPv4 header checksum is computed from scratch, so that a wrong one becomes right.
"""

from reference.packet import checksum
from reference.packet.flow import FlowId, is_echo
from reference.packet.headers import Icmp, Ipv4, Tcp, Udp
from reference.packet.packet import NetworkHeader, Packet
from reference.packet.protocol import IpProtocol


class MissingHeader(Exception):
    """A change asks for a header that the packet does not have."""


def set_ethernet(packet: Packet, source: bytes | None = None, destination: bytes | None = None) -> None:
    """Replace MAC addresses (6 bytes each) of the inner frame; None leaves one as it is. No checksum covers them."""
    if source is not None:
        packet.ethernet.source = source
    if destination is not None:
        packet.ethernet.destination = destination


def set_addresses(packet: Packet, source: bytes | None = None, destination: bytes | None = None) -> None:
    """Replace IP addresses of the inner packet; None leaves one as it is.

    Raises:
        MissingHeader: the packet has no IP header.
        ValueError: an address is of the other family.
    """
    network = packet.network
    if network is None:
        raise MissingHeader("the packet has no IP header whose addresses could be replaced")
    protocol, family, old_source, old_destination, first, second = packet.flow
    new_source = old_source if source is None else source
    new_destination = old_destination if destination is None else destination
    network.source = new_source
    network.destination = new_destination
    # ICMP is the one transport whose checksum leaves the addresses out.
    if protocol != IpProtocol.ICMP:
        packet.checksum_delta += checksum.change_of(old_source + old_destination, new_source + new_destination)
    packet.headers_modified = True
    packet.flow = FlowId(protocol, family, new_source, new_destination, first, second)


def set_ports(packet: Packet, source: int | None = None, destination: int | None = None) -> None:
    """Replace TCP or UDP ports of the inner packet; None leaves one as it is. No effect on other transports."""
    transport = packet.transport
    if not isinstance(transport, Tcp | Udp):
        return
    protocol, family, source_address, destination_address, old_source, old_destination = packet.flow
    new_source = old_source if source is None else source
    new_destination = old_destination if destination is None else destination
    transport.source_port = new_source
    transport.destination_port = new_destination
    packet.checksum_delta += checksum.change(old_source, new_source) + checksum.change(old_destination, new_destination)
    packet.headers_modified = True
    packet.flow = FlowId(protocol, family, source_address, destination_address, new_source, new_destination)


def set_icmp_identifier(packet: Packet, identifier: int) -> None:
    """Replace the identifier of an echo request or reply with code 0. Any other packet has none: nothing happens."""
    transport = packet.transport
    if not isinstance(transport, Icmp) or not is_echo(packet.flow.protocol, packet.flow.source_port):
        return
    packet.checksum_delta += checksum.change(transport.identifier, identifier)
    transport.identifier = identifier
    packet.headers_modified = True
    packet.flow = packet.flow._replace(destination_port=identifier)


def finish_checksums(packet: Packet, *, send_udp_zero_as_ones: bool = False) -> None:
    """Write the checksums that the changes so far call for. To be called once, after the last change.

    Args:
        packet: the packet whose changes are complete.
        send_udp_zero_as_ones: write an updated UDP checksum that comes out as 0 as 0xffff, as RFC 768 asks. Upstream
            writes 0, which a receiver takes for "no checksum", and over IPv6 for a packet to be dropped (RFC 8200
            section 8.1).
    """
    if packet.body_modified:
        _recompute_transport(packet)
    elif not packet.headers_modified:
        return
    else:
        _update_transport(packet, send_udp_zero_as_ones)
    if isinstance(packet.network, Ipv4):
        packet.network.checksum = ipv4_header_checksum(packet.network)


def ipv4_header_checksum(header: Ipv4) -> int:
    """The checksum that an IPv4 header with its options should have, whatever it has now."""
    end = header.offset + max(Ipv4.LENGTH, header.header_length)
    return checksum.checksum_of(checksum.sum_of(bytes(header.buffer[header.offset : end])) - header.checksum)


def pseudo_header_sum(network: NetworkHeader, protocol: int) -> int:
    """Sum of the pseudo header that TCP, UDP and ICMPv6 checksums cover (RFC 9293 section 3.1, RFC 8200 section 8.1).

    As upstream, the length of an IPv6 packet's transport is taken to be the whole payload length: extension headers,
    where there are any, count as well (`pseudo_header` in `lib/opte/src/engine/ip/mod.rs`; RFC 8200 leaves them out).
    """
    length = network.total_length - network.header_length if isinstance(network, Ipv4) else network.payload_length
    return checksum.sum_of(network.source + network.destination) + length + protocol


def _update_transport(packet: Packet, send_udp_zero_as_ones: bool) -> None:
    transport = packet.transport
    if transport is None or (isinstance(transport, Udp) and transport.checksum == 0):
        return
    updated = checksum.update(transport.checksum, packet.checksum_delta)
    if updated == 0 and isinstance(transport, Udp) and send_udp_zero_as_ones:
        updated = 0xFFFF
    transport.checksum = updated


def _recompute_transport(packet: Packet) -> None:
    """The transport checksum from scratch, over all bytes to the end of the frame, padding included."""
    transport = packet.transport
    if transport is None or packet.network is None:
        return
    total = checksum.sum_of(packet.buffer[transport.offset :]) - transport.checksum
    if packet.flow.protocol != IpProtocol.ICMP:
        total += pseudo_header_sum(packet.network, packet.flow.protocol)
    transport.checksum = checksum.checksum_of(total)
