"""Header codecs: fields of a header read and written in place.

A header is a view: a buffer and the offset at which the header begins. Nothing is copied or cached, so a view always
shows the bytes as they are, and assigning a field changes the frame.

Contract on lengths, for every class here: the buffer holds at least `LENGTH` bytes from the offset on (the parser has
made sure). Reading a field beyond the buffer raises `struct.error` or `IndexError`; no field reads outside its header's
fixed part. Numbers are unsigned and big endian on the wire; a value that does not fit its field raises `struct.error`
or `ValueError` on assignment. Addresses are `bytes` of exactly the field's length.
"""

import struct
from typing import ClassVar

_UINT16 = struct.Struct(">H")
_UINT32 = struct.Struct(">I")


class Header:
    """A view of one header in `buffer` at `offset`."""

    __slots__ = ("buffer", "offset")

    LENGTH: ClassVar[int]
    """Bytes of the fixed part."""

    def __init__(self, buffer: bytearray | memoryview, offset: int = 0) -> None:
        self.buffer = buffer
        self.offset = offset


class Uint8:
    """An 8-bit field at `position` of its header."""

    def __init__(self, position: int) -> None:
        self.position = position

    def __get__(self, header: Header, owner: type[Header]) -> int:
        return header.buffer[header.offset + self.position]

    def __set__(self, header: Header, value: int) -> None:
        header.buffer[header.offset + self.position] = value


class Uint16:
    """A 16-bit field at `position` of its header."""

    def __init__(self, position: int) -> None:
        self.position = position

    def __get__(self, header: Header, owner: type[Header]) -> int:
        value: int = _UINT16.unpack_from(header.buffer, header.offset + self.position)[0]
        return value

    def __set__(self, header: Header, value: int) -> None:
        _UINT16.pack_into(header.buffer, header.offset + self.position, value)


class Uint32:
    """A 32-bit field at `position` of its header."""

    def __init__(self, position: int) -> None:
        self.position = position

    def __get__(self, header: Header, owner: type[Header]) -> int:
        value: int = _UINT32.unpack_from(header.buffer, header.offset + self.position)[0]
        return value

    def __set__(self, header: Header, value: int) -> None:
        _UINT32.pack_into(header.buffer, header.offset + self.position, value)


class Octets:
    """A field of `length` bytes at `position` of its header, such as an address."""

    def __init__(self, position: int, length: int) -> None:
        self.position = position
        self.length = length

    def __get__(self, header: Header, owner: type[Header]) -> bytes:
        start = header.offset + self.position
        return bytes(header.buffer[start : start + self.length])

    def __set__(self, header: Header, value: bytes) -> None:
        if len(value) != self.length:
            raise ValueError(f"a field of {self.length} bytes cannot hold {len(value)} bytes")
        start = header.offset + self.position
        header.buffer[start : start + self.length] = value


class Ethernet(Header):
    """Ethernet II header."""

    __slots__ = ()
    LENGTH = 14

    destination = Octets(0, 6)
    source = Octets(6, 6)
    ethertype = Uint16(12)


class Ipv4(Header):
    """IPv4 header (RFC 791 section 3.1). Options, if any, follow the fixed part up to `header_length`."""

    __slots__ = ()
    LENGTH = 20

    version_and_length = Uint8(0)
    total_length = Uint16(2)
    identification = Uint16(4)
    flags_and_fragment = Uint16(6)
    time_to_live = Uint8(8)
    protocol = Uint8(9)
    checksum = Uint16(10)
    source = Octets(12, 4)
    destination = Octets(16, 4)

    @property
    def version(self) -> int:
        """Version field."""
        return self.version_and_length >> 4

    @property
    def header_length(self) -> int:
        """The length field in bytes, options included. A malformed header can claim less than `LENGTH`."""
        return (self.version_and_length & 0x0F) * 4


class Ipv6(Header):
    """IPv6 header (RFC 8200 section 3). Extension headers follow the fixed part."""

    __slots__ = ()
    LENGTH = 40

    version_class_flow = Uint32(0)
    payload_length = Uint16(4)
    next_header = Uint8(6)
    hop_limit = Uint8(7)
    source = Octets(8, 16)
    destination = Octets(24, 16)

    @property
    def version(self) -> int:
        """Version field."""
        return self.version_class_flow >> 28


class TcpFlag:
    """Bits of the TCP flags byte (RFC 9293 section 3.1)."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20


class Tcp(Header):
    """TCP header (RFC 9293 section 3.1). Options follow the fixed part up to `header_length`."""

    __slots__ = ()
    LENGTH = 20

    source_port = Uint16(0)
    destination_port = Uint16(2)
    sequence = Uint32(4)
    acknowledgement = Uint32(8)
    offset_and_reserved = Uint8(12)
    flags = Uint8(13)
    window = Uint16(14)
    checksum = Uint16(16)
    urgent_pointer = Uint16(18)

    @property
    def header_length(self) -> int:
        """The data-offset field in bytes, options included. A malformed header can claim less than `LENGTH`."""
        return (self.offset_and_reserved >> 4) * 4


class Udp(Header):
    """UDP header (RFC 768). `length` counts header and payload."""

    __slots__ = ()
    LENGTH = 8

    source_port = Uint16(0)
    destination_port = Uint16(2)
    length = Uint16(4)
    checksum = Uint16(6)


class Icmp(Header):
    """The common header of ICMP (RFC 792) and ICMPv6 (RFC 4443).

    `identifier` and `sequence` are meaningful in an echo request and an echo reply; the other messages use these four
    bytes in ways of their own.
    """

    __slots__ = ()
    LENGTH = 8

    type = Uint8(0)
    code = Uint8(1)
    checksum = Uint16(2)
    identifier = Uint16(4)
    sequence = Uint16(6)


class Geneve(Header):
    """Geneve header (RFC 8926 section 3.4). Options follow the fixed part."""

    __slots__ = ()
    LENGTH = 8

    CRITICAL = 0x40
    """Bit of `flags`: at least one option must be understood by the receiver."""

    version_and_length = Uint8(0)
    flags = Uint8(1)
    protocol_type = Uint16(2)
    vni_and_reserved = Uint32(4)

    @property
    def version(self) -> int:
        """Version field."""
        return self.version_and_length >> 6

    @property
    def header_length(self) -> int:
        """Bytes of the header with its options."""
        return self.LENGTH + (self.version_and_length & 0x3F) * 4

    @property
    def vni(self) -> int:
        """Virtual network identifier, 24 bits."""
        return self.vni_and_reserved >> 8
