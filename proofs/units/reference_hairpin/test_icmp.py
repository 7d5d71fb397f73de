"""The gateway answers pings of either IP version."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scapy.layers.inet6 import ICMPv6EchoReply

from proofs.units.reference_hairpin.requests import (
    GATEWAY_IP,
    GATEWAY_IP_TEXT,
    GATEWAY_LINK_LOCAL,
    GATEWAY_LINK_LOCAL_BYTES,
    GATEWAY_MAC,
    GATEWAY_MAC_TEXT,
    GUEST_IP,
    GUEST_IP_TEXT,
    GUEST_MAC,
    GUEST_MAC_TEXT,
    dissected,
    from_guest,
    packet,
)
from proofs.units.reference_packet.frames import ICMP, IP, ICMPv6EchoRequest, IPv6, Layers, recomputed
from reference.hairpin.errors import UnexpectedRequest
from reference.hairpin.icmp import EchoReply
from reference.packet.checksum import checksum_of, sum_of

GUEST_IP6 = bytes.fromhex("fd000000000000000000000000000005")
V4 = EchoReply(GUEST_MAC, GUEST_IP, GATEWAY_MAC, GATEWAY_IP)
V6 = EchoReply(GUEST_MAC, GUEST_IP6, GATEWAY_MAC, GATEWAY_LINK_LOCAL_BYTES)

words = st.integers(0, 0xFFFF)


def ping4(**fields: Any) -> Layers:
    """An echo request to the gateway's IPv4 address."""
    return from_guest() / IP(src=GUEST_IP_TEXT, dst=GATEWAY_IP_TEXT) / ICMP(**fields)


def ping6(**fields: Any) -> Layers:
    """An echo request to the gateway's link-local address."""
    return from_guest() / IPv6(src="fd00::5", dst=GATEWAY_LINK_LOCAL) / ICMPv6EchoRequest(**fields)


@given(words, words, st.binary(max_size=64))
def test_identifier_sequence_and_data_come_back_over_ipv4(identifier: int, sequence: int, data: bytes) -> None:
    assume(identifier or sequence or any(data))
    request = ping4(id=identifier, seq=sequence) / data
    reply = dissected(V4.reply(packet(request)))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert (reply[IP].src, reply[IP].dst, reply[IP].ttl) == (GATEWAY_IP_TEXT, GUEST_IP_TEXT, 128)
    assert (reply[ICMP].type, reply[ICMP].code, reply[ICMP].id, reply[ICMP].seq) == (0, 0, identifier, sequence)
    assert bytes(reply[ICMP].payload) == data
    assert bytes(reply) == recomputed(bytes(reply))


@given(words, words, st.binary(max_size=64))
def test_identifier_sequence_and_data_come_back_over_ipv6(identifier: int, sequence: int, data: bytes) -> None:
    reply = dissected(V6.reply(packet(ping6(id=identifier, seq=sequence, data=data))))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (GATEWAY_LINK_LOCAL, "fd00::5", 128)
    echo = reply[ICMPv6EchoReply]
    assert (echo.code, echo.id, echo.seq, echo.data) == (0, identifier, sequence, data)
    assert bytes(reply) == recomputed(bytes(reply))


def test_the_checksum_of_an_answer_of_zeros_only_comes_out_as_0() -> None:
    assert dissected(V4.reply(packet(ping4(id=0, seq=0))))[ICMP].chksum == 0


def test_the_answer_to_a_wrong_checksum_is_wrong_by_the_same_amount() -> None:
    right = dissected(V4.reply(packet(ping4(id=1, seq=2))))[ICMP].chksum
    request = packet(ping4(id=1, seq=2))
    assert request.icmp is not None
    request.icmp.checksum += 1
    assert dissected(V4.reply(request))[ICMP].chksum == right + 1


def test_a_missing_checksum_is_computed_without_a_pseudo_header_in_either_version() -> None:
    for action, request in (
        (V4, ping4(id=1, seq=2, chksum=0) / b"abc"),
        (V6, ping6(id=1, seq=2, cksum=0, data=b"abc")),
    ):
        reply = action.reply(packet(request))
        message = reply[34:] if action is V4 else reply[54:]
        assert int.from_bytes(message[2:4]) == checksum_of(sum_of(message[:2] + message[4:]))


def test_a_code_other_than_0_is_an_error_with_opte_s_text() -> None:
    with pytest.raises(UnexpectedRequest) as error:
        V4.reply(packet(ping4(code=5)))
    assert str(error.value) == 'GenPacket(Unexpected("expected an ICMPv4 Echo Request, got echo request 5"))'
    with pytest.raises(UnexpectedRequest, match="expected an ICMPv6 Echo Request, got echo request 1"):
        V6.reply(packet(ping6(code=1)))


def test_the_action_is_written_as_opte_writes_it() -> None:
    assert str(V4) == "ICMPv4 Echo Reply (A8:40:25:FF:77:77,172.30.0.1) => (A8:40:25:FA:FA:37,172.30.0.5)"
    assert str(V6) == f"ICMPv6 Echo Reply (A8:40:25:FF:77:77,{GATEWAY_LINK_LOCAL}) => (A8:40:25:FA:FA:37,fd00::5)"
