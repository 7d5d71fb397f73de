"""The gateway leases the guest its IPv4 address; scapy makes the requests and reads the leases."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP

from proofs.units.reference_hairpin.requests import (
    GATEWAY_IP,
    GATEWAY_IP_TEXT,
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
from proofs.units.reference_packet.frames import IP, UDP, Layers
from reference.address import format_ip
from reference.hairpin.dhcpv4 import DhcpReply, DhcpReplyType, DhcpRequest, message_type, parse_request
from reference.hairpin.errors import MalformedRequest
from reference.hairpin.options import DhcpOptions

BROADCAST_FLAG = 0x8000
DNS = (bytes((8, 8, 8, 8)), bytes((1, 1, 1, 1)), bytes((9, 9, 9, 9)), bytes((4, 4, 4, 4)))
NAMES = DhcpOptions("testbox", "test.oxide.computer", ("oxide.computer",), DNS)


def action(reply_type: DhcpReplyType = DhcpReplyType.OFFER, options: DhcpOptions = NAMES) -> DhcpReply:
    """The reply of one kind."""
    return DhcpReply(reply_type, GUEST_MAC, GUEST_IP, GATEWAY_MAC, GATEWAY_IP, options)


def message(*options: Any, **fields: Any) -> Layers:
    """A client's message with these options."""
    bootp = BOOTP(**{"chaddr": GUEST_MAC, "xid": 0xDEADBEEF, **fields})
    return bootp / DHCP(options=[*options, "end"])


def discover(**fields: Any) -> Layers:
    """A frame with a Discover message."""
    network = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    return from_guest("ff:ff:ff:ff:ff:ff") / network / message(("message-type", "discover"), **fields)


def lease(reply: Layers) -> dict[str, Any]:
    """Options of a reply by name; those with several values as tuples."""
    found = [option for option in reply[DHCP].options if isinstance(option, tuple)]
    return {option[0]: option[1] if len(option) == 2 else option[1:] for option in found}


@pytest.mark.parametrize("reply_type", DhcpReplyType)
def test_a_client_is_answered_with_its_address_and_all_options(reply_type: DhcpReplyType) -> None:
    reply = dissected(action(reply_type).reply(packet(discover())))
    assert (reply.src, reply.dst) == (GATEWAY_MAC_TEXT, GUEST_MAC_TEXT)
    assert (reply[IP].src, reply[IP].dst) == (GATEWAY_IP_TEXT, GUEST_IP_TEXT)
    assert (reply[UDP].sport, reply[UDP].dport, reply[UDP].chksum) == (67, 68, 0)
    bootp = reply[BOOTP]
    assert (bootp.op, bootp.xid, bootp.yiaddr, bootp.siaddr) == (2, 0xDEADBEEF, GUEST_IP_TEXT, GATEWAY_IP_TEXT)
    assert (bootp.ciaddr, bootp.giaddr, bootp.chaddr[:6]) == ("0.0.0.0", "0.0.0.0", GUEST_MAC)
    options = lease(reply)
    assert options["message-type"] == reply_type
    assert (options["server_id"], options["router"]) == (GATEWAY_IP_TEXT, GATEWAY_IP_TEXT)
    assert (options["subnet_mask"], options["lease_time"]) == ("255.255.255.255", 86400)
    assert options["name_server"] == ("8.8.8.8", "1.1.1.1", "9.9.9.9")
    assert options["classless_static_routes"] == [f"{GATEWAY_IP_TEXT}/32:0.0.0.0", f"0.0.0.0/0:{GATEWAY_IP_TEXT}"]
    assert (options["hostname"], options["domain"]) == (b"testbox", b"test.oxide.computer")


def test_options_without_content_are_left_out() -> None:
    options = lease(dissected(action(options=DhcpOptions()).reply(packet(discover()))))
    assert set(options) == {
        "message-type",
        "server_id",
        "router",
        "subnet_mask",
        "lease_time",
        "classless_static_routes",
    }


def test_a_client_that_wishes_so_is_answered_by_broadcast() -> None:
    reply = dissected(action().reply(packet(discover(flags=BROADCAST_FLAG))))
    assert (reply.dst, reply[IP].dst) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255")
    assert reply[BOOTP].flags == 0


def test_a_search_list_longer_than_an_option_is_split_into_several() -> None:
    domains = tuple(f"domain-{i}.example.com" for i in range(20))
    options = DhcpOptions(domain_search_list=domains)
    payload = action(options=options).reply(packet(discover()))
    pieces = []
    rest = payload[payload.index(bytes((119, 255))) :]
    while rest[0] == 119:
        pieces.append(rest[2 : 2 + rest[1]])
        rest = rest[2 + rest[1] :]
    assert rest == b"\xff"
    assert [len(piece) for piece in pieces[:-1]] == [255] * (len(pieces) - 1)
    assert b"".join(pieces) == options.encoded_search_list


texts = st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), min_size=1, max_size=30)


@given(
    st.integers(0, 0xFFFFFFFF),
    st.booleans(),
    st.lists(st.binary(min_size=4, max_size=4), max_size=3).map(tuple),
    st.none() | texts,
    st.none() | texts,
)
def test_scapy_reads_in_the_answer_what_went_into_it(
    transaction: int, broadcast: bool, servers: tuple[bytes, ...], name: str | None, domain: str | None
) -> None:
    options = DhcpOptions(name, domain, (), servers)
    request = discover(xid=transaction, flags=BROADCAST_FLAG * broadcast)
    reply = dissected(action(options=options).reply(packet(request)))
    assert (reply[BOOTP].xid, reply.dst == "ff:ff:ff:ff:ff:ff") == (transaction, broadcast)
    found = lease(reply)
    assert found.get("hostname") == (name.encode() if name is not None else None)
    assert found.get("domain") == (domain.encode() if domain is not None else None)
    told = found.get("name_server", ())
    assert (told if isinstance(told, tuple) else (told,)) == tuple(map(format_ip, servers))


@given(st.integers(0, 0xFFFFFFFF), st.booleans(), st.sampled_from([1, 3, 4, 7, 8]))
def test_a_request_reads_as_scapy_wrote_it(transaction: int, broadcast: bool, kind: int) -> None:
    request = message(("message-type", kind), xid=transaction, flags=BROADCAST_FLAG * broadcast)
    assert parse_request(bytes(request)) == DhcpRequest(kind, transaction, broadcast)


@pytest.mark.parametrize(("name", "number"), [("discover", 1), ("request", 3), ("decline", 4), ("release", 7)])
def test_the_type_of_a_clients_message_is_read(name: str, number: int) -> None:
    assert message_type(bytes(message(("message-type", name)))) == number


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        bytes(message(("message-type", "discover")))[:239],
        bytes(message(("message-type", "discover"), htype=6)),
        bytes(message(("message-type", "discover"), hlen=8)),
        bytes(message(("message-type", "discover"), options=b"\0\0\0\0")),
        bytes(message()),
        bytes(message(("message-type", "offer"))),
        bytes(message(("message-type", "discover"), op=2)),
        bytes(message(("message-type", "discover"), ("client_id", b"\x06" + bytes(6)))),
    ],
    ids=[
        "empty",
        "cut off",
        "hardware type",
        "address length",
        "magic number",
        "no type",
        "a server's type",
        "a server's operation",
        "client identifier of other hardware",
    ],
)
def test_what_is_no_clients_message_is_malformed(malformed: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_request(malformed)
    assert message_type(malformed) is None


def test_a_client_identifier_of_another_length_is_free_in_form() -> None:
    assert message_type(bytes(message(("message-type", "discover"), ("client_id", b"\xff" + bytes(14))))) == 1


def test_an_unknown_type_goes_with_operation_0() -> None:
    assert message_type(bytes(message(("message-type", 99), op=0))) == 99
    assert message_type(bytes(message(("message-type", 99), op=1))) is None


def test_options_end_at_the_end_mark_and_padding_between_them_is_skipped() -> None:
    request = bytearray(bytes(message()))[:240]
    assert message_type(request + bytes([0, 0, 53, 1, 1, 255])) == 1
    assert message_type(request + bytes([255, 53, 1, 1])) is None
    assert message_type(request + bytes([53, 1])) is None
    assert message_type(request + bytes([53])) is None


def test_the_last_type_that_fits_the_operation_counts() -> None:
    request = bytearray(bytes(message()))[:240]
    assert message_type(request + bytes([53, 1, 1, 53, 1, 3, 53, 1, 2])) == 3


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_malformed(body: bytes) -> None:
    for candidate in (body, bytes(message(("message-type", "discover")))[:240] + body):
        try:
            assert parse_request(candidate).message_type in range(256)
        except MalformedRequest:
            assert message_type(candidate) is None


def test_the_action_is_written_as_opte_writes_it() -> None:
    assert str(action(DhcpReplyType.OFFER)) == "DHCPv4 OFFER: 172.30.0.5"
    assert str(action(DhcpReplyType.ACK)) == "DHCPv4 ACK: 172.30.0.5"
