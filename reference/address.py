"""Addresses and prefixes: network-order bytes inside, OPTE's text forms outside."""

import functools
import ipaddress
from typing import NamedTuple

from reference.errors import TextError

_FIRST_GROUP_OF_MAPPED = bytes(10) + b"\xff\xff"


def parse_ip(text: str) -> bytes:
    """Parse an IPv4 or IPv6 address into 4 or 16 bytes; raises `TextError`."""
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        raise TextError("Invalid IP address") from None


@functools.lru_cache(maxsize=4096)
def format_ip(address: bytes) -> str:
    """Format an address as OPTE prints it.

    OPTE's IPv6 text contracts the first run of zero groups, however short, where RFC 5952 section 4.2 takes the
    longest.
    """
    if len(address) == 4:
        return ".".join(map(str, address))
    if address[:12] == _FIRST_GROUP_OF_MAPPED:
        return "::ffff:" + ".".join(map(str, address[12:]))
    groups = [int.from_bytes(address[i : i + 2]) for i in range(0, 16, 2)]
    if 0 not in groups:
        return ":".join(f"{group:x}" for group in groups)
    start = groups.index(0)
    end = start
    while end < 8 and groups[end] == 0:
        end += 1
    head = ":".join(f"{group:x}" for group in groups[:start])
    tail = ":".join(f"{group:x}" for group in groups[end:])
    return f"{head}::{tail}"


def parse_mac(text: str) -> bytes:
    """Parse six colon-separated hexadecimal bytes; raises `TextError`."""
    parts = text.split(":")
    try:
        if len(parts) == 6 and all(0 < len(part) <= 2 for part in parts):
            return bytes(int(part, 16) for part in parts)
    except ValueError:
        pass
    raise TextError(f"malformed MAC address: {text}")


def format_mac(address: bytes) -> str:
    """Format a MAC address in upper case, as OPTE prints it."""
    return address.hex(":").upper()


def is_multicast(address: bytes) -> bool:
    """Whether an IP address is a multicast group (224.0.0.0/4 or ff00::/8)."""
    return address[0] >> 4 == 0xE if len(address) == 4 else address[0] == 0xFF


def multicast_mac(group: bytes) -> bytes:
    """Ethernet address of a multicast group (RFC 1112 section 6.4, RFC 2464 section 7)."""
    if len(group) == 4:
        return b"\x01\x00\x5e" + bytes((group[1] & 0x7F,)) + group[2:]
    return b"\x33\x33" + group[12:]


class _Prefix(NamedTuple):
    address: bytes
    length: int


class Cidr(_Prefix):
    """An IP prefix: the network address (host bits zero) and the length in bits.

    Sorts as OPTE does: by address, then by length. Both families never mix in one order.
    """

    @classmethod
    def of(cls, address: bytes, length: int) -> "Cidr":
        """The prefix of `length` bits that contains `address`."""
        shift = len(address) * 8 - length
        network = int.from_bytes(address) >> shift << shift
        return cls(network.to_bytes(len(address)), length)

    @classmethod
    def parse(cls, text: str) -> "Cidr":
        """Parse `ADDRESS/LENGTH`; host bits are cleared; raises `TextError`."""
        address_text, slash, length_text = text.partition("/")
        try:
            address = parse_ip(address_text)
            length = parse_unsigned(length_text, 8)
        except TextError:
            raise TextError("Invalid IP CIDR") from None
        if not slash or length > len(address) * 8:
            raise TextError("Invalid IP CIDR")
        return cls.of(address, length)

    @property
    def family(self) -> int:
        """4 or 6."""
        return 4 if len(self.address) == 4 else 6

    def contains(self, address: bytes) -> bool:
        """Whether an address of the same family lies in the prefix."""
        shift = len(address) * 8 - self.length
        return int.from_bytes(address) >> shift == int.from_bytes(self.address) >> shift

    def __str__(self) -> str:
        return f"{format_ip(self.address)}/{self.length}"


def parse_unsigned(text: str, bits: int) -> int:
    """Parse a decimal number of at most `bits` bits; raises `TextError` with the words of Rust's parser."""
    digits = text[1:] if text.startswith("+") and len(text) > 1 else text
    if not digits:
        raise TextError("cannot parse integer from empty string")
    if not (digits.isascii() and digits.isdigit()):
        raise TextError("invalid digit found in string")
    value = int(digits)
    if value >> bits:
        raise TextError("number too large to fit in target type")
    return value


@functools.cache
def link_local_of_mac(mac: bytes) -> bytes:
    """Link-local IPv6 address that EUI-64 derives from a MAC address (RFC 4291 appendix A)."""
    return b"\xfe\x80" + bytes(6) + bytes((mac[0] ^ 0x02,)) + mac[1:3] + b"\xff\xfe" + mac[3:]


def solicited_node_multicast(address: bytes) -> bytes:
    """Solicited-node multicast group of an IPv6 address (RFC 4291 section 2.7.1)."""
    return bytes.fromhex("ff0200000000000000000001ff") + address[13:]
