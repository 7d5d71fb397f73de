"""Frames taken apart for people, header by header, as far as they go.

Nothing here decides anything, and nothing raises: frames may be cut short or damaged anywhere. What is left over, or
cannot be read, is shown as bytes.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from reference.address import format_ip, format_mac
from reference.hairpin import dhcpv4
from reference.packet.extension import Incomplete, find_transport
from reference.packet.geneve import OXIDE_OPTION_CLASS, OxideOption, split_options
from reference.packet.headers import Ethernet, Geneve, Icmp, Ipv4, Ipv6, Tcp, TcpFlag, Udp
from reference.packet.protocol import GENEVE_PORT, EtherType, IpProtocol

_ARP = struct.Struct(">HHBBH6s4s6s4s")
_ARP_OPERATIONS = {1: "request", 2: "reply"}
_FLAGS = ((TcpFlag.SYN, "SYN"), (TcpFlag.FIN, "FIN"), (TcpFlag.RST, "RST"), (TcpFlag.PSH, "PSH"),
          (TcpFlag.ACK, "ACK"), (TcpFlag.URG, "URG"))  # fmt: skip
_ICMP_TYPES = {0: "echo reply", 3: "destination unreachable", 5: "redirect", 8: "echo request", 11: "time exceeded"}
_ICMPV6_TYPES = {
    1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 128: "echo request", 129: "echo reply",
    133: "router solicitation", 134: "router advertisement", 135: "neighbour solicitation",
    136: "neighbour advertisement",
}  # fmt: skip
_ECHOES = {(IpProtocol.ICMP, 0), (IpProtocol.ICMP, 8), (IpProtocol.ICMPV6, 128), (IpProtocol.ICMPV6, 129)}
_DHCP_TYPES = {1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform"}
_DHCP_FIXED_LENGTH = 240
_DHCPV6_TYPES = {1: "solicit", 2: "advertise", 3: "request", 4: "confirm", 5: "renew", 6: "rebind", 7: "reply",
                 8: "release", 9: "decline", 11: "information request"}  # fmt: skip
_SHOWN_BYTES = 16


class Part(NamedTuple):
    """One header, or the bytes after the last one.

    Attributes:
        name: which header.
        brief: the most telling fields, in a few words.
        fields: the other fields, name and value.
        offset: where it begins in the frame, in bytes.
    """

    name: str
    brief: str
    fields: tuple[tuple[str, str], ...]
    offset: int

    def __str__(self) -> str:
        return f"{self.name} {self.brief}".rstrip()


Next = Callable[[int], Iterator[Part]]


def dissect(frame: bytes) -> list[Part]:
    """The parts of a frame, from the outside in."""
    return list(_Dissection(bytearray(frame)).ethernet(0))


class _Dissection:
    """One frame being taken apart; each method yields the part that begins at an offset, and those after it."""

    def __init__(self, frame: bytearray) -> None:
        self._frame = frame

    def ethernet(self, offset: int) -> Iterator[Part]:
        if self._left(offset) < Ethernet.LENGTH:
            yield self._rest("Ethernet", offset)
            return
        header = Ethernet(self._frame, offset)
        brief = f"{format_mac(header.source)} > {format_mac(header.destination)}"
        yield Part("Ethernet", brief, (("type", f"0x{header.ethertype:04x}"),), offset)
        after: dict[int, Next] = {EtherType.IPV4: self._ipv4, EtherType.IPV6: self._ipv6, EtherType.ARP: self._arp}
        yield from after.get(header.ethertype, self._payload)(offset + Ethernet.LENGTH)

    def _arp(self, offset: int) -> Iterator[Part]:
        if self._left(offset) < _ARP.size:
            yield self._rest("ARP", offset)
            return
        hardware, protocol, _, _, operation, sender_mac, sender, target_mac, target = _ARP.unpack_from(
            self._frame, offset
        )
        if operation == 1:
            brief = f"who has {format_ip(target)}? asks {format_ip(sender)}"
        else:
            kind = _ARP_OPERATIONS.get(operation, f"operation {operation}")
            brief = f"{kind}: {format_ip(sender)} is at {format_mac(sender_mac)}"
        fields = (
            ("hardware", str(hardware)),
            ("protocol", f"0x{protocol:04x}"),
            ("sender", format_mac(sender_mac)),
            ("target", format_mac(target_mac)),
        )
        yield Part("ARP", brief, fields, offset)
        yield from self._payload(offset + _ARP.size)

    def _ipv4(self, offset: int) -> Iterator[Part]:
        header = Ipv4(self._frame, offset)
        left = self._left(offset)
        if left < Ipv4.LENGTH or left < header.header_length:
            yield self._rest("IPv4", offset)
            return
        end = offset + max(header.header_length, Ipv4.LENGTH)
        fields = [
            ("ttl", str(header.time_to_live)),
            ("protocol", str(header.protocol)),
            ("length", str(header.total_length)),
            ("id", str(header.identification)),
            ("fragment", f"0x{header.flags_and_fragment:04x}"),
            ("checksum", f"0x{header.checksum:04x}"),
        ]
        if header.version != 4:
            fields.insert(0, ("version", str(header.version)))
        if end > offset + Ipv4.LENGTH:
            fields.append(("options", self._frame[offset + Ipv4.LENGTH : end].hex()))
        yield Part("IPv4", f"{format_ip(header.source)} > {format_ip(header.destination)}", tuple(fields), offset)
        yield from self._transport(header.protocol, end)

    def _ipv6(self, offset: int) -> Iterator[Part]:
        try:
            length, protocol = find_transport(self._frame, offset, len(self._frame))
        except (Incomplete, IndexError):
            yield self._rest("IPv6", offset)
            return
        header = Ipv6(self._frame, offset)
        fields = [
            ("hop limit", str(header.hop_limit)),
            ("next header", str(header.next_header)),
            ("length", str(header.payload_length)),
        ]
        if header.version != 6:
            fields.insert(0, ("version", str(header.version)))
        if length > Ipv6.LENGTH:
            fields.append(("extension headers", self._frame[offset + Ipv6.LENGTH : offset + length].hex()))
        yield Part("IPv6", f"{format_ip(header.source)} > {format_ip(header.destination)}", tuple(fields), offset)
        yield from self._transport(protocol, offset + length)

    def _transport(self, protocol: int, offset: int) -> Iterator[Part]:
        match protocol:
            case IpProtocol.TCP:
                return self._tcp(offset)
            case IpProtocol.UDP:
                return self._udp(offset)
            case IpProtocol.ICMP | IpProtocol.ICMPV6:
                return self._icmp(IpProtocol(protocol), offset)
        return self._payload(offset)

    def _tcp(self, offset: int) -> Iterator[Part]:
        header = Tcp(self._frame, offset)
        left = self._left(offset)
        if left < Tcp.LENGTH or left < header.header_length:
            yield self._rest("TCP", offset)
            return
        end = offset + max(header.header_length, Tcp.LENGTH)
        flags = ",".join(name for bit, name in _FLAGS if header.flags & bit) or "no flags"
        numbers = f"seq {header.sequence} ack {header.acknowledgement}"
        fields = [("window", str(header.window)), ("checksum", f"0x{header.checksum:04x}")]
        if end > offset + Tcp.LENGTH:
            fields.append(("options", self._frame[offset + Tcp.LENGTH : end].hex()))
        brief = f"{header.source_port} > {header.destination_port} {flags} {numbers}"
        yield Part("TCP", brief, tuple(fields), offset)
        yield from self._payload(end)

    def _udp(self, offset: int) -> Iterator[Part]:
        if self._left(offset) < Udp.LENGTH:
            yield self._rest("UDP", offset)
            return
        header = Udp(self._frame, offset)
        fields = (("length", str(header.length)), ("checksum", f"0x{header.checksum:04x}"))
        yield Part("UDP", f"{header.source_port} > {header.destination_port}", fields, offset)
        ports = {header.source_port, header.destination_port}
        after: Next = self._payload
        if header.destination_port == GENEVE_PORT:
            after = self._geneve
        elif ports == {67, 68}:
            after = self._dhcp
        elif ports == {546, 547}:
            after = self._dhcpv6
        yield from after(offset + Udp.LENGTH)

    def _icmp(self, protocol: IpProtocol, offset: int) -> Iterator[Part]:
        name = "ICMP" if protocol is IpProtocol.ICMP else "ICMPv6"
        if self._left(offset) < Icmp.LENGTH:
            yield self._rest(name, offset)
            return
        header = Icmp(self._frame, offset)
        types = _ICMP_TYPES if protocol is IpProtocol.ICMP else _ICMPV6_TYPES
        brief = types.get(header.type, f"type {header.type}") + (f" code {header.code}" if header.code else "")
        if (protocol, header.type) in _ECHOES:
            brief += f" id {header.identifier} seq {header.sequence}"
        yield Part(name, brief, (("checksum", f"0x{header.checksum:04x}"),), offset)
        yield from self._payload(offset + Icmp.LENGTH)

    def _geneve(self, offset: int) -> Iterator[Part]:
        header = Geneve(self._frame, offset)
        left = self._left(offset)
        if left < Geneve.LENGTH or left < header.header_length:
            yield self._rest("Geneve", offset)
            return
        end = offset + header.header_length
        critical = ", critical" if header.flags & Geneve.CRITICAL else ""
        options = _options_text(bytes(self._frame[offset + Geneve.LENGTH : end]))
        brief = f"vni {header.vni}{critical}{options and f', {options}'}"
        fields = (("protocol", f"0x{header.protocol_type:04x}"), ("version", str(header.version)))
        yield Part("Geneve", brief, fields, offset)
        yield from self.ethernet(end)

    def _dhcp(self, offset: int) -> Iterator[Part]:
        kind = dhcpv4.message_type(bytes(self._frame[offset:]))
        if kind is None or self._left(offset) < _DHCP_FIXED_LENGTH:
            yield from self._payload(offset)
            return
        yours = format_ip(bytes(self._frame[offset + 16 : offset + 20]))
        options = self._frame[offset + _DHCP_FIXED_LENGTH :].hex()
        fields = (("yours", yours), ("options", options))
        yield Part("DHCP", _DHCP_TYPES.get(kind, f"type {kind}"), fields, offset)

    def _dhcpv6(self, offset: int) -> Iterator[Part]:
        if self._left(offset) < 4:
            yield from self._payload(offset)
            return
        kind = self._frame[offset]
        options = self._frame[offset + 4 :].hex()
        yield Part("DHCPv6", _DHCPV6_TYPES.get(kind, f"type {kind}"), (("options", options),), offset)

    def _payload(self, offset: int) -> Iterator[Part]:
        if self._left(offset) > 0:
            yield Part("payload", f"{self._left(offset)} bytes", (("bytes", self._bytes(offset)),), offset)

    def _rest(self, name: str, offset: int) -> Part:
        """A header that does not end inside the frame."""
        brief = f"cut short after {max(0, self._left(offset))} bytes"
        return Part(name, brief, (("bytes", self._bytes(offset)),), offset)

    def _left(self, offset: int) -> int:
        return len(self._frame) - offset

    def _bytes(self, offset: int) -> str:
        more = "..." if self._left(offset) > _SHOWN_BYTES else ""
        return self._frame[offset : offset + _SHOWN_BYTES].hex() + more


def _options_text(options: bytes) -> str:
    """Geneve options by name where they have one."""
    try:
        found = split_options(options)
    except ValueError:
        return f"options that do not fit: {options.hex()}"
    names = []
    for option in found:
        name = f"{option.option_class:04x}:{option.option_type:02x}"
        if option.option_class == OXIDE_OPTION_CLASS and option.option_type in list(OxideOption):
            name = OxideOption(option.option_type).name.lower()
        names.append(f"{name}={option.body.hex()}" if option.body else name)
    return ", ".join(names)
