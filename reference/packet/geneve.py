"""Geneve options of the Oxide VPC.

An option is class (2 bytes), type (1 byte, the top bit marks it critical), body length in words (low 5 bits of 1 byte), body
(RFC 8926 section 3.5). Upstream behaviour: `lib/oxide-vpc/src/engine/geneve.rs`, `lib/opte/src/engine/geneve.rs`.
"""

import enum
from collections.abc import Iterator
from typing import NamedTuple

from reference.packet.errors import HeaderError, HeaderName, UnrecognisedTunnelOption, Why

OPTION_HEADER_LENGTH = 4
OXIDE_OPTION_CLASS = 0x0129
CRITICAL_OPTION = 0x80


class OxideOption(enum.IntEnum):
    """Types of option class 0x0129."""

    EXTERNAL = 0
    """No body: the packet comes from outside the rack and was encapsulated by the switch."""
    MULTICAST = 1
    """Four bytes, the top two bits say to which port groups the switch replicates the packet (0: external)."""
    MSS = 2
    """Four bytes: the TCP maximum segment size the sender saw, or 0."""


_BODY_LENGTH = {OxideOption.EXTERNAL: 0, OxideOption.MULTICAST: 4, OxideOption.MSS: 4}


class Option(NamedTuple):
    """One option as it stands in a header."""

    option_class: int
    option_type: int
    body: bytes

    @property
    def is_known(self) -> bool:
        return self.option_class == OXIDE_OPTION_CLASS and self.option_type in OxideOption


class MalformedOption(Exception):
    """An option of a known type with too short a body, or the end of the options where another one was expected."""


def encode_option(option_type: OxideOption, body: bytes = b"") -> bytes:
    """An Oxide option as bytes. The body's length must be a multiple of 4 and at most 124."""
    if len(body) % 4 or len(body) > 124:
        raise ValueError(f"option body of {len(body)} bytes: must be whole words, at most 124 bytes")
    return bytes((OXIDE_OPTION_CLASS >> 8, OXIDE_OPTION_CLASS & 0xFF, option_type, len(body) // 4)) + body


def split_options(options: bytes) -> list[Option]:
    """The options of a header.

    Raises:
        MalformedOption: an option reaches beyond the end.
    """
    found = []
    offset = 0
    while offset < len(options):
        body = offset + OPTION_HEADER_LENGTH
        if body > len(options):
            raise MalformedOption
        end = body + (options[offset + 3] & 0x1F) * 4
        if end > len(options):
            raise MalformedOption
        found.append(Option(int.from_bytes(options[offset : offset + 2]), options[offset + 2], options[body:end]))
        offset = end
    return found
