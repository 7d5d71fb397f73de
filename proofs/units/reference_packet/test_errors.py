"""Parse errors carry what recordings say about them."""

import pytest

from reference.packet.errors import (
    BadLength,
    HeaderError,
    HeaderName,
    IllegalValue,
    Location,
    ParseError,
    UnrecognisedTunnelOption,
    Why,
)


@pytest.mark.parametrize(
    ("error", "members"),
    [
        (
            HeaderError(HeaderName.OUTER_UDP, Why.REJECTED),
            {"error": "IngotError", "header": "outer_udp", "why": "Reject"},
        ),
        (
            IllegalValue(Location.GENEVE_VERSION, 0, 1),
            {"error": "IllegalValue", "location": "Geneve.version", "expected": 0, "actual": 1},
        ),
        (
            BadLength(Location.IPV4_TOTAL_LENGTH_MINIMUM, 20, 3),
            {"error": "BadLength", "location": "Ipv4.total_len(min)", "expected": 20, "actual": 3},
        ),
        (
            UnrecognisedTunnelOption(0x0129, 0x83),
            {"error": "UnrecognisedTunnelOpt", "class": 0x0129, "type": 0x83},
        ),
    ],
)
def test_an_error_is_written_as_recordings_write_it(error: ParseError, members: dict[str, str | int]) -> None:
    assert error.to_json() == members
    assert all(type(value) in (str, int) for value in error.to_json().values())


def test_the_message_names_the_rule_and_every_member() -> None:
    assert str(BadLength(Location.UDP_LENGTH, 16, 17)) == "BadLength, location=Udp.length, expected=16, actual=17"
