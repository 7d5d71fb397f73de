"""DHCPv6 messages: what parses, what does not, and what is found in them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp6 import (
    DUID_LL,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptElapsedTime,
    DHCP6OptIA_NA,
    DHCP6OptOptReq,
)

from reference.hairpin.dhcpv6_message import Code, Message, Option, parse_message

SOLICIT = bytes(
    DHCP6_Solicit(trid=0xABCDEF)
    / DHCP6OptElapsedTime(elapsedtime=3)
    / DHCP6OptClientId(duid=DUID_LL(lladdr="a8:40:25:fa:fa:37"))
    / DHCP6OptOptReq(reqopts=[23, 24])
    / DHCP6OptIA_NA(iaid=7)
)


def wire(code: int, data: bytes = b"") -> bytes:
    """An option on the wire."""
    return struct.pack(">HH", code, len(data)) + data


def parsed(*options: bytes) -> Message | None:
    """A Solicit message with these options."""
    return parse_message(b"\x01abc" + b"".join(options))


def test_the_options_of_a_real_message_are_found() -> None:
    message = parse_message(SOLICIT)
    assert message is not None
    assert (message.message_type, message.transaction_id) == (1, b"\xab\xcd\xef")
    assert [option.code for option in message.options] == [8, 1, 6, 3]
    assert [option.options for option in message.options] == [()] * 4
    assert message.asks_for(Code.DNS_SERVERS)
    assert not message.asks_for(Code.FQDN)
    assert message.has(Code.IA_NA)
    assert not message.has(Code.SERVER_ID)


def test_a_parsed_message_encodes_to_the_same_bytes() -> None:
    message = parse_message(SOLICIT)
    assert message is not None
    assert message.encode() == SOLICIT


plain_options = st.builds(
    Option,
    st.integers(0, 0xFFFF).filter(lambda code: code not in list(Code)),
    st.binary(max_size=40),
)
messages = st.builds(
    Message,
    st.integers(0, 255),
    st.binary(min_size=3, max_size=3),
    st.lists(plain_options, min_size=1, max_size=5).map(tuple),
)


@given(messages)
def test_an_encoded_message_parses_as_the_same_message(message: Message) -> None:
    assert parse_message(message.encode()) == message


@given(st.binary(max_size=120))
def test_any_bytes_parse_or_do_not_and_what_parses_encodes_again(body: bytes) -> None:
    message = parse_message(body)
    if message is not None and not any(option.code == Code.RAPID_COMMIT for option in message.options):
        assert message.encode() == body


@pytest.mark.parametrize("body", [b"", b"\x01abc", b"\x01abc\0", SOLICIT[:-1]])
def test_a_message_needs_a_whole_option(body: bytes) -> None:
    assert parse_message(body) is None


@pytest.mark.parametrize(
    "option",
    [
        wire(Code.IA_NA, bytes(11)),
        wire(Code.IA_TA, bytes(3)),
        wire(Code.IA_ADDRESS, bytes(23)),
        wire(Code.IA_NA, bytes(12) + b"\0"),
        wire(Code.IA_NA, bytes(12) + wire(Code.IA_ADDRESS, bytes(23))),
        wire(Code.OPTION_REQUEST, bytes(3)),
        wire(Code.DNS_SERVERS, bytes(15)),
        wire(Code.SNTP_SERVERS, bytes(17)),
        wire(Code.ELAPSED_TIME, bytes(1)),
        wire(Code.ELAPSED_TIME, bytes(3)),
        wire(Code.STATUS, bytes(1)),
        wire(Code.STATUS, b"\0\0\xff"),
    ],
)
def test_one_option_that_does_not_parse_spoils_the_message(option: bytes) -> None:
    good = wire(Code.CLIENT_ID, b"x")
    assert parsed(good) is not None
    assert parsed(good, option) is None


def test_options_nest_nine_levels_deep_and_no_deeper() -> None:
    nested = wire(Code.CLIENT_ID)
    for _ in range(8):
        nested = wire(Code.IA_TA, bytes(4) + nested)
    assert parsed(nested) is not None
    assert parsed(wire(Code.IA_TA, bytes(4) + nested)) is None


def test_the_data_of_a_rapid_commit_is_read_as_options() -> None:
    hidden = wire(Code.FQDN, b"x")
    message = parsed(struct.pack(">HH", Code.RAPID_COMMIT, len(hidden)) + hidden)
    assert message is not None
    assert message.options == (Option(Code.RAPID_COMMIT, b""), Option(Code.FQDN, b"x"))


def test_only_the_first_option_request_counts() -> None:
    message = parsed(wire(Code.OPTION_REQUEST, b"\0\x17"), wire(Code.OPTION_REQUEST, b"\0\x18"))
    assert message is not None
    assert message.asks_for(Code.DNS_SERVERS)
    assert not message.asks_for(Code.DOMAIN_LIST)
