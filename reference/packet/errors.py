"""Why a frame does not parse: one exception per rule, with the members under which recordings keep it.

Upstream behaviour: `ParseError` in `lib/opte/src/engine/packet.rs` and ingot's `ParseError`.
"""

import enum


class HeaderName(enum.StrEnum):
    """The headers of a frame. The plain frame of a guest consists of the inner ones only."""

    OUTER_ETHERNET = "outer_eth"
    OUTER_IP = "outer_v6"
    OUTER_UDP = "outer_udp"
    OUTER_GENEVE = "outer_encap"
    INNER_ETHERNET = "inner_eth"
    INNER_IP = "inner_l3"
    INNER_TRANSPORT = "inner_ulp"
    GENEVE_OPTION = "geneve_option"


class Why(enum.StrEnum):
    """What is wrong with a header."""

    TOO_SMALL = "TooSmall"
    """The buffer ends inside the header, or right after it although another header must follow."""
    UNWANTED = "Unwanted"
    """The previous header announces a protocol that may not stand here."""
    REJECTED = "Reject"
    """The outer transport is not UDP to the Geneve port."""
    STRADDLED = "StraddledHeader"
    """The header begins in one buffer and ends in the next."""


class Location(enum.StrEnum):
    """Fields whose value is checked after all headers were found."""

    IPV4_VERSION = "Ipv4.version"
    IPV4_HEADER_LENGTH = "Ipv4.ihl"
    IPV4_TOTAL_LENGTH_MINIMUM = "Ipv4.total_len(min)"
    IPV4_TOTAL_LENGTH = "Ipv4.total_len"
    IPV6_VERSION = "Ipv6.version"
    IPV6_PAYLOAD_LENGTH = "Ipv6.payload_len"
    UDP_LENGTH = "Udp.length"
    GENEVE_VERSION = "Geneve.version"


class ParseError(Exception):
    """A frame that cannot be parsed. It reaches no port and changes no state."""

    error: str
    """Name of the rule in recordings."""

    def __init__(self, **members: str | int) -> None:
        self.members = members
        super().__init__(", ".join([self.error, *(f"{name}={value}" for name, value in members.items())]))

    def to_json(self) -> dict[str, str | int]:
        """The members as a recording's `result` has them, without `kind`."""
        return {"error": self.error, **self.members}


class HeaderError(ParseError):
    """A header is incomplete, or not one that may stand there."""

    error = "IngotError"

    def __init__(self, header: HeaderName, why: Why) -> None:
        self.header = header
        self.why = why
        super().__init__(header=header.value, why=why.value)


class _Mismatch(ParseError):
    def __init__(self, location: Location, expected: int, actual: int) -> None:
        self.location = location
        self.expected = expected
        self.actual = actual
        super().__init__(location=location.value, expected=expected, actual=actual)


class IllegalValue(_Mismatch):
    """A version or header-length field has another value than the only one possible."""

    error = "IllegalValue"


class BadLength(_Mismatch):
    """A length field is below the header's own length, or promises more bytes than there are (`expected`)."""

    error = "BadLength"


class UnrecognisedTunnelOption(ParseError):
    """A Geneve option that must be understood (RFC 8926 section 3.5) is not."""

    error = "UnrecognisedTunnelOpt"

    def __init__(self, option_class: int, option_type: int) -> None:
        self.option_class = option_class
        self.option_type = option_type
        super().__init__(**{"class": option_class, "type": option_type})
