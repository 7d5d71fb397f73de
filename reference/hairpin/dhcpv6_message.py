"""DHCPv6 messages and their options (RFC 8415 sections 8 and 21): parsing and encoding.

Upstream behaviour: `lib/opte/src/engine/dhcpv6/protocol.rs`, `options.rs`.
"""

import enum
import struct
from dataclasses import dataclass

_HEADER_LENGTH = 4
_MAXIMUM_DEPTH = 8


class Code(enum.IntEnum):
    """Option codes that are interpreted; a message may have others."""

    CLIENT_ID = 1
    SERVER_ID = 2
    IA_NA = 3
    IA_TA = 4
    IA_ADDRESS = 5
    OPTION_REQUEST = 6
    ELAPSED_TIME = 8
    STATUS = 13
    RAPID_COMMIT = 14
    DNS_SERVERS = 23
    DOMAIN_LIST = 24
    SNTP_SERVERS = 31
    FQDN = 39


_FIXED_PART: dict[int, int] = {Code.IA_NA: 12, Code.IA_TA: 4, Code.IA_ADDRESS: 24}
"""Options that contain options, and the bytes in front of those."""

_UNIT: dict[int, int] = {Code.OPTION_REQUEST: 2, Code.DNS_SERVERS: 16, Code.SNTP_SERVERS: 16}
"""Options that are lists, and the bytes of one entry."""


class _Malformed(Exception):
    """Some option does not parse."""


@dataclass(frozen=True)
class Option:
    """An option: its code, its data, and the options inside the data."""

    code: int
    data: bytes
    options: tuple["Option", ...] = ()

    @property
    def address(self) -> bytes:
        """The address of an IA address option, 16 bytes."""
        return self.data[:16]

    def encode(self) -> bytes:
        """The option on the wire."""
        return struct.pack(">HH", self.code, len(self.data)) + self.data


@dataclass(frozen=True)
class Message:
    """A message between client and server."""

    message_type: int
    transaction_id: bytes
    options: tuple[Option, ...]

    def find(self, code: Code) -> Option | None:
        """The first option of this code, not looking inside options."""
        return next((option for option in self.options if option.code == code), None)

    def has(self, code: Code) -> bool:
        """Whether there is an option of this code."""
        return self.find(code) is not None

    def asks_for(self, code: Code) -> bool:
        """Whether the (first) option request option lists this code."""
        request = self.find(Code.OPTION_REQUEST)
        return request is not None and code in struct.unpack(f">{len(request.data) // 2}H", request.data)

    def wants(self, code: Code) -> bool:
        """Whether the option itself is there, or is asked for."""
        return self.has(code) or self.asks_for(code)

    def encode(self) -> bytes:
        """The message on the wire."""
        return bytes((self.message_type,)) + self.transaction_id + b"".join(option.encode() for option in self.options)


def parse_message(message: bytes) -> Message | None:
    """Parse a message; None if it has no option, or any of its options, at any depth, does not parse."""
    if len(message) <= _HEADER_LENGTH:
        return None
    try:
        options = _parse_options(message[_HEADER_LENGTH:], 0)
    except _Malformed:
        return None
    return Message(message[0], message[1:_HEADER_LENGTH], options)


def _parse_options(data: bytes, depth: int) -> tuple[Option, ...]:
    options = []
    offset = 0
    while offset < len(data):
        option = _parse_option(data[offset:], depth)
        options.append(option)
        offset += _HEADER_LENGTH + len(option.data)
    return tuple(options)


def _parse_option(data: bytes, depth: int) -> Option:
    if depth > _MAXIMUM_DEPTH or len(data) < _HEADER_LENGTH:
        raise _Malformed
    code, length = struct.unpack_from(">HH", data)
    body = data[_HEADER_LENGTH : _HEADER_LENGTH + length]
    if len(body) < length:
        raise _Malformed
    if code == Code.RAPID_COMMIT:
        # The option has no data; as upstream, what its length covers is read as the next options.
        return Option(code, b"")
    _check_data(code, body)
    fixed = _FIXED_PART.get(code)
    return Option(code, body) if fixed is None else Option(code, body, _parse_options(body[fixed:], depth + 1))


def _check_data(code: int, body: bytes) -> None:
    """The rules about an option's own data."""
    if len(body) < _FIXED_PART.get(code, 0) or len(body) % _UNIT.get(code, 1):
        raise _Malformed
    if code == Code.ELAPSED_TIME and len(body) != 2:
        raise _Malformed
    if code == Code.STATUS:
        if len(body) < 2:
            raise _Malformed
        try:
            body[2:].decode()
        except UnicodeDecodeError:
            raise _Malformed from None
