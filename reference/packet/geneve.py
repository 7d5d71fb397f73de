"""Geneve options of the Oxide VPC.

An option is class (2 bytes), type (1 byte, the top bit marks it critical), body length in words (low 5 bits of 1 byte),
body (RFC 8926 section 3.5). Upstream behaviour: `lib/oxide-vpc/src/engine/geneve.rs`, `lib/opte/src/engine/geneve.rs`.
"""

import enum
from typing import NamedTuple

OXIDE_OPTION_CLASS = 0x0129

_HEADER_LENGTH = 4
_MAXIMUM_BODY_LENGTH = 124
_CRITICAL = 0x80


class OxideOption(enum.IntEnum):
    """Types of option class 0x0129."""

    EXTERNAL = 0
    """No body: the packet comes from outside the rack and was encapsulated by the switch."""
    MULTICAST = 1
    """Four bytes, the top two bits say to which port groups the switch replicates the packet (0: external)."""
    MSS = 2
    """Four bytes: the TCP maximum segment size that the sender saw, or 0."""


_MINIMUM_BODY_LENGTH: dict[int, int] = {OxideOption.EXTERNAL: 0, OxideOption.MULTICAST: 4, OxideOption.MSS: 4}


class Option(NamedTuple):
    """One option as it stands in a header."""

    option_class: int
    option_type: int
    body: bytes

    @property
    def is_known(self) -> bool:
        """Whether class and type name one of `OxideOption`."""
        return self.option_class == OXIDE_OPTION_CLASS and self.option_type in _MINIMUM_BODY_LENGTH

    @property
    def is_truncated(self) -> bool:
        """Whether the option is a known one with less body than it must have."""
        return self.is_known and len(self.body) < _MINIMUM_BODY_LENGTH[self.option_type]

    @property
    def is_critical(self) -> bool:
        """Whether a receiver that does not know the option must drop the packet."""
        return bool(self.option_type & _CRITICAL)


def encode_option(option_type: OxideOption, body: bytes = b"") -> bytes:
    """An Oxide option as bytes.

    Raises:
        ValueError: the body is not whole 4-byte words, or longer than 124 bytes.
    """
    if len(body) % 4 or len(body) > _MAXIMUM_BODY_LENGTH:
        raise ValueError(f"body of {len(body)} bytes: must be a multiple of 4, at most {_MAXIMUM_BODY_LENGTH}")
    return OXIDE_OPTION_CLASS.to_bytes(2) + bytes((option_type, len(body) // 4)) + body


def split_options(options: bytes) -> tuple[Option, ...]:
    """The options of a header, in order.

    Raises:
        ValueError: an option reaches beyond the end.
    """
    found = []
    offset = 0
    while offset < len(options):
        body = offset + _HEADER_LENGTH
        end = body + (options[body - 1] & 0x1F) * 4 if body <= len(options) else body
        if end > len(options):
            raise ValueError(
                f"the option at byte {offset} needs {end - offset} bytes, {len(options) - offset} are left"
            )
        found.append(Option(int.from_bytes(options[offset : offset + 2]), options[offset + 2], options[body:end]))
        offset = end
    return tuple(found)
